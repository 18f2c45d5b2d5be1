/**
 * The locker: for each node that wants to connect it locks this partition, in concert with the other side's locker, and holds
 * the lock until the names are exchanged. One node at a time; who waits, waits.
 *
 * Both sides ask in the name of both lockers, so that nodes of both partitions grant it to both, and each locks its own side and
 * the other node: nobody of the other partition can lock it meanwhile for anyone else.
 */
import type { NodeName } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { GroupName as Term } from "../../groups/group-name.ts";
import type { GlobalEffect, LockerMessage } from "./events.ts";
import { bossOf, type LockView, tryLock, unlock, unlockAll } from "./locking.ts";
import type { LockId } from "./locks.ts";
import type { LockSet, Tag } from "./messages.ts";
import { inErlangsOrder } from "./pid-order.ts";
import { GLOBAL } from "./records.ts";
import { receive, type Script } from "./script.ts";

export interface LockerView extends LockView {
  /** This node's locker, as others know it. */
  readonly pid: LocalPid;
  /** To the other side's server, or to its locker itself. */
  tell(to: NodeName | LocalPid, message: LockSet): void;
  locked(node: NodeName, tag: Tag, lock: LockId): void;
  /** The other side keeps this one waiting, and all nodes that it has locked. */
  stuck(node: NodeName, tag: Tag, isLocked: boolean): void;
  announce(effects: readonly GlobalEffect[]): void;
}

type Him = Extract<LockerMessage, { readonly type: "his_locker" }>;
type LockerScript<R> = Script<LockerMessage, R>;

// OTP waits for ever, and so do all its nodes when an attempt has ended on one side only.
/** For the other side to have locked its partition, once this one has. */
const ANSWER_MS = 10_000;
/** For the names to be exchanged, and conflicts settled. */
const EXCHANGE_MS = 120_000;

/** Lockers say with a tag which attempt they mean from this version on. */
const TAGGED_VERSION = 8;

export function* locker(view: LockerView): LockerScript<never> {
  let waiting: readonly Him[] = [];
  let justSynced = false;
  for (;;) {
    const message: LockerMessage | undefined = yield* receive(patience(view, waiting, justSynced));
    justSynced = false;
    if (message === undefined) {
      if (view.state.locks.of(GLOBAL) !== undefined) continue;
      waiting = waiting.filter(({ node }) => !view.state.known.includes(node));
      const him: Him | undefined = waiting[Math.floor(view.random() * waiting.length)];
      if (him === undefined) continue;
      const end = yield* approach(view, him);
      justSynced = end === "synced";
      if (end !== "refused") waiting = waiting.filter((one) => one !== him);
    } else if (message.type === "his_locker") waiting = [...waiting, message];
    else if (message.type === "cancel") waiting = without(waiting, message.node, message.tag);
    else if (message.isSet) {
      const him: Him | undefined = waiting.find(({ node }) => node === message.locker.node);
      if (him === undefined || (message.tag !== undefined && message.tag !== him.myTag)) {
        view.tell(message.locker, said(view, false, undefined));
        continue;
      }
      justSynced = yield* answer(view, him);
      if (justSynced) waiting = without(waiting, him.node, him.myTag);
    }
  }
}

/**
 * How long the others may come first. OTP: greater than zero, or a node that has just failed would hardly ever let another
 * one of its partition have the lock.
 */
function patience(view: LockerView, waiting: readonly Him[], justSynced: boolean): number | undefined {
  if (waiting.length === 0) return undefined;
  if (justSynced) return 0;
  const { known } = view.state;
  const leastMs = known.length === 0 ? 200 : Math.min(1_000 + 100 * known.length, 3_000);
  // Not all for the same time: two nodes of each of two partitions could be in each other's way for ever, all in step.
  return leastMs + Math.floor((view.random() * leastMs) / 4);
}

function without(waiting: readonly Him[], node: NodeName, tag: Tag): readonly Him[] {
  return waiting.filter((him) => him.node !== node || him.myTag !== tag);
}

/** This side begins. */
function* approach(view: LockerView, him: Him): LockerScript<"synced" | "refused" | "cancelled"> {
  const { myTag, node } = him;
  const lock = lockOf(view, him);
  if (!(yield* lockPartition(view, lock, [node]))) return "refused";
  const nodes = [view.state.self, node, ...view.state.known];
  view.tell(node, said(view, true, him));
  for (;;) {
    const message = yield* receive<LockerMessage>(
      ANSWER_MS,
      (one) =>
        (one.type === "cancel" && one.node === node && one.tag === myTag) ||
        (one.type === "lock_set" && one.locker.node === node),
    );
    if (message === undefined) view.stuck(node, myTag, false);
    if (message?.type === "cancel") {
      yield* release(view, lock, nodes, message.announce);
      return "cancelled";
    }
    // One with another tag is of an earlier attempt.
    if (message?.type !== "lock_set" || (message.tag !== undefined && message.tag !== myTag)) continue;
    if (message.isSet) {
      yield* hold(view, him, lock, nodes);
      return "synced";
    }
    yield* unlockAll(nodes, lock);
    return "refused";
  }
}

/** The other side has begun, and has locked its partition. @returns whether the names were exchanged, or will not be. */
function* answer(view: LockerView, him: Him): LockerScript<boolean> {
  const lock = lockOf(view, him);
  const isSet = yield* lockPartition(view, lock, []);
  view.tell(him.node, said(view, isSet, him));
  if (isSet) yield* hold(view, him, lock, [view.state.self, ...view.state.known]);
  return isSet;
}

/** Both sides are locked: the server exchanges the names, and says when that is done. */
function* hold(view: LockerView, him: Him, lock: LockId, nodes: readonly NodeName[]): LockerScript<void> {
  const { myTag, node } = him;
  view.locked(node, myTag, lock);
  for (;;) {
    const over = yield* receive<LockerMessage>(
      EXCHANGE_MS,
      (one) => one.type === "cancel" && one.node === node && one.tag === myTag,
    );
    if (over?.type === "cancel") return yield* release(view, lock, nodes, over.announce);
    view.stuck(node, myTag, true);
  }
}

/** What is announced reaches every node before the lock is free there. */
function* release(
  view: LockerView,
  lock: LockId,
  nodes: readonly NodeName[],
  announce: readonly GlobalEffect[],
): LockerScript<void> {
  view.announce(announce);
  yield* unlockAll(nodes, lock);
}

/** The boss first, then this node (and the other one), then everybody. */
function* lockPartition(view: LockerView, lock: LockId, others: readonly NodeName[]): LockerScript<boolean> {
  const boss = bossOf([view.state.self, ...view.state.known]);
  if (boss !== view.state.self && !view.state.locks.isFree(lock)) return false;
  if (!(yield* tryLock(view, lock, [boss]))) return false;
  const near = [view.state.self, ...others].filter((node) => node !== boss);
  if (!(yield* tryLock(view, lock, near))) {
    yield* unlock([boss], lock);
    return false;
  }
  const rest = view.state.known.filter((node) => node !== boss);
  if (yield* tryLock(view, lock, rest)) return true;
  yield* unlock([boss, ...near], lock);
  return false;
}

function lockOf({ pid }: LockerView, him: Him): LockId {
  return { resource: GLOBAL, requester: new Term(inErlangsOrder([pid, him.locker])) };
}

function said({ pid, state }: LockerView, isSet: boolean, him: Him | undefined): LockSet {
  const tag = him !== undefined && him.version >= TAGGED_VERSION ? him.hisTag : undefined;
  return { type: "lock_set", locker: pid, isSet, known: state.known, tag };
}
