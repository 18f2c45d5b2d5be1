/** What a placement is, as its hosts need it: the options, checked and filled in. */
import type { AnyGenServer } from "@interlock/core";

export type HandoffMode = "move" | "snapshot" | "restart" | "none";

/** Where a state is kept for which no other node could be found in time. */
export interface PlacementStore {
  /** What `snapshot` gave of the key's state, or the state itself when it is moved as it is. */
  save(key: string, saved: unknown): Promise<void>;
  /** What was saved for the key, once: who starts it afresh begins with that. Undefined: nothing. */
  load(key: string): Promise<unknown>;
}

export interface PlacementPlan {
  readonly name: string;
  readonly server: AnyGenServer;
  /** Of the server's module; `0` for none. */
  readonly version: string;
  readonly args: (key: string) => readonly unknown[];
  readonly handoff: HandoffMode;
  readonly snapshot?: (state: unknown) => unknown;
  readonly restore?: (packed: unknown, key: string) => unknown;
  readonly restart: "transient" | "temporary";
  readonly intensity: number;
  readonly periodMs: number;
  readonly shutdownMs: number;
  readonly concurrency: number;
  readonly priority: (key: string) => number;
  readonly rebalance: boolean;
  readonly eager: boolean;
  readonly store?: PlacementStore;
  readonly takeMs: number;
  readonly drainMs: number;
  readonly capacity: number;
}
