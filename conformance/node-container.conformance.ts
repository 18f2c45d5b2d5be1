import { onNode, remoteFunctions } from "@interlock/cluster";
import { isPid, makeRef, type Pid, type Self, table } from "@interlock/core";
import { atom, ErlangPid, ErlangReference, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { collected } from "./support/garbage.ts";
import { HandmadePeer } from "./support/handmade-peer.ts";
import { ask, begin, type Note, nextEvent, note, pidOf, TestCluster, type TestNode } from "./support/nodes.ts";

/** What the node makes of identifiers that a peer says. */
async function read(at: TestNode, peer: HandmadePeer, ...identifiers: readonly unknown[]): Promise<readonly object[]> {
  const { promise, resolve } = Promise.withResolvers<readonly object[]>();
  const pid = await peer.begin<unknown>(at, async (self) => resolve((await self.receive()) as readonly object[]));
  peer.say({ type: "SEND_SENDER", from: peer.pid, to: pid }, identifiers);
  return promise;
}

async function facing() {
  const cluster = await TestCluster.make();
  const a = await cluster.node("a");
  return { cluster, a, peer: await HandmadePeer.dial(a) };
}

const Echo = remoteFunctions({ name: "conformance_identifiers", functions: { echo: (value: unknown) => value } });

test("node_container:term_to_binary_to_term_eq: an identifier that comes back is the one that left, from wherever it is", async () => {
  await using cluster = await TestCluster.make();
  const [a, b, c] = [await cluster.node("a"), await cluster.node("b"), await cluster.node("c")];
  for (const at of [b, c]) begin(at, "far");
  await a.run(async (self: Self<Note>) => {
    const theirs = await Promise.all([pidOf(self, "far", b.name)]);
    const identifiers = [self.pid, self.alias(), makeRef(), ...theirs, await pidOf(self, "far", c.name)];
    for (const { name } of [b, c]) {
      const back = (await onNode(name, Echo).echo([
        identifiers,
        new Map(identifiers.map((one) => [one, 1])),
      ])) as readonly [unknown[], Map<unknown, number>];
      expect(back[0].map((one, at) => one === identifiers[at])).toEqual(identifiers.map(() => true));
      expect(identifiers.map((one) => back[1].get(one))).toEqual(identifiers.map(() => 1));
    }
  });
});

test("node_container:cmp: identifiers of all nodes have one order, in which no two that differ are equal", async () => {
  const { a, cluster, peer } = await facing();
  await using _ = cluster;
  const names = ["peer@127.0.0.1", "a@127.0.0.1", "zz@h"];
  const foreign = names.flatMap((name) =>
    [1, 2].flatMap((creation) =>
      [0, 3].flatMap((serial) => [1, 9].map((id) => new ErlangPid(atom(name), id, serial, creation))),
    ),
  );
  const references = names.flatMap((name) =>
    [1, 2].flatMap((creation) =>
      [[1], [1, 2], [0, 1, 2, 3, 4]].map((words) => new ErlangReference(atom(name), words, creation)),
    ),
  );
  const pids = await read(a, peer, ...foreign);
  const refs = await read(a, peer, ...references);
  await a.run((self) => {
    const own = Array.from({ length: 5 }, () => a.start(() => undefined).pid);
    const ordered = table<object, readonly [object, number]>({ kind: "ordered_set" });
    const all = [...pids, ...refs, ...own, self.pid, makeRef()];
    for (const [index, one] of all.entries()) ordered.insert([one, index]);
    expect(ordered.size).toBe(all.length);
    for (const [index, one] of all.entries()) expect(ordered.lookup(one)).toEqual([one, index]);
    // References before pids.
    const order: object[] = [];
    for (let key = ordered.first(); key !== undefined; key = ordered.next(key)) order.push(key);
    expect(order.map(isPid)).toEqual([...refs, 1, ...pids, ...own, 1].map((_, at) => at > refs.length));
  });
});

test("node_container:ref_eq: references of any length, of which a longer one with zeros is the same", async () => {
  const { a, cluster, peer } = await facing();
  await using _ = cluster;
  const reference = (...words: readonly number[]) => new ErlangReference(atom("x@y"), words, 1);
  const [one, same, longer, other, two, three, five, again] = await read(
    a,
    peer,
    ...[reference(1), reference(1), reference(1, 0, 0), reference(0, 1), reference(1, 2), reference(1, 2, 3)],
    ...[reference(1, 2, 3, 0xffff_ffff, 5), reference(1, 2, 3, 0xffff_ffff, 5)],
  );
  expect([same === one, longer === one, again === five]).toEqual([true, true, true]);
  expect(new Set([one, other, two, three, five]).size).toBe(5);
});

test("node_container:node_table_gc: what is known of a node is kept as long as an identifier of its is, and no longer", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const kept: object[] = [];
  const down = nextEvent(a, "nodedown");
  const life = await (async () => {
    using peer = await HandmadePeer.dial(a);
    const identifiers = await read(a, peer, peer.pid, peer.reference(), new ErlangPid(atom("never@seen"), 1, 0, 1));
    kept.push(...identifiers);
    return new WeakRef((identifiers[0] as { readonly home: object }).home);
  })();
  await down;
  expect(await collected(life)).toBe(false);
  const others = kept.map((one) => new WeakRef(one));
  kept.length = 0;
  // What was heard of last is held as well.
  using other = await HandmadePeer.dial(a, { name: "other@127.0.0.1" });
  await read(a, other, other.pid);
  for (const ref of [life, ...others]) expect(await collected(ref)).toBe(true);
});

