/**
 * What all behaviours with callbacks share, as OTP's `gen`, `proc_lib` and `sys` do: start with init, the loop over the
 * mailbox, async handlers, system requests, terminate and the crash report. A behaviour says how a message becomes a
 * callback (`invoke`) and what its result means (`apply`).
 *
 * Invariants: one callback of a process at a time; a result is awaited only if it is a promise; no callback's throw
 * leaves this file except as an exit reason. Hot file: `bench` rows gen_server_call_seq, gen_server_cast, ring_1000_hop.
 */
import { InterlockError, isError } from "../errors.ts";
import { currentNode, type Name, nameBase } from "../naming/name.ts";
import type { LocalNode } from "../node.ts";
import type { InlineCall, PendingCall } from "../process/call.ts";
import { runAs } from "../process/context.ts";
import { crash, endByItself } from "../process/crash.ts";
import { atExit, die } from "../process/exit.ts";
import { type ExitReason, fenceError, ProcessExit, reasonOf, showReason } from "../process/exit-reason.ts";
import { expectEnd, lingered } from "../process/lingering.ts";
import { join, unlink } from "../process/link.ts";
import {
  CALL,
  CAST,
  type Envelope,
  INLINE_CALL,
  LEND_AT,
  type MailboxOptions,
  MESSAGE,
  SIGNAL,
  SYSTEM,
} from "../process/mailbox.ts";
import type { LocalMonitor } from "../process/monitor.ts";
import { each } from "../process/one-or-many.ts";
import type { LocalPid } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import {
  type Body,
  BUSY,
  DEAD,
  HIBERNATED,
  LINKED_START,
  type Process,
  RUNNING,
  STOPPING,
  SUSPENDED,
} from "../process/process.ts";
import type { Exit } from "../process/signal.ts";
import { admit } from "../process/spawn.ts";
import { serveSystem, systemWaits, takeSystem } from "../process/system.ts";
import type { Debug } from "./debug.ts";

/** Messages of one process in one slice. */
const SLICE = 64;

/** What `init` decided. */
export type Started = { readonly pid: LocalPid } | { readonly ignored: true };

export interface StartOptions {
  readonly linked: boolean;
  readonly parent: Process | undefined;
  readonly name?: Name | undefined;
  /** For `init`. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  readonly mailbox?: MailboxOptions | undefined;
  /** Called once init has succeeded, before the first message. */
  readonly onReady?: ((process: Process) => void) | undefined;
}

export abstract class GenBody implements Body {
  abstract readonly label: string;

  /** Runs the user's init. */
  abstract init(process: Process, args: readonly unknown[]): unknown;
  /** Interprets what init gave: true once the process has a state, else why not. */
  abstract ready(process: Process, result: unknown): true | "ignore" | { readonly stop: ExitReason };
  /** Runs the user's callback for `envelope`. May throw, may return a promise. */
  abstract invoke(process: Process, envelope: Envelope): unknown;
  /** Acts on the callback's result. May throw; may return a promise when more callbacks had to be run. */
  abstract apply(process: Process, envelope: Envelope, result: unknown): unknown;
  /** Runs the user's terminate, if there is one. */
  abstract terminate(process: Process, reason: ExitReason): unknown;
  abstract codeChange(process: Process, oldVersion: string, replacement: unknown): unknown;
  /** The state as reports and `sys` show it. */
  abstract status(process: Process): unknown;
  abstract getState(process: Process): unknown;
  abstract setState(process: Process, state: unknown): void;
  /** An envelope that goes before the mailbox: a continuation, an inserted event. */
  protected next(process: Process): Envelope | undefined {
    return process.take();
  }
  /** Whether `next` has something although the mailbox is empty. */
  protected hasNext(process: Process): boolean {
    return process.head !== undefined;
  }
  /** What a suspended process does. */
  protected nextSuspended(process: Process): Envelope | undefined {
    return takeSystem(process);
  }
  protected debug(_process: Process): Debug | undefined {
    return undefined;
  }

  slice(process: Process): void {
    process.flags |= RUNNING;
    runAs(process, loop, this);
  }

  /** init has succeeded. */
  begin(process: Process): void {
    this.rest(process);
  }

  wake(process: Process): void {
    process.schedule();
  }

  lend(process: Process): void {
    process.flags |= RUNNING;
    runAs(process, lendLoop, this);
  }

  /** On the stack of a sender that has outrun this process: half of what waits, whatever the time. */
  lendLoop(process: Process): void {
    for (let handled = 0; handled < LEND_AT / 2; handled++) {
      if ((process.flags & SUSPENDED) !== 0) break;
      const envelope = this.next(process);
      if (envelope === undefined) break;
      if (!this.handle(process, envelope)) return;
    }
    this.rest(process);
  }

