/**
 * What static and dynamic supervisors share: the process that traps exits, answers operations, reports, counts
 * restarts and gives up.
 */

import type { Restart } from "../behaviour/child-spec.ts";
import { GenBody } from "../behaviour/gen.ts";
import type { InlineCall, PendingCall } from "../process/call.ts";
import { atExit } from "../process/exit.ts";
import { type ExitReason, isNormalEnd } from "../process/exit-reason.ts";
import { CALL, Envelope, INLINE_CALL, SIGNAL } from "../process/mailbox.ts";
import { LocalPid } from "../process/pid.ts";
import { type Process, TRAP_EXIT } from "../process/process.ts";
import type { Exit } from "../process/signal.ts";
import type { SupervisorReport } from "../report/report.ts";
import type { Flags } from "./flags.ts";
import type { RestartHistory } from "./restart-intensity.ts";
import { after, type MaybePromise } from "./sequence.ts";
import { isOddShutdown, type ShutdownMs } from "./shutdown.ts";

/** What every supervisor's state has. */
export interface Supervision {
  flags: Flags;
  readonly history: RestartHistory;
}

/** What an operation answers: a value, or an error for its caller alone. */
export type Answer = { readonly value: unknown } | { readonly error: Error };

/** A restart that failed to start is due again. A signal, not a cast: no mailbox bound may drop it, and nobody else can send it. */
class TryAgain {
  readonly child: unknown;
  readonly counts: boolean;

  constructor(child: unknown, counts: boolean) {
    this.child = child;
    this.counts = counts;
  }
}

/** As a reason when restarts come too fast. @see supervisor's shutdown report */
const TOO_FAST: ExitReason = "reached_max_restart_intensity";

export abstract class SupervisorBody<State extends Supervision> extends GenBody {
  abstract override readonly label: string;
  /** Makes the state and starts the first children. */
  protected abstract setUp(
    process: Process,
    args: readonly unknown[],
  ): MaybePromise<State | "ignore" | { readonly stop: ExitReason }>;
  protected abstract operate(process: Process, operation: string, args: readonly unknown[]): MaybePromise<Answer>;
  protected abstract childExited(process: Process, child: LocalPid, reason: ExitReason): MaybePromise<unknown>;
  /** Retries a restart that failed to start; `counts` against the intensity. */
  protected abstract tryAgain(process: Process, child: unknown, counts: boolean): MaybePromise<unknown>;
  protected abstract stopChildren(process: Process): MaybePromise<unknown>;

  init(process: Process, args: readonly unknown[]): unknown {
    process.flags |= TRAP_EXIT;
    return this.setUp(process, args);
  }

  ready(process: Process, result: unknown): true | "ignore" | { readonly stop: ExitReason } {
    if (result === "ignore") return result;
    if ("stop" in (result as object)) return result as { stop: ExitReason };
    process.state = result;
    return true;
  }

  invoke(process: Process, envelope: Envelope): unknown {
    const { args, kind, payload } = envelope;
    if (kind === CALL || kind === INLINE_CALL) return this.operate(process, payload as string, args ?? []);
    if (kind === SIGNAL) {
      if (payload instanceof TryAgain)
        return after(this.tryAgain(process, payload.child, payload.counts), () => undefined);
      const { from, reason, type } = payload as Exit;
      if (type === "EXIT") return after(this.childExited(process, from as LocalPid, reason), () => undefined);
    }
    this.unexpected(process, args === undefined ? payload : [payload, ...args]);
    return undefined;
  }

  apply(_process: Process, envelope: Envelope, result: unknown): void {
    if (envelope.kind !== CALL && envelope.kind !== INLINE_CALL) return;
    const answer = result as Answer;
    if ("error" in answer)
      (envelope.kind === CALL ? (envelope as PendingCall) : (envelope as InlineCall).pending(_process)).fail(
        answer.error,
      );
    else (envelope as PendingCall | InlineCall).reply(answer.value);
  }

  terminate(process: Process, _reason: ExitReason): unknown {
    return process.state === undefined ? undefined : this.stopChildren(process);
  }

