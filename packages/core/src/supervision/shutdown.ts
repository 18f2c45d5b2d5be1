/**
 * Stopping a child: `"shutdown"`, its time, then `"kill"`; or `"kill"` at once. The supervisor unlinks first and waits
 * for the end itself, so that the child's EXIT is not taken for a failure. Synchronous for a child that does not trap exits.
 */
import type { ChildOptions } from "../behaviour/child-spec.ts";
import { atExit, exitSignal } from "../process/exit.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import { unlink } from "../process/link.ts";
import type { LocalPid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import type { MaybePromise } from "./sequence.ts";

export type ShutdownMs = NonNullable<ChildOptions["shutdownMs"]>;

/** Ends `child`. @returns its exit reason; `noproc` when it was gone already. */
export function shutDown(supervisor: Process, child: LocalPid, shutdownMs: ShutdownMs): MaybePromise<ExitReason> {
  const process = child.process;
  unlink(supervisor, child);
  if (process === undefined) return "noproc";
  if (shutdownMs === "brutal_kill") {
    exitSignal(supervisor.pid, process, "kill");
    return "killed";
  }
  if (shutdownMs !== "infinity") process.more().shutdownMs = shutdownMs;
  exitSignal(supervisor.pid, process, "shutdown");
  if (!process.alive) return process.exitReason;
  return new Promise((resolve) => {
    const limit =
      shutdownMs === "infinity"
        ? undefined
        : supervisor.node.after(shutdownMs, () => exitSignal(supervisor.pid, process, "kill"));
    atExit(process, (reason) => {
      limit?.cancel();
      resolve(reason);
    });
  });
}

/** Whether an end under shutdown is worth a report. OTP: `normal` is, of a permanent child. */
export function isOddShutdown(reason: ExitReason, shutdownMs: ShutdownMs, permanent: boolean): boolean {
  if (reason === "noproc") return false;
  if (shutdownMs === "brutal_kill") return reason !== "killed";
  if (reason === "shutdown") return false;
  if (typeof reason === "object" && reason !== null && "shutdown" in reason) return false;
  return reason !== "normal" || permanent;
}