  /** In the process' context, RUNNING set. */
  loop(process: Process): void {
    const { scheduler } = process.node;
    process.flags &= ~HIBERNATED;
    for (let handled = 0; handled < SLICE; handled++) {
      const envelope = (process.flags & SUSPENDED) === 0 ? this.next(process) : this.nextSuspended(process);
      if (envelope === undefined) break;
      if (!this.handle(process, envelope)) return;
      if (!scheduler.spend()) break;
    }
    this.rest(process);
  }

  /** The slice is over: the next one is scheduled if there is something to do. */
  protected rest(process: Process): void {
    process.flags &= ~RUNNING;
    // A system request that came while an async one was served found the process busy: it must not wait for `resume`.
    if ((process.flags & SUSPENDED) !== 0 ? systemWaits(process) : this.hasNext(process)) process.schedule();
  }

  /** Handles one envelope. False when the loop must not go on: the process is busy or has ended. */
  protected handle(process: Process, envelope: Envelope): boolean {
    const { kind } = envelope;
    if (kind === CALL && (envelope as PendingCall).refused) return true;
    process.reductions++;
    // Who asks must hear of the end. For a cast or a message it is noted only once it matters, when the handler fails,
    // stops or turns out to be asynchronous: the store costs as much as the rest of the loop (process.ts, `deliver`).
    if (kind !== MESSAGE && kind !== CAST && kind !== SIGNAL) process.current = envelope;
    let result: unknown;
    try {
      if (kind === SYSTEM) result = serveSystem(process, envelope as PendingCall);
      else if (kind === SIGNAL && isParentExit(process, envelope)) {
        process.current = undefined;
        this.stop(process, (envelope.payload as Exit).reason);
        return false;
      } else {
        this.debug(process)?.received(process, envelope);
        result = this.invoke(process, envelope);
      }
    } catch (error) {
      if (process.alive) process.current = envelope;
      this.failed(process, error);
      return false;
    }
    if (isThenable(result)) {
      if (process.alive) process.current = envelope;
      this.#busy(process, envelope, result);
      return false;
    }
    return this.#settle(process, envelope, result);
  }

  /** Acts on a result. False when the process is busy or has ended. */
  #settle(process: Process, envelope: Envelope, result: unknown): boolean {
    if ((process.flags & (DEAD | STOPPING)) !== 0) return false;
    if (envelope.kind !== SYSTEM) {
      try {
        const more = this.apply(process, envelope, result);
        if (isThenable(more)) {
          this.#wait(process, more, () => this.#handled(process));
          return false;
        }
      } catch (error) {
        if (process.alive) process.current = envelope;
        this.failed(process, error);
        return false;
      }
    }
    return this.#handled(process);
  }

  #handled(process: Process): boolean {
    if ((process.flags & (DEAD | STOPPING)) !== 0) return false;
    process.current = undefined;
    // The handler has returned: what it called and did not await makes no edge any more.
    if (process.calls !== undefined) for (const call of each(process.calls)) call.edge = false;
    return true;
  }

  #busy(process: Process, envelope: Envelope, result: PromiseLike<unknown>): void {
    this.#wait(process, result, (value) => this.#settle(process, envelope, value));
  }

  /** Waits for a promise of a callback; `then` says whether the loop may go on. */
  #wait(process: Process, promise: PromiseLike<unknown>, then: (value: unknown) => boolean): void {
    process.flags = (process.flags & ~RUNNING) | BUSY;
    process.more().behaviourPending = promise;
    const returned = (): boolean => {
      if (process.extras?.behaviourPending === promise) process.extras.behaviourPending = undefined;
      if ((process.flags & (DEAD | STOPPING)) !== 0) return false; // A late result is dropped.
      process.flags = (process.flags & ~BUSY) | RUNNING;
      return true;
    };
    // By way of a real promise: a foreign thenable may throw, or answer twice.
    Promise.resolve(promise).then(
      (value) => {
        if (returned() && then(value)) this.rest(process);
      },
      (error: unknown) => {
        returned();
        this.failed(process, error);
      },
    );
  }

  /** A callback threw. OTP: terminate runs with the reason, then the process ends with it. */
  failed(process: Process, error: unknown): void {
    if ((process.flags & (DEAD | STOPPING)) !== 0) {
      if (!(error instanceof ProcessExit)) lingered(process, "threw", error);
      return;
    }
    this.stop(process, reasonOf(error));
  }

  /** Ends the process from inside: terminate, report, death. A failure of terminate replaces the reason. */
  stop(process: Process, reason: ExitReason): void {
    if ((process.flags & (DEAD | STOPPING)) !== 0) return; // The first reason wins.
    process.flags |= STOPPING;
    let result: unknown;
    try {
      result = this.terminate(process, reason);
    } catch (error) {
      endByItself(process, reasonOf(error));
      return;
    }
    if (!isThenable(result)) {
      endByItself(process, reason);
      return;
    }
    process.flags = (process.flags & ~RUNNING) | BUSY;
    process.more().behaviourPending = result;
    const end = (final: ExitReason): void => {
      if (process.extras !== undefined) process.extras.behaviourPending = undefined;
      endByItself(process, final);
    };
    Promise.resolve(result).then(
      () => end(reason),
      (error: unknown) => end(reasonOf(error)),
    );
  }

  ended(process: Process): void {
    process.flags &= ~(RUNNING | BUSY);
    const pending = process.extras?.behaviourPending;
    if (pending === undefined) return;
    expectEnd(process, () => process.extras?.behaviourPending === undefined);
  }

  flush(process: Process, monitor: LocalMonitor): void {
    let before: Envelope | undefined;
    for (let at = process.head; at !== undefined; before = at, at = at.next) {
      if (at.kind !== SIGNAL || !monitor.matches(at.payload)) continue;
      if (before === undefined) process.head = at.next;
      else before.next = at.next;
      if (process.tail === at) process.tail = before;
      process.taken(at);
      return;
    }
  }

  inspect(process: Process): { message: unknown; state: unknown; handler: string | undefined } {
    const current = process.alive ? (process.current as Envelope | undefined) : undefined;
    let state: unknown;
    try {
      state = this.status(process);
    } catch (error) {
      // OTP: a crash in format_status is survived; the report says so instead of the state.
      state = `formatStatus failed: ${showReason(reasonOf(error))}`;
    }
    const { args, payload, kind } = current ?? {};
    const named = kind === CALL || kind === INLINE_CALL || kind === SYSTEM || args !== undefined;
    return {
      message: current === undefined ? undefined : args === undefined ? payload : [payload, ...args],
      state,
      handler: current === undefined ? undefined : named ? String(payload) : "info",
    };
  }

  /** Runs a call on the caller's stack: the callee is idle and its mailbox empty. */
  runInline(process: Process, call: InlineCall): Promise<unknown> {
    process.flags |= RUNNING;
    return runAs(process, inline, call);
  }

  /** In the callee's context. */
  inline(process: Process, call: InlineCall): Promise<unknown> {
    process.flags &= ~HIBERNATED;
    if (this.handle(process, call)) this.rest(process);
    return call.answer(process);
  }
}

