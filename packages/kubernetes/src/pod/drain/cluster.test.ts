import { joinCluster, placement, staticNodes } from "@interlock/cluster";
import { genServer, type NodeName, reply, supervisor } from "@interlock/core";
import { expect, test } from "vitest";

import { TestCluster, type TestNode } from "../../../../cluster/src/node/nodes.fixture.ts";
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
