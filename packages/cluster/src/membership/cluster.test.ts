/** Memberships of real nodes, over sockets. Waits are for what happens, with intervals of milliseconds; no time is asserted. */
import { exit, type NodeName, type Pid } from "@interlock/core";
import { describe, expect, test } from "vitest";
import type { LookupDiscovery } from "../discovery/discovery.ts";
import { localNodes } from "../discovery/local.ts";
import { staticNodes } from "../discovery/static.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { until } from "../node/until.fixture.ts";
import { type Cluster, type JoinClusterOptions, joinCluster } from "./cluster.ts";
import { MEMBERSHIP } from "./server.ts";
import type { MembershipChange } from "./state.ts";
import { viewDifferences } from "./view.ts";

const fast = { intervalMs: 10, stableMarginMs: 60, requiredContactPoints: 3 } as const;

interface Joined {
  readonly at: TestNode;
  readonly cluster: Cluster;
  readonly changes: MembershipChange[];
}

async function join(at: TestNode, options: Partial<JoinClusterOptions> = {}): Promise<Joined> {
  const cluster = await joinCluster(at.node, { ...fast, discovery: [localNodes()], ...options });
  const changes: MembershipChange[] = [];
  cluster.watch((change) => changes.push(change));
  return { at, cluster, changes };
}

/** So many nodes in one program, all of which begin at once. */
async function started(
  nodes: TestCluster,
  names: readonly string[],
  options: Partial<JoinClusterOptions> = {},
): Promise<readonly Joined[]> {
  const made = await Promise.all(names.map((name) => nodes.node(name)));
  return Promise.all(made.map((at) => join(at, options)));
}

function states({ cluster }: Joined): readonly string[] {
  return cluster.view().members.map(({ node, state }) => `${node.slice(0, node.indexOf("@"))} ${state}`);
}

async function agreed(all: readonly Joined[]): Promise<void> {
  await Promise.all(all.map(({ cluster }) => cluster.joined()));
  await until(() => all.every(({ cluster }) => cluster.members().length === all.length && cluster.agreement().agreed));
}

const abcde = ["a", "b", "c", "d", "e"];

describe("nodes that start at once", () => {
  test("form one cluster, begun by the lowest name, and agree on who is in it", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, abcde);
    await agreed(all);
    const views = all.map(({ cluster }) => cluster.view());
    expect(new Set(views.map(({ cluster }) => cluster)).size).toBe(1);
    expect(views[0]?.cluster).toMatch(/^a@127\.0\.0\.1\/\d+$/);
    expect(new Set(views.map(({ digest }) => digest)).size).toBe(1);
    expect(states(all[4] as Joined)).toEqual(abcde.map((name) => `${name} up`));
    expect(viewDifferences(views[0] as never, views[1] as never)).toEqual([]);
    expect(all.flatMap(({ at }) => at.reports)).toEqual([]);
  });

  test("do not begin a cluster with fewer than the required contact points, and say for what they wait", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, ["a", "b"]);
    await until(() => all.every(({ cluster }) => cluster.waitingFor() === "2 of 3 required contact points answer"));
    expect(all.map(({ cluster }) => cluster.members())).toEqual([[], []]);
    const [third] = await started(nodes, ["c"]);
    await agreed([...all, third as Joined]);
  });

  test("a lone node is a cluster of one if that is allowed", async () => {
    await using nodes = await TestCluster.make();
    const [a] = await started(nodes, ["a"], { requiredContactPoints: 1 });
    await a?.cluster.joined();
    expect(states(a as Joined)).toEqual(["a up"]);
    expect(a?.cluster.agreement()).toEqual({ agreed: true, differing: [] });
  });

  test("a node that is not in its own list of nodes only joins", async () => {
    await using nodes = await TestCluster.make();
    const discovery = [staticNodes(["b@127.0.0.1"])];
    const [a] = await started(nodes, ["a"], { requiredContactPoints: 1, discovery });
    await until(() => a?.cluster.waitingFor()?.startsWith("discovery does not find this node itself") === true);
    const [b] = await started(nodes, ["b"], { requiredContactPoints: 1, discovery });
    await agreed([a as Joined, b as Joined]);
    expect(b?.cluster.view().cluster).toMatch(/^b@/);
  });

  test("a node with another name for its cluster is left alone", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, ["b", "c", "d"]);
    const [other] = await started(nodes, ["a"], { name: "another", requiredContactPoints: 1 });
    await agreed(all);
    await other?.cluster.joined();
    expect(states(other as Joined)).toEqual(["a up"]);
    expect(states(all[0] as Joined)).toEqual(["b up", "c up", "d up"]);
  });
});

