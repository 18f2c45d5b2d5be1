/** OTP's cases of gen_event (gen_event_SUITE), written anew. */
import {
  type EventManager,
  eventHandler,
  exit,
  type GenEventExit,
  genEvent,
  isAlive,
  noreply,
  type Pid,
  reply,
  spawn,
} from "@interlock/core";
import { expect, test } from "vitest";

import { reports } from "./in-process.ts";
import { settled } from "./virtual-time.ts";

type Event = { readonly type: "add"; readonly n: number } | { readonly type: "fail" };

const Manager = genEvent<Event>({ name: "event_manager" });

const sum = eventHandler({
  name: "sum",
  init: (from: number) => from,
  event: ({ state }, event: Event) => {
    if (event.type === "fail") throw new Error("made to fail");
    return noreply(state + event.n);
  },
  call: ({ state }, _request: "sum") => reply(state),
  terminate: ({ state }, end) => ({ sum: state, end }),
});

const log = eventHandler({
  name: "log",
  init: (lines: readonly string[]) => lines,
  event: ({ state }, event: Event) => noreply([...state, event.type]),
  call: ({ state }, _request: "lines") => reply(state),
});

/** A process that adds `sum` as its own and passes on what it is told about it. */
async function ownerOf(
  manager: EventManager<Event>,
): Promise<{ readonly pid: Pid; readonly told: Promise<GenEventExit> }> {
  const told = Promise.withResolvers<GenEventExit>();
  const added = Promise.withResolvers<void>();
  const pid = spawn<GenEventExit>(async (self) => {
    await manager.addSupHandler(sum, 0);
    added.resolve();
    told.resolve(await self.receive({ type: "gen_event_EXIT" }));
    await self.receive();
  });
  await added.promise;
  return { pid, told: told.promise };
}

test("gen_event:add_sup_handler: the handler goes with its owner, and the owner is told when the handler goes", async () => {
  const manager = await Manager.start();
  const first = await ownerOf(manager);
  expect(await manager.whichHandlers()).toEqual(["sum"]);
  exit(first.pid, "boom");
  expect(await manager.whichHandlers()).toEqual([]);
  expect(isAlive(manager.pid)).toBe(true);
  const second = await ownerOf(manager);
  await manager.deleteHandler(sum);
  expect(await second.told).toEqual({ type: "gen_event_EXIT", manager: manager.pid, handler: "sum", reason: "normal" });
  const third = await ownerOf(manager);
  manager.notify({ type: "fail" });
  expect((await third.told).reason).toMatchObject({ error: { message: "made to fail" } });
  await manager.stop();
});

test("gen_event:swap_handler: the new handler begins with what the old one's terminate returned", async () => {
  const manager = await Manager.start();
  await manager.addHandler(sum, 1);
  await manager.syncNotify({ type: "add", n: 2 });
  await manager.swapHandler(sum, "swapping", log, (ended) => [[`${ended?.sum} ${JSON.stringify(ended?.end)}`]]);
  expect(await manager.whichHandlers()).toEqual(["log"]);
  manager.notify({ type: "add", n: 1 });
  expect(await manager.call(log, "lines")).toEqual(['3 {"type":"delete_handler","argument":"swapping"}', "add"]);
});

test("gen_event:sync_notify: returns when all handlers have run", async () => {
  const manager = await Manager.start();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  for (const id of ["a", "b"]) {
    const slow = eventHandler({
      name: id,
      init: () => 0,
      event: async (_ctx, _event: Event) => {
        order.push(`${id} in`);
        await gate.promise;
        order.push(`${id} out`);
        return noreply();
      },
    });
    await manager.addHandler(slow);
  }
  const done = manager.syncNotify({ type: "add", n: 1 }).then(() => order.push("returned"));
  const next = manager.whichHandlers().then(() => order.push("next"));
  await settled();
  expect(order).toEqual(["a in"]);
  gate.resolve();
  await Promise.all([done, next]);
  expect(order).toEqual(["a in", "a out", "b in", "b out", "returned", "next"]);
});

test("gen_event:call: asks one handler, and one that is not there is an error", async () => {
  const manager = await Manager.start();
  await manager.addHandler(sum, 5);
  await manager.addHandler(log, []);
  expect(await manager.call(sum, "sum")).toBe(5);
  expect(await manager.call(log, "lines")).toEqual([]);
  await expect(manager.call(sum.as("other"), "sum")).rejects.toMatchObject({
    code: "INTERLOCK_UNDEFINED_CALLBACK",
    details: { label: "event_manager", callback: "sum/other" },
  });
});

test("gen_event:crash of a handler removes only it: the others and the manager go on", async () => {
  const manager = await Manager.start();
  await manager.addHandler(sum, 0);
  await manager.addHandler(log, []);
  await manager.syncNotify({ type: "fail" });
  expect(await manager.whichHandlers()).toEqual(["log"]);
  expect(await manager.call(log, "lines")).toEqual(["fail"]);
  expect(reports.filter((report) => report.type === "warning" && report.pid === manager.pid)).toHaveLength(1);
  const broken = eventHandler({
    name: "broken",
    init: () => 0,
    event: (_ctx, _event: Event) => noreply(),
    call: (_ctx, _request: "x") => {
      throw new Error("broken call");
    },
  });
  await manager.addHandler(broken);
  await expect(manager.call(broken, "x")).rejects.toMatchObject({
    code: "INTERLOCK_CALLEE_EXIT",
    cause: { message: "broken call" },
  });
  expect(await manager.whichHandlers()).toEqual(["log"]);
});
