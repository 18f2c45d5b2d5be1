/** What a placement is, as its hosts need it: the options, checked and filled in. */
import type { AnyGenServer } from "@interlock/core";

export type HandoffMode = "move" | "snapshot" | "restart" | "none";

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
  readonly takeMs: number;
  readonly drainMs: number;
  readonly capacity: number;
}
