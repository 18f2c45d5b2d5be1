/**
 * Why a process ended. Reasons are data: links, monitors and the wire carry them. OTP's own atoms keep OTP's spelling.
 */
import { InterlockError, show } from "../errors.ts";

export type ExitReason =
  | "normal"
  | "shutdown"
  | "killed"
  | "noproc"
  | "noconnection"
  | "timeout"
  | { readonly shutdown: unknown }
  | { readonly error: Error }
  | Term;

/** Any other term: what Erlang, `exit(pid, reason)` and `stop(reason)` may give. */
export type Term =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | symbol
  | { readonly [key: string]: unknown }
  | readonly unknown[];

/** `normal`, `shutdown` and `{ shutdown: _ }` are ends that nobody needs a crash report for. */
export function isNormalEnd(reason: ExitReason): boolean {
  return (
    reason === "normal" ||
    reason === "shutdown" ||
    (typeof reason === "object" && reason !== null && "shutdown" in reason && !Array.isArray(reason))
  );
}

/** What an exception becomes as a reason. A thrown exit carries its own. */
export function reasonOf(thrown: unknown): ExitReason {
  try {
    return reasonOrThrow(thrown);
  } catch {
    return { error: new Error("uncaught throw of something that cannot be looked at") };
  }
}

function reasonOrThrow(thrown: unknown): ExitReason {
  if (thrown instanceof ProcessExit) return thrown.reason;
  if (thrown instanceof Error) return { error: thrown };
  // Erlang: an uncaught throw(T) exits with {nocatch, T}.
  return { error: new Error(`uncaught throw: ${show(thrown)}`, { cause: thrown }) };
}

/** A short rendering for messages and reports. */
export function showReason(reason: ExitReason): string {
  try {
    return showReasonOrThrow(reason);
  } catch {
    return "(cannot be shown)";
  }
}

function showReasonOrThrow(reason: ExitReason): string {
  if (typeof reason === "string") return reason;
  if (typeof reason === "object" && reason !== null && "error" in reason && reason.error instanceof Error)
    return `${reason.error.name}: ${reason.error.message}`;
  if (typeof reason === "object" && reason !== null && "shutdown" in reason)
    return `shutdown (${show((reason as { shutdown: unknown }).shutdown)})`;
  return show(reason);
}

/**
 * Thrown by `self.exit(reason)`, and by every operation of code whose process has ended already (the fence). Uncaught
 * in a live process it is that process' exit reason.
 */
export class ProcessExit extends InterlockError<"INTERLOCK_PROCESS_EXIT"> {
  constructor(pid: string, reason: ExitReason) {
    super("INTERLOCK_PROCESS_EXIT", `Process ${pid} has ended: ${showReason(reason)}`, { pid, reason });
  }

  get reason(): ExitReason {
    return this.details.reason;
  }
}

/**
 * The fence's error without a stack: a stack costs a microsecond, and a million processes may be told at once.
 */
export function fenceError(pid: string, reason: ExitReason): ProcessExit {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new ProcessExit(pid, reason);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
