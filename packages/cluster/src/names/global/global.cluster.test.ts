import {
  exit,
  genServer,
  LocalNode,
  local,
  monitor,
  type Name,
  type NodeName,
  type Pid,
  reply,
  type Self,
  send,
  supervisor,
  whereis,
} from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom, type Tuple, tuple } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import type { CreateNodeOptions } from "../../node/node.ts";
import { nextEvent, TestCluster, type TestNode } from "../../node/nodes.fixture.ts";
import { until } from "../../node/until.fixture.ts";
import type { ConflictMethod } from "./conflicts.ts";
import { globalName } from "./global-name.ts";
import { globalNames } from "./global-names.ts";

const shared = { visible: true, global: true } as const;

const Bank = genServer({
  name: "bank",
  init: (balance: number) => ({ balance }),
  calls: {
    deposit: ({ state }, amount: number) => reply(state.balance + amount, { balance: state.balance + amount }),
  },
  casts: {
    crash: () => {
      throw new Error("out of money");
    },
  },
});

/** Nodes that run global, the first of them connected to all others unless they are to be apart. */
async function nodes(
  names: readonly string[],
  { apart = false, ...options }: Partial<CreateNodeOptions> & { readonly apart?: boolean } = {},
): Promise<{ readonly cluster: TestCluster; readonly all: TestNode[] }> {
  const cluster = await TestCluster.make();
  const all: TestNode[] = [];
  for (const name of names) all.push(await cluster.node(name, { ...shared, ...options }));
  if (!apart) await meet(all);
  return { cluster, all };
}

async function meet([first, ...others]: readonly TestNode[]): Promise<void> {
  for (const other of others) await first?.node.connect(other.name);
  const all = [first, ...others] as TestNode[];
  await until(async () => all.every(({ node }) => node.nodes("visible").length >= others.length));
  for (const at of all) await at.run(() => globalNames.sync());
}

/** A process of that node that waits, and the messages that it has got. */
function waiter(at: TestNode): { readonly pid: Pid<unknown>; readonly got: unknown[] } {
  const got: unknown[] = [];
  const { pid } = at.start<unknown>(async (self) => {
    for (;;) got.push(await self.receive());
  });
  return { pid: pid as LocalPid<never> as LocalPid<unknown>, got };
}

/** The node of whoever has the name, as each of the nodes sees it. */
function holders(all: readonly TestNode[], name: unknown): Promise<readonly (NodeName | undefined)[]> {
  return Promise.all(all.map((at) => at.run(() => whereis(globalName(name))?.node)));
}

/** Until all of them see that node, or nobody. */
async function held(all: readonly TestNode[], name: unknown, by: NodeName | undefined): Promise<void> {
  await until(async () => (await holders(all, name)).every((node) => node === by));
}

const seenBy = (at: TestNode, name: Name): Promise<unknown> => at.run(() => whereis(name));

