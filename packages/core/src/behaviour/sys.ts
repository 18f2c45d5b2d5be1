/** Looking into and steering a running process, between two of its messages. @see sys(3) */
import { badArgument } from "../errors.ts";
import type { Name } from "../naming/name.ts";
import type { Pid } from "../process/pid.ts";
import { type Process, SUSPENDED } from "../process/process.ts";
import { systemCall } from "./client.ts";
import type { Debug, TraceEvent, TraceHandler } from "./debug.ts";
import { GenBody } from "./gen.ts";

type Target = Pid | Name | { readonly pid: Pid };

export interface ProcessStatus {
  readonly pid: Pid;
  readonly label: string;
  readonly status: "running" | "suspended";
  readonly parent: Pid | undefined;
  /** Through the module's `formatStatus`, if it has one. */
  readonly state: unknown;
  readonly log: readonly TraceEvent[];
}

export interface Statistics {
  /** Unix epoch, milliseconds. */
  readonly since: number;
  readonly messagesIn: number;
  readonly repliesOut: number;
  readonly reductions: number;
}

function addressOf(target: Target): Pid | Name {
  return typeof target === "object" && target !== null && "call" in target && "pid" in target
    ? target.pid
    : (target as Pid | Name);
}

function bodyOf(process: Process): GenBody {
  if (!(process.body instanceof GenBody))
    throw badArgument(
      "the process",
      process.body.label,
      "one of a behaviour: a plain process has no state that can be seen",
    );
  return process.body;
}

/** A behaviour that can be watched. */
function debugOf(process: Process): Debug {
  const body = bodyOf(process) as GenBody & { debugOf?(process: Process): Debug };
  if (body.debugOf === undefined)
    throw badArgument("the process", process.body.label, "a behaviour that can be traced");
  return body.debugOf(process);
}

/**
 * Requests to a process of a behaviour. Each takes at most `timeoutMs` milliseconds, 5 000 unless given.
 *
 * @example
 * const Counter = genServer({
 *   name: "counter",
 *   init: (start: number): { readonly n: number } => ({ n: start }),
 *   calls: { next: ({ state }) => reply(state.n, { n: state.n + 1 }) },
 * });
 * const counter = await Counter.startLink(1);
 * console.log(await sys.getState(counter)); // { n: 1 }
 * await sys.replaceState(counter, () => ({ n: 41 }));
 * console.log(await counter.call.next()); // 41
 */
export const sys: {
  getState(target: Target, timeoutMs?: number): Promise<unknown>;
  /** `replace` gets the state and gives the new one; if it throws, the state stays and the error is yours. */
  replaceState(target: Target, replace: (state: never) => unknown, timeoutMs?: number): Promise<unknown>;
  /** The process answers system requests only, until `resume`; messages wait. */
  suspend(target: Target, timeoutMs?: number): Promise<void>;
  resume(target: Target, timeoutMs?: number): Promise<void>;
  getStatus(target: Target, timeoutMs?: number): Promise<ProcessStatus>;
  statistics(target: Target, mode: boolean): Promise<void>;
  statistics(target: Target, mode: "get"): Promise<Statistics | undefined>;
  /** Calls `handler` with each message in, reply out and state after; `undefined` ends all tracing. */
  trace(target: Target, handler: TraceHandler | undefined, timeoutMs?: number): Promise<void>;
  /** Keeps the last `size` events; 0 ends it. */
  log(target: Target, size: number, timeoutMs?: number): Promise<void>;
  getLog(target: Target, timeoutMs?: number): Promise<readonly TraceEvent[]>;
  /** Runs the module's `codeChange` on a suspended process; with `module` the process goes on with that one. */
  changeCode(target: Target, oldVersion: string, module?: unknown, timeoutMs?: number): Promise<void>;
  /** Terminates it from outside. */
  terminate(target: Target, reason: unknown, timeoutMs?: number): Promise<void>;
} = {
  getState: (target, timeoutMs) =>
    systemCall(addressOf(target), "getState", (process) => bodyOf(process).getState(process), timeoutMs),
  replaceState: (target, replace, timeoutMs) =>
    systemCall(
      addressOf(target),
      "replaceState",
      (process) => {
        const body = bodyOf(process);
        const state = replace(body.getState(process) as never);
        body.setState(process, state);
        return state;
      },
      timeoutMs,
    ),
  suspend: (target, timeoutMs) =>
    systemCall(
      addressOf(target),
      "suspend",
      (process) => {
        process.flags |= SUSPENDED;
      },
      timeoutMs,
    ),
  resume: (target, timeoutMs) =>
    systemCall(
      addressOf(target),
      "resume",
      (process) => {
        process.flags &= ~SUSPENDED;
      },
      timeoutMs,
    ),
  getStatus: (target, timeoutMs) =>
    systemCall(
      addressOf(target),
      "getStatus",
      (process): ProcessStatus => ({
        pid: process.pid,
        label: process.body.label,
        status: (process.flags & SUSPENDED) === 0 ? "running" : "suspended",
        parent: process.parent,
        state: process.body.inspect(process).state,
        log: process.body instanceof GenBody && "debugOf" in process.body ? [...debugOf(process).log] : [],
      }),
      timeoutMs,
    ),
  statistics: ((target: Target, mode: boolean | "get") =>
    systemCall(addressOf(target), "statistics", (process) => statistics(process, mode))) as never,
  trace: (target, handler, timeoutMs) =>
    systemCall(
      addressOf(target),
      "trace",
      (process) => {
        const { handlers } = debugOf(process);
        if (handler === undefined) handlers.clear();
        else handlers.add(handler);
      },
      timeoutMs,
    ),
  log: (target, size, timeoutMs) =>
    systemCall(
      addressOf(target),
      "log",
      (process) => {
        const debug = debugOf(process);
        debug.logSize = size;
        debug.log.length = Math.min(debug.log.length, size);
      },
      timeoutMs,
    ),
  getLog: (target, timeoutMs) =>
    systemCall(addressOf(target), "getLog", (process) => [...debugOf(process).log], timeoutMs),
  changeCode: (target, oldVersion, module, timeoutMs) =>
    systemCall(
      addressOf(target),
      "changeCode",
      async (process) => {
        if ((process.flags & SUSPENDED) === 0)
          throw badArgument("the process", "a running one", "suspended: sys.suspend it first");
        await bodyOf(process).codeChange(process, oldVersion, module);
      },
      timeoutMs,
    ),
  terminate: (target, reason, timeoutMs) =>
    systemCall(
      addressOf(target),
      "terminate",
      (process) => {
        bodyOf(process).stop(process, reason as never);
      },
      timeoutMs,
    ).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== "INTERLOCK_CALLEE_EXIT") throw error;
    }) as Promise<void>,
};

function statistics(process: Process, mode: boolean | "get"): Statistics | undefined {
  const debug = debugOf(process);
  if (mode === "get") {
    const counts = debug.statistics;
    if (counts === undefined) return undefined;
    const { since, messagesIn, repliesOut, reductionsBefore } = counts;
    return { since, messagesIn, repliesOut, reductions: process.reductions - reductionsBefore };
  }
  debug.statistics = mode
    ? {
        since: process.node.runtime.clock.wallTime(),
        messagesIn: 0,
        repliesOut: 0,
        reductionsBefore: process.reductions,
      }
    : undefined;
  return undefined;
}
