import { nodePorts } from "@interlock/cluster";
import {
  exit,
  genServer,
  isAlive,
  LocalNode,
  local,
  makeRef,
  type NodeName,
  type Pid,
  processInfo,
  register,
  remote,
  reply,
  type Self,
  send,
  sendWait,
  trySend,
} from "@interlock/core";
import { atom, Port, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { whatever } from "./in-process.ts";
import { ERLANG_FLAGS, HandmadeListener, HandmadePeer } from "./support/handmade-peer.ts";
import {
  answering,
  ask,
  begin,
  dammed,
  type Note,
  nextEvent,
  note,
  pidOf,
  TestCluster,
  type TestNode,
} from "./support/nodes.ts";

async function pair() {
  const cluster = await TestCluster.make();
  return { cluster, a: await cluster.node("a"), b: await cluster.node("b") };
}

const Echo = genServer({
  name: "conformance_echo",
  init: () => 0,
  calls: { echo: (_ctx, value: unknown) => reply(value) },
});
const echoAt = (node: NodeName) => Echo.at(remote("echo", node));

test("distribution:ping: a node that is there is connected to; one that is not, or cannot be, is not", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  await a.node.connect(b.name);
  await a.node.connect(b.name);
  expect(a.node.nodes("connected")).toEqual([b.name]);
  const nonsense = [
    "nobody@127.0.0.1",
    "nonsense",
    "",
    "@",
    "a@",
    "@a",
    "a b@c",
    "ä@127.0.0.1",
    `${"x".repeat(300)}@a`,
  ];
  for (const name of [...nonsense, a.name])
    await expect(a.node.connect(name as NodeName), name).rejects.toMatchObject({
      code: "INTERLOCK_CONNECT",
      details: { node: name },
    });
  expect(a.node.nodes("connected")).toEqual([b.name]);
});

/** A process of that node which takes so many notes, and what they said. */
function taking(at: TestNode, name: string, count: number): Promise<readonly unknown[]> {
  const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
  begin(at, name, async (self) => {
    const texts: unknown[] = [];
    while (texts.length < count) texts.push((await self.receive()).text);
    resolve(texts);
  });
  return promise;
}

const toNamed = (name: string, { name: node }: TestNode): never => remote(name, node) as never;

test("distribution:bulk_send_small: very many small messages arrive, in order", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const COUNT = 50_000;
  const all = taking(b, "bulk", COUNT);
  a.start(() => {
    for (let text = 0; text < COUNT; text++) send(toNamed("bulk", b), { type: "note", text } as never);
  });
  expect(await all).toEqual(Array.from({ length: COUNT }, (_, at) => at));
});

test("distribution:bulk_send_bigbig: senders of more than a connection takes wait, and nothing is lost", async () => {
  const cluster = await TestCluster.make();
  await using _ = cluster;
  const a = await cluster.node("a", { busyBytes: 100_000 });
  const b = await cluster.node("b");
  const [SENDERS, EACH] = [5, 20];
  const all = taking(b, "bulk", SENDERS * EACH);
  let refused = 0;
  for (let sender = 0; sender < SENDERS; sender++)
    a.start(async () => {
      for (let count = 0; count < EACH; count++) {
        const message = { type: "note", text: `${sender} ${count} ${"x".repeat(300_000)}` } as never;
        if (trySend(toNamed("bulk", b), message)) continue;
        refused++;
        await sendWait(toNamed("bulk", b), message, { timeoutMs: 60_000 });
      }
    });
  const heads = (await all).map((text) => String(text).split(" ").slice(0, 2).map(Number));
  for (let sender = 0; sender < SENDERS; sender++)
    expect(heads.flatMap(([by, count]) => (by === sender ? [count] : []))).toEqual(
      Array.from({ length: EACH }, (_, at) => at),
    );
  expect(refused).toBeGreaterThan(0);
});

test("distribution:local_send_legal: what is sent to a name on this very node goes there, or nowhere", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  await a.run(async (self: Self<Note>) => {
    register("me", self.pid);
    for (const name of ["me", "nobody", "", "me"]) send(toNamed(name, a), { type: "note", text: name } as never);
    expect(trySend(toNamed("nobody", a), { type: "note", text: 1 } as never)).toBe(false);
    const dead = begin(a, "short", () => undefined);
    await self.receive(self.monitor(dead).down);
    note(dead, "to the dead");
    note(self.pid as Pid<Note>, "by pid");
    for (const text of ["me", "me", "by pid"]) expect((await self.receive()).text).toBe(text);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });
  expect([a.node.nodes("connected"), a.reports]).toEqual([[], []]);
});

