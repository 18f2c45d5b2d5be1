/** Taking and giving back a lock on several nodes at once. */
import type { NodeName } from "@interlock/core";
import type { LockId } from "./locks.ts";
import { call, pause, type Script } from "./script.ts";
import type { GlobalState } from "./state.ts";

/** What a script may look at of its own node. */
export interface LockView {
  readonly state: GlobalState;
  /** From 0 up to 1. */
  random(): number;
}

/**
 * Tries once. When one node refuses, those that have granted it get it back; one that cannot be reached is none of them.
 *
 * @returns whether it is held on all.
 */
export function* tryLock<M>({ state }: LockView, lock: LockId, nodes: readonly NodeName[]): Script<M, boolean> {
  // A look at this node's own table first: asking others in vain is dear.
  if (nodes.length > 1 && nodes.includes(state.self) && !state.locks.isFree(lock)) return false;
  const replies = yield* call(nodes, { type: "set_lock", lock });
  if ([...replies.values()].every((granted) => granted)) return true;
  yield* unlock(
    [...replies].flatMap(([node, granted]) => (granted ? [node] : [])),
    lock,
  );
  return false;
}

export function* unlock<M>(nodes: readonly NodeName[], lock: LockId): Script<M, void> {
  yield* call(nodes, { type: "del_lock", lock });
}

/** The boss last: whoever wants the lock asks it first, and shall then find the others free. */
export function* unlockAll<M>(nodes: readonly NodeName[], lock: LockId): Script<M, void> {
  const boss = bossOf(nodes);
  yield* unlock(
    nodes.filter((node) => node !== boss),
    lock,
  );
  yield* unlock([boss], lock);
}

/** Of all nodes that want a lock the one that each asks first. Erlang's greatest atom; node names are ASCII. */
export function bossOf(nodes: readonly NodeName[]): NodeName {
  return nodes.toSorted().at(-1) as NodeName;
}

/** Waits before trying again: a quarter of a second at most at first, then twice as long each time, 8 s at the end. */
export function* backOff<M>(view: LockView, times: number): Script<M, void> {
  const mostMs = times > 5 ? 8_000 : 125 * 2 ** times;
  yield* pause(1 + Math.floor(view.random() * mostMs));
}
