/**
 * What parts of this package keep with a node's processes rather than with one network: a program may join a network after
 * its first process groups are there, leave it and join again.
 */
import type { LocalNode } from "@interlock/core";
import type { Process } from "@interlock/core/distribution";
import { departure } from "./halt.ts";
import type { NodeEvent } from "./net-kernel.ts";

type NodeWatcher = (event: NodeEvent) => void;

const watching = new WeakMap<LocalNode, Set<NodeWatcher>>();
const exact = new WeakSet<Process>();

/** Has `watcher` told of other nodes' coming and going, whatever network `local` is part of. @returns what ends it. */
export function watchNodesOf(local: LocalNode, watcher: NodeWatcher): () => void {
  const watchers = watching.get(local) ?? new Set();
  watching.set(local, watchers);
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function watchersOf(local: LocalNode): Iterable<NodeWatcher> {
  return watching.get(local) ?? [];
}

const stoodDown = new WeakSet<LocalNode>();

/** The node goes soon: it keeps what it holds until then, and is to be given nothing else. */
export function standDown(local: LocalNode): void {
  stoodDown.add(local);
}

export function hasStoodDown(local: LocalNode): boolean {
  return stoodDown.has(local);
}

/** It is part of a network again. */
export function arrived(local: LocalNode): void {
  stoodDown.delete(local);
  departure.goOn(local);
}

/** From now on messages of other nodes reach `process` in the exact profile. */
export function useTerms(process: Process): void {
  exact.add(process);
}

export function takesTerms(process: Process): boolean {
  return exact.has(process);
}
