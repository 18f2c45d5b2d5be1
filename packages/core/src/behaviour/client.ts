/**
 * The client side, derived from a module's handlers: real methods, generated once for each module, no strings and no
 * proxy. Hot file: `bench` rows gen_server_call_seq, gen_server_cast.
 */
import { badArgument, InterlockError, isError } from "../errors.ts";
import { awayOf, currentNode, isName, type Name, nameBase, resolve } from "../naming/name.ts";
import { AwayCall, InlineCall, type OpenCall, PendingCall, rejectFor } from "../process/call.ts";
import { atExit } from "../process/exit.ts";
import { type ExitReason, showReason } from "../process/exit-reason.ts";
import { deepFreeze } from "../process/freeze.ts";
import { CAST, Envelope, SYSTEM } from "../process/mailbox.ts";
import { each } from "../process/one-or-many.ts";
import { LocalPid, localPid, type Pid } from "../process/pid.ts";
import { BUSY, DEAD, type Process, QUEUED, RUNNING, SUSPENDED } from "../process/process.ts";
import type { Away } from "../process/route.ts";
import type { Self } from "../process/self.ts";
import { checkDelay, fence } from "../process/send.ts";
import { spawnProcess } from "../process/spawn.ts";
import { SystemRequest } from "../process/system.ts";
import { GenBody } from "./gen.ts";
import type { Later, Reply, Stop } from "./reply.ts";

type ArgsOf<H> = H extends (ctx: never, ...args: infer A) => unknown ? A : never;
type ReplyValue<X> =
  X extends Reply<infer R, unknown, unknown>
    ? R
    : X extends Later<infer R, unknown>
      ? R
      : X extends Stop<infer R, unknown>
        ? R
        : never;
type ReplyOf<H> = H extends (...args: never) => infer X ? ReplyValue<Awaited<X>> : never;

/** Client side, derived from the handlers. Homomorphic, so doc comments and go-to-definition survive. */
export type CallsOf<Calls> = { readonly [K in keyof Calls]: (...args: ArgsOf<Calls[K]>) => Promise<ReplyOf<Calls[K]>> };
export type CastsOf<Casts> = { readonly [K in keyof Casts]: (...args: ArgsOf<Casts[K]>) => void };

export interface CallOptions {
  /** Milliseconds; default 5 000. */
  readonly timeoutMs?: number;
  /** Ends the wait, not the work. */
  readonly signal?: AbortSignal;
}

export interface ServerRef<Calls, Casts, Info> extends AsyncDisposable {
  /** **Errors** `INTERLOCK_NOPROC` for a name that nobody has. */
  readonly pid: Pid<Info>;
  readonly call: CallsOf<Calls>;
  readonly cast: CastsOf<Casts>;
  /** The same server, called with these options. */
  with(options: CallOptions): ServerRef<Calls, Casts, Info>;
  /**
   * Stops the server: terminate runs, then it ends with `reason` (default `"normal"`). Resolves when it has.
   *
   * **Errors** `INTERLOCK_NOPROC`, `INTERLOCK_TIMEOUT`, `INTERLOCK_CALLEE_EXIT` when it ended otherwise,
   * `INTERLOCK_NOCONNECTION`.
   */
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
}

const DEFAULT_CALL_TIMEOUT_MS = 5_000;
/** Inline calls on top of each other: deeper ones go through the queue, so that a long chain cannot overflow the stack. */
const DEEPEST_INLINE = 16;

let inlineDepth = 0;