test("distribution:nodes2: nodes are listed as visible, as hidden, or as both", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const [visible, hidden] = [await cluster.node("visible", { visible: true }), await cluster.node("hidden")];
  expect([a.node.nodes(), a.node.nodes("hidden"), a.node.nodes("connected")]).toEqual([[], [], []]);
  await a.node.connect(visible.name);
  await hidden.node.connect(a.name);
  expect(a.node.nodes()).toEqual([visible.name]);
  expect(a.node.nodes("visible")).toEqual([visible.name]);
  expect(a.node.nodes("hidden")).toEqual([hidden.name]);
  expect(a.node.nodes("connected")).toEqual([visible.name, hidden.name]);
  const down = nextEvent(a, "nodedown");
  await visible.node.stop();
  await down;
  expect([a.node.nodes(), a.node.nodes("connected")]).toEqual([[], [hidden.name]]);
});

test("distribution:optimistic_dflags: what was said before the handshake is said as the peer understands it", async () => {
  await using cluster = await TestCluster.make();
  using erlang = await HandmadeListener.start({ name: "erlang@127.0.0.1", flags: ERLANG_FLAGS });
  const b = await cluster.node("b");
  await b.run(() => Echo.named(local("echo")).start());
  const lookup = async (name: NodeName) => (name === b.name ? b.node.address : erlang.address);
  const a = await cluster.node("a", { lookup });
  // A date has a form for Interlock's nodes only, and calls of Erlang's have a form of their own.
  const values = [new Map([["k", new Date(7)]]), "text"] as const;
  const calling = a.run(() =>
    Promise.allSettled([b.name, erlang.name].map((node, at) => echoAt(node).call.echo(values[at]))),
  );
  const peer = await erlang.next();
  const { control } = await peer.heard("MONITOR_P");
  const { payload } = await peer.heard("REG_SEND");
  const { from, ref } = control;
  const request = { elements: [atom("echo"), { bytes: new TextEncoder().encode("text") }] };
  expect(payload).toMatchObject({ elements: [atom("$gen_call"), { elements: [from, { tail: ref }] }, request] });
  peer.say({ type: "PAYLOAD_MONITOR_P_EXIT", from: atom("echo"), to: from, ref }, atom("noproc"));
  expect(await calling).toMatchObject([{ value: values[0] }, { reason: { code: "INTERLOCK_NOPROC" } }]);
});

test("distribution:lost_exit: when a node stops, each of many that are linked to its processes hears of it once", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const names = Array.from({ length: 200 }, (_, at) => `pair ${at}`);
  const reasons: unknown[] = [];
  const linked = names.map((name) => {
    const { promise, resolve } = Promise.withResolvers<Pid<Note>>();
    begin(b, name);
    begin(a, name, async (self) => {
      const exits = self.trapExit();
      self.link(await pidOf(self, name, b.name));
      await ask(self, name, b.name);
      resolve(self.pid as Pid<Note>);
      reasons.push((await self.receive(exits)).reason);
      await answering(self);
    });
    return promise;
  });
  const pids = await Promise.all(linked);
  await b.node.stop();
  await a.run(async (self: Self<Note>) => {
    for (const name of names) await ask(self, name, a.name);
  });
  expect(reasons).toEqual(names.map(() => "noconnection"));
  expect(pids.flatMap((pid) => processInfo(pid)?.messages)).toEqual([]);
});

test("distribution:link_to_dead: a link to a process of another node that has ended gives noproc", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  begin(b, "far");
  await a.run(async (self: Self<Note>) => {
    const pid = await pidOf(self, "far", b.name);
    const { down } = self.monitor(pid);
    note(pid, "stop");
    await self.receive(down);
    const child = a.start(async (other) => {
      other.link(pid as Pid);
      await other.receive();
    });
    expect((await self.receive(self.monitor(child.pid).down)).reason).toBe("noproc");
    const exits = self.trapExit();
    self.link(pid);
    expect(await self.receive(exits)).toMatchObject({ from: pid, reason: "noproc" });
    expect(processInfo(self.pid)?.links).toEqual([]);
  });
});