test("node_container:bad_nc: identifiers that are none close their connection; those of nobody reach nobody", async () => {
  const { a, cluster, peer } = await facing();
  await using _ = cluster;
  let heard = 0;
  const pid = await peer.begin<unknown>(a, async (self) => {
    for (;;) {
      await self.receive();
      heard++;
    }
  });
  // Creation 0 is any life of the node.
  const anyLife = new ErlangPid(pid.node, pid.id, pid.serial, 0);
  const { id, node, serial } = pid;
  const nobody = [
    new ErlangPid(node, id, serial + 1, pid.creation),
    new ErlangPid(node, id, serial, (pid.creation + 1) >>> 0),
    new ErlangPid(node, 0xffff_ffff, 0xffff_ffff, pid.creation),
    new ErlangPid(node, 0, 0, 0),
    new ErlangPid(atom("x@y"), id, serial, 0),
    new ErlangPid(atom(""), id, serial, 1),
    peer.pid,
  ];
  for (const to of [...nobody, anyLife]) {
    peer.say({ type: "SEND_SENDER", from: peer.pid, to }, atom("hello"));
    peer.say({ type: "PAYLOAD_EXIT2", from: peer.pid, to: to === anyLife ? peer.pid : to }, atom("kill"));
    peer.say({ type: "PAYLOAD_EXIT", from: peer.pid, to }, atom("kill"));
  }
  for (const to of nobody) {
    const ref = peer.reference();
    peer.say({ type: "MONITOR_P", from: peer.pid, to, ref });
    expect(await peer.heard("PAYLOAD_MONITOR_P_EXIT")).toMatchObject({ control: { ref }, payload: atom("noproc") });
    peer.say({ type: "LINK", from: peer.pid, to });
    expect((await peer.heard("PAYLOAD_EXIT")).payload).toBe(atom("noproc"));
  }
  expect([heard, a.reports]).toEqual([1, []]);
  const [NEW_PID, NEWER_REFERENCE] = [88, 90];
  const name = [119, 3, ...Buffer.from("x@y")];
  for (const bytes of [
    [NEW_PID, 97, 1, ...Buffer.alloc(12)],
    [NEW_PID, ...name, ...Buffer.alloc(11)],
    [NEWER_REFERENCE, 0, 1, 97, 1, ...Buffer.alloc(8)],
    [NEWER_REFERENCE, 0, 3, ...name, ...Buffer.alloc(15)],
  ]) {
    using bad = await HandmadePeer.dial(a, { name: "bad@127.0.0.1" });
    bad.raw(tuple(6, bad.pid, atom(""), atom("net_kernel")), Buffer.of(131, ...bytes));
    await bad.closed();
  }
  await peer.acted();
});

test("node_container:unique_pid: no two processes have one pid, on any node, nor in any of its lives", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const COUNT = 2_000;
  const seen: object[] = [];
  for (const alive of ["b", "c", "b"]) {
    const node = await cluster.node(alive);
    begin(node, "maker", async (self) => {
      const { from } = await self.receive();
      const pids = Array.from({ length: COUNT }, () => node.start(() => undefined).pid);
      note(from as Pid<Note>, pids, self.pid);
      await self.receive();
    });
    const { text } = await a.run((self: Self<Note>) => ask(self, "maker", node.name));
    seen.push(...(text as readonly object[]));
    await node.node.stop();
  }
  expect(new Set(seen).size).toBe(3 * COUNT);
});
