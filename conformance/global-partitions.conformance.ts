import { globalName, globalNames } from "@interlock/cluster";
import { exit, isAlive, type NodeName, nodeRuntime, type Pid, whereis } from "@interlock/core";
import fc from "fast-check";
import { expect, test } from "vitest";

import { GlobalWorld, waiter } from "./support/global-world.ts";
import type { TestNode } from "./support/nodes.ts";

const overlapping = { global: { preventOverlappingPartitions: false } } as const;

/** The nodes that each is connected to, with itself. */
function partitions(all: readonly TestNode[]): readonly (readonly NodeName[])[] {
  return all.map(({ name, node }) => [name, ...node.nodes()].sort());
}

function whole(all: readonly TestNode[]): readonly (readonly NodeName[])[] {
  return all.map(() => all.map(({ name }) => name).sort());
}

/** All names, as each of the nodes has them. */
function namesAt(all: readonly TestNode[]): Promise<readonly (readonly unknown[])[]> {
  return Promise.all(
    all.map((at) =>
      at.run(() => [...globalNames.registered()].sort((one, other) => (String(one) < String(other) ? -1 : 1))),
    ),
  );
}

test("global:basic_partition: nodes that were parted know all names and nodes again when they meet", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  const [a, b, c] = all;
  await world.meet(...all);
  await world.split([a], [b, c]);
  await world.time.advance(60_000);
  expect(partitions(all)).toEqual([[a.name], [b.name, c.name], [b.name, c.name]]);
  await world.give(a, "of a");
  await world.give(b, "of b");
  expect(await namesAt(all)).toEqual([["of a"], ["of b"], ["of b"]]);
  world.heal();
  // By one connection all come together.
  await world.during(a.node.connect(b.name));
  await world.time.advance(60_000);
  expect(partitions(all)).toEqual(whole(all));
  expect(await namesAt(all)).toEqual(all.map(() => ["of a", "of b"]));
});

test("global:advanced_partition: the names of both sides are merged, and those who ended meanwhile are gone", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c", "d", "e"]);
  const [a, b, c, d, e] = all;
  await world.meet(...all);
  const [kept, ended, moved] = [
    await world.give(a, "kept"),
    await world.give(c, "ended"),
    await world.give(b, "moved"),
  ];
  await world.split([a, b], [c, d, e]);
  await world.time.advance(60_000);
  expect(await namesAt(all)).toEqual([["kept", "moved"], ["kept", "moved"], ["ended"], ["ended"], ["ended"]]);
  exit(ended.pid as Pid, "kill");
  const next = waiter(a);
  await world.during(b.run(() => globalNames.reRegister("moved", whereis(globalName("moved")) as Pid)));
  await world.during(a.run(() => globalNames.reRegister("moved", next.pid)));
  for (const [at, name] of [
    [c, "of c"],
    [d, "of d"],
    [e, "of e"],
    [b, "of b"],
  ] as const)
    await world.give(at, name);
  world.heal();
  await world.meet(...all);
  const names = ["kept", "moved", "of b", "of c", "of d", "of e"];
  expect(await namesAt(all)).toEqual(all.map(() => names));
  const nodes = [a, a, b, c, d, e].map(({ name }) => name);
  for (const [index, name] of names.entries())
    expect(await world.holders(all, name)).toEqual(all.map(() => nodes[index]));
  expect([kept, moved].map(({ pid }) => isAlive(pid as Pid))).toEqual([true, true]);
});

test("global:basic_name_partition: a name that both sides have given is kept by one process, and the same on all nodes", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c", "d"]);
  const [a, b, c, d] = all;
  await world.meet(...all);
  await world.split([a, b], [c, d]);
  await world.time.advance(60_000);
  const contested = { first: [a, c], second: [d, b] } as const;
  const given: Record<string, readonly Pid[]> = {};
  for (const [name, nodes] of Object.entries(contested))
    given[name] = [(await world.give(nodes[0], name)).pid as Pid, (await world.give(nodes[1], name)).pid as Pid];
  world.heal();
  await world.meet(...all);
  // The default method: the one on the node whose name is less.
  expect(await world.holders(all, "first")).toEqual(all.map(() => a.name));
  expect(await world.holders(all, "second")).toEqual(all.map(() => b.name));
  expect(given["first"]?.map(isAlive)).toEqual([true, false]);
  expect(given["second"]?.map(isAlive)).toEqual([false, true]);
});

