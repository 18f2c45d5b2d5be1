/** Placements of real nodes, over sockets. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  exit,
  genServer,
  isError,
  local,
  monitor,
  noreply,
  type Pid,
  reply,
  type SystemMessage,
  send,
  sendWait,
  stop,
  trySend,
  whereis,
} from "@interlock/core";
import { describe, expect, test } from "vitest";
import { TestCluster } from "../node/nodes.fixture.ts";
import { until } from "../node/until.fixture.ts";
import { hostName } from "./host.ts";
import { placement } from "./placement.ts";
import { known, type Site, site, sites } from "./sites.fixture.ts";

interface Log {
  readonly key: string;
  readonly entries: readonly string[];
}

const Room = genServer({
  name: "room",
  version: "1",
  init: (key: string): Log => {
    if (key === "cursed") throw new Error("never this one");
    return { key, entries: [`${key} began`] };
  },
  calls: {
    entries: ({ state }) => reply(state.entries),
    add({ state }, text: string) {
      const entries = [...state.entries, text];
      return reply(entries.length, { ...state, entries });
    },
    close: () => stop("normal", { value: "closed" }),
  },
  casts: {
    put: ({ state }, text: string) => noreply({ ...state, entries: [...state.entries, text] }),
    crash(): never {
      throw new Error("a room crashed");
    },
  },
  info: () => noreply(),
});

const rooms = placement({ name: "rooms", server: Room, args: (key: string) => [key], handoff: "move" });

/** Lets the init of the next slow book go on. */
let begin: (() => void) | undefined;

const Slow = genServer({
  name: "slow",
  init: async (): Promise<readonly string[]> => {
    await new Promise<void>((resolve) => {
      begin = resolve;
    });
    return [];
  },
  calls: { entries: ({ state }) => reply(state) },
  casts: { put: ({ state }, entry: string) => noreply([...state, entry]) },
  info: ({ state }, message: SystemMessage | string) =>
    typeof message === "string" ? noreply([...state, message]) : noreply(),
});
const slowOptions = { server: Slow, args: (): [] => [], handoff: "none" as const };
const slow = placement({ name: "slow", ...slowOptions });

function reports(those: readonly Site[]): readonly unknown[] {
  return those.flatMap(({ at }) => at.reports.map((report) => ("text" in report ? report.text : report.type)));
}

/** A key that is placed on the node of `on`. */
async function keyOn(on: Site, all: readonly Site[]): Promise<string> {
  for (let number = 1; ; number++) {
    const key = `room ${number}`;
    await (all[0] as Site).at.run(() => rooms.at(key).call.entries());
    if ((await on.at.run(() => rooms.whereis(key)?.node)) === on.at.name) return key;
  }
}

