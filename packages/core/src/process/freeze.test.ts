import { expect, test } from "vitest";

import { genServer } from "../behaviour/gen-server.ts";
import { noreply, reply } from "../behaviour/reply.ts";
import { LocalNode } from "../node.ts";
import { deepFreeze } from "./freeze.ts";
import { localPid } from "./pid.ts";
import { deliverMessage, send } from "./send.ts";
import { spawn, spawnProcess } from "./spawn.ts";

const fresh = () => ({ list: [{ n: 1 }, [2]], inner: { deep: { deeper: true } } });

test("plain objects and arrays are frozen to the bottom", () => {
  const value = fresh();
  deepFreeze(value);
  for (const part of [value, value.list, value.list[0], value.list[1], value.inner, value.inner.deep])
    expect(Object.isFrozen(part)).toBe(true);
});

test("class instances, Map, Set and views stay as they are, and so does what only they hold", () => {
  class Account {
    readonly owner = { name: "Ada" };
  }
  const parts = {
    account: new Account(),
    map: new Map([["key", { n: 1 }]]),
    set: new Set([1]),
    view: new Uint8Array(2),
    date: new Date(0),
    call: () => undefined,
  };
  deepFreeze(parts);
  expect(Object.isFrozen(parts)).toBe(true);
  for (const part of Object.values(parts)) expect(Object.isFrozen(part)).toBe(false);
  expect(Object.isFrozen(parts.account.owner)).toBe(false);
  parts.view[0] = 7;
  expect(parts.view[0]).toBe(7);
});

test("cycles, objects without a prototype and values that are no objects are no trouble", () => {
  const cycle: { self?: unknown } = Object.create(null) as object;
  cycle.self = cycle;
  deepFreeze(cycle);
  expect(Object.isFrozen(cycle)).toBe(true);
  for (const value of [undefined, null, 1, "text", Symbol("symbol"), 1n]) deepFreeze(value);
});

test("what is sent, called and cast is frozen, so that who shares an object finds out where it is written", async () => {
  const Store = genServer({
    name: "store",
    init: (): readonly unknown[] => [],
    calls: { keep: ({ state }, value: unknown) => reply("kept", [...state, value]) },
    casts: { drop: (_ctx, _value: unknown) => noreply([]) },
  });
  const store = await Store.start();
  const sent = [fresh(), fresh(), fresh()] as const;
  send(
    spawn<unknown>(() => undefined),
    sent[0],
  );
  await store.call.keep(sent[1]);
  store.cast.drop(sent[2]);
  for (const value of sent) {
    expect(() => {
      value.inner.deep.deeper = false;
    }).toThrow(TypeError);
    expect(() => value.list.push([3])).toThrow(TypeError);
  }
});

test("a node may pass messages as they are", () => {
  const node = new LocalNode({ freeze: false });
  const process = spawnProcess(node, () => undefined, undefined, false, undefined);
  const message = fresh();
  deliverMessage(process, message);
  expect(Object.isFrozen(message)).toBe(false);
  expect(localPid(process.pid).process).toBe(process);
});
