/** What a platform knows of one of its nodes. A value: each thing that happens makes a new one. */
import type { NodeState } from "./platform.ts";

/** One life of a node: from the start of its process to its end. */
export interface Life {
  readonly startedMs: number;
  readonly said: "nothing" | "ready" | "draining";
  /** How often it was told to end, and when last. */
  readonly told: number;
  readonly toldMs: number;
  /** A SIGKILL is on its way. */
  readonly killed: boolean;
}

export interface NodeRecord {
  readonly id: string;
  readonly life: Life | undefined;
  /** Ends in a row that nobody had asked for. */
  readonly crashes: number;
  /** When the last life ended. */
  readonly endedMs: number;
  /** Starts after such an end, in all. */
  readonly restarts: number;
}

export function newRecord(id: string): NodeRecord {
  return { id, life: undefined, crashes: 0, endedMs: 0, restarts: 0 };
}

export function started(record: NodeRecord, nowMs: number): NodeRecord {
  return {
    ...record,
    life: { startedMs: nowMs, said: "nothing", told: 0, toldMs: 0, killed: false },
    restarts: record.crashes > 0 ? record.restarts + 1 : record.restarts,
  };
}

/** What a node says is not taken back: one that drains is not ready again. */
export function said(record: NodeRecord, what: "ready" | "draining"): NodeRecord {
  return withLife(record, ({ said: before }) => ({ said: before === "draining" ? before : what }));
}

export function signalled(record: NodeRecord, signal: "SIGTERM" | "SIGKILL", nowMs: number): NodeRecord {
  if (signal === "SIGKILL") return withLife(record, () => ({ killed: true }));
  return withLife(record, ({ told }) => ({ told: told + 1, toldMs: nowMs }));
}

/** A life that lasted `stableMs` makes up for the crashes before it. */
export function ended(record: NodeRecord, stableMs: number, nowMs: number): NodeRecord {
  const { life } = record;
  if (life === undefined) return record;
  const before = nowMs - life.startedMs >= stableMs ? 0 : record.crashes;
  return { ...record, life: undefined, crashes: life.told > 0 ? 0 : before + 1, endedMs: nowMs };
}

/** Its crashes are forgotten: somebody wants it started now. */
export function pardoned(record: NodeRecord): NodeRecord {
  return { ...record, crashes: 0 };
}

export function stateOf({ crashes, life }: NodeRecord, wanted: boolean): NodeState {
  if (life === undefined) {
    if (!wanted) return "stopped";
    return crashes > 0 ? "failed" : "starting";
  }
  if (life.told > 0 || life.said === "draining") return "draining";
  return life.said === "ready" ? "ready" : "starting";
}

function withLife(record: NodeRecord, change: (life: Life) => Partial<Life>): NodeRecord {
  const { life } = record;
  return life === undefined ? record : { ...record, life: { ...life, ...change(life) } };
}