function isParentExit(process: Process, envelope: Envelope): boolean {
  const message = envelope.payload as Exit;
  // OTP: only what start_link started has a parent in this sense.
  return message.type === "EXIT" && (process.flags & LINKED_START) !== 0 && message.from === process.parent;
}

function loop(process: Process, body: GenBody): void {
  body.loop(process);
}

function lendLoop(process: Process, body: GenBody): void {
  body.lendLoop(process);
}

function inline(process: Process, call: InlineCall): Promise<unknown> {
  return (process.body as GenBody).inline(process, call);
}

/**
 * Starts a process of a behaviour. Synchronous when `init` is: supervisors start ten thousand children without a promise.
 *
 * @throws INTERLOCK_ALREADY_STARTED, INTERLOCK_START_FAILED (also as rejections)
 */
export function startGen(body: GenBody, args: readonly unknown[], options: StartOptions): Started | Promise<Started> {
  const { name, parent } = options;
  if (parent?.alive === false) throw fenceError(parent.pid.toString(), parent.exitReason);
  const node: LocalNode = parent?.node ?? currentNode();
  const holder = name === undefined ? undefined : nameBase(name).whereis(node);
  if (name !== undefined && holder !== undefined) throw alreadyStarted(name, holder);
  const process = admit(node, body, parent, options.mailbox);
  if (options.linked && parent !== undefined) {
    join(parent, process);
    process.flags |= LINKED_START;
  }
  process.flags |= RUNNING;
  const attempt = new Start(process, options.linked ? parent : undefined, options.onReady);
  if (name !== undefined) {
    let named: void | Promise<void>;
    try {
      named = nameBase(name).register(process);
    } catch (error) {
      attempt.abandon("normal");
      throw error;
    }
    if (isThenable(named)) {
      const giving = { name, named, args, timeoutMs: options.timeoutMs };
      return runAs(process, (_process, start) => start.whenNamed(giving), attempt);
    }
  }
  return runAs(process, (_process, start) => start.run(args, options.timeoutMs), attempt);
}

/** A name that other nodes have a say in. */
interface Naming {
  readonly name: Name;
  readonly named: PromiseLike<unknown>;
  readonly args: readonly unknown[];
  readonly timeoutMs: number | undefined;
}