/** A call to whatever runs at `target`. */
export function callServer(
  target: Pid | Name,
  operation: string,
  args: readonly unknown[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const caller = fence();
  const process = target instanceof LocalPid ? target.process : resolve(target);
  if (process === undefined) return callAway(target, operation, args, caller, timeoutMs, signal);
  if (signal?.aborted === true) return Promise.reject(abortedCall(targetOf(process), operation, signal));
  if (process.node.freeze) deepFreeze(args);
  const inHandler = caller !== undefined && (caller.flags & (RUNNING | BUSY)) !== 0;
  if (inHandler) {
    if (process === caller) return Promise.reject(callingSelf(process, operation));
  } else if (
    // An idle callee answers on the caller's stack. Not from within a handler: whether that awaits the call, and so may
    // close a cycle, shows only when it has returned.
    signal === undefined &&
    process.head === undefined &&
    (process.flags & (QUEUED | RUNNING | BUSY | SUSPENDED | DEAD)) === 0 &&
    inlineDepth < DEEPEST_INLINE &&
    process.body instanceof GenBody &&
    process.node.scheduler.mayRunNow()
  ) {
    inlineDepth++;
    try {
      return process.body.runInline(process, new InlineCall(operation, args, caller, timeoutMs));
    } finally {
      inlineDepth--;
    }
  }
  checkBehaviour(process);
  const call = new PendingCall(operation, args, caller, process, timeoutMs);
  call.edge = inHandler;
  if (signal !== undefined) abortWith(call, signal);
  process.deliver(call);
  if (inHandler && process.calls !== undefined && cycleOf(caller, process) !== undefined) refuseIfCycle(caller, call);
  return call.promise;
}

/** To a process of another node, or to nobody. */
function callAway(
  target: Pid | Name,
  operation: string,
  args: readonly unknown[],
  caller: Process | undefined,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const node = caller?.node ?? currentNode();
  const away = awayOf(target, node);
  if (away === undefined) return rejectSoon(caller, noProcess(target, operation));
  const call = new AwayCall(operation, args, caller, target.toString(), node, timeoutMs);
  if (signal !== undefined) abortWith(call, signal);
  if (!call.settled) away.route.call(caller?.pid ?? node.nobody, away.to, call);
  return call.promise;
}

/**
 * Fails a call that closes a cycle, once this turn's microtasks are done: whether an async handler awaits the call that
 * it started or has returned meanwhile shows only then. A callee that is waiting cannot have begun with it before.
 */
function refuseIfCycle(caller: Process, call: PendingCall): void {
  caller.node.scheduler.atTurnEnd(() => {
    const refusal = call.edge && !call.settled ? cycleOf(caller, call.callee) : undefined;
    if (refusal === undefined) return;
    call.refused = true;
    call.fail(refusal);
  });
}

function castServer(target: Pid | Name, operation: string, args: readonly unknown[]): void {
  const caller = fence();
  const process = target instanceof LocalPid ? target.process : resolve(target);
  if (process === undefined) {
    const away = awayOf(target); // OTP: a cast to nobody is ok.
    away?.route.cast(caller?.pid ?? currentNode().nobody, away.to, operation, args);
    return;
  }
  checkBehaviour(process);
  if (process.node.freeze) deepFreeze(args);
  process.deliver(new Envelope(CAST, operation, args));
}

/** Asks the runtime side of a process; answered between two messages. */
export function systemCall<T>(
  target: Pid | Name,
  name: string,
  run: (process: Process) => T | Promise<T>,
  timeoutMs: number = DEFAULT_CALL_TIMEOUT_MS,
): Promise<T> {
  checkDelay(timeoutMs, "timeoutMs");
  const caller = fence();
  const process = target instanceof LocalPid ? target.process : resolve(target);
  if (process === undefined) return Promise.reject(noProcess(target, name));
  if (process === caller && (caller.flags & (RUNNING | BUSY)) !== 0) return Promise.reject(callingSelf(process, name));
  const call = new PendingCall(new SystemRequest(name, run), undefined, caller, process, timeoutMs, SYSTEM);
  process.deliver(call);
  // A suspended process is not woken by messages, but serves these.
  if ((process.flags & SUSPENDED) !== 0) process.schedule();
  return call.promise as Promise<T>;
}

/** Stops any behaviour from outside. @see proc_lib:stop/3 */
export function stopServer(target: Pid | Name, reason: ExitReason, timeoutMs: number): Promise<void> {
  checkDelay(timeoutMs, "timeoutMs");
  const caller = fence();
  const process = target instanceof LocalPid ? target.process : resolve(target);
  if (process === undefined) {
    const away = awayOf(target, caller?.node);
    return away === undefined
      ? Promise.reject(noProcess(target, "stop"))
      : stopAway(target, away, reason, timeoutMs, caller);
  }
  if (process === caller && (caller.flags & (RUNNING | BUSY)) !== 0)
    return Promise.reject(callingSelf(process, "stop"));
  checkBehaviour(process);
  return new Promise((done, fail) => {
    const reject = (error: Error): void => rejectFor(caller, fail, error);
    const limit = process.node.after(timeoutMs, () => {
      process.extras?.atExit?.delete(ended);
      reject(notStopped(targetOf(process), timeoutMs));
    });
    const ended = (actual: ExitReason): void => {
      limit.cancel();
      if (actual === reason) done();
      else reject(calleeExit(targetOf(process), "stop", actual));
    };
    atExit(process, ended);
    systemCall(process.pid, "stop", (self) => {
      (self.body as GenBody).stop(self, reason);
    }).catch(() => undefined); // Its end is the answer.
  });
}

/** As OTP's proc_lib:stop: a process of its own watches, gives the order and waits. */
function stopAway(
  target: Pid | Name,
  { route, to }: Away,
  reason: ExitReason,
  timeoutMs: number,
  caller: Process | undefined,
): Promise<void> {
  return new Promise((done, fail) => {
    const reject = (error: Error): void => rejectFor(caller, fail, error);
    async function stop(self: Self<never>): Promise<void> {
      const { down } = self.monitor(target);
      try {
        route.stop(localPid(self.pid), to, reason);
      } catch (error) {
        return reject(error as Error); // A reason without an external form.
      }
      const end = await self.receive(down, { timeoutMs });
      if (end === undefined) reject(notStopped(target.toString(), timeoutMs));
      // An object has come back as another one.
      else if (showReason(end.reason) === showReason(reason)) done();
      else if (end.reason === "noproc") reject(noProcess(target, "stop"));
      else if (end.reason === "noconnection") reject(noConnection(target, "stop"));
      else reject(calleeExit(target.toString(), "stop", end.reason));
    }
    spawnProcess(caller?.node ?? currentNode(), stop, undefined, false, undefined);
  });
}

/** `await using`: stops what still runs. */
export async function disposeServer(target: () => Pid | Name): Promise<void> {
  try {
    await stopServer(target(), "normal", Number.POSITIVE_INFINITY);
  } catch (error) {
    if (!isError(error, "INTERLOCK_NOPROC")) throw error;
  }
}

function abortWith(call: OpenCall, signal: AbortSignal): void {
  const aborted = (): void => call.fail(abortedCall(call.target, String(call.payload), signal));
  if (signal.aborted) return aborted();
  signal.addEventListener("abort", aborted, { once: true });
  call.disarm = () => signal.removeEventListener("abort", aborted);
}

function abortedCall(target: string, request: string, signal: AbortSignal): InterlockError<"INTERLOCK_ABORTED"> {
  return new InterlockError(
    "INTERLOCK_ABORTED",
    `Call ${request} to ${target} was aborted`,
    { target, request },
    { cause: signal.reason },
  );
}

/** Rejects at once while the turn has time, else at its end: who tries again and again must let others run. */
function rejectSoon(caller: Process | undefined, error: Error): Promise<never> {
  const { scheduler } = caller?.node ?? currentNode();
  if (scheduler.mayRunNow()) return Promise.reject(error);
  return new Promise((_resolve, reject) => {
    scheduler.atTurnEnd(() => rejectFor(caller, reject, error));
  });
}

/** A plain process has no handlers: what calls and casts send would turn up in its `receive`. */
function checkBehaviour(process: Process): void {
  if (!(process.body instanceof GenBody))
    throw badArgument("the target", process.body.label, "a process of a behaviour: a plain process is sent messages");
}

/** The calls that lead from `callee` back to `caller`, each awaited in an unreturned handler; undefined if none do. */
function cycleOf(caller: Process, callee: Process): InterlockError<"INTERLOCK_CALL_CYCLE"> | undefined {
  if (callee.calls === undefined) return undefined;
  const path = findPath(callee, caller, new Set());
  if (path === undefined) return undefined;
  const cycle = [caller, ...path, caller].map((process) => `${process.body.label} ${process.pid}`);
  return new InterlockError("INTERLOCK_CALL_CYCLE", `This call would wait for itself: ${cycle.join(" → ")}`, { cycle });
}

function findPath(from: Process, to: Process, seen: Set<Process>): Process[] | undefined {
  if (from === to) return [];
  if (seen.has(from)) return undefined;
  seen.add(from);
  for (const call of each(from.calls)) {
    // What waits for another node makes no edge here.
    if (!(call instanceof PendingCall) || !call.edge || call.settled) continue;
    const rest = findPath(call.callee, to, seen);
    if (rest !== undefined) return [from, ...rest];
  }
  return undefined;
}

function targetOf(process: Process): string {
  return `${process.pid} (${process.body.label})`;
}

function callingSelf(process: Process, request: string): InterlockError<"INTERLOCK_CALLING_SELF"> {
  const target = targetOf(process);
  return new InterlockError("INTERLOCK_CALLING_SELF", `${target} called itself: ${request}`, { target, request });
}

function noProcess(target: { toString(): string }, request: string): InterlockError<"INTERLOCK_NOPROC"> {
  return new InterlockError("INTERLOCK_NOPROC", `Call ${request} to ${target} failed: there is no such process`, {
    target: target.toString(),
  });
}

function noConnection(target: { toString(): string }, request: string): InterlockError<"INTERLOCK_NOCONNECTION"> {
  return new InterlockError(
    "INTERLOCK_NOCONNECTION",
    `Call ${request} to ${target} failed: there is no connection to its node`,
    { target: target.toString() },
  );
}

function notStopped(target: string, timeoutMs: number): InterlockError<"INTERLOCK_TIMEOUT"> {
  return new InterlockError("INTERLOCK_TIMEOUT", `${target} did not stop within ${timeoutMs} ms`, {
    operation: `stop ${target}`,
    timeoutMs,
  });
}

function calleeExit(target: string, request: string, reason: ExitReason): InterlockError<"INTERLOCK_CALLEE_EXIT"> {
  return new InterlockError("INTERLOCK_CALLEE_EXIT", `${request} of ${target}: it ended with ${showReason(reason)}`, {
    target,
    request,
    reason,
  });
}

// Symbols, because a handler may well be called `target` or `signal`.
const to = Symbol("to");
const within = Symbol("within");
const until = Symbol("until");

/** What a generated method finds on its object. */
interface Facade {
  readonly [to]: Pid | Name;
  readonly [within]: number;
  readonly [until]: AbortSignal | undefined;
}

type FacadeClass = new (target: Pid | Name, timeoutMs: number, signal: AbortSignal | undefined) => object;

function facadeClass(
  operations: object | undefined,
  makeMethod: (operation: string) => (this: Facade, ...args: unknown[]) => unknown,
): FacadeClass {
  class Methods implements Facade {
    readonly [to]: Pid | Name;
    readonly [within]: number;
    readonly [until]: AbortSignal | undefined;
    constructor(target: Pid | Name, timeoutMs: number, signal: AbortSignal | undefined) {
      this[to] = target;
      this[within] = timeoutMs;
      this[until] = signal;
    }
  }
  for (const operation of Object.keys(operations ?? {}))
    Object.defineProperty(Methods.prototype, operation, { value: makeMethod(operation), configurable: true });
  return Methods;
}

const callMethod = (operation: string) =>
  function (this: Facade, ...args: unknown[]): Promise<unknown> {
    return callServer(this[to], operation, args, this[within], this[until]);
  };
const castMethod = (operation: string) =>
  function (this: Facade, ...args: unknown[]): void {
    castServer(this[to], operation, args);
  };

class LocalServerRef<Calls, Casts, Info> implements ServerRef<Calls, Casts, Info> {
  readonly #target: Pid | Name;
  readonly #options: CallOptions;
  readonly #facades: { readonly calls: FacadeClass; readonly casts: FacadeClass };
  #call: CallsOf<Calls> | undefined = undefined;
  #cast: CastsOf<Casts> | undefined = undefined;

  constructor(
    target: Pid | Name,
    options: CallOptions,
    facades: { readonly calls: FacadeClass; readonly casts: FacadeClass },
  ) {
    this.#target = target;
    this.#options = options;
    this.#facades = facades;
  }

  get pid(): Pid<Info> {
    return pidAt(this.#target) as LocalPid<Info>;
  }

  get call(): CallsOf<Calls> {
    this.#call ??= new this.#facades.calls(
      this.#target,
      this.#options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS,
      this.#options.signal,
    ) as CallsOf<Calls>;
    return this.#call;
  }

  get cast(): CastsOf<Casts> {
    this.#cast ??= new this.#facades.casts(this.#target, 0, undefined) as CastsOf<Casts>;
    return this.#cast;
  }

  with(options: CallOptions): ServerRef<Calls, Casts, Info> {
    if (options.timeoutMs !== undefined) checkDelay(options.timeoutMs, "timeoutMs");
    return new LocalServerRef(this.#target, { ...this.#options, ...options }, this.#facades);
  }

  stop(reason: ExitReason = "normal", timeoutMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    return stopServer(this.#target, reason, timeoutMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return disposeServer(() => this.#target);
  }
}

/** The pid behind a pid or a name. **Errors** `INTERLOCK_NOPROC`. */
export function pidAt(target: Pid | Name): LocalPid {
  if (target instanceof LocalPid) return target;
  const pid = nameBase(target as Name).whereis(currentNode());
  if (pid === undefined) throw noProcess(target, "pid");
  return pid;
}

/** Makes references for one module. */
export function clientOf<Calls, Casts, Info>(
  calls: object | undefined,
  casts: object | undefined,
): (target: Pid | Name) => ServerRef<Calls, Casts, Info> {
  const facades = { calls: facadeClass(calls, callMethod), casts: facadeClass(casts, castMethod) };
  return (target) => {
    if (!(target instanceof LocalPid) && !isName(target)) throw badArgument("target", target, "a pid or a name");
    return new LocalServerRef(target, {}, facades);
  };
}

const anyFacades = { calls: proxyClass(callMethod), casts: proxyClass(castMethod) };

/** For references by type alone, whose operations are not known at run time: the only place with a proxy. */
function proxyClass(makeMethod: (operation: string) => (this: Facade, ...args: unknown[]) => unknown): FacadeClass {
  return class {
    constructor(target: Pid | Name, timeoutMs: number, signal: AbortSignal | undefined) {
      const facade: Facade = { [to]: target, [within]: timeoutMs, [until]: signal };
      // biome-ignore lint/correctness/noConstructorReturn: the proxy is the object
      return new Proxy(this, {
        // A promise check must not become a call.
        get: (_self, operation) =>
          typeof operation === "string" && operation !== "then" ? makeMethod(operation).bind(facade) : undefined,
      });
    }
  } as FacadeClass;
}

/** A reference by type alone: the implementation need not be loaded in this program. */
export function anyRef(target: Name | Pid): ServerRef<never, never, never> {
  return new LocalServerRef(target, {}, anyFacades);
}
