/** Placements of real nodes, over sockets. */
import { genServer, noreply, type Pid, reply, supervisor, sys } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { localNodes } from "../discovery/local.ts";
import { type Cluster, joinCluster } from "../membership/cluster.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { placement } from "./placement.ts";

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface Log {
  readonly entries: readonly string[];
}

const Room = genServer({
  name: "room",
  version: "1",
  init: (key: string): Log => ({ entries: [`${key} began`] }),
  calls: {
    entries: ({ state }) => reply(state.entries),
    add({ state }, text: string) {
      const entries = [...state.entries, text];
      return reply(entries.length, { entries });
    },
  },
  casts: {
    put: ({ state }, text: string) => noreply({ entries: [...state.entries, text] }),
  },
});

const rooms = placement({ name: "rooms", server: Room, args: (key: string) => [key], handoff: "move" });

interface Site {
  readonly at: TestNode;
  readonly cluster: Cluster;
  /** Stops the placement's child as its supervisor does. */
  readonly stop: () => Promise<void>;
}

async function site(nodes: TestCluster, name: string): Promise<Site> {
  const at = await nodes.node(name);
  const cluster = await joinCluster(at.node, {
    discovery: [localNodes()],
    intervalMs: 10,
    stableMarginMs: 0,
    requiredContactPoints: 1,
  });
  const started = Promise.withResolvers<Pid>();
  at.start(async () => {
    const top = supervisor({ name: "top", strategy: "one_for_one", children: () => [rooms.child(cluster)] });
    started.resolve((await top.start()).pid);
  });
  const pid = await started.promise;
  return {
    at,
    cluster,
    stop: () => at.run(() => sys.terminate(pid, "shutdown")),
  };
}

describe("placed processes", () => {
  test("are started by their first use, on one node, and reached from all", async () => {
    await using nodes = await TestCluster.make();
    const a = await site(nodes, "a");
    const b = await site(nodes, "b");
    await until(() => b.at.run(() => rooms.hosts().length === 2));
    expect(await a.at.run(() => rooms.at("town").call.add("one"))).toBe(2);
    expect(await b.at.run(() => rooms.at("town").call.add("two"))).toBe(3);
    await b.at.run(() => rooms.at("town").cast.put("three"));
    expect(await b.at.run(() => rooms.at("town").call.entries())).toEqual(["town began", "one", "two", "three"]);
    expect(await a.at.run(() => rooms.whereis("town")?.node)).toBe(await b.at.run(() => rooms.whereis("town")?.node));
    expect(a.at.reports.concat(b.at.reports)).toEqual([]);
    await a.stop();
    await b.stop();
  });

  test("go on elsewhere, with their state, when their node leaves", async () => {
    await using nodes = await TestCluster.make();
    const a = await site(nodes, "a");
    const b = await site(nodes, "b");
    await until(() => b.at.run(() => rooms.hosts().length === 2));
    const keys = Array.from({ length: 20 }, (_, at) => `room ${at}`);
    for (const key of keys) await b.at.run(() => rooms.at(key).call.add("before"));
    const held = await a.at.run(() => rooms.local().length);
    expect(held).toBeGreaterThan(0);
    expect(await a.at.run(() => rooms.drain({ deadlineMs: 5_000 }))).toEqual({
      moved: held,
      restarted: 0,
      ended: 0,
      failed: 0,
    });
    for (const key of keys)
      expect(await a.at.run(() => rooms.at(key).call.entries())).toEqual([`${key} began`, "before"]);
    expect(await b.at.run(() => rooms.local().length)).toBe(20);
    expect(a.at.reports.concat(b.at.reports)).toEqual([]);
    await a.stop();
    expect(await b.at.run(() => rooms.at("room 3").call.add("after"))).toBe(3);
    await b.stop();
  });
});
