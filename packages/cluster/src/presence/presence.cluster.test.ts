import { exit, type Pid, remote, type Self, send, supervisor, sys } from "@interlock/core";
import { describe, expect, test } from "vitest";

import { pubsub } from "../pubsub/pubsub.ts";
import { presence } from "./presence.ts";
import { Town } from "./town.fixture.ts";

describe("three nodes", () => {
  test("all see who joins, changes and leaves, by itself and by the end of its process", async () => {
    await using town = await Town.open();
    const [a, b, c] = await town.three();
    const [ann, bob] = [a.person(), b.person()];
    a.online.track(ann.pid, "room", "ann", { device: "phone" });
    a.online.track(ann.pid, "room", "guest", 1);
    b.online.track(bob.pid, "room", "guest", 2);
    await town.settle();
    for (const { online } of town.halls) {
      expect(online.list("room").get("ann")).toEqual([{ device: "phone" }]);
      expect(new Set(online.list("room").get("guest"))).toEqual(new Set([1, 2]));
    }
    const told = c.follow("room");
    expect(a.online.update(ann.pid, "room", "ann", { device: "web" })).toBe(true);
    await town.settle();
    expect(a.online.untrack(ann.pid, "room", "guest")).toBe(true);
    await town.settle();
    await ann.end();
    await town.settle();
    expect(told).toEqual(["-ann +ann", "-guest", "-ann"]);
    for (const { online } of town.halls) expect([...online.list("room")]).toEqual([["guest", [2]]]);
  });

  test("are told at once what happens in one turn as one change, without those who came and went in it", async () => {
    await using town = await Town.open();
    const [a, b] = await town.three();
    const told = b.follow("room");
    const [ann] = a.people("room", ["ann", "bob", "cid"]);
    a.online.untrack(ann?.pid as Pid);
    await town.settle();
    expect(told).toEqual(["+bob +cid"]);
  });

  test.each([
    ["joins", false],
    ["starts its presence", true],
  ])("one that %s late has what the others have, with no heartbeat in between", async (_what, late) => {
    await using town = await Town.withoutTime();
    const a = await town.add("a");
    const b = await town.add("b");
    a.people("room", ["ann"]);
    b.people("room", ["bob"]);
    const c = await town.add("c", { late });
    expect(c.keys("room")).toEqual(["ann", "bob"]);
    c.people("room", ["cid"]);
    await town.settle();
    expect(town.keys("room")).toEqual([
      ["ann", "bob", "cid"],
      ["ann", "bob", "cid"],
      ["ann", "bob", "cid"],
    ]);
  });

  test("a node that is gone takes its entries with it, and each of them leaves once", async () => {
    await using town = await Town.withoutTime();
    const [a, b, c] = await town.three();
    a.people("room", ["ann"]);
    c.people("room", ["cid", "cleo"]);
    c.people("hall", ["cid"]);
    await town.settle();
    const [room, hall] = [b.follow("room"), b.follow("hall")];
    await town.crash(c);
    expect(town.keys("room")).toEqual([["ann"], ["ann"]]);
    await town.settle();
    await town.pass(60_000, 30_000);
    expect([room, hall]).toEqual([["-cid -cleo"], ["-cid"]]);
  });

  test("agree after a cut in which both sides went on, and one that comes back joins once", async () => {
    await using town = await Town.withoutTime();
    const [a, b, c] = await town.three();
    const [ann] = a.people("room", ["ann", "bob"]);
    const [cid] = c.people("room", ["cid", "cleo"]);
    await town.settle();
    const [atB, atC] = [b.follow("room"), c.follow("room")];
    await town.cut(c);
    expect(town.keys("room")).toEqual([
      ["ann", "bob"],
      ["ann", "bob"],
      ["cid", "cleo"],
    ]);
    await ann?.end();
    a.people("room", ["dan"]);
    c.online.untrack(cid?.pid as Pid);
    c.people("room", ["eve"]);
    await town.settle([a, b]);
    await town.mend(c);
    const all = ["bob", "cleo", "dan", "eve"];
    expect(town.keys("room")).toEqual([all, all, all]);
    expect(atB).toEqual(["-cid -cleo", "-ann", "+dan", "+cleo +eve"]);
    expect(atC).toEqual(["-ann -bob", "-cid", "+eve", "+bob +dan"]);
  });

  test("a node that is replaced over and over leaves nothing behind, and nobody has anything to ask afterwards", async () => {
    await using town = await Town.withoutTime({ permdownMs: 60_000 });
    const a = await town.add("a");
    const b = await town.add("b");
    const keysOf = (life: number): string[] => Array.from({ length: 60 }, (_, at) => `${life}/${at}`).sort();
    const told = a.follow("room");
    a.people("room", ["ann"]);
    for (let life = 0; life < 4; life++) {
      const c = await town.add("c");
      c.people("room", keysOf(life));
      await town.settle();
      const all = [...keysOf(life), "ann"];
      expect(town.keys("room")).toEqual([all, all, all]);
      await town.crash(c);
      expect(town.keys("room")).toEqual([["ann"], ["ann"]]);
    }
    const c = await town.add("c");
    await town.pass(3_000, 1_500);
    const questions = await Promise.all(town.halls.map((hall) => hall.statistics()));
    await town.pass(9_000, 1_500);
    expect(await Promise.all(town.halls.map((hall) => hall.statistics()))).toEqual(questions);
    expect(questions.map(({ away, up }) => [up, away])).toEqual([
      [2, 4],
      [2, 4],
      [2, 0],
    ]);
    expect(told.join(" ").split(" ").sort()).toEqual(
      [0, 1, 2, 3]
        .flatMap(keysOf)
        .flatMap((key) => [`+${key}`, `-${key}`])
        .concat("+ann")
        .sort(),
    );
    expect([b, c].map(({ at }) => at.reports)).toEqual([[], []]);
    await town.pass(60_000, 15_000);
    expect((await a.statistics()).away).toBe(0);
  });

  test("one that is stopped says goodbye, and says what it has when it is started again", async () => {
    await using town = await Town.withoutTime();
    const [a, b, c] = await town.three();
    a.people("room", ["ann"]);
    const [cid, cleo] = c.people("room", ["cid", "cleo"]);
    await town.settle();
    const told = b.follow("room");
    const { clock } = await c.statistics();
    await c.at.run(() => c.sup.terminateChild("online"));
    await town.settle();
    expect(a.keys("room")).toEqual(["ann"]);
    await cid?.end();
    await c.at.run(() => c.sup.restartChild("online"));
    // One more than the leave: should the goodbye arrive after this, it is known to be an old one.
    expect((await c.statistics()).clock).toBe(clock + 2);
    await town.settle();
    expect(town.keys("room")).toEqual([
      ["ann", "cleo"],
      ["ann", "cleo"],
      ["ann", "cleo"],
    ]);
    expect(told).toEqual(["-cid -cleo", "+cleo"]);
    await cleo?.end();
    await town.settle();
    expect(b.keys("room")).toEqual(["ann"]);
  });
});

