/** How a PubSub reaches other nodes: the part that can be exchanged. */
import type { LocalNode } from "@interlock/core";

/** Brings what is broadcast to the PubSub of the same name on other nodes. */
export interface PubSubAdapter {
  /** Called once for a PubSub on a node, before its first subscription or broadcast. */
  start(options: PubSubAdapterOptions): PubSubLink;
}

export interface PubSubAdapterOptions {
  /** The PubSub's. */
  readonly name: string;
  readonly node: LocalNode;
  /** To be called with each message of another node. Does not throw. */
  readonly deliver: (topic: string, message: unknown) => void;
  /** To be called when a node can be reached that could not before, by an adapter that hears of it. Does not throw. */
  readonly reached: () => void;
}

export interface PubSubLink {
  /** To every other node; must not wait for any of them. Throws for a message that cannot be sent at all. */
  broadcast(topic: string, message: unknown): void;
}

/** For a program of one node, and for tests. */
export const localAdapter: PubSubAdapter = { start: () => ({ broadcast: () => undefined }) };