/** Of each thing that is on its way. */
const delays = fc.infiniteStream(fc.integer({ min: 0, max: 8 }));

type Step =
  | { readonly do: "split"; readonly sides: readonly number[] }
  | { readonly do: "heal" }
  | { readonly do: "give" | "end"; readonly at: number; readonly name: string };

test("global:stress_partition: whatever was split, given and ended, all agree in the end", {
  timeout: 120_000,
}, async () => {
  const [at, name] = [fc.nat(3), fc.constantFrom("x", "y", "z")];
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant("split"), sides: fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }) }),
    fc.record({ do: fc.constant("heal") }),
    fc.record({ do: fc.constantFrom("give", "end"), at, name }),
  );
  const pause = fc.constantFrom(0, 1, 5, 100, 30_000);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, pause), { maxLength: 12 }), delays, async (steps, delay) => {
      await using world = new GlobalWorld(() => delay.next().value as number);
      const all = await world.nodes(["a", "b", "c", "d"]);
      await world.meet(...all);
      const pids = new Set<Pid>();
      for (const [one, pauseMs] of steps) {
        if (one.do === "split")
          await world.split(...[1, 2].map((side) => all.filter((_, index) => one.sides[index] === side)));
        else if (one.do === "heal") {
          world.heal();
          for (const other of all.slice(1)) void all[0].node.connect(other.name).catch(() => undefined);
        } else {
          const node = all[one.at] as TestNode;
          if (one.do === "give") {
            const { pid } = waiter(node);
            pids.add(pid as Pid);
            void node.run(() => globalNames.register(one.name, pid)).catch(() => undefined);
          } else {
            const found = await node.run(() => whereis(globalName(one.name)));
            if (found !== undefined) exit(found, "kill");
          }
        }
        await world.time.advance(pauseMs);
      }
      world.heal();
      for (let round = 0; round < 3; round++) {
        for (const node of all) for (const other of all) void node.node.connect(other.name).catch(() => undefined);
        await world.time.advance(120_000);
      }
      expect(partitions(all)).toEqual(whole(all));
      const names = await namesAt(all);
      expect(names).toEqual(all.map(() => names[0]));
      for (const one of names[0] ?? []) {
        const holders = await world.holders(all, one);
        expect(new Set(holders).size).toBe(1);
        const holder = all.find((node) => node.name === holders[0]) as TestNode;
        const pid = await holder.run(() => whereis(globalName(one)));
        expect(pids.has(pid as Pid) && isAlive(pid as Pid)).toBe(true);
      }
    }),
    { numRuns: 40 },
  );
});

test("global:ring: nodes of which each connects to the next one become a full mesh", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(delays, async (delay) => {
      await using world = new GlobalWorld(() => delay.next().value as number);
      const all = await world.nodes(["a", "b", "c", "d", "e", "f"]);
      for (const at of all) await world.give(at, `of ${at.name}`);
      const next = (index: number): TestNode => all[(index + 1) % all.length] as TestNode;
      await world.during(Promise.all(all.map(({ node }, index) => node.connect(next(index).name))));
      await world.time.advance(300_000);
      expect(partitions(all)).toEqual(whole(all));
      expect(await namesAt(all)).toEqual(all.map(() => all.map(({ name }) => `of ${name}`).sort()));
    }),
    { numRuns: 50 },
  );
});

test("global:simple_disconnect: two nodes that lose each other, with a third between them, agree again when they meet", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"], overlapping);
  const [a, b, c] = all;
  await world.meet(...all);
  await world.give(a, "of a");
  a.node.disconnect(b.name);
  await world.time.advance(1_000);
  expect(partitions(all)).toEqual([
    [a.name, c.name],
    [b.name, c.name],
    [a.name, b.name, c.name],
  ]);
  expect(await world.holders([a, b, c], "of a")).toEqual([a.name, undefined, a.name]);
  await world.give(c, "of c");
  await world.meet(...all);
  expect(await namesAt(all)).toEqual(all.map(() => ["of a", "of c"]));
});

