/**
 * Finding nodes: what a strategy is. It tells, over and over, the whole set of nodes that it sees (its level, not what has
 * changed); a set that was missed is made good by the next one.
 *
 * An error is never an empty set: a strategy that cannot tell rejects, and what it said last stands. Nothing that a
 * strategy says ends a connection: discovery adds candidates, membership alone removes members.
 */
import type { Clock, LocalNode, NodeName } from "@interlock/core";
import type { Address, Ports } from "../ports.ts";

/** What a strategy is given to look with. */
export interface DiscoveryContext {
  /** The node that looks. */
  readonly node: NodeName;
  /** Where a strategy's own processes run, if it has any. */
  readonly local: LocalNode;
  readonly ports: Ports;
  readonly clock: Clock;
  /** The name server of the node's machine. */
  readonly epmd: Address;
  /** Ends the look: too much time has passed, or the node leaves. */
  readonly signal: AbortSignal;
}

interface Strategy {
  /** In reports. */
  readonly name: string;
  /** Takes back what it has put somewhere for others to find this node. */
  readonly leave?: (context: DiscoveryContext) => Promise<void>;
}

/** Looks when asked. Rejects when it cannot tell, or not all. */
export interface LookupDiscovery extends Strategy {
  readonly lookup: (context: DiscoveryContext) => Promise<Iterable<NodeName>>;
}

/** Tells by itself. Each value is the whole set; when it throws or ends, that is an error and it is begun again. */
export interface WatchDiscovery extends Strategy {
  readonly watch: (context: DiscoveryContext) => AsyncIterable<Iterable<NodeName>>;
}

export type Discovery = LookupDiscovery | WatchDiscovery;