describe("placed processes", () => {
  test("are started by their first use, on one node, and reached from all", async () => {
    await using nodes = await TestCluster.make();
    const all = await sites(nodes, ["a", "b", "c"], rooms);
    const [a, b, c] = all as [Site, Site, Site];
    expect(await a.at.run(() => rooms.whereis("town"))).toBeUndefined();
    expect(await a.at.run(() => rooms.at("town").call.add("one"))).toBe(2);
    expect(await b.at.run(() => rooms.at("town").call.add("two"))).toBe(3);
    await c.at.run(() => rooms.at("town").cast.put("three"));
    expect(await c.at.run(() => rooms.at("town").call.entries())).toEqual(["town began", "one", "two", "three"]);
    const places = await Promise.all(all.map(({ at }) => at.run(() => rooms.whereis("town")?.node)));
    expect(new Set(places).size).toBe(1);
    expect(await a.at.run(() => rooms.keys())).toEqual(["town"]);
    expect((await Promise.all(all.map(({ at }) => at.run(() => rooms.local())))).flat().map(({ key }) => key)).toEqual([
      "town",
    ]);
    expect(reports(all)).toEqual([]);
  });

  test("asked for on all nodes at once are started once, and none of the calls is lost", async () => {
    await using nodes = await TestCluster.make();
    const all = await sites(nodes, ["a", "b", "c"], rooms);
    const keys = Array.from({ length: 30 }, (_, at) => `room ${at}`);
    const add = async ({ at }: Site): Promise<void> => {
      await at.run(() => Promise.all(keys.map((key) => rooms.at(key).call.add(at.name))));
    };
    await Promise.all(all.map(add));
    for (const key of keys) {
      const entries = await (all[0] as Site).at.run(() => rooms.at(key).call.entries());
      expect(entries[0]).toBe(`${key} began`);
      expect(entries.slice(1).sort()).toEqual(all.map(({ at }) => at.name));
    }
  });

  test("that stop by themselves are started afresh when they are used next", async () => {
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], rooms)) as [Site, Site];
    expect(await a.at.run(() => rooms.at("town").call.add("one"))).toBe(2);
    expect(await b.at.run(() => rooms.at("town").call.close())).toBe("closed");
    for (const { at } of [a, b]) await until(() => at.run(() => rooms.keys().length === 0));
    expect(await b.at.run(() => rooms.at("town").call.entries())).toEqual(["town began"]);
    expect(reports([a, b])).toEqual([]);
  });

  test("that crash are restarted in place, until that has not helped often enough", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b"], rooms)) as [Site, Site];
    const [a, b] = all;
    const key = await keyOn(a, all);
    const isFresh = (): Promise<boolean> =>
      rooms
        .at(key)
        .call.entries()
        .then(
          ({ length }) => length === 1,
          () => false, // It was in the mailbox of the one that crashed.
        );
    for (let crash = 1; crash <= 3; crash++) {
      await a.at.run(() => rooms.at(key).call.add("something"));
      await a.at.run(() => rooms.at(key).cast.crash());
      await until(() => b.at.run(isFresh));
      expect(await b.at.run(() => rooms.whereis(key)?.node)).toBe(a.at.name);
    }
    await b.at.run(() => rooms.at(key).cast.crash());
    await until(() => b.at.run(() => rooms.whereis(key) === undefined));
    expect(reports(all)).toContain(`${key} crashed 4 times within 5000 ms: it is started again when it is used next`);
    expect(await b.at.run(() => rooms.at(key).call.add("again"))).toBe(2);
  });

  test("that cannot be started fail the calls of all nodes with what they failed with", async () => {
    await using nodes = await TestCluster.make();
    const all = await sites(nodes, ["a", "b"], rooms);
    for (const { at } of all) {
      const error = await at.run(() =>
        rooms
          .at("cursed")
          .call.entries()
          .catch((thrown: unknown) => thrown),
      );
      expect(isError(error, "INTERLOCK_START_FAILED"), String(error)).toBe(true);
      expect(String(error)).toContain("never this one");
    }
    expect(await (all[0] as Site).at.run(() => rooms.keys())).toEqual([]);
  });

  test("of a node that has died are started elsewhere when they are used next, and its callers hear of it", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b"], rooms)) as [Site, Site];
    const [a, b] = all;
    const key = await keyOn(b, all);
    expect(await a.at.run(() => rooms.at(key).call.add("before"))).toBe(2);
    await b.at.node.stop();
    await until(() => a.at.run(() => rooms.hosts().length === 1));
    expect(await a.at.run(() => rooms.whereis(key))).toBeUndefined();
    expect(await a.at.run(() => rooms.at(key).call.entries())).toEqual([`${key} began`]);
    expect(await a.at.run(() => rooms.whereis(key)?.node)).toBe(a.at.name);
  });

  test("of a node that has died are started at once if they are to be", async () => {
    const eager = placement({
      name: "eager",
      server: Room,
      args: (key: string) => [key],
      handoff: "none",
      eager: true,
    });
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], eager)) as [Site, Site];
    const keys = Array.from({ length: 10 }, (_, at) => `room ${at}`);
    for (const key of keys) await a.at.run(() => eager.at(key).call.entries());
    expect(await b.at.run(() => eager.local().length)).toBeGreaterThan(0);
    await b.at.node.stop();
    await until(() => a.at.run(() => eager.local().filter(({ pid }) => pid !== undefined).length === 10));
  });

  test("are used, and never run, by a node that does not host", async () => {
    await using nodes = await TestCluster.make();
    const [a] = (await sites(nodes, ["a"], rooms)) as [Site];
    const b = await site(nodes, "b");
    await b.start(rooms, { hosts: false });
    await known([a, b], rooms);
    for (const key of ["one", "two", "three", "four", "five"]) await b.at.run(() => rooms.at(key).call.add("hello"));
    expect(await b.at.run(() => rooms.local())).toEqual([]);
    expect(await a.at.run(() => rooms.local().length)).toBe(5);
    await b.stop(rooms);
    expect(await a.at.run(() => rooms.at("one").call.entries())).toEqual(["one began", "hello"]);
  });

  test("cannot be used on a node where the placement does not run, and the error says so", async () => {
    await using nodes = await TestCluster.make();
    const a = await site(nodes, "a");
    const error = await a.at.run(() =>
      rooms
        .at("town")
        .call.entries()
        .catch((thrown: unknown) => thrown),
    );
    expect(isError(error, "INTERLOCK_PLACEMENT" as never), String(error)).toBe(true);
    expect(String(error)).toContain("its child does not run on a@127.0.0.1");
    await expect(a.at.run(() => rooms.keys())).rejects.toThrow("does not run on a@127.0.0.1");
  });

  test("that two nodes ran while they were cut off from each other are one again, with what both were sent after", async () => {
    await using nodes = await TestCluster.make();
    const options = { intervalMs: 300 };
    const [a, b] = (await sites(nodes, ["a", "b"], rooms, options)) as [Site, Site];
    await a.at.run(() => rooms.at("town").call.add("before"));
    a.at.node.disconnect(b.at.name);
    for (const { at } of [a, b]) {
      await until(() => at.run(() => rooms.hosts().length === 1));
      await at.run(() => rooms.at("town").call.add(`while cut off from ${at.name}`));
    }
    await known([a, b], rooms);
    await until(async () => {
      const places = await Promise.all([a, b].map(({ at }) => at.run(() => rooms.whereis("town")?.node)));
      return places[0] !== undefined && places[0] === places[1];
    });
    const held = await Promise.all([a, b].map(({ at }) => at.run(() => rooms.local())));
    expect(held.flat().map(({ key }) => key)).toEqual(["town"]);
    await a.at.run(() => rooms.at("town").call.add("a"));
    await b.at.run(() => rooms.at("town").call.add("b"));
    expect((await a.at.run(() => rooms.at("town").call.entries())).slice(-2)).toEqual(["a", "b"]);
    expect(reports([a, b])).toContain("town ran on two nodes that were cut off from each other: the one here ends");
  });

  test("end with the process that hosts them, and are started again on whatever node is then theirs", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b"], rooms)) as [Site, Site];
    const [a, b] = all;
    const key = await keyOn(a, all);
    const old = await a.at.run(() => rooms.whereis(key) as Pid);
    const reason = await a.at.run(async () => {
      const ended = monitor(old);
      exit(whereis(local(hostName("rooms"))) as Pid, "kill");
      return (await ended).reason;
    });
    expect(reason).toBe("killed");
    await known(all, rooms);
    expect(await b.at.run(() => rooms.at(key).call.entries())).toEqual([`${key} began`]);
  });

  test("keep what each sender sends in order while they start", async () => {
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], slow)) as [Site, Site];
    for (const { at } of [a, b])
      at.start(() => {
        slow.at("book").cast.put(`${at.name} 1`);
        send(slow.named("book"), `${at.name} 2`);
        expect(trySend(slow.named("book"), `${at.name} 3`)).toBe(true);
        slow.at("book").cast.put(`${at.name} 4`);
      });
    const waited = b.at.run(async () => {
      await sendWait(slow.named("book"), `${b.at.name} 5`);
      return slow.at("book").call.entries();
    });
    await until(() => begin !== undefined);
    expect(await a.at.run(() => slow.whereis("book"))).toBeUndefined();
    begin?.();
    const entries = await waited;
    expect(
      entries
        .filter((entry) => entry.startsWith(b.at.name))
        .map((entry) => entry.slice(-1))
        .join(""),
    ).toBe("12345");
    const both = await a.at.run(() => slow.at("book").call.entries());
    expect(
      both
        .filter((entry) => entry.startsWith(a.at.name))
        .map((entry) => entry.slice(-1))
        .join(""),
    ).toBe("1234");
  });

  test("that have more waiting than they may lose what comes then, and say so; calls fail at once", async () => {
    const dropped: unknown[] = [];
    const heard = (event: unknown): void => void dropped.push(event);
    await using nodes = await TestCluster.make();
    const narrow = placement({ name: "narrow", ...slowOptions, capacity: 2 });
    const [a] = (await sites(nodes, ["a"], narrow)) as [Site];
    begin = undefined;
    subscribe("interlock:placement.dropped", heard);
    await a.at.run(() => {
      for (let number = 1; number <= 4; number++) narrow.at("book").cast.put(`${number}`);
      expect(trySend(narrow.named("book"), "5")).toBe(false);
    });
    unsubscribe("interlock:placement.dropped", heard);
    const error = await a.at.run(() =>
      narrow
        .at("book")
        .call.entries()
        .catch((thrown: unknown) => thrown),
    );
    expect(isError(error, "INTERLOCK_MAILBOX_FULL")).toBe(true);
    expect(dropped).toEqual(Array(2).fill({ placement: "narrow", node: a.at.name, key: "book", capacity: 2 }));
    expect(reports([a])).toEqual(["2 messages wait for book: more are dropped"]);
    (begin as unknown as () => void)();
    await until(() => a.at.run(() => narrow.whereis("book") !== undefined));
    expect(await a.at.run(() => narrow.at("book").call.entries())).toEqual(["1", "2"]);
  });

  test("are watched by name: the process that runs, and nobody where none does", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b"], rooms)) as [Site, Site];
    const [a, b] = all;
    const key = await keyOn(a, all);
    const watch = ({ at }: Site, name: string): Promise<unknown> =>
      at.run(async (process) => (await process.receive(process.monitor(rooms.named(name)).down)).reason);
    expect(await watch(a, "nobody")).toBe("noproc");
    expect(await watch(b, "nobody")).toBe("noproc");
    await until(() => b.at.run(() => rooms.whereis(key) !== undefined));
    const both = all.map((one) => watch(one, key));
    // Both have said so before they call.
    for (const { at } of all) await at.run(() => rooms.at(key).call.entries());
    await a.at.run(() => rooms.at(key).call.close());
    expect(await Promise.all(both)).toEqual(["normal", "normal"]);
  });
});