test("global:lost_unregister: a name that was taken back in a split is not there again after it", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  const [a, b, c] = all;
  await world.meet(...all);
  const { pid } = await world.give(a, "name");
  // Of another side's process, on that side.
  await world.give(b, "other");
  await world.split([a], [b, c]);
  await world.during(a.run(() => globalNames.unregister("name")));
  await world.during(b.run(() => globalNames.unregister("other")));
  await world.time.advance(60_000);
  world.heal();
  await world.meet(...all);
  expect(await namesAt(all)).toEqual([[], [], []]);
  expect(isAlive(pid as Pid)).toBe(true);
  await world.during(c.run(() => globalNames.register("name", waiter(c).pid)));
  expect(await world.holders(all, "name")).toEqual([c.name, c.name, c.name]);
});

test("global:mass_death: when most nodes are gone at once, the others are left with their own names, and give new ones", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c", "d", "e", "f", "g"]);
  await world.meet(...all);
  for (const at of all) await world.give(at, `of ${at.name}`);
  const [left, gone] = [all.slice(0, 2), all.slice(2)];
  await world.split(left, ...gone.map((one) => [one]));
  await world.time.advance(60_000);
  expect(partitions(left)).toEqual(whole(left));
  expect(await namesAt(left)).toEqual(left.map(() => left.map(({ name }) => `of ${name}`)));
  const [a] = left;
  for (const { name } of gone) await world.give(a as TestNode, `of ${name}`);
  expect((await namesAt(left))[1]).toHaveLength(all.length);
});

test("global:lost_connection: when two have lost each other, nobody is left that reaches both", async () => {
  const { random: any } = nodeRuntime;
  for (const [isPrevented, random] of [
    [true, any],
    [true, () => 0],
    [false, any],
  ] as const) {
    await using world = new GlobalWorld();
    // What a node says of itself is a large number, or by chance a small one.
    const node = (name: string) =>
      world.node(name, { local: world.time.node({ random }), ...(isPrevented ? {} : overlapping) });
    const all = [await node("a"), await node("b"), await node("c"), await node("d")] as const;
    const [a, b] = all;
    await world.meet(...all);
    a.node.disconnect(b.name);
    await world.time.advance(60_000);
    const found = partitions(all);
    const isEqual = (one: number): boolean =>
      all.every(
        ({ name }, at) => !(found[one] as readonly NodeName[]).includes(name) || `${found[at]}` === `${found[one]}`,
      );
    expect(all.map((_, at) => isEqual(at))).toEqual(all.map(() => isPrevented));
    expect(all.some(({ reports }) => reports.some(({ type }) => type === "warning"))).toBe(isPrevented);
    await world.meet(...all);
    await world.meet(...all);
    expect(partitions(all)).toEqual(whole(all));
  }
});

test("global:global_disconnect: a node that leaves parts no others, takes its names with it, and keeps them", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  const [a, b, c] = all;
  await world.meet(...all);
  for (const at of all) await world.give(at, `of ${at.name}`);
  await world.during(a.node.stop());
  await world.time.advance(60_000);
  expect(partitions([b, c])).toEqual(whole([b, c]));
  expect(await namesAt([b, c])).toEqual([b, c].map(() => [`of ${b.name}`, `of ${c.name}`]));
  expect([b, c].flatMap(({ reports }) => reports)).toEqual([]);
  const again = await world.node("a", { local: a.local });
  expect(await namesAt([again])).toEqual([[`of ${a.name}`]]);
  await world.meet(again, b, c);
  expect((await namesAt([again, b, c])).map(({ length }) => length)).toEqual([3, 3, 3]);
});

test("global:both_known_1: partitions whose nodes connect to each other all at once come together", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c", "d", "e"]);
  const [a, b, c, d, e] = all;
  for (const at of all) await world.give(at, `of ${at.name}`);
  await world.meet(a, b);
  await world.meet(c, d, e);
  await world.during(
    Promise.all([
      a.node.connect(d.name),
      d.node.connect(b.name),
      b.node.connect(c.name),
      e.node.connect(a.name),
      c.node.connect(a.name),
    ]),
  );
  await world.time.advance(300_000);
  expect(partitions(all)).toEqual(whole(all));
  expect(await namesAt(all)).toEqual(all.map(() => all.map(({ name }) => `of ${name}`)));
});

test("global:connect_all_false: nodes that do not run global connect to those only that they are told to", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"], { global: false });
  const [a, b, c] = all;
  await world.during(a.node.connect(b.name));
  await world.during(b.node.connect(c.name));
  await world.time.advance(300_000);
  expect(partitions(all)).toEqual([
    [a.name, b.name],
    [a.name, b.name, c.name],
    [b.name, c.name],
  ]);
});