describe("a process of a presence that crashes", () => {
  test("loses nothing: what is tracked, what the others told, and what happened meanwhile", async () => {
    await using town = await Town.withoutTime();
    const [a, b, c] = await town.three();
    const [ann] = a.people("room", ["ann", "anton"]);
    b.people("room", ["bob"]);
    await town.settle();
    const [atA, atC] = [a.follow("room"), c.follow("room")];
    await a.kill();
    a.people("room", ["abe"]);
    await ann?.end();
    expect(a.keys("room")).toEqual(["abe", "anton", "bob"]);
    b.people("room", ["ben"]);
    await town.settle();
    const all = ["abe", "anton", "ben", "bob"];
    expect(town.keys("room")).toEqual([all, all, all]);
    expect(atA).toEqual(["+abe", "-ann", "+ben"]);
    expect(atC.join(" ").split(" ").sort()).toEqual(["+abe", "+ben", "-ann"]);
  });

  test("goes on telling the others what happens, though it crashed when it was about to", async () => {
    await using town = await Town.withoutTime();
    const [a, b] = await town.three();
    const pid = a.at.local.names.get("online")?.pid as Pid;
    await a.at.run(() => {
      a.people("room", ["ann"]);
      exit(pid, "kill");
    });
    await town.settle();
    a.people("room", ["bob"]);
    await town.settle();
    expect(b.keys("room")).toEqual(["ann", "bob"]);
  });

  test("has nobody leave, also when it fails by itself", async () => {
    await using town = await Town.withoutTime();
    const [a, b] = await town.three();
    a.people("room", ["ann"]);
    await town.settle();
    const told = b.follow("room");
    const pid = a.at.local.names.get("online")?.pid as Pid;
    await a.at.run(async () => {
      await sys.replaceState(pid, (running: { hear?: () => void }) =>
        Object.assign(running, {
          hear() {
            delete running.hear;
            throw new Error("not my day");
          },
        }),
      );
      send(pid, "anything" as never);
    });
    await town.settle();
    expect(a.at.reports).toMatchObject([{ type: "crash" }, {}]);
    a.people("room", ["bob"]);
    await town.settle();
    expect(told).toEqual(["+bob"]);
  });
});

