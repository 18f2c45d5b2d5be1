/** The end of a process by its own failure: report first, then death. @see proc_lib's crash report */
import { show } from "../errors.ts";
import type { CrashReport } from "../report/report.ts";
import { die } from "./exit.ts";
import { type ExitReason, isNormalEnd, reasonOf } from "./exit-reason.ts";
import { each } from "./one-or-many.ts";
import type { LocalPid } from "./pid.ts";
import type { Process } from "./process.ts";

/** Ends `process` because its code threw `thrown`. */
export function crash(process: Process, thrown: unknown): void {
  endByItself(process, reasonOf(thrown));
}

/** Ends `process` with a reason of its own; no report for `normal`, `shutdown` and `{ shutdown }`. */
export function endByItself(process: Process, reason: ExitReason): void {
  if (!process.alive) return;
  if (!isNormalEnd(reason)) process.node.report(crashReport(process, reason));
  die(process, reason);
}

function crashReport(process: Process, reason: ExitReason): CrashReport {
  const { message, state } = process.body.inspect(process);
  return {
    type: "crash",
    pid: process.pid,
    label: labelOf(process),
    registeredName: process.extras?.name,
    reason,
    ancestors: ancestorsOf(process),
    message,
    state,
    links: [...each(process.links)],
    mailboxLength: process.mailboxLength,
    at: process.node.runtime.clock.wallTime(),
  };
}

export function labelOf(process: Process): string {
  const label = process.extras?.label;
  if (label === undefined) return process.body.label;
  return typeof label === "string" ? label : show(label);
}

/** Parent first; a dead ancestor ends the list, as what it came from is not known any more. */
function ancestorsOf(process: Process): readonly LocalPid[] {
  const ancestors: LocalPid[] = [];
  for (let parent = process.parent; parent !== undefined; parent = parent.process?.parent) ancestors.push(parent);
  return ancestors;
}