describe("a server that is started under a global name", () => {
  test("is reached by it from every node, and no other one starts", async () => {
    const { all, cluster } = await nodes(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [TestNode, TestNode];
    const { pid } = await a.run(() => Bank.named(globalName("bank")).start(100));
    for (const at of all) expect(await at.run(() => Bank.at(globalName("bank")).call.deposit(10))).toBeGreaterThan(100);
    const again = { code: "INTERLOCK_ALREADY_STARTED" };
    for (const at of all)
      await expect(at.run(() => Bank.named(globalName("bank")).start(0))).rejects.toMatchObject(again);
    expect(await seenBy(a, globalName("bank"))).toBe(pid);
    expect(String(await seenBy(b, globalName("bank")))).toMatch(/^<a@127\.0\.0\.1\.\d+\.0>$/);
  });

  test("on two nodes at once runs on one", async () => {
    const { all, cluster } = await nodes(["a", "b", "c"]);
    await using _ = cluster;
    const starts = all.map((at) => at.run(() => Bank.named(globalName("bank")).start(0)));
    const codes = (await Promise.allSettled(starts)).map((one) =>
      one.status === "fulfilled" ? "started" : (one.reason as { code: string }).code,
    );
    expect(codes.sort()).toEqual(["INTERLOCK_ALREADY_STARTED", "INTERLOCK_ALREADY_STARTED", "started"]);
    expect(new Set(await holders(all, "bank")).size).toBe(1);
  });

  test("has it again when its supervisor has restarted it", async () => {
    const { all, cluster } = await nodes(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [TestNode, TestNode];
    const children = () => [Bank.child([7], { name: globalName("bank") })];
    await a.run(() => supervisor({ name: "top", strategy: "one_for_one", children }).start());
    const first = await seenBy(b, globalName("bank"));
    await b.run(() => Bank.at(globalName("bank")).cast.crash());
    await until(async () => ![undefined, first].includes((await seenBy(b, globalName("bank"))) as undefined));
    expect(await b.run(() => Bank.at(globalName("bank")).call.deposit(1))).toBe(8);
  });

  test("is sent to and monitored by it from another node; nobody's name fails as OTP's does", async () => {
    const { all, cluster } = await nodes(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [TestNode, TestNode];
    const { got, pid } = waiter(a);
    await b.run(() => globalNames.register("waiter", pid));
    await b.run(() => send(globalName("waiter"), "hello"));
    await until(async () => got.length > 0);
    expect(got).toEqual(["hello"]);
    const down = b.run(async (self: Self<never>) => {
      const watching = self.monitor(globalName("waiter"));
      exit(whereis(globalName("waiter")) as Pid, "kill");
      return (await self.receive(watching.down)).reason;
    });
    expect(await down).toBe("killed");
    await held(all, "waiter", undefined);
    await expect(b.run(() => send(globalName("waiter"), "x"))).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
    await expect(b.run(() => Bank.at(globalName("waiter")).call.deposit(1))).rejects.toMatchObject({
      code: "INTERLOCK_NOPROC",
    });
  });
});

describe("a global name", () => {
  test("is given to a process of any node, given away and taken back by any node", async () => {
    const { all, cluster } = await nodes(["a", "b", "c"]);
    await using _ = cluster;
    const [a, b, c] = all as [TestNode, TestNode, TestNode];
    const [ofA, ofB] = [waiter(a), waiter(b)];
    await a.run(() => globalNames.register("x", ofA.pid));
    expect(await holders(all, "x")).toEqual([a.name, a.name, a.name]);
    const taken = { code: "INTERLOCK_NAME_TAKEN", details: { name: "x" } };
    await expect(b.run(() => globalNames.register("x", ofB.pid))).rejects.toMatchObject(taken);
    await b.run(() => globalNames.reRegister("x", ofB.pid));
    expect(await holders(all, "x")).toEqual([b.name, b.name, b.name]);
    await c.run(() => globalNames.unregister("x"));
    expect(await holders(all, "x")).toEqual([undefined, undefined, undefined]);
    await c.run(() => globalNames.unregister("x"));
  });

  test("is any term, and one for a process", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a", shared);
    const { pid } = waiter(a);
    await a.run(() => globalNames.register(tuple(atom("room"), 1), pid));
    const named = { code: "INTERLOCK_ALREADY_NAMED" };
    await expect(a.run(() => globalNames.register("other", pid))).rejects.toMatchObject(named);
    await a.run(() => globalNames.register(atom("bank"), waiter(a).pid));
    expect(await holders([a], "bank")).toEqual([undefined]);
    expect(await holders([a], atom("bank"))).toEqual([a.name]);
    expect(await a.run(() => globalNames.registered())).toEqual([tuple(atom("room"), 1), atom("bank")]);
    const bad = { code: "INTERLOCK_BAD_ARGUMENT" };
    await expect(a.run(() => globalNames.register("x", "nobody" as never))).rejects.toMatchObject(bad);
    expect(String(globalName("bank"))).toBe('globalName("bank")');
  });

  test("ends with its process and with its node", async () => {
    const { all, cluster } = await nodes(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [TestNode, TestNode];
    const mortal = waiter(a);
    await a.run(() => globalNames.register("mortal", mortal.pid));
    await a.run(() => globalNames.register("other", waiter(a).pid));
    await a.run(() => exit(mortal.pid, "kill"));
    await held(all, "mortal", undefined);
    expect(await holders([b], "other")).toEqual([a.name]);
    await a.node.stop();
    await held([b], "other", undefined);
    await b.run(() => globalNames.register("other", waiter(b).pid));
  });

  test("that was given before there was a network is shared in it, and kept after it", async () => {
    await using cluster = await TestCluster.make();
    const alone = new LocalNode();
    const b = await cluster.node("b", shared);
    const first = await cluster.node("first", { ...shared, local: alone });
    await first.node.stop();
    const pid = waiter({ ...first, local: alone }).pid;
    await first.run(() => globalNames.register("kept", pid));
    const a = await cluster.node("a", { ...shared, local: alone });
    await meet([a, b]);
    expect(await holders([a, b], "kept")).toEqual([a.name, a.name]);
    await a.node.stop();
    await held([b], "kept", undefined);
    expect(await seenBy(a, globalName("kept"))).toBe(pid);
  });

  test("needs a node that is visible and runs global", async () => {
    await using cluster = await TestCluster.make();
    const option = { code: "INTERLOCK_NODE_OPTION", details: { option: "global" } };
    await expect(cluster.node("hidden", { global: true })).rejects.toMatchObject(option);
    const a = await cluster.node("a", { visible: true });
    await expect(a.run(() => globalNames.registered())).rejects.toMatchObject(option);
    await expect(a.run(() => Bank.named(globalName("bank")).start(0))).rejects.toMatchObject(option);
    await expect(a.run(() => Bank.at(globalName("bank")).call.deposit(1))).rejects.toMatchObject(option);
    expect(await seenBy(a, local("global_name_server"))).toBeUndefined();
  });
});

describe("two partitions that meet", () => {
  async function disputed(method: ConflictMethod): Promise<{
    readonly cluster: TestCluster;
    readonly all: TestNode[];
    readonly got: readonly unknown[][];
    readonly ends: readonly Promise<unknown>[];
  }> {
    const { all, cluster } = await nodes(["a", "b"], { apart: true });
    const owners = all.map(waiter);
    for (const [index, at] of all.entries())
      await at.run(() => globalNames.register("x", (owners[index] as (typeof owners)[0]).pid, { onConflict: method }));
    const ends = all.map((at, index) => at.run(() => monitor((owners[index] as (typeof owners)[0]).pid)));
    await meet(all);
    return { all, cluster, ends, got: owners.map((one) => one.got) };
  }

  test("keep the process on the lesser node and kill the other one, by default", async () => {
    const { all, cluster, ends } = await disputed("random_exit");
    await using _ = cluster;
    expect(await ends[1]).toMatchObject({ reason: "killed" });
    await held(all, "x", all[0]?.name);
  });

  test("keep one and tell the other, if that is what is wanted", async () => {
    const { all, cluster, got } = await disputed("random_notify");
    await using _ = cluster;
    await held(all, "x", all[0]?.name);
    await until(async () => got[1]?.length === 1);
    expect(got).toEqual([[], [tuple(atom("global_name_conflict"), "x")]]);
  });

  test("keep none and tell both, if that is what is wanted", async () => {
    const { all, cluster, got } = await disputed("notify_all");
    await using _ = cluster;
    await held(all, "x", undefined);
    await until(async () => got.every(({ length }) => length === 1));
    const others = got.map(([message]) => ((message as Tuple).elements[2] as Pid).node);
    expect(others).toEqual(["b@127.0.0.1", "a@127.0.0.1"]);
  });

  test("settle the conflict of a process with a node that they both do not run on", async () => {
    const { all, cluster } = await nodes(["a", "b", "c"], { apart: true });
    await using _ = cluster;
    const [a, b, c] = all as [TestNode, TestNode, TestNode];
    await meet([a, b]);
    await b.run(() => globalNames.register("x", waiter(b).pid));
    const theirs = waiter(c);
    const end = c.run(() => monitor(theirs.pid));
    await c.run(() => globalNames.register("x", theirs.pid));
    await meet([a, b, c]);
    expect(await end).toMatchObject({ reason: "killed" });
    await held(all, "x", b.name);
  });

  test("have the names of both, and every node knows every other", async () => {
    const { all, cluster } = await nodes(["a", "b", "c", "d"], { apart: true });
    await using _ = cluster;
    const [a, b, c, d] = all as [TestNode, TestNode, TestNode, TestNode];
    await Promise.all([meet([a, b]), meet([c, d])]);
    for (const at of all) await at.run(() => globalNames.register(`of ${at.name}`, waiter(at).pid));
    await a.node.connect(c.name);
    for (const at of all) await held(all, `of ${at.name}`, at.name);
    await until(async () => all.every(({ node }) => node.nodes("visible").length === 3));
  });
});

describe("when a connection is lost", () => {
  test("whoever sees both of those who have lost each other parts with one; together again, all agree", async () => {
    const { all, cluster } = await nodes(["a", "b", "c"]);
    await using _ = cluster;
    const [a, b, c] = all as [TestNode, TestNode, TestNode];
    await c.run(() => globalNames.register("of_c", waiter(c).pid));
    a.node.disconnect(b.name);
    const partition = (at: TestNode): string => [at.name, ...at.node.nodes("visible")].sort().join();
    await until(async () => {
      const found = all.map(partition);
      return new Set(found).size > 1 && [...new Set(found)].join().split(",").length === 3;
    });
    await meet(all);
    await held(all, "of_c", c.name);
    await a.run(() => globalNames.register("again", waiter(a).pid));
    expect(await holders(all, "again")).toEqual([a.name, a.name, a.name]);
  });

  test("the others stay, if they are told not to prevent overlapping partitions", async () => {
    const { all, cluster } = await nodes(["a", "b", "c"], { global: { preventOverlappingPartitions: false } });
    await using _ = cluster;
    const [a, b, c] = all as [TestNode, TestNode, TestNode];
    const gone = nextEvent(b, "nodedown");
    a.node.disconnect(b.name);
    await gone;
    await c.run(() => globalNames.register("x", waiter(c).pid));
    expect(c.node.nodes("visible").toSorted()).toEqual([a.name, b.name]);
    await meet(all);
    await held(all, "x", c.name);
  });

  test("because a node stops, the others stay together", async () => {
    const { all, cluster } = await nodes(["a", "b", "c"]);
    await using _ = cluster;
    const [a, b, c] = all as [TestNode, TestNode, TestNode];
    await c.node.stop();
    await until(async () => [a, b].every(({ node }) => !node.nodes("visible").includes(c.name)));
    await a.run(() => globalNames.register("x", waiter(a).pid));
    expect(await holders([a, b], "x")).toEqual([a.name, a.name]);
  });

  test("because the name server's process was ended, its node joins anew with its own names", async () => {
    const { all, cluster } = await nodes(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [TestNode, TestNode];
    await a.run(() => globalNames.register("of_a", waiter(a).pid));
    await b.run(() => globalNames.register("of_b", waiter(b).pid));
    const gone = nextEvent(b, "nodedown");
    await a.run(() => exit(whereis(local("global_name_server")) as Pid, "kill"));
    await gone;
    await meet(all);
    await held(all, "of_a", a.name);
    await held(all, "of_b", b.name);
  });
});

test("what is no message of global's is reported and harms nothing", async () => {
  const { all, cluster } = await nodes(["a", "b"]);
  await using _ = cluster;
  const [a, b] = all as [TestNode, TestNode];
  const server = local("global_name_server");
  for (const message of ["text", tuple(), tuple(atom("$gen_call"), 1, 2), tuple(atom("$gen_cast"), atom("x"))])
    await a.run(() => send(server as never, message as never));
  await b.run(() => globalNames.register("x", waiter(b).pid));
  expect(await holders(all, "x")).toEqual([b.name, b.name]);
  expect(a.reports.filter(({ type }) => type === "warning")).toHaveLength(4);
});
