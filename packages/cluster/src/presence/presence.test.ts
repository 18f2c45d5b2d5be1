import {
  genServer,
  LocalNode,
  noreply,
  type Pid,
  reply,
  type Self,
  type SystemMessage,
  supervisor,
} from "@interlock/core";
import { describe, expect, test } from "vitest";

import { localAdapter } from "../pubsub/adapter.ts";
import { pubsub } from "../pubsub/pubsub.ts";
import { type PresenceChange, type PresenceEvent, presence } from "./presence.ts";
import { shown, Town, type Townhall } from "./town.fixture.ts";

async function alone(): Promise<{ readonly town: Town; readonly hall: Townhall }> {
  const town = await Town.open();
  return { town, hall: await town.add("a") };
}

/** The next items of a loop, without ending it. */
async function take<T>(from: AsyncIterator<T>, count: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < count) {
    const next = await from.next();
    if (next.done === true) break;
    items.push(next.value);
  }
  return items;
}

describe("list", () => {
  test("has the metas of each key, as they were when it was asked for", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const [ann, bob] = [hall.person(), hall.person()];
    hall.online.track(ann.pid, "room", "guest", { from: "ann" });
    hall.online.track(bob.pid, "room", "guest", { from: "bob" });
    hall.online.track(bob.pid, "hall", "bob", undefined);
    const before = hall.online.list("room");
    expect([...before]).toEqual([["guest", [{ from: "ann" }, { from: "bob" }]]]);
    expect(hall.online.list("room")).toBe(before);
    await ann.end();
    expect([...hall.online.list("room")]).toEqual([["guest", [{ from: "bob" }]]]);
    expect([...before]).toEqual([["guest", [{ from: "ann" }, { from: "bob" }]]]);
    expect(hall.online.topics()).toEqual(["room", "hall"]);
    expect([[...hall.online.list("hall")], [...hall.online.list("nowhere")]]).toEqual([[["bob", [undefined]]], []]);
  });
});

describe("track", () => {
  test("once more replaces the meta, and the end of the process ends it once", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const told = hall.follow("room");
    const ann = hall.person();
    for (const meta of [1, 2]) hall.online.track(ann.pid, "room", "ann", meta);
    expect([...hall.online.list("room")]).toEqual([["ann", [2]]]);
    await ann.end();
    hall.online.track(ann.pid, "room", "ann", 3);
    expect([hall.online.list("room").size, told]).toEqual([0, ["+ann", "-ann +ann", "-ann"]]);
  });

  test("is undone for a key, for a topic, or for all", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const { pid } = hall.person();
    for (const topic of ["red", "green", "blue"])
      for (const key of ["k", "l"]) hall.online.track(pid, topic, key, undefined);
    const keys = () => ["red", "green", "blue"].map((topic) => hall.keys(topic).join());
    expect(hall.online.untrack(pid, "red", "k")).toBe(true);
    expect([hall.online.untrack(pid, "red", "k"), hall.online.untrack(pid, "black")]).toEqual([false, false]);
    expect(keys()).toEqual(["l", "k,l", "k,l"]);
    expect(hall.online.untrack(pid, "green")).toBe(true);
    expect(keys()).toEqual(["l", "", "k,l"]);
    expect(hall.online.update(pid, "green", "k", 1)).toBe(false);
    expect(hall.online.untrack(pid)).toBe(true);
    expect([keys(), hall.online.untrack(pid)]).toEqual([["", "", ""], false]);
    expect((pid as unknown as { process: { extras?: { atExit?: Set<unknown> } } }).process.extras?.atExit?.size).toBe(
      0,
    );
  });

  test("refuses what it cannot do, and says so", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const { pid } = hall.person();
    const other = await town.add("b");
    const away = await other.at.run((self) => self.pid);
    const refused = (code: string) => expect.objectContaining({ code });
    const { online } = hall;
    expect(() => online.track(pid, "room", "ann", () => 1)).toThrow(refused("INTERLOCK_WIRE_UNENCODABLE"));
    expect(() => online.track("ann" as never, "room", "ann", 1)).toThrow(refused("INTERLOCK_BAD_ARGUMENT"));
    expect(() => online.track(pid, 1 as never, "ann", 1)).toThrow(refused("INTERLOCK_BAD_ARGUMENT"));
    expect(() => online.track(pid, "room", undefined as never, 1)).toThrow(refused("INTERLOCK_BAD_ARGUMENT"));
    expect(() => online.subscribe("room", {} as never)).toThrow(refused("INTERLOCK_BAD_ARGUMENT"));
    // A process of this program, of another one of its nodes: it is tracked there.
    online.track(away, "room", "of b", 1);
    expect([hall.keys("room"), online.list("room").size]).toEqual([[], 0]);
  });

  test("needs the child on its node, from its start until it is stopped", async () => {
    const node = new LocalNode();
    const hub = pubsub({ name: "hub", adapter: localAdapter });
    const online = presence({ name: "online", pubsub: hub, node });
    const down = expect.objectContaining({ code: "INTERLOCK_PRESENCE_DOWN" });
    const { hall, town } = await alone();
    await using _ = town;
    const ann = hall.person();
    expect(() => online.list("room")).toThrow(down);
    hall.online.track(ann.pid, "room", "ann", 1);
    await hall.at.run(() => hall.sup.terminateChild("online"));
    expect(() => hall.online.track(ann.pid, "room", "ann", 2)).toThrow(down);
    expect(() => hall.online.update(ann.pid, "room", "ann", 2)).toThrow(down);
    expect(() => hall.online.list("room")).toThrow(down);
    await hall.at.run(() => hall.sup.restartChild("online"));
    expect([...hall.online.list("room")]).toEqual([["ann", [1]]]);
    await hall.at.run(() => hall.sup.terminateChild("online"));
    expect(hall.online.untrack(ann.pid)).toBe(true);
  });
});

