/** Whether a pod is started and ready, from what is known of it. Pure. */

export interface Reason {
  readonly check: string;
  readonly reason: string;
}

/** A subtree that the program is of no use without. */
export interface CriticalChild {
  readonly id: string;
  /** `busy`: its supervisor does not answer now; `unknown`: there is none of that name. */
  readonly status: "running" | "restarting" | "stopped" | "busy" | "unknown";
}

export interface PodFacts {
  /** Whether the applications have been started. */
  readonly isStarted: boolean;
  readonly critical: readonly CriticalChild[];
  /** What checks of the program's own have found wrong. */
  readonly problems: readonly Reason[];
  /** Whether the listeners are being closed. Before that a pod that drains is as ready as before. */
  readonly isClosing: boolean;
  /** How many periods in a row the event loop has been late for more than its limit. */
  readonly latePeriods: number;
  readonly delayMs: number;
}

export interface Verdict {
  readonly ok: boolean;
  readonly reasons: readonly Reason[];
}

const reasons = {
  restarting: "it is being restarted",
  stopped: "it is stopped",
  busy: "its supervisor is starting something",
  unknown: "no root supervisor has such a child",
} as const;

/** One late period is a pause of the garbage collector. */
const LATE_PERIODS = 3;

export function startup({ isStarted }: Pick<PodFacts, "isStarted">): Verdict {
  return verdict(isStarted ? [] : [{ check: "started", reason: "the applications are being started" }]);
}

export function readiness(facts: PodFacts): Verdict {
  const { critical, delayMs, isClosing, isStarted, latePeriods, problems } = facts;
  return verdict([
    ...startup({ isStarted }).reasons,
    ...(isClosing ? [{ check: "closing", reason: "this pod has drained, and its listeners are closed" }] : []),
    ...critical
      .filter(({ status }) => status !== "running")
      .map(({ id, status }) => ({ check: id, reason: reasons[status as keyof typeof reasons] })),
    ...problems,
    ...(latePeriods >= LATE_PERIODS
      ? [{ check: "event_loop", reason: `it has been late for ${latePeriods} periods, lately by ${delayMs} ms` }]
      : []),
  ]);
}

function verdict(reasons: readonly Reason[]): Verdict {
  return { ok: reasons.length === 0, reasons };
}
