/** The last failures of a node, in words: what they were about may be gone, and is not kept alive for them. */
import { type ExitReason, formatReport, type Pid, type Report } from "@interlock/core";
import { showReason } from "@interlock/core/distribution";

/** A process that crashed, or what a supervisor had to do about one of its children. */
export interface Failure {
  /** Unix epoch, milliseconds. */
  readonly at: number;
  /** `crashed`; or, of supervisors, `start_error`, `child_terminated`, `shutdown_error`, `shutdown` (it has given up). */
  readonly what: string;
  /** The behaviour, the function or the supervisor. */
  readonly label: string;
  readonly pid: string;
  readonly reason: string;
  /** All of it, as it is written to stderr. */
  readonly text: string;
}

/** Of crash loops the end is what matters; of all the rest as well. */
const MOST = 50;
const LONGEST_TEXT = 8_000;

export class Failures {
  readonly #most: number;
  readonly #kept: Failure[] = [];

  constructor(most: number = MOST) {
    this.#most = most;
  }

  note(report: Report): void {
    const failure = failureOf(report);
    if (failure === undefined) return;
    this.#kept.push(failure);
    if (this.#kept.length > this.#most) this.#kept.shift();
  }

  /** The oldest first. */
  get all(): readonly Failure[] {
    return [...this.#kept];
  }
}

/** Undefined: nothing has failed. */
function failureOf(report: Report): Failure | undefined {
  if (report.type === "crash") return failure(report, "crashed", report.label, report.pid, report.reason);
  if (report.type !== "supervisor") return undefined;
  const { childId, childPid, context, reason, supervisor, supervisorPid } = report;
  return context === "shutdown"
    ? failure(report, context, supervisor, supervisorPid, reason)
    : failure(report, context, `${supervisor}/${childId}`, childPid ?? supervisorPid, reason);
}

function failure(report: Report, what: string, label: string, pid: Pid, reason: ExitReason): Failure {
  return { at: report.at, what, label, pid: String(pid), reason: showReason(reason), text: textOf(report) };
}

function textOf(report: Report): string {
  const text = formatReport(report);
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
