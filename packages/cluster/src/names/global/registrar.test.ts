import type { NodeName } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import { expect, test } from "vitest";

import { GroupName as Term } from "../../groups/group-name.ts";
import { GLOBAL } from "./records.ts";
import { type Registered, type RegistrationOrder, registrar } from "./registrar.ts";
import { type Replies, RunningScript } from "./script.ts";
import { GlobalState } from "./state.ts";

const pidOf = (name: NodeName, id: number): LocalPid =>
  new RemotePid({ name, index: name.charCodeAt(0), route: undefined }, id, 0);
const mine = pidOf("a@h", 1);

test("a registration locks the boss, then all; whoever comes to be known meanwhile is locked as well; others wait", () => {
  const state = new GlobalState({
    self: () => "a@h",
    locker: () => mine,
    creation: 1,
    preventOverlappingPartitions: true,
  });
  const meet = (node: NodeName): void => {
    const lock = { resource: GLOBAL, requester: new Term([mine]) };
    const nodes = new Map([[node, 8]]);
    const met = { type: "new_nodes", node, operations: [], external: [], nodes, version: 8, lock } as const;
    state.handle({ type: "message", message: met, nowMs: 0 });
  };
  meet("b@h");
  const done: string[] = [];
  const open: (() => void)[] = [];
  const refusing = new Set<NodeName>();
  let pausedMs = 0;
  const running = new RunningScript<RegistrationOrder, never>(registrar({ state, pid: mine, random: () => 0.5 }), {
    call: (nodes, { type }, answered: (replies: Replies) => void) => {
      done.push(`${type} ${nodes.join()}`);
      open.push(() => answered(new Map(nodes.map((node) => [node, !refusing.has(node)]))));
    },
    after: (delayMs, ring) => {
      pausedMs = delayMs;
      open.push(ring);
      return { cancel: () => undefined };
    },
  });
  const next = (times = 1): readonly string[] => {
    for (let time = 0; time < times; time++) open.shift()?.();
    return done.splice(0);
  };
  const results: Registered[] = [];
  const order = (id: number): RegistrationOrder => {
    const entry = { name: new Term("x"), pid: pidOf("a@h", id), method: atom("m"), via: undefined };
    return { registration: { type: "register", entry }, done: (result) => void results.push(result) };
  };

  running.push(order(7));
  running.push(order(8));
  expect(next(0)).toEqual(["set_lock b@h"]);
  expect(next()).toEqual(["set_lock a@h,b@h"]);
  meet("c@h");
  expect(next(), "all that was locked is given back").toEqual(["del_lock a@h"]);
  expect([next(), pausedMs]).toEqual([["del_lock b@h"], 0]);
  expect([next(), pausedMs]).toEqual([[], 63]);
  refusing.add("b@h");
  expect(next()).toEqual(["set_lock c@h"]);
  expect(next()).toEqual(["set_lock a@h,b@h,c@h"]);
  expect(next()).toEqual(["del_lock a@h,c@h"]);
  expect(next()).toEqual(["del_lock c@h"]);
  refusing.clear();
  expect([next(), next()]).toEqual([[], ["set_lock c@h"]]);
  expect(pausedMs, "twice as long").toBe(126);
  expect([next(), next(), next(), next()]).toEqual([
    ["set_lock a@h,b@h,c@h"],
    ["register a@h,b@h,c@h"],
    ["del_lock a@h,b@h"],
    ["del_lock c@h"],
  ]);
  expect([next(), results]).toEqual([["set_lock c@h"], [{ type: "yes" }]]);
});