describe("members", () => {
  test("one that leaves is left everywhere, after it was leaving; it stays connected", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, abcde);
    await agreed(all);
    const [a, b, c, d, e] = all as readonly [Joined, Joined, Joined, Joined, Joined];
    await e.cluster.leave();
    // Nothing more to wait for: the leaver has waited until all had heard it.
    for (const one of [a, b, c, d]) {
      expect(states(one)).toEqual(["a up", "b up", "c up", "d up", "e left"]);
      const ofE = one.changes.flatMap(({ from, member }) => (member.node === e.at.name ? [[from, member.state]] : []));
      expect(ofE.slice(-2)).toEqual([
        ["up", "leaving"],
        ["leaving", "left"],
      ]);
      expect(one.at.node.nodes("connected")).toContain(e.at.name);
    }
    await agreed([a, b, c, d]);
    await e.cluster.leave(); // Twice is once.
  });

  test("one that stops without a word is down everywhere, and its next life joins", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, ["a", "b", "c"]);
    await agreed(all);
    const [a, b, c] = all as readonly [Joined, Joined, Joined];
    const reading = (async () => {
      for await (const change of c.cluster.changes()) expect(change.member.state).not.toBe("joining");
    })();
    await c.at.node.stop();
    await reading; // What was a member of a network that is no more has left.
    await until(() => [a, b].every((one) => states(one).includes("c down")));
    const first = a.cluster.view().members.find(({ node }) => node === c.at.name)?.incarnation;
    const [again] = await started(nodes, ["c"]);
    await agreed([a, b, again as Joined]);
    expect(a.cluster.view().members.find(({ node }) => node === c.at.name)?.incarnation).not.toBe(first);
    await c.cluster.leave(); // Its process has ended with the node.
  });

  test("one whose connections are lost is down, and up again once they are back, in the same cluster", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, ["a", "b", "c"]);
    await agreed(all);
    const [a, b, c] = all as readonly [Joined, Joined, Joined];
    const { cluster } = a.cluster.view();
    c.at.node.disconnect(a.at.name);
    c.at.node.disconnect(b.at.name);
    await until(() => a.changes.some(({ member }) => member.node === c.at.name && member.state === "down"));
    await until(() => c.changes.some(({ member }) => member.node === a.at.name && member.state === "down"));
    await agreed(all);
    expect(all.map((one) => one.cluster.view().cluster)).toEqual([cluster, cluster, cluster]);
    expect(a.changes.slice(-2).map(({ from, member }) => [from, member.state])).toContainEqual(["down", "up"]);
  });

  test("whose process crashes has it back, in the same cluster", async () => {
    await using nodes = await TestCluster.make();
    const all = await started(nodes, ["a", "b", "c"]);
    await agreed(all);
    const [a, b] = all as readonly [Joined, Joined, Joined];
    const { cluster } = b.cluster.view();
    exit(a.at.local.names.get(MEMBERSHIP)?.pid as unknown as Pid, "kill");
    await until(() => b.changes.some(({ member }) => member.node === a.at.name && member.state === "down"));
    await agreed(all);
    expect(a.cluster.view().cluster).toBe(cluster);
    // Who listens at a is told as well: it knows nobody, for a while.
    const ofB = a.changes.flatMap(({ from, member }) => (member.node === b.at.name ? [`${from} ${member.state}`] : []));
    expect(ofB.slice(-2)).toEqual(["up down", "undefined up"]);
  });

  test("are not lost when discovery fails, finds nobody or never answers", async () => {
    await using nodes = await TestCluster.make();
    let mode: "all" | "fails" | "nobody" | "hangs" = "all";
    const strategy: LookupDiscovery = {
      name: "moody",
      async lookup() {
        if (mode === "fails") throw new Error("SERVFAIL");
        if (mode === "hangs") await new Promise(() => undefined);
        return mode === "nobody" ? [] : abcde.map((name): NodeName => `${name}@127.0.0.1`);
      },
    };
    const all = await started(nodes, abcde, { discovery: [strategy], lookupMs: 20 });
    await agreed(all);
    const known = all.map(({ changes }) => changes.length);
    mode = "fails";
    await until(() => all.every(({ cluster }) => (cluster.discovery()[0]?.failures ?? 0) > 2));
    mode = "nobody";
    await until(() => all.every(({ cluster }) => cluster.discovery()[0]?.nodes?.length === 0));
    mode = "hangs";
    await until(() => all.every(({ cluster }) => cluster.discovery()[0]?.problem === "it did not answer within 20 ms"));
    expect(all.map(({ changes }) => changes.length)).toEqual(known);
    expect(all[0]?.cluster.agreement().agreed).toBe(true);
    const [status] = all[0]?.cluster.discovery() ?? [];
    expect(status).toMatchObject({ strategy: "moody", nodes: [] }); // What it said last.
    expect(status?.failuresTotal).toBeGreaterThan(1);
    expect(all[0]?.at.reports).toContainEqual(
      expect.objectContaining({ type: "warning", label: "a@127.0.0.1 discovery by moody", text: "failed" }),
    );
  });

  test("that know different members say which", async () => {
    await using nodes = await TestCluster.make();
    // c never gets to b: not by name, and b not to c.
    const cut = (name: NodeName, far: string) => (name.startsWith(far) ? Promise.reject(new Error("cut")) : undefined);
    const addresses = new Map<NodeName, number>();
    const lookup = (far: string) => async (name: NodeName) => {
      await cut(name, far);
      return { host: "127.0.0.1", port: addresses.get(name) ?? 1 };
    };
    const discovery = [staticNodes(["a@127.0.0.1"])];
    const a = await nodes.node("a", { lookup: lookup("-") });
    const b = await nodes.node("b", { lookup: lookup("c") });
    const c = await nodes.node("c", { lookup: lookup("b") });
    for (const { name, node } of [a, b, c]) addresses.set(name, node.address.port);
    const all = await Promise.all([a, b, c].map((one) => join(one, { discovery, requiredContactPoints: 1 })));
    const [ofA, ofB] = all as [Joined, Joined, Joined];
    await until(() => ofA.cluster.agreement().differing[0]?.differences !== undefined);
    await until(() => ofA.cluster.members().length === 3 && ofA.cluster.agreement().differing.length === 2);
    await until(() =>
      ofB.cluster.agreement().differing.some(({ differences }) => differences?.[0]?.there?.state === "up"),
    );
    const [differing] = ofB.cluster.agreement().differing;
    expect(differing).toMatchObject({
      node: a.name,
      differences: [{ node: c.name, here: undefined, there: { node: c.name, state: "up" } }],
    });
    expect(ofB.cluster.agreement().agreed).toBe(false);
  });

  test("are told of as changes, until the node has left", async () => {
    await using nodes = await TestCluster.make();
    const [a] = await started(nodes, ["a"], { requiredContactPoints: 1 });
    const { cluster } = a as Joined;
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { member } of cluster.changes()) seen.push(`${member.node} ${member.state}`);
    })();
    await cluster.joined();
    const [b] = await started(nodes, ["b"]);
    await b?.cluster.joined();
    await b?.cluster.leave();
    await cluster.leave();
    await reading;
    expect(seen).toEqual([
      "a@127.0.0.1 up",
      "b@127.0.0.1 joining",
      "b@127.0.0.1 up",
      "b@127.0.0.1 leaving",
      "b@127.0.0.1 left",
      "a@127.0.0.1 leaving",
      "a@127.0.0.1 left",
    ]);
    await expect(joinedAgain(a as Joined)).resolves.toBe("up");
  });
});

