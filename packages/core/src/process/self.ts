/**
 * What a process knows of itself. One object per process, made when first asked for; every operation is fenced: after
 * the end it throws `ProcessExit`.
 */
import { badArgument } from "../errors.ts";
import { awayOf, isName, type Name, nameBase } from "../naming/name.ts";
import { type Alias, type AliasMode, type AliasOptions, LocalAlias } from "./alias.ts";
import { currentProcess, runAs } from "./context.ts";
import { crash } from "./crash.ts";
import { type ExitReason, fenceError, ProcessExit } from "./exit-reason.ts";
import { link, unlink } from "./link.ts";
import { anyMessage, KeyedMatcher, type Matcher, type Selection, selectionOf } from "./matcher.ts";
import { type AliasedMonitor, type Monitor, type MonitorOptions, startMonitor } from "./monitor.ts";
import { type Ownable, own } from "./own.ts";
import { LocalPid, type Pid, pidOf } from "./pid.ts";
import { PlainBody } from "./plain.ts";
import { type Process, TRAP_EXIT } from "./process.ts";
import { checkDelay, deliverMessage } from "./send.ts";
import type { Exit } from "./signal.ts";
import { startTask, type Task } from "./task.ts";
import { ProcessTimer, type Timer } from "./timer.ts";

export interface ReceiveOptions {
  /** Milliseconds; 0 looks and does not wait. */
  readonly timeoutMs?: number;
}

export type Pattern<M> = M extends { readonly type: infer T } ? { readonly type: T } : never;

/** What a process knows of itself. */
export interface Self<in out M> {
  readonly pid: Pid<M>;
  /** Aborted when the process ends, with its exit reason in a `ProcessExit`. Pass it to whatever is awaited. */
  readonly signal: AbortSignal;
  /**
   * The next message of the process' own type; signals (DOWN, EXIT) are taken by their matchers only.
   *
   * @example
   * type Job = { readonly type: "job"; readonly n: number } | { readonly type: "stop" };
   * const worker = spawn<Job>(async (self) => {
   *   const job = await self.receive({ type: "job" });
   *   console.log(job.n); // 1
   *   const next = await self.receive({ type: "job" }, { timeoutMs: 0 });
   *   console.log(next); // undefined
   *   console.log(await self.receive()); // { type: 'stop' }
   * });
   * send(worker, { type: "stop" });
   * send(worker, { type: "job", n: 1 });
   */
  receive(): Promise<M>;
  receive(any: typeof anyMessage, options: { readonly timeoutMs: number }): Promise<M | undefined>;
  receive<const P extends Pattern<M>>(pattern: P): Promise<Extract<M, P>>;
  receive<const P extends Pattern<M>>(
    pattern: P,
    options: { readonly timeoutMs: number },
  ): Promise<Extract<M, P> | undefined>;
  receive<T>(matcher: Matcher<T>): Promise<T>;
  receive<T>(matcher: Matcher<T>, options: { readonly timeoutMs: number }): Promise<T | undefined>;
  /**
   * @see erlang:link/1
   *
   * @example
   * spawn((self) => {
   *   const other = spawn(async (other) => {
   *     await other.receive();
   *   });
   *   self.link(other);
   *   monitor(other).then(({ reason }) => console.log(reason)); // out of paper
   *   self.exit("out of paper");
   * });
   */
  link(pid: Pid): void;
  /** @see erlang:unlink/1 */
  unlink(pid: Pid): void;
  /**
   * @see erlang:monitor/3
   *
   * @example
   * spawn(async (self) => {
   *   const printer = self.monitor(spawn((other) => other.exit("out of paper")));
   *   console.log((await self.receive(printer.down)).reason); // out of paper
   * });
   */
  monitor(target: Pid | Name, options: MonitorOptions & { readonly alias: AliasMode }): AliasedMonitor<M>;
  monitor(target: Pid | Name, options?: MonitorOptions): Monitor;
  /** @see erlang:alias/1 */
  alias(options?: AliasOptions): Alias<M>;
  /**
   * Turns exit signals into messages (or back, with `false`). @returns the matcher of EXIT.
   *
   * @example
   * spawn(async (self) => {
   *   const exits = self.trapExit();
   *   spawnLink((other) => other.exit("out of paper"));
   *   console.log((await self.receive(exits)).reason); // out of paper
   * });
   */
  trapExit(on?: boolean): Matcher<Exit>;
  /** @see erlang:send_after/3 */
  sendAfter(delayMs: number, message: M): Timer;
  /** Ends this process, unless the throw is caught. @see erlang:exit/1 */
  exit(reason: ExitReason): never;
  /** Runs `run` in a linked process; awaiting the task gives its result. */
  task<T>(run: (signal: AbortSignal) => T | Promise<T>): Task<T>;
  /**
   * Ties a resource to this process: closed at its end, its listeners run as it, its `error` event ends it.
   *
   * @example
   * spawn((self) => {
   *   self.own({ close: () => console.log("closed") }); // closed
   * });
   */
  own<R extends Ownable>(resource: R): R;
  /** A word for reports and `processInfo`. @see proc_lib:set_label/1 */
  setLabel(label: unknown): void;
}

class ExitMatcher extends KeyedMatcher<Exit> {
  readonly keys: readonly unknown[] = ["EXIT"];
  readonly user = false;
  readonly signals = true;
  readonly exact = true;
  matches(message: unknown): boolean {
    return (message as { type?: unknown } | null)?.type === "EXIT";
  }
}
const exits: Matcher<Exit> = new ExitMatcher();