describe("a heartbeat", () => {
  test("finds what was missed", async () => {
    await using town = await Town.withoutTime();
    const [a, b, c] = await town.three();
    const [ann] = a.people("room", ["ann", "bob"]);
    await town.settle();
    a.deaf = true;
    await ann?.end();
    a.people("room", ["cid"]);
    await town.settle();
    a.deaf = false;
    a.people("room", ["dan"]);
    const [atB, atC] = [b.follow("room"), c.follow("room")];
    await town.settle();
    expect([atB, atC]).toEqual([["-ann +cid +dan"], ["-ann +cid +dan"]]);
    a.deaf = true;
    a.people("room", ["eve"]);
    await town.settle();
    expect(b.keys("room")).not.toContain("eve");
    a.deaf = false;
    await town.pass(1_500);
    expect(town.keys("room")).toEqual(new Array(3).fill(["bob", "cid", "dan", "eve"]));
  });

  test("that does not come makes entries leave after a while, and one that comes again brings them back", async () => {
    await using town = await Town.withoutTime({ downMs: 10_000 });
    const [a, b, c] = await town.three();
    c.people("room", ["cid"]);
    await town.settle();
    const told = b.follow("room");
    c.deaf = true;
    await town.pass(9_000, 1_500);
    expect([a.keys("room"), told]).toEqual([["cid"], []]);
    await town.pass(3_000);
    expect([a.keys("room"), told]).toEqual([[], ["-cid"]]);
    c.deaf = false;
    await town.pass(1_500);
    expect([a.keys("room"), told]).toEqual([["cid"], ["-cid", "+cid"]]);
  });
});

