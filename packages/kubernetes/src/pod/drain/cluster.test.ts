import { joinCluster, placement, singleton, staticNodes } from "@interlock/cluster";
import { genServer, type NodeName, reply, supervisor } from "@interlock/core";
import { expect, test } from "vitest";

import { muffled } from "../../../../cluster/src/node/faulty-ports.fixture.ts";
import { TestCluster, type TestNode } from "../../../../cluster/src/node/nodes.fixture.ts";
import { until } from "../../../../cluster/src/node/until.fixture.ts";
import { VirtualCluster } from "../../../../cluster/src/node/virtual-cluster.fixture.ts";
import { kubernetesApi } from "../../client/api.ts";
import { kubernetesLeases } from "../../client/leases.ts";
import { FakeApiServer } from "../../testing/fake-api-server.ts";
import { PodRegistry } from "../registry.ts";
import { drainCluster, drainPlacement } from "./cluster.ts";

const never = new AbortController().signal;
const longMs = 20_000;
const names: readonly NodeName[] = ["a@127.0.0.1", "b@127.0.0.1"];

const join = (node: TestNode) =>
  joinCluster(node.node, { discovery: [staticNodes(names)], stableMarginMs: 0, intervalMs: 50 });

test("a pod is ready once its node is up in the cluster, as long as it has not left; then the others know it has", async () => {
  await using nodes = await TestCluster.make();
  const registry = new PodRegistry();
  const a = await nodes.node("a");
  await using cluster = await join(a);
  const forget = drainCluster(cluster, registry);
  expect(registry.problems).toEqual([{ check: "joined", reason: expect.stringMatching(/\w/) }]);
  await using other = await join(await nodes.node("b"));
  await Promise.all([cluster.joined(), other.joined()]);
  // Who is not known yet hears of no leave.
  await until(() => [cluster, other].every((one) => one.members().length === 2 && one.agreement().agreed));
  expect(registry.problems).toEqual([]);
  await registry.run("announce", 0, never);
  expect(registry.problems).toEqual([]);
  await registry.run("leave", longMs, never);
  expect(other.view().members.find(({ node }) => node === a.name)?.state).toBe("left");
  expect(registry.problems).toHaveLength(1);
  forget();
  expect(registry.problems).toEqual([]);
});

test("what a placement has here goes to another node, with its state, and the status says how much that was", async () => {
  await using nodes = await TestCluster.make();
  const Counter = genServer({
    name: "counter",
    init: (_key: string) => ({ count: 0 }),
    calls: {
      count: ({ state }) => reply(state.count + 1, { count: state.count + 1 }),
      where: (ctx) => reply(String(ctx.self.pid.node)),
    },
  });
  const counters = placement({ name: "counters", server: Counter, args: (key: string) => [key], handoff: "move" });
  const sites = await Promise.all(
    ["a", "b"].map(async (name) => {
      const node = await nodes.node(name);
      const cluster = await join(node);
      return { node, cluster };
    }),
  );
  for (const { cluster, node } of sites) {
    await cluster.joined();
    const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [counters.child(cluster)] });
    await node.run(() => Top.start());
  }
  const [first, second] = sites.map(({ node }) => node) as [TestNode, TestNode];
  const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => first.run(() => counters.at(key).call.count())));
  const here = await first.run(() => counters.local().length);
  expect(here).toBeGreaterThan(0);
  const registry = new PodRegistry();
  // The pod's own processes are those of the default node; these are not.
  drainPlacement(
    { ...counters, name: counters.name, drain: (options) => first.run(() => counters.drain(options)) },
    registry,
  );
  await registry.run("handoff", longMs, never);
  expect(registry.participants).toEqual([
    {
      name: "placement counters",
      phase: "handoff",
      state: "done",
      said: { moved: here, restarted: 0, ended: 0, failed: 0 },
    },
  ]);
  expect(await Promise.all(keys.map((key) => second.run(() => counters.at(key).call.count())))).toEqual(
    keys.map(() => 2),
  );
  for (const { cluster } of sites) await cluster.leave();
});

/** Nodes with the settings of a pod and one API server, on a clock that waits for them. */
function podsOn(world: VirtualCluster, names: readonly string[]) {
  const { runtime } = world.time.node();
  const server = new FakeApiServer({ runtime });
  const leases = kubernetesLeases({ api: kubernetesApi({ transport: server, runtime }), namespace: "shop" });
  const all = names.map((name): NodeName => `${name}@127.0.0.1`);
  const join = async (name: string) => {
    const { mute, ports, unmute } = muffled(world.ports);
    const at = await world.node(name, { ports });
    const cluster = await joinCluster(at.node, {
      discovery: [staticNodes(all)],
      arbiter: { lease: leases.lease("formation") },
    });
    const registry = new PodRegistry();
    drainCluster(cluster, registry);
    return { at, cluster, registry, mute, unmute };
  };
  return { server, leases, join };
}

