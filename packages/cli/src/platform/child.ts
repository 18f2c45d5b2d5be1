/**
 * A node's side of its platform: what it was given, and how it says how it is. Without a platform all of it is inert, so
 * that the same program runs alone.
 */
import type { NodeName } from "@interlock/core";
import type { NodeControl, PlatformNode } from "./platform.ts";

/** What the platform gave to this node. */
export interface LaunchedNode {
  readonly id: string;
  readonly name: NodeName;
  readonly cookie: string;
  /** The name server that all nodes of this platform share: `createNode({ epmd })`. */
  readonly epmd: { readonly host: string; readonly port: number };
}

/** What this node was given by its platform; undefined when it was started by hand. */
export function launchedNode(): LaunchedNode | undefined {
  return undefined;
}

/** Says that this node serves at `url`: from now on it gets visitors. Nothing without a platform. */
export function ready(_serving: { readonly url: string }): void {}

/** Says that this node ends soon: no new visitors from now on, those that it has stay. Nothing without a platform. */
export function draining(): void {}

/** What a node may ask its platform for: to see all nodes, and to act on them. */
export interface PlatformClient extends NodeControl {
  /** **Errors** `INTERLOCK_PLATFORM_REQUEST` */
  nodes(): Promise<readonly PlatformNode[]>;
}

/** The platform that runs this node; undefined when it was started by hand. */
export function platform(): PlatformClient | undefined {
  return undefined;
}