describe("changes", () => {
  test("begin with who is there, and then have each join and each leave once, in order", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const [ann] = hall.people("room", ["ann", "bob"]);
    const changes = hall.online.changes("room")[Symbol.asyncIterator]();
    const [cid] = hall.people("room", ["cid"]);
    hall.people("hall", ["nobody here"]);
    hall.online.update(cid?.pid as Pid, "room", "cid", "away");
    await ann?.end();
    const items = await take(changes, 4);
    expect(items.map(shown)).toEqual(["+ann +bob", "+cid", "-cid +cid", "-ann"]);
    expect(items[2]).toEqual({ joins: new Map([["cid", ["away"]]]), leaves: new Map([["cid", ["a@127.0.0.1"]]]) });
    await changes.return?.();
  });

  test("begin with nobody in an empty topic, and end with their signal after what was told before", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const { signal, abort } = ((controller) => ({ signal: controller.signal, abort: () => controller.abort() }))(
      new AbortController(),
    );
    const changes = hall.online.changes("room", { signal });
    hall.people("room", ["ann"]);
    abort();
    hall.people("room", ["bob"]);
    const told: string[] = [];
    for await (const change of changes) told.push(shown(change));
    expect(told).toEqual(["", "+ann"]);
  });

  test("end with the loop, and with the process that reads them", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const seen: string[] = [];
    const reader = hall.at.start<never>(async () => {
      for (const times of [1, Number.POSITIVE_INFINITY]) {
        let read = 0;
        for await (const change of hall.online.changes("room")) {
          seen.push(shown(change));
          if (++read === times) break;
        }
      }
    });
    hall.people("room", ["ann"]);
    await town.until(() => seen.length === 2);
    expect((await hall.statistics()).followers).toBe(1);
    await hall.end(reader.pid as Pid);
    expect((await hall.statistics()).followers).toBe(0);
    expect(seen).toEqual(["+ann", "+ann"]);
  });
});

