/**
 * What a platform does next, as a function of what is wanted, what is there, and the time. Level-based: it may be asked
 * at any moment, as often as one likes, and never needs to know what has just happened.
 */
import type { NodeRecord } from "./node-record.ts";

export interface Limits {
  /** Milliseconds that a node has to end politely. Default 10 000. */
  readonly graceMs: number;
  /** The same once it has been told twice. Default 2 000. */
  readonly hurryMs: number;
  /** Milliseconds that a node has to say that it is ready; then it is killed, which counts as a crash. Default 60 000. */
  readonly startupMs: number;
  /** Milliseconds of pause: none after a first crash, this after a second one, then twice as long each time. Default 1 000. */
  readonly pauseMs: number;
  /** Default 30 000. */
  readonly longestPauseMs: number;
  /** Milliseconds that a node must have run for its crashes to be forgotten. Default 60 000. */
  readonly stableMs: number;
}

/** The pauses are the kubelet's (10 s, 5 min, 10 min), shorter, for somebody who waits at a terminal. */
export const defaultLimits: Limits = {
  graceMs: 10_000,
  hurryMs: 2_000,
  startupMs: 60_000,
  pauseMs: 1_000,
  longestPauseMs: 30_000,
  stableMs: 60_000,
};

export interface Desired {
  /** Nodes that are not named are to end and to be forgotten. */
  readonly nodes: ReadonlyMap<string, "running" | "stopped">;
  /** How nodes are ended: told once, told twice with little time, or killed. */
  readonly haste: 0 | 1 | 2;
}

export type Action =
  | { readonly type: "start"; readonly id: string }
  | { readonly type: "signal"; readonly id: string; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly type: "forget"; readonly id: string };

export interface Plan {
  readonly actions: readonly Action[];
  /** When to ask again although nothing has happened by then. */
  readonly wakeMs: number | undefined;
}

export function plan(
  { haste, nodes }: Desired,
  observed: ReadonlyMap<string, NodeRecord>,
  nowMs: number,
  limits: Limits,
): Plan {
  const actions: Action[] = [];
  let wakeMs: number | undefined;
  const at = (dueMs: number, action: Action): void => {
    if (dueMs <= nowMs) actions.push(action);
    else wakeMs = Math.min(wakeMs ?? dueMs, dueMs);
  };
  for (const [id, want] of nodes) {
    const record = observed.get(id);
    if (want === "running" && record?.life === undefined)
      at(record === undefined ? nowMs : startDueMs(record, limits), { type: "start", id });
  }
  for (const [id, { life }] of observed) {
    const want = nodes.get(id);
    if (life === undefined) {
      if (want === undefined) actions.push({ type: "forget", id });
      continue;
    }
    if (life.killed) continue; // Its end is near.
    const kill: Action = { type: "signal", id, signal: "SIGKILL" };
    // Wanted again after it was told to end: it ends first, and is started then.
    const toEnd = want !== "running" || life.told > 0;
    if (!toEnd) {
      if (life.said === "nothing") at(life.startedMs + limits.startupMs, kill);
    } else if (haste === 2) actions.push(kill);
    else if (life.told <= haste) actions.push({ type: "signal", id, signal: "SIGTERM" });
    else at(life.toldMs + (life.told === 1 ? limits.graceMs : limits.hurryMs), kill);
  }
  return { actions, wakeMs };
}

/** When a node that has ended is started again. */
export function startDueMs({ crashes, endedMs }: NodeRecord, { longestPauseMs, pauseMs }: Limits): number {
  if (crashes === 0) return -Infinity;
  const pause = crashes === 1 ? 0 : Math.min(longestPauseMs, pauseMs * 2 ** Math.min(crashes - 2, 30));
  return endedMs + pause;
}
