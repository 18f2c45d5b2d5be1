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

/** Somebody who takes part in something by its node's network, and not without it. */
export interface Participant {
  /** The node is about to leave. What is held on its behalf is given up before others find it gone. */
  leaving(): Promise<void>;
  /** It is part of a network again. */
  joined(): void;
}

const participants = new WeakMap<LocalNode, Set<Participant>>();
const departed = new WeakSet<LocalNode>();
const stoodDown = new WeakSet<LocalNode>();

/** @returns what ends it. */
export function takePart(local: LocalNode, participant: Participant): () => void {
  const all = participants.get(local) ?? new Set();
  participants.set(local, all);
  all.add(participant);
  return () => all.delete(participant);
}

/** Resolves when all have given up what they hold. */
export async function departing(local: LocalNode): Promise<void> {
  departed.add(local);
  await Promise.all([...(participants.get(local) ?? [])].map((one) => one.leaving()));
}

export function arrived(local: LocalNode): void {
  departed.delete(local);
  stoodDown.delete(local);
  for (const one of participants.get(local) ?? []) one.joined();
}

/** The node goes soon: it keeps what it holds until then, and is to be given nothing else. */
export function standDown(local: LocalNode): void {
  stoodDown.add(local);
}

export function hasStoodDown(local: LocalNode): boolean {
  return stoodDown.has(local);
}

/** Whether the node was part of a network and is not any more. */
export function hasDeparted(local: LocalNode): boolean {
  return departed.has(local);
}

/** Work of which there is one in the whole cluster. */
export interface UniqueWork {
  /** The node may not do it any more. Resolves when it has ended here. */
  suspend(): Promise<void>;
  /** The node may do it again. */
  resume(): void;
}

const uniqueWork = new WeakMap<LocalNode, Set<UniqueWork>>();
const suspended = new WeakSet<LocalNode>();

/** @returns what ends it. */
export function doUnique(local: LocalNode, work: UniqueWork): () => void {
  const all = uniqueWork.get(local) ?? new Set();
  uniqueWork.set(local, all);
  all.add(work);
  return () => all.delete(work);
}

/** Resolves when all unique work has ended here. */
export async function suspendUnique(local: LocalNode): Promise<void> {
  suspended.add(local);
  await Promise.all([...(uniqueWork.get(local) ?? [])].map((one) => one.suspend()));
}

export function resumeUnique(local: LocalNode): void {
  suspended.delete(local);
  for (const one of uniqueWork.get(local) ?? []) one.resume();
}

/** Whether the node is cut off from the side of its cluster that goes on, as far as it knows. */
export function isSuspended(local: LocalNode): boolean {
  return suspended.has(local);
}

/** From now on messages of other nodes reach `process` in the exact profile. */
export function useTerms(process: Process): void {
  exact.add(process);
}

export function takesTerms(process: Process): boolean {
  return exact.has(process);
}
