/**
 * Stopping a child: `"shutdown"`, its time, then `"kill"`; or `"kill"` at once. The supervisor unlinks first and waits
 * for the end itself, so that the child's EXIT is not taken for a failure. Synchronous for a child that does not trap exits.
 */
import type { ChildOptions } from "../behaviour/child-spec.ts";
import { atExit, exitSignal } from "../process/exit.ts";
import { type ExitReason, isNormalEnd } from "../process/exit-reason.ts";
import { unlink } from "../process/link.ts";
import { SIGNAL } from "../process/mailbox.ts";
import type { LocalPid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import type { Exit } from "../process/signal.ts";
import type { MaybePromise } from "./sequence.ts";

export type ShutdownMs = NonNullable<ChildOptions["shutdownMs"]>;

/**
 * The exits that a supervisor has not heard of yet, as they wait in its mailbox. A child that is to be stopped may be
 * found dead: OTP reports it with the reason of its own end. One reading serves a whole group.
 */
export class WaitingExits {
  readonly #supervisor: Process;
  #reasons: ReadonlyMap<LocalPid, ExitReason> | undefined = undefined;

  constructor(supervisor: Process) {
    this.#supervisor = supervisor;
  }

  /** `noproc` for a child that had unlinked itself before it ended. */
  reasonOf(child: LocalPid): ExitReason {
    if (this.#reasons?.has(child) !== true) this.#reasons = this.#read();
    return this.#reasons.has(child) ? this.#reasons.get(child) : "noproc";
  }

  #read(): ReadonlyMap<LocalPid, ExitReason> {
    const reasons = new Map<LocalPid, ExitReason>();
    for (let at = this.#supervisor.head; at !== undefined; at = at.next) {
      const message = at.payload as Exit;
      if (at.kind === SIGNAL && message.type === "EXIT") reasons.set(message.from as LocalPid, message.reason);
    }
    return reasons;
  }
}

/** Ends `child`. @returns its exit reason. */
export function shutDown(
  supervisor: Process,
  child: LocalPid,
  shutdownMs: ShutdownMs,
  waiting: WaitingExits = new WaitingExits(supervisor),
): MaybePromise<ExitReason> {
  const process = child.process;
  unlink(supervisor, child);
  if (process === undefined) return waiting.reasonOf(child);
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

/** Whether an end under shutdown is worth a report. OTP: of a permanent child every end is that was not asked for. */
export function isOddShutdown(reason: ExitReason, shutdownMs: ShutdownMs, permanent: boolean): boolean {
  if (reason === (shutdownMs === "brutal_kill" ? "killed" : "shutdown")) return false;
  return permanent || !isNormalEnd(reason);
}
