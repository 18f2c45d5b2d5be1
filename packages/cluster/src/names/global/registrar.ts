/** Registering names: each change under the lock of the whole partition, one after the other. */
import type { NodeName } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { GroupName as Term } from "../../groups/group-name.ts";
import { backOff, bossOf, type LockView, tryLock, unlockAll } from "./locking.ts";
import type { LockId } from "./locks.ts";
import type { GlobalEntry } from "./name-table.ts";
import { GLOBAL } from "./records.ts";
import { call, receive, type Script } from "./script.ts";

export interface RegistrarView extends LockView {
  /** The process that holds the lock. */
  readonly pid: LocalPid;
}

export type Registration =
  | { readonly type: "register" | "re_register"; readonly entry: GlobalEntry }
  | { readonly type: "unregister"; readonly name: Term };

export type Registered =
  | { readonly type: "yes" }
  | { readonly type: "taken"; readonly by: LocalPid }
  | { readonly type: "named"; readonly name: Term };

export interface RegistrationOrder {
  readonly registration: Registration;
  readonly done: (result: Registered) => void;
}

type RegistrarScript<R> = Script<RegistrationOrder, R>;

export function* registrar(view: RegistrarView): RegistrarScript<never> {
  const lock = { resource: GLOBAL, requester: new Term(view.pid) };
  for (;;) {
    const order = yield* receive<RegistrationOrder>();
    if (order === undefined) continue;
    const nodes = yield* lockKnown(view, lock);
    const result = yield* carryOut(view, order.registration, nodes);
    yield* unlockAll(nodes, lock);
    order.done(result);
  }
}

/** @returns the nodes that are locked: all of this partition. */
function* lockKnown(view: RegistrarView, lock: LockId): RegistrarScript<readonly NodeName[]> {
  for (let times = 0; ; times++) {
    const { known, self } = view.state;
    const nodes = [self, ...known];
    const boss = bossOf(nodes);
    if (yield* tryLock(view, lock, [boss])) {
      const isLocked = yield* tryLock(view, lock, nodes);
      // Whoever has come to be known meanwhile is not locked.
      if (isLocked && view.state.known.every((node) => known.includes(node))) return nodes;
      yield* unlockAll(isLocked ? nodes : [boss], lock);
    }
    yield* backOff(view, times);
  }
}

function* carryOut(
  view: RegistrarView,
  registration: Registration,
  nodes: readonly NodeName[],
): RegistrarScript<Registered> {
  if (registration.type === "unregister") {
    yield* call(nodes, { type: "unregister", name: registration.name });
    return { type: "yes" };
  }
  const { entry } = registration;
  if (registration.type === "register") {
    const by = view.state.whereis(entry.name);
    if (by !== undefined) return { type: "taken", by };
    // OTP: a process has one name.
    const [named] = view.state.names.of(entry.pid);
    if (named !== undefined) return { type: "named", name: named.name };
  }
  yield* call(nodes, { type: "register", entry });
  return { type: "yes" };
}