test("a pod that is cut off from the others is not ready and gives its singleton up; healed, it is one of them again", async () => {
  await using world = new VirtualCluster();
  const names = ["a", "b", "c"];
  const { join, leases } = podsOn(world, names);
  const Editor = genServer({
    name: "editor",
    init: (token: number) => token,
    calls: { token: ({ state }) => reply(state) },
  });
  const pods = await Promise.all(
    names.map(async (name) => {
      const joined = await join(name);
      const { at } = joined;
      const editor = singleton({ name: "editor", server: Editor, args: (token) => [token], leases });
      const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [editor.child()] });
      const holder = (): Promise<NodeName | undefined> => at.run(() => editor.holder);
      return { ...joined, holder, top: await at.run(() => Top.start()) };
    }),
  );
  await world.during(Promise.all(pods.map(({ cluster }) => cluster.joined())));
  await world.until(() =>
    pods.every(({ cluster, registry }) => cluster.arbiter()?.allowed && registry.problems.length === 0),
  );
  const founder = pods.find(({ at, cluster }) => cluster.arbiter()?.holder === at.name);
  expect(pods.map(({ cluster }) => cluster.view().cluster)).toEqual(
    pods.map(() => expect.stringMatching(new RegExp(`^${founder?.at.name}/`))),
  );
  await world.until(async () => (await founder?.holder()) !== undefined);
  const holder = await founder?.holder();
  const cut = pods.find(({ at }) => at.name === holder);
  const others = pods.filter((one) => one !== cut);
  cut?.mute();
  await world.until(() => cut?.cluster.arbiter()?.allowed === false);
  await world.until(() => cut?.registry.problems.some(({ check }) => check === "split") === true);
  expect(cut?.registry.problems[0]?.reason).toMatch(/^cut off from /);
  expect(cut?.registry.shown["cluster"]).toMatchObject({
    arbiter: { allowed: false, losing: true, missing: others.map(({ at }) => at.name) },
  });
  // It reaches its lease still, and lets the others have it.
  await world.until(() => others.some(({ at }) => at.name === cut?.cluster.arbiter()?.holder));
  await world.until(async () => {
    const held = await Promise.all(others.map((one) => one.holder()));
    return held[0] !== undefined && held[0] !== holder && held[0] === held[1];
  });
  expect(others.flatMap(({ registry }) => registry.problems)).toEqual([]);
  expect(others.map(({ cluster }) => cluster.arbiter()?.allowed)).toEqual([true, true]);
  cut?.unmute();
  await world.until(() =>
    pods.every(({ cluster, registry }) => cluster.members().length === 3 && registry.problems.length === 0),
  );
  expect(new Set(pods.map(({ cluster }) => cluster.view().cluster)).size).toBe(1);
  await world.during(Promise.all(pods.map(({ at, top }) => at.run(() => top.stop()))));
  await world.during(Promise.all(pods.map(({ cluster }) => cluster.leave())));
});

test("with the API server away no cluster begins, a cluster that is there loses nothing, and the reason is shown", async () => {
  await using world = new VirtualCluster();
  const { join, server } = podsOn(world, ["a", "b"]);
  server.stop();
  const pods = [await join("a"), await join("b")];
  await world.until(() =>
    pods.some(({ registry }) => registry.problems[0]?.reason.includes("lease cannot be reached") === true),
  );
  expect(pods.map(({ cluster }) => cluster.members())).toEqual([[], []]);
  server.start();
  await world.during(Promise.all(pods.map(({ cluster }) => cluster.joined())));
  await world.until(() => pods.every(({ cluster }) => cluster.arbiter()?.allowed === true));
  server.stop();
  await world.until(() => pods.every(({ cluster }) => cluster.arbiter()?.problem !== undefined));
  // Its holder holds it no more.
  await world.until(() => pods.every(({ cluster }) => cluster.arbiter()?.holder === undefined));
  expect(pods.map(({ cluster }) => cluster.arbiter()?.allowed)).toEqual([true, true]);
  expect(pods.flatMap(({ registry }) => registry.problems)).toEqual([]);
  await world.during(Promise.all(pods.map(({ cluster }) => cluster.leave())));
});
