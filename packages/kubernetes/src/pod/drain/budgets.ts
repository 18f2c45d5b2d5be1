/** How long each part of a drain may take, and how that is made to fit into the grace that Kubernetes gives. Pure. */

export interface DrainBudgets {
  /** For the news of the pod's end to reach everybody who sends it requests. Default 5 000. */
  readonly settleMs: number;
  /** For requests in flight, while the hand-off runs. Default 30 000. */
  readonly requestsMs: number;
  /** For state to be handed to other nodes. Default 30 000. */
  readonly handoffMs: number;
  /** For what came in last, once the listeners are closed. Default 500. */
  readonly closeMs: number;
  /** For the applications to stop. Default 4 000. */
  readonly stopMs: number;
  /** For the other nodes to hear of it. Default 5 000. */
  readonly leaveMs: number;
  /** For logs and metrics. Default 500. */
  readonly flushMs: number;
}

export const defaultBudgets: DrainBudgets = {
  settleMs: 5_000,
  requestsMs: 30_000,
  handoffMs: 30_000,
  closeMs: 500,
  stopMs: 4_000,
  leaveMs: 5_000,
  flushMs: 500,
};

/** What a drain takes at most. */
export function longestDrainMs(budgets: DrainBudgets): number {
  const { closeMs, flushMs, handoffMs, leaveMs, requestsMs, settleMs, stopMs } = budgets;
  return settleMs + Math.max(requestsMs, handoffMs) + closeMs + stopMs + leaveMs + flushMs;
}

/** Of the grace, for the program to end and for clocks that differ. */
const RESERVE = 1 / 20;

/**
 * The budgets, cut until they fit into the grace. The settle time is cut last, and to no less than half of the grace: what
 * it saves are requests. What is left goes to requests and hand-off.
 */
export function fitInto(graceMs: number, budgets: DrainBudgets): DrainBudgets {
  const sliceMs = graceMs * RESERVE;
  const wholeMs = graceMs - sliceMs;
  if (longestDrainMs(budgets) <= wholeMs) return budgets;
  const settleMs = Math.min(budgets.settleMs, graceMs / 2);
  const stopMs = Math.min(budgets.stopMs, sliceMs);
  const leaveMs = Math.min(budgets.leaveMs, sliceMs);
  const closeMs = Math.min(budgets.closeMs, sliceMs / 2);
  const flushMs = Math.min(budgets.flushMs, sliceMs / 2);
  const restMs = wholeMs - settleMs - stopMs - leaveMs - closeMs - flushMs;
  return {
    settleMs,
    requestsMs: Math.min(budgets.requestsMs, restMs),
    handoffMs: Math.min(budgets.handoffMs, restMs),
    closeMs,
    stopMs,
    leaveMs,
    flushMs,
  };
}