test("distribution:link_to_dead_new_node: a pid of a node's earlier life is that of no process of its next one", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const before = begin(b, "far");
  await a.run(async (self: Self<Note>) => {
    const exits = self.trapExit();
    const old = await pidOf(self, "far", b.name);
    await b.node.stop();
    const again = await cluster.node("b");
    let [name, fresh] = ["far", begin(again, "far")];
    // Until it has the same number.
    while (String(fresh) !== String(before)) {
      name += "!";
      fresh = begin(again, name);
    }
    expect(await pidOf(self, name, b.name)).not.toBe(old);
    note(old, "lost");
    exit(old, "kill");
    self.link(old);
    expect(await self.receive(exits)).toMatchObject({ from: old, reason: "noproc" });
    expect((await self.receive(self.monitor(old).down)).reason).toBe("noproc");
    expect([isAlive(fresh), processInfo(fresh)?.links, processInfo(fresh)?.messages]).toEqual([true, [], []]);
  });
});

test("distribution:ref_port_roundtrip: references and ports come back as they left", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  begin(b, "far", async (self) => {
    for (;;) {
      const { from, text } = await self.receive();
      note(from as Pid<Note>, text, self.pid);
    }
  });
  await a.run(async (self: Self<Note>) => {
    const [mine, alias] = [makeRef(), self.alias()];
    const theirs = (await ask(self, "far", b.name, self.monitor(remote("far", b.name)).ref)).text;
    for (const ref of [mine, alias, theirs, self.pid]) expect((await ask(self, "far", b.name, ref)).text).toBe(ref);
    for (const port of [new Port(atom(a.name), 7n, 1), new Port(atom("x@y"), 2n ** 60n + 1n, 0xffff_ffff)])
      expect((await ask(self, "far", b.name, [port])).text).toEqual([port]);
  });
  using peer = await HandmadePeer.dial(b);
  const reference = peer.reference();
  begin(b, "mirror", async (self) => send(remote("mirrored", peer.name), (await self.receive()) as never));
  peer.link.sendTo("mirror", tuple(reference, peer.pidOf(9)));
  expect((await peer.heard("REG_SEND")).payload).toEqual(tuple(reference, peer.pidOf(9)));
});

test("distribution:stop_dist: a node that stops closes all connections, and links and monitors on both sides hear of it", async () => {
  await using cluster = await TestCluster.make();
  const [a, b, c] = [await cluster.node("a"), await cluster.node("b"), await cluster.node("c")];
  for (const at of [a, b, c]) begin(at, "far");
  const linked: Promise<void>[] = [];
  const hears = (at: TestNode, other: TestNode): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    linked.push(promise);
    return at.run(async (self: Self<Note>) => {
      const exits = self.trapExit();
      const pid = await pidOf(self, "far", other.name);
      const watch = self.monitor(pid);
      self.link(pid);
      await ask(self, "far", other.name);
      resolve();
      return [(await self.receive(watch.down)).reason, (await self.receive(exits)).reason];
    });
  };
  const all = [hears(a, b), hears(a, c), hears(b, a), hears(c, a)];
  await Promise.all(linked);
  const downs = [b, c].map((at) => nextEvent(at, "nodedown"));
  await a.node.stop();
  expect(await Promise.all(all)).toEqual(all.map(() => ["noconnection", "noconnection"]));
  expect(await Promise.all(downs)).toMatchObject([{ node: a.name }, { node: a.name }]);
  expect([a, b, c].map(({ node }) => node.nodes("connected"))).toEqual([[], [], []]);
  await expect(a.node.connect(b.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
});

test("distribution:dist_parallel_send: many senders to many receivers, each pair in order", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const [SENDERS, RECEIVERS, EACH] = [10, 10, 100];
  const received = Array.from({ length: RECEIVERS }, (_, to) => taking(b, `receiver ${to}`, SENDERS * EACH));
  for (let from = 0; from < SENDERS; from++)
    a.start(async () => {
      for (let count = 0; count < EACH; count++) {
        for (let to = 0; to < RECEIVERS; to++)
          send(toNamed(`receiver ${to}`, b), { type: "note", text: [from, to, count] } as never);
        await Promise.resolve();
      }
    });
  for (const [to, texts] of (await Promise.all(received)).entries())
    for (let sender = 0; sender < SENDERS; sender++)
      expect(texts.filter((text) => (text as readonly number[])[0] === sender)).toEqual(
        Array.from({ length: EACH }, (_, count) => [sender, to, count]),
      );
});

test("distribution:huge_iovec: a message of very many binaries arrives", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const binaries = Array.from({ length: 30_000 }, (_, at) => new Uint8Array(1 + (at % 100)).fill(at));
  const got = taking(b, "bulk", 1);
  a.start(() => send(toNamed("bulk", b), { type: "note", text: binaries } as never));
  const [text] = (await got) as readonly [Uint8Array[]];
  expect(Buffer.concat(text).equals(Buffer.concat(binaries))).toBe(true);
  expect(text).toHaveLength(binaries.length);
});

