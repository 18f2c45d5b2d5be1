import {
  application,
  genServer,
  LocalNode,
  local,
  nodeRuntime,
  send,
  spawn,
  startApplication,
  stopApplication,
  supervisor,
} from "@interlock/core";
import { spawnProcess } from "@interlock/core/distribution";
import { expect, test } from "vitest";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { onNode } from "../rpc/on-node.ts";
import { Failures } from "./failures.ts";
import { type InspectionFunctions, inspection, type NodeFacts, offerInspection } from "./inspection.ts";

const Clerk = genServer({
  name: "clerk",
  init: () => 0,
  casts: {
    stumble: () => {
      throw new Error("over the carpet");
    },
  },
});
const hall = supervisor({
  name: "hall",
  strategy: "one_for_one",
  children: () => [Clerk.child([], { name: local("clerk") })],
});
const house = supervisor({
  name: "house",
  strategy: "one_for_one",
  children: () => [hall.child([], { id: "hall" })],
});
const town = application({ name: "town", version: "1.2.3", start: () => house.startLink() });

async function two() {
  const cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  for (const { local } of [a, b]) offerInspection(local);
  return { cluster, a, b };
}

test("a node says to another one who it is, what runs there, its trees, and what has crashed", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  await b.run(async () => {
    await startApplication(town);
    const stray = supervisor({ name: "stray", strategy: "one_for_one", children: () => [] });
    await stray.start();
  });
  const ask = onNode<InspectionFunctions>(b.name, inspection);
  await a.run(async () => {
    expect(await ask.facts()).toMatchObject({
      name: b.name,
      applications: [{ name: "town", version: "1.2.3" }],
      connected: [a.name],
      osPid: process.pid,
    });

    const { count, rows } = await ask.ps("age", 1_000);
    expect(rows).toHaveLength(count);
    const clerk = rows.find(({ label }) => label === "clerk");
    expect(clerk).toMatchObject({ name: "clerk", status: "waiting", mailbox: 0 });
    expect((await ask.ps("mailbox", 1)).rows).toHaveLength(1);

    expect(await ask.tree()).toMatchObject([
      {
        id: "town 1.2.3",
        kind: "application",
        children: [
          {
            id: "house",
            kind: "supervisor",
            children: [{ id: "hall", children: [{ id: "clerk", kind: "worker", pid: clerk?.pid, children: [] }] }],
          },
        ],
      },
      { id: "stray", kind: "supervisor", children: [], hidden: 0 },
    ]);
  });

  await b.run(async () => {
    Clerk.at(local("clerk")).cast.stumble();
    await expect.poll(() => b.reports.filter(({ type }) => type === "crash")).toHaveLength(1);
  });
  const crashes = await a.run(() => ask.crashes());
  const found = crashes.find(({ label }) => label === "clerk");
  expect(found).toMatchObject({ what: "crashed", reason: "Error: over the carpet" });
  expect(found?.text).toContain("inspection.test.ts");
  await b.run(() => stopApplication(town));
});

test("of a supervisor with many children fifty are shown, and the rest is a number", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  const crowd = supervisor({
    name: "crowd",
    strategy: "one_for_one",
    children: () => Array.from({ length: 60 }, (_, at) => Clerk.child([], { id: `clerk ${at}` })),
  });
  await b.run(() => crowd.start());
  const [tree] = await a.run(() => onNode<InspectionFunctions>(b.name, inspection).tree());
  expect(tree?.children).toHaveLength(50);
  expect(tree?.children[0]?.id).toBe("clerk 0");
  expect(tree?.hidden).toBe(10);
});

test("the longest mailbox, and the busiest process, come first", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  await b.run(() => {
    const deaf = spawn<number>(async function deaf(self) {
      await self.receive({ type: "never" } as never);
    });
    for (let message = 0; message < 5; message++) send(deaf, message);
  });
  const ask = onNode<InspectionFunctions>(b.name, inspection);
  await a.run(async () => {
    await expect.poll(async () => (await ask.ps("mailbox", 1)).rows).toMatchObject([{ label: "deaf", mailbox: 5 }]);
    const { rows } = await ask.ps("reductions", 100);
    expect(rows.map(({ reductions }) => reductions)).toEqual(
      rows.map(({ reductions }) => reductions).sort((x, y) => y - x),
    );
  });
});

test("of two nodes in one program each has its own crashes", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  for (const [at, name] of [
    [a, "ann"],
    [b, "bob"],
  ] as const) {
    const process = at.start(() => {
      throw new Error(`${name} has had enough`);
    });
    await expect.poll(() => process.alive).toBe(false);
  }
  const crashesOf = (on: TestNode, of: TestNode): Promise<readonly string[]> =>
    on.run(async () => {
      const crashes = await onNode<InspectionFunctions>(of.name, inspection).crashes();
      return crashes.map(({ reason }) => reason);
    });
  for (const on of [a, b]) {
    expect(await crashesOf(on, a)).toEqual(["Error: ann has had enough"]);
    expect(await crashesOf(on, b)).toEqual(["Error: bob has had enough"]);
  }
});

test("how long a node is up, its own clock says; in a network of another kind it has no connections to tell of", async () => {
  let nowMs = 1_000;
  const local = new LocalNode({ runtime: { ...nodeRuntime, clock: { now: () => nowMs, wallTime: () => 0 } } });
  const { facts } = offerInspection(local).functions;
  nowMs += 7_000;
  local.join("elsewhere@simulation", { routeTo: () => undefined } as never);
  const { promise, resolve } = Promise.withResolvers<NodeFacts>();
  spawnProcess(local, () => resolve(facts()), undefined, false, undefined);
  expect(await promise).toMatchObject({ name: "elsewhere@simulation", upMs: 7_000, connected: [] });
});

test("of failures the last are kept, and a start is none", () => {
  const failures = new Failures(2);
  const common = { supervisor: "hall", supervisorPid: "<0.1.0>", childId: "clerk", childPid: "<0.2.0>" };
  failures.note({ type: "progress", ...common, at: 0 } as never);
  for (const at of [1, 2, 3])
    failures.note({
      type: "supervisor",
      ...common,
      context: "start_error",
      reason: "no power",
      restart: "permanent",
      at,
    } as never);
  failures.note({
    type: "supervisor",
    ...common,
    context: "shutdown",
    reason: "shutdown",
    restart: "permanent",
    at: 4,
  } as never);
  expect(failures.all.map(({ at, label, what }) => [at, what, label])).toEqual([
    [3, "start_error", "hall/clerk"],
    [4, "shutdown", "hall"],
  ]);
});