  codeChange(_process: Process, _oldVersion: string, _replacement: unknown): unknown {
    return undefined;
  }

  getState(process: Process): unknown {
    return process.state;
  }

  status(process: Process): unknown {
    return process.state;
  }

  setState(process: Process, state: unknown): void {
    process.state = state;
  }

  protected stateOf(process: Process): State {
    return process.state as State;
  }

  /** Counts a restart. False when the supervisor gives up: it is stopping then. */
  protected mayRestart(process: Process, childId: string, child: LocalPid | undefined, restart: Restart): boolean {
    const state = this.stateOf(process);
    const { intensity, periodMs } = state.flags;
    if (state.history.allows(process.node.runtime.clock.now(), intensity, periodMs)) return true;
    this.report(process, "shutdown", TOO_FAST, childId, child, restart);
    this.stop(process, "shutdown");
    return false;
  }

  /**
   * Has `tryAgain` called after what already waits, so that a child that cannot start blocks nobody. When a name was
   * taken, it is by what a killed supervisor left behind: then as soon as that has ended, or the few tries that the
   * intensity allows would be spent before the orphan gets to run at all.
   */
  protected later(process: Process, child: unknown, reason: ExitReason): void {
    const again = (counts: boolean): void => {
      process.deliver(new Envelope(SIGNAL, new TryAgain(child, counts), undefined));
    };
    const holder = holderOf(reason)?.process;
    if (holder === undefined) return again(true);
    // What comes then is the restart that was counted already, delayed.
    const ended = (): void => {
      limit.cancel();
      again(false);
    };
    const limit = process.node.after(LONGEST_WAIT_FOR_NAME_MS, () => {
      holder.extras?.atExit?.delete(ended);
      again(true);
    });
    atExit(holder, ended);
  }

  protected report(
    process: Process,
    context: SupervisorReport["context"],
    reason: ExitReason,
    childId: string,
    childPid: LocalPid | undefined,
    restart: Restart,
  ): void {
    process.node.report({
      type: "supervisor",
      supervisor: process.extras?.name ?? this.label,
      supervisorPid: process.pid,
      context,
      reason,
      childId,
      childPid,
      restart,
      at: process.node.runtime.clock.wallTime(),
    });
  }

  protected progress(process: Process, childId: string, childPid: LocalPid): void {
    if (!process.node.wantsProgress) return;
    process.node.report({
      type: "progress",
      supervisor: process.extras?.name ?? this.label,
      supervisorPid: process.pid,
      childId,
      childPid,
      at: process.node.runtime.clock.wallTime(),
    });
  }

  protected reportOddShutdown(
    process: Process,
    reason: ExitReason,
    shutdownMs: ShutdownMs,
    childId: string,
    child: LocalPid,
    restart: Restart,
  ): void {
    if (isOddShutdown(reason, shutdownMs, restart === "permanent"))
      this.report(process, "shutdown_error", reason, childId, child, restart);
  }

  protected unexpected(process: Process, message: unknown): void {
    process.node.report({
      type: "warning",
      pid: process.pid,
      label: this.label,
      text: "a supervisor got a message that is none of its own",
      details: message,
      at: process.node.runtime.clock.wallTime(),
    });
  }
}

/** After this the name counts as taken for good, and the restart as failed once more. */
const LONGEST_WAIT_FOR_NAME_MS = 1_000;

/** Who had the name that a child, or a child of that child, was to be started with. */
function holderOf(reason: ExitReason): LocalPid | undefined {
  if (typeof reason !== "object" || reason === null) return undefined;
  const { already_started, shutdown } = reason as { already_started?: unknown; shutdown?: unknown };
  if (already_started instanceof LocalPid) return already_started;
  if (typeof shutdown !== "object" || shutdown === null) return undefined;
  return holderOf((shutdown as { reason?: ExitReason }).reason);
}

/** Whether a child with this restart type comes back after this reason. */
export function comesBack(restart: Restart, reason: ExitReason): boolean {
  return restart === "permanent" || (restart === "transient" && !isNormalEnd(reason));
}
