/** Arbiters of real nodes, over sockets that fall silent. Faster than in a pod; no time is asserted. */
import { genServer, type NodeName, reply, supervisor } from "@interlock/core";
import { expect, test } from "vitest";
import { staticNodes } from "../discovery/static.ts";
import { memoryLeases } from "../lease/memory-leases.ts";
import { type Cluster, joinCluster } from "../membership/cluster.ts";
import { muffled } from "../node/faulty-ports.fixture.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { type Placement, placement } from "../placement/placement.ts";

/** How soon a node is missed, and for how long the lease lasts. */
interface Pace {
  readonly tickMs: number;
  readonly handshakeMs: number;
  readonly durationMs: number;
}

const swift: Pace = { tickMs: 800, handshakeMs: 500, durationMs: 3_000 };
const NODES = ["a", "b", "c"];
const all = NODES.map((name): NodeName => `${name}@127.0.0.1`);

const Room = genServer({
  name: "room",
  init: (key: string) => key,
  calls: { where: (ctx) => reply(ctx.self.pid.node as NodeName) },
});

interface Site {
  readonly at: TestNode;
  readonly cluster: Cluster;
  readonly rooms: Placement<typeof Room, string>;
  readonly mute: () => void;
  readonly unmute: () => void;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function sites(nodes: TestCluster, { durationMs, handshakeMs, tickMs }: Pace): Promise<readonly Site[]> {
  const leases = memoryLeases();
  return Promise.all(
    NODES.map(async (name) => {
      const { mute, ports, unmute } = muffled();
      const at = await nodes.node(name, { ports, tickMs, handshakeMs });
      const cluster = await joinCluster(at.node, {
        discovery: [staticNodes(all)],
        stableMarginMs: 100,
        intervalMs: 50,
        arbiter: { lease: leases.lease("cluster"), durationMs },
      });
      const rooms = placement({ name: "rooms", server: Room, args: (key: string) => [key], handoff: "none" });
      const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [rooms.child(cluster)] });
      await at.run(() => Top.start());
      return { at, cluster, rooms, mute, unmute };
    }),
  );
}

const isAllowed = ({ cluster }: Site): boolean => cluster.arbiter()?.allowed === true;

test("a node that is cut off ends its placed processes and runs none until it is back; the others have them, and stop none", async () => {
  await using nodes = await TestCluster.make();
  const made = await sites(nodes, swift);
  const [a, , c] = made as readonly [Site, Site, Site];
  await until(() => made.every(isAllowed));
  const keys = Array.from({ length: 12 }, (_, index) => `room ${index}`);
  const where = ({ at, rooms }: Site): Promise<readonly NodeName[]> =>
    at.run(() => Promise.all(keys.map((key) => rooms.at(key).call.where())));
  await until(async () => (await a.at.run(() => a.rooms.hosts())).filter(({ ready }) => ready).length === 3);
  expect(new Set(await where(a))).toEqual(new Set(all));
  const cut = made.find(({ at }) => at.name === c.cluster.arbiter()?.holder) as Site;
  const others = made.filter((one) => one !== cut);
  const before = await Promise.all(others.map(({ at, rooms }) => at.run(() => rooms.local().map(({ pid }) => pid))));
  cut.mute();
  await until(() => !isAllowed(cut));
  // Its own, without a word to anybody.
  await until(async () => cut.at.run(() => cut.rooms.whereis("room 0") === undefined));
  await expect(cut.at.run(() => cut.rooms.at("room 0").call.where())).rejects.toMatchObject({
    code: "INTERLOCK_PLACEMENT",
    details: { problem: "cut_off" },
  });
  expect(new Set(await where(others[0] as Site))).toEqual(new Set(others.map(({ at }) => at.name)));
  for (const [at, one] of others.entries())
    expect(await one.at.run(() => one.rooms.local().map(({ pid }) => pid))).toEqual(
      expect.arrayContaining([...(before[at] ?? [])]),
    );
  expect(others.every(isAllowed)).toBe(true);
  cut.unmute();
  await until(() => made.every((one) => isAllowed(one) && one.cluster.members().length === 3));
  await until(async () => (await cut.at.run(() => cut.rooms.hosts())).filter(({ ready }) => ready).length === 3);
  expect(await where(cut)).toEqual(await where(others[0] as Site));
  for (const { cluster } of made) await cluster.leave();
}, 60_000);

test("a holder that leaves gives the lease up: another node has it long before it would have run out, and nothing stops", async () => {
  await using nodes = await TestCluster.make();
  const made = await sites(nodes, { tickMs: 60_000, handshakeMs: 7_000, durationMs: 600_000 });
  await until(() => made.every(isAllowed));
  const leaver = made.find(({ at, cluster }) => cluster.arbiter()?.holder === at.name) as Site;
  const others = made.filter((one) => one !== leaver);
  await leaver.cluster.leave();
  await leaver.at.node.stop();
  await until(() => others.every(({ cluster }) => others.some(({ at }) => at.name === cluster.arbiter()?.holder)));
  expect(others.map(isAllowed)).toEqual([true, true]);
  expect(others.map(({ cluster }) => cluster.arbiter()?.missing)).toEqual([[], []]);
  for (const { cluster } of others) await cluster.leave();
}, 60_000);