describe("10 000 entries", () => {
  const keys = Array.from({ length: 10_000 }, (_, at) => `k${String(at).padStart(4, "0")}`);

  test("reach one that joins, and what changes meanwhile reaches it too", async () => {
    await using town = await Town.open();
    const a = await town.add("a");
    const people = a.people("room", keys);
    const b = await town.add("b");
    a.online.untrack(people[0]?.pid as Pid);
    for (const { pid } of people.slice(1, 100)) a.online.untrack(pid);
    a.people("room", ["late"]);
    await town.until(() => b.online.list("room").has("late"));
    expect(b.keys("room")).toEqual([...keys.slice(100), "late"]);
  });

  test("are told in parts of a bounded size", async () => {
    await using town = await Town.open();
    const a = await town.add("a");
    const b = await town.add("b");
    a.people("room", keys);
    const sizes = await b.at.run(async (self: Self<unknown>) => {
      const ask = { type: "presence_ask", from: self.pid, replica: "b/test", clock: 0, ref: 7, have: 0 };
      send(remote("online", a.at.name), ask as never);
      for (const parts: number[] = []; ; ) {
        const answer = (await self.receive({ type: "presence_answer" } as never)) as never as {
          joins: readonly unknown[];
          last: boolean;
        };
        parts.push(answer.joins.length);
        if (answer.last) return parts;
      }
    });
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(keys.length);
    expect([sizes.length > 3, Math.max(...sizes) < 5_000]).toEqual([true, true]);
  });
});

test("presences of other names, and of other PubSubs, do not hear of each other", async () => {
  await using town = await Town.open();
  const a = await town.add("a");
  const b = await town.add("b");
  const others = await Promise.all(
    [a, b].map(({ at }, index) =>
      at.run(async () => {
        const other = presence({ name: "other", pubsub: pubsub({ name: `other ${index}` }), node: at.local });
        const children = () => [other.child()];
        await supervisor({ name: "others", strategy: "one_for_one", children }).start();
        return other;
      }),
    ),
  );
  a.people("room", ["ann"]);
  others[0]?.track(a.person().pid, "room", "other", 1);
  await town.settle();
  expect(town.keys("room")).toEqual([["ann"], ["ann"]]);
  expect(others.map((other) => other.list("room").size)).toEqual([1, 0]);
});

test("what other nodes say and nobody can read is reported now and then, and changes nothing", async () => {
  await using town = await Town.withoutTime();
  const a = await town.add("a");
  const b = await town.add("b");
  b.people("room", ["bob"]);
  await town.settle();
  const pid = a.at.local.names.get("online")?.pid;
  const from = b.at.local.names.get("probe")?.pid as Pid;
  const says = { from, replica: "x/1" };
  const strange: readonly unknown[] = [
    null,
    "text",
    [],
    { type: "presence_clock" },
    { type: "presence_clock", ...says, clock: -1 },
    { type: "presence_clock", ...says, replica: 7, clock: 1 },
    { type: "presence_gone", ...says, clock: 1.5 },
    { type: "presence_delta", ...says, after: 0, upTo: 1 },
    { type: "presence_delta", ...says, after: 2, upTo: 1, joins: [], leaves: [] },
    { type: "presence_delta", ...says, after: 0, upTo: 1, joins: [[1, "room"]], leaves: [] },
    { type: "presence_delta", ...says, after: 0, upTo: 1, joins: [[2, "room", "x", 1]], leaves: [] },
    { type: "presence_delta", ...says, after: 0, upTo: 1, joins: [], leaves: ["1"] },
    { type: "presence_ask", ...says, clock: 1, ref: 1 },
    { type: "presence_answer", ...says, ref: 1, after: 0, upTo: 1, joins: [], leaves: [] },
    { type: "presence_of_a_later_version", ...says },
  ];
  await b.at.run(() => {
    for (const message of strange) send(remote("online", a.at.name), message as never);
  });
  await town.settle();
  expect(a.at.reports).toMatchObject([
    { type: "warning", label: "presence online", text: "got a message that it cannot read", details: null },
  ]);
  await town.pass(60_000, 1_500);
  await b.at.run(() => send(remote("online", a.at.name), "more" as never));
  await town.settle();
  expect(a.at.reports.slice(1)).toMatchObject([
    { text: `got a message that it cannot read, and ${strange.length - 1} before it`, details: "more" },
  ]);
  expect([a.keys("room"), (await a.statistics()).up, b.at.reports]).toEqual([["bob"], 1, []]);
  expect(a.at.local.names.get("online")?.pid).toBe(pid);
});
