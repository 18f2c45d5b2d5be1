/**
 * What parts of this package keep with a node's processes rather than with one network: a program may join a network after
 * its first process groups are there, leave it and join again.
 */
import type { LocalNode } from "@interlock/core";
import type { Process } from "@interlock/core/distribution";
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

/** From now on messages of other nodes reach `process` in the exact profile. */
export function useTerms(process: Process): void {
  exact.add(process);
}

export function takesTerms(process: Process): boolean {
  return exact.has(process);
}
