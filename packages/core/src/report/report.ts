/**
 * Reports: what the runtime says about failures and restarts. Each is published on the diagnostics channel
 * `interlock:report` and given to the node's report handler, which by default writes the serious ones to stderr.
 */
import { channel } from "node:diagnostics_channel";
import { builtin } from "../builtin.ts";
import { type ExitReason, showReason } from "../process/exit-reason.ts";
import type { Pid } from "../process/pid.ts";

/** A process ended by its own failure. @see proc_lib's crash report */
export interface CrashReport {
  readonly type: "crash";
  readonly pid: Pid;
  /** The behaviour module's name, or the function's. */
  readonly label: string;
  readonly registeredName: string | undefined;
  readonly reason: ExitReason;
  /** Parent first. */
  readonly ancestors: readonly Pid[];
  /** What was being handled, if it is known. */
  readonly message: unknown;
  /** The state before it, through the module's `formatStatus` if it has one. */
  readonly state: unknown;
  readonly links: readonly Pid[];
  readonly mailboxLength: number;
  /** Unix epoch, milliseconds. */
  readonly at: number;
}

/** What a supervisor saw. @see supervisor's error report */
export interface SupervisorReport {
  readonly type: "supervisor";
  readonly supervisor: string;
  readonly supervisorPid: Pid;
  readonly context: "start_error" | "child_terminated" | "shutdown_error" | "shutdown";
  readonly reason: ExitReason;
  readonly childId: string;
  readonly childPid: Pid | undefined;
  readonly restart: string;
  readonly at: number;
}

/** A supervisor started a child. */
export interface ProgressReport {
  readonly type: "progress";
  readonly supervisor: string;
  readonly supervisorPid: Pid;
  readonly childId: string;
  readonly childPid: Pid;
  readonly at: number;
}

/** Code of an ended process went on: it threw, or did not end within its shutdown time. */
export interface LingeringReport {
  readonly type: "lingering";
  readonly pid: Pid;
  readonly label: string;
  readonly problem: "threw" | "still_running";
  readonly error: unknown;
  readonly at: number;
}

/** Something a process left undone: a message nobody handles, a listener that failed. */
export interface WarningReport {
  readonly type: "warning";
  readonly pid: Pid | undefined;
  readonly label: string;
  readonly text: string;
  readonly details: unknown;
  readonly at: number;
}

export type Report = CrashReport | SupervisorReport | ProgressReport | LingeringReport | WarningReport;

export type ReportHandler = (report: Report) => void;

/** Where every report is published: `diagnostics_channel.subscribe("interlock:report", (report) => …)`. */
export const reportChannel: ReturnType<typeof channel> = channel("interlock:report");

/** A report in words, as the default handler writes it. */
export function formatReport(report: Report): string {
  const time = new Date(report.at).toISOString();
  switch (report.type) {
    case "crash": {
      const name = report.registeredName === undefined ? "" : ` (${report.registeredName})`;
      const lines = [`${time} ✖ ${report.label} ${report.pid}${name} crashed: ${showReason(report.reason)}`];
      const stack = stackOf(report.reason);
      if (stack !== undefined) lines.push(indent(stack));
      if (report.message !== undefined) lines.push(`    while handling  ${inspectShort(report.message)}`);
      if (report.state !== undefined) lines.push(`    state before    ${inspectShort(report.state)}`);
      if (report.ancestors.length > 0) lines.push(`    ancestors       ${report.ancestors.join(" ")}`);
      return lines.join("\n");
    }
    case "supervisor":
      return `${time} ⚠ ${report.supervisor} ${report.supervisorPid}: ${report.context} of ${report.childId}${report.childPid === undefined ? "" : ` ${report.childPid}`} (${report.restart}): ${showReason(report.reason)}`;
    case "progress":
      return `${time} ✔ ${report.supervisor} started ${report.childId} ${report.childPid}`;
    case "lingering":
      return `${time} ⚠ ${report.label} ${report.pid} has ended, but its code ${report.problem === "threw" ? `threw ${showReason({ error: report.error as Error })}` : "still runs: pass self.signal to what it awaits"}`;
    case "warning":
      return `${time} ⚠ ${report.label}${report.pid === undefined ? "" : ` ${report.pid}`}: ${report.text}${report.details === undefined ? "" : ` ${inspectShort(report.details)}`}`;
  }
}

/**
 * Writes everything but progress to stderr. Straight to the descriptor: a stream whose reader has gone would raise an
 * error of its own, and a service must not die of having nobody to complain to.
 */
export const writeToStderr: ReportHandler = (report) => {
  if (report.type === "progress") return;
  try {
    builtin("node:fs").writeSync(2, `${formatReport(report)}\n`);
  } catch {
    // Closed, or full and not blocking: the report was published on the channel all the same.
  }
};

function stackOf(reason: ExitReason): string | undefined {
  if (typeof reason !== "object" || reason === null || !("error" in reason)) return undefined;
  const stack = (reason.error as { stack?: unknown } | undefined)?.stack;
  return typeof stack === "string" ? stack.split("\n").slice(1).join("\n") : undefined;
}

function indent(stack: string): string {
  return stack
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function inspectShort(value: unknown): string {
  let text: string;
  try {
    text = builtin("node:util").inspect(value, { depth: 3, breakLength: 120 });
  } catch {
    text = "(cannot be shown)";
  }
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text;
}
