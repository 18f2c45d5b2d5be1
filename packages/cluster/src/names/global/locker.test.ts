import type { NodeName } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { describe, expect, test } from "vitest";

import { GroupName as Term } from "../../groups/group-name.ts";
import type { LockerMessage } from "./events.ts";
import { locker } from "./locker.ts";
import { GLOBAL } from "./records.ts";
import type { GlobalRequest } from "./requests.ts";
import { type Replies, RunningScript } from "./script.ts";
import { GlobalState } from "./state.ts";

function pidOf(name: NodeName, id = 1): LocalPid {
  return new RemotePid({ name, index: name.charCodeAt(0), route: undefined }, id, 0);
}

const [mine, his] = [pidOf("b@h"), pidOf("c@h")];

/** A locker of b that knows a, and everything that it does. */
class Stage {
  readonly done: string[] = [];
  readonly #alarms = new Map<() => void, number>();
  readonly #answers: (() => void)[] = [];
  readonly running: RunningScript<LockerMessage, never>;
  /** Nodes that refuse the lock. */
  readonly refusing = new Set<NodeName>();

  constructor() {
    const state = new GlobalState({
      self: () => "b@h",
      locker: () => mine,
      creation: 1,
      preventOverlappingPartitions: true,
    });
    const nodes = new Map<NodeName, number>([["a@h", 8]]);
    const lock = { resource: GLOBAL, requester: new Term([pidOf("a@h"), mine]) };
    const known = { type: "new_nodes", node: "a@h", operations: [], external: [], nodes, version: 8, lock } as const;
    state.handle({ type: "message", message: known, nowMs: 0 });
    const script = locker({
      state,
      pid: mine,
      random: () => 0,
      tell: (to, { isSet, tag }) => this.done.push(`tell ${to} ${isSet} ${tag}`),
      locked: (node) => this.done.push(`locked ${node}`),
      stuck: (node, _tag, isLocked) => this.done.push(`stuck ${node} ${isLocked}`),
      announce: (effects) => this.done.push(`announce ${effects.length}`),
    });
    this.running = new RunningScript(script, {
      call: (to, request, answered) => this.#call(to, request, answered),
      after: (delayMs, ring) => {
        this.#alarms.set(ring, delayMs);
        return { cancel: () => (this.#alarms.delete(ring) ? 0 : undefined) };
      },
    });
  }

  #call(to: readonly NodeName[], { type }: GlobalRequest, answered: (replies: Replies) => void): void {
    this.done.push(`${type} ${to.join()}`);
    this.#answers.push(() => answered(new Map(to.map((node) => [node, !this.refusing.has(node)]))));
  }

  hear(message: LockerMessage): readonly string[] {
    this.running.push(message);
    return this.settle();
  }

  settle(): readonly string[] {
    for (let next = this.#answers.shift(); next !== undefined; next = this.#answers.shift()) next();
    return this.done.splice(0);
  }

  /** The time that it waits is over. */
  ring(delayMs: number): readonly string[] {
    const [[ring, waited] = []] = this.#alarms;
    expect(waited).toBe(delayMs);
    if (ring !== undefined) {
      this.#alarms.delete(ring);
      ring();
    }
    return this.settle();
  }
}

const him = { type: "his_locker", node: "c@h", locker: his, version: 8, hisTag: 7, myTag: 1 } as const;
const lockSet = { type: "lock_set", locker: his, isSet: true, known: [], tag: 1 } as const;
const cancel = { type: "cancel", node: "c@h", tag: 1, announce: [] } as const;

describe("a locker", () => {
  test("locks the boss, then itself and the other node, and gives the lock back in the end, the boss last", () => {
    const stage = new Stage();
    expect(stage.hear(him)).toEqual([]);
    expect(stage.ring(1_100)).toEqual(["set_lock b@h", "set_lock c@h", "set_lock a@h", "tell c@h true 7"]);
    expect(stage.hear(lockSet)).toEqual(["locked c@h"]);
    expect(stage.hear({ ...cancel, announce: [{ type: "warn", text: "" }] })).toEqual([
      "announce 1",
      "del_lock b@h,a@h",
      "del_lock c@h",
    ]);
  });

  test("answers a lock that is set by locking its own partition", () => {
    const stage = new Stage();
    stage.hear(him);
    expect(stage.hear(lockSet)).toEqual(["set_lock b@h", "set_lock a@h", "tell c@h true 7", "locked c@h"]);
    expect(stage.hear(cancel)).toEqual(["announce 0", "del_lock a@h", "del_lock b@h"]);
  });

  test("gives back what it has when it cannot have all, says so, and tries again later", () => {
    const stage = new Stage();
    stage.refusing.add("a@h");
    stage.hear(him);
    expect(stage.hear(lockSet)).toEqual(["set_lock b@h", "set_lock a@h", "del_lock b@h", "tell c@h false 7"]);
    stage.refusing.clear();
    stage.refusing.add("c@h");
    expect(stage.ring(1_100)).toEqual(["set_lock b@h", "set_lock c@h", "del_lock b@h"]);
    stage.refusing.clear();
    expect(stage.ring(1_100).at(-1)).toBe("tell c@h true 7");
    expect(stage.hear({ ...lockSet, isSet: false })).toEqual(["del_lock b@h,a@h", "del_lock c@h"]);
  });

  test("refuses one that it does not know, and one of another attempt, without the tag", () => {
    const stage = new Stage();
    expect(stage.hear(lockSet)).toEqual([`tell ${his} false undefined`]);
    stage.hear(him);
    expect(stage.hear({ ...lockSet, tag: 99 })).toEqual([`tell ${his} false undefined`]);
    // Version 7 has no tags.
    expect(stage.hear({ ...lockSet, tag: undefined }).at(-1)).toBe("locked c@h");
  });

  test("says when the other side keeps all waiting, and goes on when the attempt is given up", () => {
    const stage = new Stage();
    stage.hear(him);
    stage.ring(1_100);
    expect(stage.hear({ ...lockSet, tag: 99 })).toEqual([]);
    expect(stage.ring(10_000)).toEqual(["stuck c@h false"]);
    expect(stage.hear(cancel)).toEqual(["announce 0", "del_lock b@h,a@h", "del_lock c@h"]);
    stage.hear(him);
    expect(stage.hear(lockSet).at(-1)).toBe("locked c@h");
    expect(stage.ring(120_000)).toEqual(["stuck c@h true"]);
    expect(stage.hear(cancel).at(-1)).toBe("del_lock b@h");
  });

  test("forgets one whose attempt was given up before its turn", () => {
    const stage = new Stage();
    stage.hear(him);
    expect(stage.hear({ ...cancel, tag: 99 })).toEqual([]);
    expect(stage.hear(cancel)).toEqual([]);
    expect(stage.hear({ ...lockSet, isSet: false })).toEqual([]);
    expect(stage.hear(lockSet)).toEqual([`tell ${his} false undefined`]);
  });
});
