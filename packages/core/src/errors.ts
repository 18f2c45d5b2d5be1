/**
 * Every coded error of this package, in one table: the code, what its details hold, and what to try.
 * Exit reasons are data and live in `process/exit-reason.ts`; these are for the caller of an operation.
 */
import type { ExitReason } from "./process/exit-reason.ts";
import type { Pid } from "./process/pid.ts";

/** What each code's `details` holds. */
export interface ErrorDetails {
  /** A call had no answer within its time. The callee goes on; an answer that comes later is dropped. */
  readonly INTERLOCK_CALL_TIMEOUT: { readonly target: string; readonly request: string; readonly timeoutMs: number };
  /** Nothing runs under the pid or the name that was called, sent to or linked with. */
  readonly INTERLOCK_NOPROC: { readonly target: string };
  /** The target is on a node to which there is no connection. */
  readonly INTERLOCK_NOCONNECTION: { readonly target: string };
  /** The callee ended while the call waited, with the reason in `details`. */
  readonly INTERLOCK_CALLEE_EXIT: { readonly target: string; readonly request: string; readonly reason: ExitReason };
  /** The call would close a cycle of handlers that wait for each other. */
  readonly INTERLOCK_CALL_CYCLE: { readonly cycle: readonly string[] };
  /** A process called itself, or waited for its own stop. */
  readonly INTERLOCK_CALLING_SELF: { readonly target: string; readonly request: string };
  /** A call met a full mailbox, or was pushed out of it; or `sendWait` found no room in time. */
  readonly INTERLOCK_MAILBOX_FULL: { readonly target: string; readonly capacity: number };
  /** A process was started under a name that another one has. */
  readonly INTERLOCK_ALREADY_STARTED: { readonly name: string; readonly pid: Pid };
  /** `init` threw, stopped, or ended before it was done. */
  readonly INTERLOCK_START_FAILED: { readonly label: string; readonly reason: ExitReason };
  /** A start that has to give a process met an `init` that answered `ignore()`. */
  readonly INTERLOCK_START_IGNORED: { readonly label: string };
  /** The `signal` of a call was aborted before the answer came. The callee goes on. */
  readonly INTERLOCK_ABORTED: { readonly target: string; readonly request: string };
  /** Code of an ended process went on and did something: the fence. `self.exit(reason)` throws it as well. */
  readonly INTERLOCK_PROCESS_EXIT: { readonly pid: string; readonly reason: ExitReason };
  /** An argument is not what the function takes, or the function may not be called there. */
  readonly INTERLOCK_BAD_ARGUMENT: { readonly argument: string; readonly got: string; readonly expected: string };
  /** A callback returned what its behaviour does not know; the process ends with this. */
  readonly INTERLOCK_BAD_RETURN: { readonly label: string; readonly callback: string; readonly got: string };
  /** What was asked for has no handler in the module; a server or a state machine ends with this. */
  readonly INTERLOCK_UNDEFINED_CALLBACK: { readonly label: string; readonly callback: string };
  /** `register` was given a name that another process has, or a registry a unique key. */
  readonly INTERLOCK_NAME_TAKEN: { readonly name: string; readonly pid: Pid };
  /** `register` was given a process that has a name. */
  readonly INTERLOCK_ALREADY_NAMED: { readonly pid: string; readonly name: string };
  /** A table, task, monitor or key was used by a process it does not belong to. */
  readonly INTERLOCK_NOT_OWNER: { readonly what: string; readonly owner: string; readonly caller: string };
  /** A supervisor was asked for one child more than its `maxChildren`. */
  readonly INTERLOCK_MAX_CHILDREN: { readonly supervisor: string; readonly maxChildren: number };
  /** A supervisor cannot do that with that child as it is now; `problem` says why. */
  readonly INTERLOCK_CHILD: {
    readonly supervisor: string;
    readonly id: string;
    readonly problem: "not_found" | "running" | "restarting" | "already_present" | "already_started";
    readonly pid?: Pid | undefined;
  };
  /** The configuration of an application was refused, or a source of it could not be read. */
  readonly INTERLOCK_CONFIG_INVALID: {
    readonly application: string;
    readonly issues: readonly {
      readonly path: string;
      readonly message: string;
      readonly got: string;
      readonly source: string;
    }[];
  };
  /** An application is not in the state that the operation needs, or what it needs does not run. */
  readonly INTERLOCK_APPLICATION: { readonly application: string; readonly problem: string };
  /** A wait other than a call took longer than it may. */
  readonly INTERLOCK_TIMEOUT: { readonly operation: string; readonly timeoutMs: number };
  /** A table has ended, or has no such row, key or number. */
  readonly INTERLOCK_TABLE: { readonly table: string; readonly problem: string };
}

export type ErrorCode = keyof ErrorDetails;