test("a process that is killed while it waits for changes watches no more", async () => {
  await using nodes = await TestCluster.make();
  const [a] = await started(nodes, ["a"], { requiredContactPoints: 1 });
  const { at, cluster } = a as Joined;
  await cluster.joined();
  const ended: string[] = [];
  const watch = cluster.watch.bind(cluster);
  cluster.watch = (watcher) => {
    const end = watch(watcher);
    return () => {
      ended.push("ended");
      end();
    };
  };
  const process = at.start(async () => {
    for await (const change of cluster.changes()) expect(change).toBe("none comes");
  });
  await at.run((self) => {
    const gone = self.monitor(process.pid);
    exit(process.pid, "kill");
    return self.receive(gone.down);
  });
  expect(ended).toEqual(["ended"]);
});

/** A node that has left may come back. */
async function joinedAgain({ at }: Joined): Promise<string | undefined> {
  const discovery = [staticNodes([at.name])];
  await using cluster = await joinCluster(at.node, { ...fast, discovery, requiredContactPoints: 1 });
  await cluster.joined();
  return cluster.members().find(({ node }) => node === at.name)?.state;
}

test("a watcher that throws is reported and harms nobody, and what cannot be used is refused", async () => {
  await using nodes = await TestCluster.make();
  const a = await nodes.node("a");
  const { cluster } = await join(a, { requiredContactPoints: 1 });
  cluster.watch(() => {
    throw new Error("a bug");
  });
  await cluster.joined();
  expect(a.reports).toContainEqual(expect.objectContaining({ text: "a watcher failed", details: new Error("a bug") }));
  const bad = { code: "INTERLOCK_NODE_OPTION" };
  await expect(joinCluster(a.node, { discovery: [localNodes()] })).rejects.toMatchObject(bad);
  const b = await nodes.node("b");
  await expect(joinCluster(b.node, { discovery: [] })).rejects.toMatchObject(bad);
  await expect(joinCluster(b.node, { discovery: [localNodes()], intervalMs: Number.NaN })).rejects.toMatchObject(bad);
  await cluster.leave();
  await expect(cluster.joined()).rejects.toThrow("has left");
});

test("whatever another node says to the membership, it goes on", async () => {
  await using nodes = await TestCluster.make();
  const all = await started(nodes, ["a", "b", "c"]);
  await agreed(all);
  const [a, b] = all as readonly [Joined, Joined, Joined];
  const nonsense = [
    null,
    undefined,
    "no",
    {},
    { type: "greeting", node: b.at.name },
    { type: "digest", node: b.at.name },
    { type: "view", node: b.at.name, cluster: "x", members: [{}] },
    { type: "later", node: b.at.name },
    { type: "ask", node: "nobody@nowhere" },
  ];
  await b.at.run((self) => {
    const route = self.pid && b.at.local.network?.routeTo(a.at.name);
    for (const one of nonsense) {
      route?.cast(self.pid as never, MEMBERSHIP, "told", [one]);
      route?.send(self.pid as never, MEMBERSHIP, one);
    }
  });
  await b.cluster.leave(); // After all that, on the same connection.
  expect(states(a)).toContain("b left");
  expect(a.at.reports).toEqual([]);
});
