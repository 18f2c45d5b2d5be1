import { exit, local, type Pid, register, remote, type Self, send, whereis } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom, type Tuple, tuple } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import { group } from "../groups/group.ts";
import type { GroupEvent } from "../groups/monitors.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { localAdapter } from "./adapter.ts";
import { clusterAdapter, phoenixAdapter } from "./cluster-adapter.ts";
import { type PubSub, pubsub } from "./pubsub.ts";
import { pubsubContract } from "./pubsub-contract.fixture.ts";

pubsubContract("local", () => localAdapter);
pubsubContract("cluster", () => clusterAdapter());
pubsubContract("Phoenix", () => phoenixAdapter({ poolSize: 2 }));

const hub = pubsub({ name: "hub" });
const groupOfHub = tuple("interlock_pubsub", "hub");

interface Listener {
  readonly pid: Pid<unknown>;
  /** The next message it got. */
  next(): Promise<unknown>;
}

async function listener(at: TestNode, topic: string, of: PubSub = hub): Promise<Listener> {
  const heard: unknown[] = [];
  let wake: (() => void) | undefined;
  const ready = Promise.withResolvers<void>();
  const { pid } = at.start<unknown>(async (self) => {
    of.topic<unknown>(topic).subscribe(self);
    ready.resolve();
    for (;;) {
      heard.push(await self.receive());
      wake?.();
    }
  });
  await ready.promise;
  return {
    pid: pid as LocalPid<never> as LocalPid<unknown>,
    next: async () => {
      while (heard.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return heard.shift();
    },
  };
}

/** Resolves when `at` knows of so many nodes that take part. */
function parts(at: TestNode, count: number, name: unknown = groupOfHub, scope = "pg"): Promise<void> {
  return at.run(async (self: Self<GroupEvent>) => {
    const members = group(name, { scope });
    const { demonitor } = members.monitor(self.pid);
    while (members.members().length !== count) await self.receive();
    demonitor();
  });
}

async function three(): Promise<{ cluster: TestCluster; nodes: readonly [TestNode, TestNode, TestNode] }> {
  const cluster = await TestCluster.make();
  const nodes = [await cluster.node("a"), await cluster.node("b"), await cluster.node("c")] as const;
  const [a, b, c] = nodes;
  await Promise.all([a.node.connect(b.name), b.node.connect(c.name), c.node.connect(a.name)]);
  return { cluster, nodes };
}

test("a process whose subscriptions have ended keeps nothing of them", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  await a.run((self: Self<unknown>) => {
    for (const name of ["red", "green", "red"]) {
      const topic = hub.topic(name);
      topic.subscribe(self);
      topic.subscribe(self);
      expect((self.pid as LocalPid<unknown>).process?.extras?.atExit?.size).toBe(1);
      topic.unsubscribe(self);
      expect((self.pid as LocalPid<unknown>).process?.extras?.atExit?.size).toBe(0);
    }
  });
});