/** What to try, by code. */
export const hints: { readonly [Code in ErrorCode]: string } = {
  INTERLOCK_CALL_TIMEOUT:
    "The callee is alive but slow: look at processInfo(pid).mailboxLength and currentHandler, answer with later() when the work is slow, or give the call more time with .with({ timeoutMs }).",
  INTERLOCK_NOPROC:
    "Nothing runs under that pid or name: check that its supervisor has started it, or that it has not ended just before.",
  INTERLOCK_NOCONNECTION: "The link to that node is down: check that the node runs and is reachable.",
  INTERLOCK_CALLEE_EXIT:
    "The callee ended while it held the call: its crash report has the cause. Retry only if the call may safely happen twice.",
  INTERLOCK_CALL_CYCLE:
    "These processes wait for each other. Break the cycle: turn one call into a cast, or answer it with later().",
  INTERLOCK_CALLING_SELF: "A process cannot wait for itself: call the function directly, or cast.",
  INTERLOCK_MAILBOX_FULL: "The callee is not keeping up: slow the senders, raise the capacity, or spread the work.",
  INTERLOCK_ALREADY_STARTED: "That name is taken by the process in details.pid: use it, or start under another name.",
  INTERLOCK_START_FAILED: "init did not succeed: details.reason says why.",
  INTERLOCK_START_IGNORED: "init answered ignore(): there is no process to refer to.",
  INTERLOCK_ABORTED: "The signal given to .with({ signal }) was aborted before the answer came.",
  INTERLOCK_PROCESS_EXIT:
    "This code belongs to a process that has ended, so what it does counts no more. Pass self.signal to whatever it awaits.",
  INTERLOCK_BAD_ARGUMENT: "Correct the argument that the message names.",
  INTERLOCK_BAD_RETURN:
    "Return one of the results of this behaviour: a server's reply, noreply, later, stop, ready, ignore; of a state machine what ctx.next, keep, repeat, postpone or stop gives.",
  INTERLOCK_UNDEFINED_CALLBACK: "Declare the handler in the module, or correct the name in the request.",
  INTERLOCK_NAME_TAKEN: "A name belongs to one process at a time: unregister it first, or choose another.",
  INTERLOCK_ALREADY_NAMED: "A process has one registered name at most: unregister the old one first.",
  INTERLOCK_NOT_OWNER: "Only the owner may do this: ask the owner by a message.",
  INTERLOCK_MAX_CHILDREN: "The supervisor is at its maxChildren: raise it, or refuse the work upstream.",
  INTERLOCK_CHILD: "See whichChildren() for the ids that exist and what they do now.",
  INTERLOCK_CONFIG_INVALID: "Correct each value where it comes from: the source stands beside it.",
  INTERLOCK_APPLICATION: "Start the applications it needs first, or use ensureAllStarted().",
  INTERLOCK_TIMEOUT: "Give it more time, or find out what holds it up.",
  INTERLOCK_TABLE: "Check that the table's owner is alive and that the operation fits the table's kind.",
};

const brand = Symbol.for("interlock.error");

/**
 * The one class of coded errors. `code` is stable, `details` is typed by it, `hint` says what to try; `message` says
 * what failed, on what, with what was got and expected.
 *
 * @example
 * const Bank = genServer({
 *   name: "bank",
 *   init: (): { readonly balance: number } => ({ balance: 0 }),
 *   calls: { balance: () => later<number>() },
 * });
 * const bank = await Bank.start();
 * try {
 *   await bank.with({ timeoutMs: 1 }).call.balance();
 * } catch (error) {
 *   if (!isError(error, "INTERLOCK_CALL_TIMEOUT")) throw error;
 *   console.log(error.details.request, error.details.timeoutMs); // balance 1
 * }
 */
export class InterlockError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly details: ErrorDetails[Code];

  constructor(code: Code, message: string, details: ErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  override get name(): string {
    return "InterlockError";
  }

  get hint(): string {
    return hints[this.code];
  }
}
// On the prototype, so that two copies of this package recognise each other's errors.
Object.defineProperty(InterlockError.prototype, brand, { value: true });

/** Whether `error` is Interlock's error of this code, from whichever copy of the package it comes. */
export function isError<const Code extends ErrorCode>(error: unknown, code: Code): error is InterlockError<Code> {
  return (
    typeof error === "object" &&
    error !== null &&
    (error as { [brand]?: true })[brand] === true &&
    (error as InterlockError).code === code
  );
}

/** The error for a wrong argument, in one form: what it is called, what was got, what was expected. */
export function badArgument(
  argument: string,
  got: unknown,
  expected: string,
): InterlockError<"INTERLOCK_BAD_ARGUMENT"> {
  const shown = show(got);
  return new InterlockError(
    "INTERLOCK_BAD_ARGUMENT",
    `Bad argument: expected ${argument} to be ${expected}, got ${shown}`,
    { argument, got: shown, expected },
  );
}

/** A short, safe rendering of any value for messages. */
export function show(value: unknown): string {
  try {
    return showOrThrow(value);
  } catch {
    // A getter that throws, a revoked proxy: whatever it is, it must not be the end of who wanted to print it.
    return "(cannot be shown)";
  }
}

function showOrThrow(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(cut(value, 80));
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    const text = JSON.stringify(new Excerpt().of(value));
    if (text !== undefined) return cut(text, MOST_SHOWN);
  } catch {
    // Cyclic, or a toJSON that throws: the constructor's name has to do.
  }
  return Object.prototype.toString.call(value);
}

const MOST_SHOWN = 200;

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** What is shown of a value in the end, without a look at the rest: an exit reason may hold megabytes. */
class Excerpt {
  readonly #within: object[] = [];
  #left = MOST_SHOWN;

  of(value: unknown): unknown {
    if (typeof value === "string") return cut(value, MOST_SHOWN);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
    if ("toJSON" in value) return value;
    if (this.#within.includes(value)) throw new TypeError("cyclic");
    this.#within.push(value);
    const copy = Array.isArray(value) ? this.#array(value) : this.#object(value as Record<string, unknown>);
    this.#within.pop();
    return copy;
  }

  #array(value: readonly unknown[]): unknown[] {
    const copy: unknown[] = [];
    for (const inner of value) {
      if (this.#left-- <= 0) break;
      copy.push(this.of(inner));
    }
    return copy;
  }

  #object(value: Record<string, unknown>): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    for (const key in value) {
      if (!Object.hasOwn(value, key)) continue;
      if (this.#left-- <= 0) break;
      copy[key] = this.of(value[key]);
    }
    return copy;
  }
}
