/** What an arbiter knows and forbids is kept, whatever becomes of the process that told it: in virtual time. */
import { exit, type NodeName, type Pid } from "@interlock/core";
import { expect, test } from "vitest";
import { staticNodes } from "../discovery/static.ts";
import { memoryLeases } from "../lease/memory-leases.ts";
import { type Cluster, joinCluster } from "../membership/cluster.ts";
import { MEMBERSHIP } from "../membership/server.ts";
import { suspension } from "../node/halt.ts";
import type { TestNode } from "../node/nodes.fixture.ts";
import { VirtualCluster } from "../node/virtual-cluster.fixture.ts";

const all = ["a", "b", "c"].map((name): NodeName => `${name}@127.0.0.1`);

interface Site {
  readonly at: TestNode;
  readonly cluster: Cluster;
}

async function three(world: VirtualCluster): Promise<readonly [Site, Site, Site]> {
  const leases = memoryLeases();
  const made = await Promise.all(
    ["a", "b", "c"].map(async (name): Promise<Site> => {
      const at = await world.node(name);
      const arbiter = { lease: leases.lease("cluster") };
      return { at, cluster: await joinCluster(at.node, { discovery: [staticNodes(all)], arbiter }) };
    }),
  );
  await world.until(() => made.every(({ cluster }) => cluster.arbiter()?.allowed === true));
  return made as [Site, Site, Site];
}

const killMembership = ({ at }: Site): void => exit(at.local.names.get(MEMBERSHIP)?.pid as unknown as Pid, "kill");

test("a membership that begins anew misses whom it missed before", async () => {
  await using world = new VirtualCluster();
  const [a, b, c] = await three(world);
  world.cut(a.at, b.at);
  await world.until(() => a.cluster.arbiter()?.missing.length === 1);
  const ended = new Set<NodeName>();
  a.cluster.watch(({ member }) => member.state === "down" && ended.add(member.node));
  killMembership(a);
  await world.until(() => ended.has(c.at.name));
  await world.until(() => a.cluster.members().some(({ node }) => node === c.at.name));
  expect(a.cluster.arbiter()?.missing).toEqual([b.at.name]);
  world.heal();
  await world.until(() => a.cluster.arbiter()?.missing.length === 0);
});

test("a membership that fails for good ends all unique work of its node", async () => {
  await using world = new VirtualCluster();
  const [a] = await three(world);
  expect(suspension.isHalted(a.at.local)).toBe(false);
  await world.until(() => {
    if (a.at.local.names.has(MEMBERSHIP)) killMembership(a);
    return suspension.isHalted(a.at.local);
  });
});

test("a node has left when its unique work has ended, and not before; in a cluster without an arbiter it does some again", async () => {
  await using world = new VirtualCluster();
  const [a, b] = await three(world);
  const work = Promise.withResolvers<void>();
  suspension.enter(a.at.local, { halt: () => work.promise, goOn: () => undefined });
  const left = a.cluster.leave();
  const seen = (): string | undefined => b.cluster.view().members.find(({ node }) => node === a.at.name)?.state;
  await world.until(() => seen() === "leaving");
  await world.time.advance(60_000);
  expect(seen()).toBe("leaving");
  work.resolve();
  await world.during(left);
  expect(seen()).toBe("left");
  expect(suspension.isHalted(a.at.local)).toBe(true);
  await using alone = await joinCluster(a.at.node, {
    name: "alone",
    discovery: [staticNodes([a.at.name])],
    requiredContactPoints: 1,
  });
  await world.during(alone.joined());
  expect(suspension.isHalted(a.at.local)).toBe(false);
  await world.during(alone.leave());
});