describe("watchers", () => {
  test("hear of everything in the same order, also when one of them changes something, and no one twice", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const ann = hall.person();
    const late: string[] = [];
    const end = hall.online.watch("room", (change) => {
      if (!change.joins.has("ann")) return;
      end();
      hall.online.track(ann.pid, "room", "echo", 1);
      // It has the echo in its first item: it is not to be told of it once more.
      const changes = hall.online.changes("room")[Symbol.asyncIterator]();
      void take(changes, 2).then((items) => late.push(...items.map(shown)));
    });
    const told = hall.follow("room");
    hall.online.track(ann.pid, "room", "ann", 1);
    hall.online.track(ann.pid, "room", "more", 1);
    await town.until(() => late.length > 0);
    expect([told, late]).toEqual([
      ["+ann", "+echo", "+more"],
      ["+ann +echo", "+more"],
    ]);
  });

  test("that another one has ended are not told any more", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const ends: (() => void)[] = [];
    hall.online.watch("room", () => ends.pop()?.());
    const told: string[] = [];
    ends.push(hall.online.watch("room", (change) => void told.push(shown(change))));
    hall.people("room", ["ann"]);
    expect(told).toEqual([]);
  });

  test("that fail are reported, and hurt no other one", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    hall.online.watch("room", () => {
      throw new Error("not my day");
    });
    const told = hall.follow("room");
    const [ann] = hall.people("room", ["ann"]);
    expect([told, [...hall.online.list("room").keys()]]).toEqual([["+ann"], ["ann"]]);
    expect(hall.at.reports).toMatchObject([{ type: "warning", label: "presence online", text: "a watcher failed" }]);
    await ann?.end();
    expect(told).toEqual(["+ann", "-ann"]);
  });
});

describe("subscribers", () => {
  const Follower = genServer({
    name: "follower",
    init: (): readonly string[] => [],
    calls: {
      subscribe({ self }, to: (self: Self<unknown>) => void) {
        to(self);
        return reply("ok");
      },
      told: ({ state }) => reply(state),
    },
    info({ state }, message: SystemMessage | PresenceEvent<unknown>) {
      return message.type === "presence" ? noreply([...state, `${message.topic}: ${shown(message)}`]) : noreply();
    },
  });

  test("are sent each change once, until they unsubscribe", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const { online } = hall;
    await hall.at.run(async () => {
      const follower = await Follower.start();
      for (const topic of ["room", "room", "hall"])
        await follower.call.subscribe((self) => online.subscribe(topic, self));
      hall.people("room", ["ann"]);
      await follower.call.subscribe((self) => online.unsubscribe("room", self));
      hall.people("room", ["bob"]);
      hall.people("hall", ["cid"]);
      expect(await follower.call.told()).toEqual(["room: +ann", "hall: +cid"]);
    });
  });

  test("that have ended are forgotten", async () => {
    const { hall, town } = await alone();
    await using _ = town;
    const follower = hall.person();
    hall.online.subscribe("room", follower as never);
    expect((await hall.statistics()).followers).toBe(1);
    await follower.end();
    expect((await hall.statistics()).followers).toBe(0);
    hall.people("room", ["ann"]);
    hall.online.unsubscribe("room", follower as never);
    expect(hall.at.reports).toEqual([]);
  });
});

test("options that make no sense are refused", () => {
  const hub = pubsub({ name: "hub" });
  const refused = (option: string) =>
    expect.objectContaining({ code: "INTERLOCK_NODE_OPTION", details: expect.objectContaining({ option }) });
  expect(() => presence({ name: "", pubsub: hub })).toThrow(refused("name"));
  expect(() => presence({ name: "online", pubsub: undefined as never })).toThrow(refused("pubsub"));
  expect(() => presence({ name: "online", pubsub: hub, heartbeatMs: 0 })).toThrow(refused("heartbeatMs"));
  expect(() => presence({ name: "online", pubsub: hub, downMs: 1_500 })).toThrow(refused("downMs"));
  expect(() => presence({ name: "online", pubsub: hub, permdownMs: Number.NaN })).toThrow(refused("permdownMs"));
});

test("a program that is in no network has its own presence, on the default node", async () => {
  const online = presence<number>({ name: "lonely", pubsub: pubsub({ name: "lonely" }) });
  const sup = await supervisor({
    name: "lonely_sup",
    strategy: "one_for_one",
    children: () => [online.child()],
  }).start();
  const seen: PresenceChange<number>[] = [];
  const end = online.watch("room", (change) => void seen.push(change));
  online.track(sup.pid, "room", "ann", 1);
  expect([...online.list("room")]).toEqual([["ann", [1]]]);
  await sup[Symbol.asyncDispose]();
  end();
  expect(seen.map(shown)).toEqual(["+ann", "-ann"]);
});