function alreadyStarted(
  name: { toString(): string },
  pid: Process["pid"],
): InterlockError<"INTERLOCK_ALREADY_STARTED"> {
  return new InterlockError("INTERLOCK_ALREADY_STARTED", `Cannot start ${name}: ${pid} has that name`, {
    name: name.toString(),
    pid,
  });
}

/** One start, from init to its acknowledgement. */
class Start {
  readonly #process: Process;
  readonly #linkedTo: Process | undefined;
  readonly #onReady: ((process: Process) => void) | undefined;

  constructor(process: Process, linkedTo: Process | undefined, onReady: ((process: Process) => void) | undefined) {
    this.#process = process;
    this.#linkedTo = linkedTo;
    this.#onReady = onReady;
  }

  run(args: readonly unknown[], timeoutMs: number | undefined): Started | Promise<Started> {
    const process = this.#process;
    const body = process.body as GenBody;
    let result: unknown;
    try {
      result = body.init(process, args);
    } catch (error) {
      throw this.#failed(error);
    }
    // It may have ended in init's first part: nothing would tell the start any more.
    if (!process.alive) throw this.#error(process.exitReason);
    if (!isThenable(result)) return this.#decide(result);
    const decide = (value: unknown): Started => this.#decide(value);
    return this.#wait(result, timeoutMs, decide, (error) => this.#failed(error));
  }

  /** OTP: a process has its name before init runs; when it is refused, another one was quicker. */
  whenNamed({ args, name, named, timeoutMs }: Naming): Promise<Started> {
    const refused = (error: unknown): unknown => {
      this.abandon("normal");
      return isError(error, "INTERLOCK_NAME_TAKEN") ? alreadyStarted(name, error.details.pid as LocalPid) : error;
    };
    return this.#wait(named, timeoutMs, () => this.run(args, timeoutMs), refused);
  }

  #decide(result: unknown): Started {
    const process = this.#process;
    if (!process.alive) throw this.#error(process.exitReason);
    const body = process.body as GenBody;
    let decision: ReturnType<GenBody["ready"]>;
    try {
      decision = body.ready(process, result);
    } catch (error) {
      throw this.#failed(error);
    }
    if (decision === true) {
      this.#onReady?.(process);
      body.begin(process);
      return { pid: process.pid };
    }
    if (decision === "ignore") {
      this.abandon("normal");
      return { ignored: true };
    }
    this.#unlink();
    endByItself(process, decision.stop);
    throw this.#error(decision.stop);
  }

  #wait(
    result: PromiseLike<unknown>,
    timeoutMs: number | undefined,
    then: (value: unknown) => Started | Promise<Started>,
    failed: (error: unknown) => unknown,
  ): Promise<Started> {
    const process = this.#process;
    process.flags = (process.flags & ~RUNNING) | BUSY;
    process.more().behaviourPending = result;
    return new Promise((resolve, reject) => {
      // Whatever ends it before it is ready ends the start as well.
      const ended = (reason: ExitReason): void => {
        limit?.cancel();
        reject(this.#error(reason));
      };
      atExit(process, ended);
      const limit =
        timeoutMs === undefined
          ? undefined
          : process.node.after(timeoutMs, () => {
              this.#unlink();
              die(process, "timeout");
            });
      const settled = (): boolean => {
        limit?.cancel();
        if (process.extras !== undefined) process.extras.behaviourPending = undefined;
        process.extras?.atExit?.delete(ended);
        process.flags = (process.flags & ~BUSY) | RUNNING;
        return process.alive;
      };
      const conclude = (go: () => Started | Promise<Started>): void => {
        if (!settled()) return;
        try {
          resolve(go());
        } catch (error) {
          reject(error);
        }
      };
      Promise.resolve(result).then(
        (value) => conclude(() => then(value)),
        (error: unknown) =>
          conclude(() => {
            throw failed(error);
          }),
      );
    });
  }

  /** OTP 26: the parent hears of a failed start by the result alone, not by an EXIT as well. */
  #unlink(): void {
    if (this.#linkedTo !== undefined) unlink(this.#linkedTo, this.#process.pid);
  }

  #failed(thrown: unknown): InterlockError {
    this.#unlink();
    if (this.#process.alive) crash(this.#process, thrown);
    return this.#error(this.#process.exitReason);
  }

  /** Ends the process without a word to anyone. */
  abandon(reason: ExitReason): void {
    this.#unlink();
    die(this.#process, reason);
  }

  #error(reason: ExitReason): InterlockError {
    const { label } = this.#process.body;
    return new InterlockError(
      "INTERLOCK_START_FAILED",
      `Cannot start ${label}: ${showReason(reason)}`,
      { label, reason },
      typeof reason === "object" && reason !== null && "error" in reason ? { cause: reason.error } : undefined,
    );
  }
}