describe("a PubSub of three nodes", () => {
  test("gives what one broadcasts to the subscribers of all, once, in its order", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const listeners = await Promise.all([...nodes, ...nodes].map((node) => listener(node, "red")));
    for (const node of nodes) await parts(node, 3);
    const [a, b, c] = nodes;
    for (const [at, node] of nodes.entries())
      await node.run(() => {
        for (let number = 0; number < 100; number++) hub.topic("red").broadcast([at, number]);
        hub.topic("green").broadcast("not for them");
      });
    for (const one of listeners) {
      const heard: unknown[][] = [[], [], []];
      for (let count = 0; count < 300; count++) {
        const [at, number] = (await one.next()) as [number, number];
        heard[at]?.push(number);
      }
      expect(heard).toEqual(Array.from({ length: 3 }, () => Array.from({ length: 100 }, (_unused, number) => number)));
    }
    expect([a, b, c].flatMap(({ reports }) => reports)).toEqual([]);
  });

  test("leaves out the broadcaster alone, and other nodes when it is told to", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b] = nodes;
    const [there, here] = [await listener(b, "red"), await listener(a, "red")];
    await parts(a, 2);
    await a.run(async (self: Self<unknown>) => {
      const red = hub.topic("red");
      red.subscribe(self);
      red.broadcastFrom(self, "from a");
      red.localBroadcast("on a");
      red.broadcast("done");
      expect([await self.receive(), await self.receive()]).toEqual(["on a", "done"]);
    });
    expect([await here.next(), await here.next(), await here.next()]).toEqual(["from a", "on a", "done"]);
    expect([await there.next(), await there.next()]).toEqual(["from a", "done"]);
  });

  test("carries what any message between nodes carries, and refuses for all what it cannot carry", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b] = nodes;
    const [there, here] = [await listener(b, "red"), await listener(a, "red")];
    await parts(a, 2);
    const value = { at: new Date(0), set: new Set([1n]), list: [undefined, Number.NaN] };
    await a.run(() => {
      expect(() => hub.topic("red").broadcast(() => 1)).toThrow(
        expect.objectContaining({ code: "INTERLOCK_WIRE_UNENCODABLE" }),
      );
      hub.topic("red").broadcast(value);
    });
    expect([await there.next(), await here.next()]).toEqual([value, value]);
  });

  test("goes on with those that are left when a node goes, and with all when it is back", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b, c] = nodes;
    const [atB, atC] = [await listener(b, "red"), await listener(c, "red")];
    await a.run(() => hub.start());
    for (const node of nodes) await parts(node, 3);
    a.node.disconnect(c.name);
    await parts(a, 2);
    await a.run(() => hub.topic("red").broadcast("without c"));
    await a.node.connect(c.name);
    await parts(a, 3);
    await a.run(() => hub.topic("red").broadcast("with c"));
    expect([await atB.next(), await atB.next(), await atC.next()]).toEqual(["without c", "with c", "with c"]);
  });

  test("has a new process for one that is ended, and its subscribers still", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b] = nodes;
    const there = await listener(b, "red");
    await parts(a, 1);
    const events = a.run(async (self: Self<GroupEvent>) => {
      group(groupOfHub).monitor(self.pid);
      await b.run(() => exit(group(groupOfHub).localMembers()[0] as Pid, "kill"));
      return [(await self.receive()).change, (await self.receive()).change];
    });
    expect(await events).toEqual(["leave", "join"]);
    await a.run(() => hub.topic("red").broadcast("still here"));
    expect(await there.next()).toBe("still here");
  });

  test("takes no harm from messages that are none of a PubSub's", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b] = nodes;
    const there = await listener(b, "red");
    await parts(a, 1);
    await a.run(() => {
      const [receiver] = group<unknown>(groupOfHub).members();
      const forward = atom("forward_to_local");
      for (const message of [1, tuple(), tuple(forward, "red"), tuple(forward, 1, 2, 3), tuple(1, "red", 2, 3)])
        send(receiver as Pid<unknown>, message);
      hub.topic("red").broadcast("well");
    });
    expect(await there.next()).toBe("well");
    expect(b.reports).toEqual([]);
  });
});

describe("a PubSub that Phoenix is part of", () => {
  const chat = pubsub({ name: "Chat.PubSub", adapter: phoenixAdapter({ poolSize: 2 }) });
  const scope = "Elixir.Phoenix.PubSub";
  const names = ["Elixir.Chat.PubSub.Adapter", "Elixir.Chat.PubSub.Adapter_2"] as const;

  test("gets what its workers are sent: by the groups of the pool, and by their names", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b] = nodes;
    const there = await listener(b, "room:1", chat);
    await a.run(() => {
      for (const name of names) expect(group(atom(name), { scope }).localMembers()).toEqual([]);
    });
    for (const name of names) await parts(a, 1, atom(name), scope);
    await a.run(async (self: Self<unknown>) => {
      const forward = (message: unknown): Tuple =>
        tuple(atom("forward_to_local"), "room:1", message, atom("Elixir.Phoenix.Channel.Server"));
      for (const name of names) {
        const [worker] = group<unknown>(atom(name), { scope }).members();
        send(worker as Pid<unknown>, forward({ by: "group" }));
        send(remote(name, b.name) as never, forward({ by: "name", self: self.pid }) as never);
        expect([await there.next(), await there.next()]).toMatchObject([{ by: "group" }, { by: "name" }]);
      }
    });
  });

  test("sends to the first group of the pool, with the dispatcher that they know", async () => {
    const { cluster, nodes } = await three();
    await using _ = cluster;
    const [a, b] = nodes;
    // Stands for a worker of Phoenix.
    const heard = b.run(async (self: Self<unknown>) => {
      register(names[0], self.pid as never);
      group<unknown>(atom(names[0]), { scope }).join(self.pid);
      return self.receive();
    });
    await a.run(() => chat.start());
    await parts(a, 2, atom(names[0]), scope);
    await a.run(() => {
      expect(whereis(local(names[1]))).toBeDefined();
      chat.topic("room:1").broadcast({ text: "hello" });
    });
    const { elements } = (await heard) as Tuple;
    expect(elements).toEqual([atom("forward_to_local"), "room:1", { text: "hello" }, atom("Elixir.Phoenix.PubSub")]);
  });

  test("needs a pool of at least one", () => {
    expect(() => phoenixAdapter({ poolSize: 0 })).toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
  });
});