test("distribution:is_alive: a program has the name of its node from its start to its stop", async () => {
  await using cluster = await TestCluster.make();
  const node = new LocalNode();
  expect([node.name, node.network]).toEqual(["nonode@nohost", undefined]);
  const a = await cluster.node("a", { local: node });
  expect([node.name, await a.run((self) => (self.pid as Pid).node)]).toEqual([a.name, a.name]);
  await a.node.stop();
  expect([node.name, node.network]).toEqual(["nonode@nohost", undefined]);
  const again = await cluster.node("other", { local: node });
  expect(node.name).toBe(again.name);
});

test("distribution:async_dist_flag: send never waits for a busy connection, and keeps the order of what does", async () => {
  const { dam, ports, release } = dammed();
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a", { ports, busyBytes: 10_000 });
  const b = await cluster.node("b");
  const got = taking(b, "bulk", 301);
  await a.node.connect(b.name);
  await a.run(async () => {
    dam();
    const message = (text: number): never => ({ type: "note", text, padding: "x".repeat(200) }) as never;
    for (let text = 0; text < 300; text++) send(toNamed("bulk", b), message(text));
    expect(trySend(toNamed("bulk", b), message(-1))).toBe(false);
    let isSent = false;
    const waiting = sendWait(toNamed("bulk", b), message(300)).then(() => {
      isSent = true;
    });
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(isSent).toBe(false);
    release();
    await waiting;
  });
  expect(await got).toEqual(Array.from({ length: 301 }, (_, text) => text));
});

test("distribution:creation_selection: each life of a node has another creation, and none is 0", async () => {
  const creations: number[] = [];
  await using first = await TestCluster.make();
  await first.node("host");
  for (const options of [{}, { lookup: () => Promise.reject(new Error("nobody")) }])
    for (let life = 0; life < 10; life++) {
      const a = await first.node("a", options);
      using peer = await HandmadePeer.dial(a);
      creations.push(peer.link.established.creation);
      await a.node.stop();
    }
  expect(new Set(creations).size).toBe(20);
  expect(creations.filter((creation) => creation === 0)).toEqual([]);
});

test("distribution:start_epmd_false: a node that finds others by itself neither starts a name server nor asks one", async () => {
  await using cluster = await TestCluster.make();
  const listening: number[] = [];
  const dialed: number[] = [];
  const ports: typeof nodePorts = {
    ...nodePorts,
    listen: (at, ...rest) => {
      listening.push(at.port);
      return nodePorts.listen(at, ...rest);
    },
    dial: (to, ...rest) => {
      dialed.push(to.port);
      return nodePorts.dial(to, ...rest);
    },
  };
  const b = await cluster.node("b");
  const a = await cluster.node("a", { ports, lookup: async () => b.node.address });
  await a.node.connect(b.name);
  expect([listening, dialed]).toEqual([[0], [b.node.address.port]]);
});

test("distribution:no_epmd: nodes at ports that are known meet without a name server", async () => {
  await using cluster = await TestCluster.make();
  const free = await TestCluster.make();
  const lookup = async () => ({ host: "127.0.0.1", port: free.epmdPort });
  const a = await cluster.node("a", { listen: { port: free.epmdPort }, lookup });
  const b = await cluster.node("b", { lookup });
  expect(a.node.address).toEqual({ host: "127.0.0.1", port: free.epmdPort });
  await b.node.connect(a.name);
  expect([a.node.nodes("connected"), b.node.nodes("connected")]).toEqual([[b.name], [a.name]]);
});

test("distribution:epmd_module: where nodes are is asked of whatever the program gives, once for each connection", async () => {
  await using cluster = await TestCluster.make();
  const asked: string[] = [];
  const nodes = new Map<string, TestNode>();
  const lookup = async (name: NodeName) => {
    asked.push(name);
    const found = nodes.get(name);
    if (found === undefined) throw new Error("nobody has ever heard of it");
    return found.node.address;
  };
  const [a, b] = [await cluster.node("a", { lookup }), await cluster.node("b", { lookup })];
  for (const node of [a, b]) nodes.set(node.name, node);
  await a.node.connect(b.name);
  await b.node.connect(a.name);
  await expect(a.node.connect("c@127.0.0.1")).rejects.toMatchObject({
    details: { problem: "nobody has ever heard of it" },
  });
  expect(asked).toEqual([b.name, "c@127.0.0.1"]);
});