export class ProcessSelf<M> implements Self<M> {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  get pid(): Pid<M> {
    return pidOf(this.#process);
  }

  get signal(): AbortSignal {
    return signalOf(this.#process);
  }

  receive<T>(pattern?: unknown, options?: ReceiveOptions): Promise<T> {
    const { body } = this.#process;
    this.#alive();
    if (!(body instanceof PlainBody))
      throw badArgument(
        "receive",
        `a call in ${body.label}`,
        "called in a plain process: a behaviour gets its messages through its callbacks",
      );
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs !== undefined) checkDelay(timeoutMs, "timeoutMs");
    return body.receive(this.#process, selectionFor(pattern), timeoutMs ?? Number.POSITIVE_INFINITY) as Promise<T>;
  }

  link(pid: Pid): void {
    link(this.#alive(), checked(pid));
  }

  unlink(pid: Pid): void {
    unlink(this.#alive(), checked(pid));
  }

  monitor(target: Pid | Name, options: MonitorOptions & { readonly alias: AliasMode }): AliasedMonitor<M>;
  monitor(target: Pid | Name, options?: MonitorOptions): Monitor;
  monitor(target: Pid | Name, options?: MonitorOptions): Monitor {
    const process = this.#alive();
    if (target instanceof LocalPid)
      return startMonitor(process, target.process ?? awayOf(target), target, undefined, options);
    if (!isName(target)) throw badArgument("target", target, "a pid or a name");
    const pid = nameBase(target).whereis(process.node);
    const name = target.toString();
    return startMonitor(process, pid?.process ?? awayOf(target), pid ?? process.node.nobody, name, options);
  }

  alias(options?: AliasOptions): Alias<M> {
    return new LocalAlias<M>(this.#alive(), options?.reply === true);
  }

  trapExit(on = true): Matcher<Exit> {
    const process = this.#alive();
    if (typeof on !== "boolean") throw badArgument("on", on, "a boolean");
    if (on) process.flags |= TRAP_EXIT;
    else process.flags &= ~TRAP_EXIT;
    return exits;
  }

  sendAfter(delayMs: number, message: M): Timer {
    checkDelay(delayMs);
    const process = this.#alive();
    return new ProcessTimer(process.node, process, delayMs, () => deliverMessage(process, message));
  }

  exit(reason: ExitReason): never {
    throw new ProcessExit(this.#alive().pid.toString(), reason);
  }

  task<T>(run: (signal: AbortSignal) => T | Promise<T>): Task<T> {
    return startTask(this.#alive(), run, true);
  }

  own<R extends Ownable>(resource: R): R {
    return own(this.#alive(), resource);
  }

  setLabel(label: unknown): void {
    this.#alive().more().label = label;
  }

  #alive(): Process {
    if (!this.#process.alive) throw fenceError(this.#process.pid.toString(), this.#process.exitReason);
    return this.#process;
  }
}

function selectionFor(pattern: unknown): Selection | undefined {
  return pattern === undefined || pattern === anyMessage ? undefined : selectionOf(pattern);
}

function checked(pid: Pid): LocalPid {
  if (!(pid instanceof LocalPid)) throw badArgument("pid", pid, "a pid");
  return pid;
}

export function makeSelf(process: Process): ProcessSelf<unknown> {
  return new ProcessSelf(process);
}

/** The signal of a process; of a dead one an aborted one. */
export function signalOf(process: Process): AbortSignal {
  const extras = process.more();
  if (extras.abort === undefined) {
    extras.abort = new AbortController();
    if (!process.alive) extras.abort.abort(fenceError(process.pid.toString(), process.exitReason));
  }
  return extras.abort.signal;
}

/** The `Self` of `process`, whatever its behaviour. */
export function selfOf(process: Process): Self<unknown> {
  if (process.face instanceof ProcessSelf) return process.face as Self<unknown>;
  const extras = process.more();
  extras.self ??= makeSelf(process);
  return extras.self as Self<unknown>;
}

/**
 * The process whose code this is, for library code that is not handed a `self`.
 *
 * **Errors** `INTERLOCK_BAD_ARGUMENT` outside any process.
 */
export function self(): Self<unknown> {
  const process = currentProcess();
  if (process === undefined)
    throw badArgument("self()", "a call outside any process", "called by the code of a process");
  return selfOf(process);
}

/** What a bound callback throws is its owner's end, not the emitter's trouble. */
function callBound(process: Process, callback: () => unknown): unknown {
  try {
    return callback();
  } catch (error) {
    crash(process, error);
    return undefined;
  }
}

/**
 * `callback`, run and attributed as the process that called `bind`: what it throws ends that process, whoever calls it.
 * Once that has ended it does nothing.
 *
 * @example
 * import { EventEmitter, once } from "node:events";
 * const feed = new EventEmitter();
 * spawn<number>(async (self) => {
 *   feed.on("quote", bind((price: number) => send(self.pid, price)));
 *   feed.emit("ready");
 *   console.log(await self.receive()); // 42
 * });
 * await once(feed, "ready");
 * feed.emit("quote", 42);
 */
export function bind<F extends (...args: never) => unknown>(callback: F): F {
  const process = currentProcess();
  if (process === undefined) return callback;
  const bound = (...args: never): unknown =>
    process.alive ? runAs(process, callBound, () => callback(...args)) : undefined;
  return bound as F;
}
