import { globalName, globalNames, monitorNodes, nodePorts, startEpmd } from "@interlock/cluster";
import { type NodeName, remote, type Self, send, whereis } from "@interlock/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualCluster } from "../packages/cluster/src/node/virtual-cluster.fixture.ts";
import { whatever } from "./in-process.ts";
import { collected } from "./support/garbage.ts";
import { ERLANG_FLAGS, HandmadePeer } from "./support/handmade-peer.ts";
import { begin, muffled, nextEvent, TestCluster, type TestNode } from "./support/nodes.ts";

const TICK_MS = 60_000;

/** How long after the other node has fallen silent, at that time after they met, a node takes it for gone. */
async function noticedAfterMs(silentMs: number): Promise<number> {
  await using cluster = new VirtualCluster();
  const { time } = cluster;
  const silent = muffled(cluster.ports);
  const a = await cluster.node("a", { tickMs: TICK_MS });
  const quiet = await cluster.node("quiet", { tickMs: TICK_MS });
  const hole = await cluster.node("hole", { tickMs: TICK_MS, ports: silent.ports });
  for (const { name } of [quiet, hole]) void a.node.connect(name);
  await time.advance(silentMs);
  const now = (): number => a.local.runtime.clock.now();
  const fellSilentMs = now();
  const gone: { readonly afterMs: number; readonly reason: string | undefined }[] = [];
  a.node.watchNodes(({ reason }) => gone.push({ afterMs: now() - fellSilentMs, reason }));
  silent.mute();
  await time.advance(10 * TICK_MS);
  // Who only has nothing to say is still there.
  expect(a.node.nodes("connected")).toEqual([quiet.name]);
  expect(gone).toMatchObject([{ reason: "net_tick_timeout" }]);
  return gone[0]?.afterMs ?? 0;
}

test("erl_distribution:tick: a peer that falls silent is gone after 0.75 to 1.25 of the tick time", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1_000, max: 3 * TICK_MS }), async (silentMs) => {
      const afterMs = await noticedAfterMs(silentMs);
      expect(afterMs).toBeGreaterThanOrEqual(0.75 * TICK_MS);
      expect(afterMs).toBeLessThanOrEqual(1.25 * TICK_MS);
    }),
    { numRuns: 50 },
  );
});

test("erl_distribution:nodenames: what a node may be called, and what it may not", async () => {
  await using cluster = await TestCluster.make();
  for (const name of ["a@127.0.0.1", "a-b.c_1@127.0.0.1", "A9@localhost", `${"x".repeat(100)}@127.0.0.1`] as const) {
    const { node } = await cluster.node("any", { name });
    expect(node.name).toBe(name);
  }
  const bad = [
    "",
    "a",
    "@",
    "a@",
    "@b",
    "a@b@c",
    "a b@c",
    "a@b c",
    "a/b@c",
    "ä@b",
    "a@\u0000",
    `${"x".repeat(251)}@long`,
  ];
  for (const name of [...bad, 7, undefined, null])
    await expect(cluster.node("any", { name: name as NodeName }), String(name)).rejects.toMatchObject({
      code: "INTERLOCK_NODE_OPTION",
      details: { option: "name" },
    });
});

test("erl_distribution:connect_node: connecting succeeds once and again, and says why it does not", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const stranger = await cluster.node("stranger", { cookie: "another" });
  const ups: NodeName[] = [];
  a.node.watchNodes(({ node }) => ups.push(node));
  await Promise.all([a.node.connect(b.name), a.node.connect(b.name), b.node.connect(a.name)]);
  await a.node.connect(b.name);
  expect(ups).toEqual([b.name]);
  const refused = { code: "INTERLOCK_CONNECT" };
  await expect(a.node.connect(a.name)).rejects.toMatchObject(refused);
  await expect(a.node.connect("nobody@127.0.0.1")).rejects.toMatchObject(refused);
  await expect(a.node.connect(stranger.name)).rejects.toMatchObject(refused);
  expect([a.node.disconnect("nobody@127.0.0.1"), a.node.disconnect(b.name), a.node.disconnect(b.name)]).toEqual([
    false,
    true,
    false,
  ]);
  await a.node.connect(b.name);
  await a.node.stop();
  await expect(a.node.connect(b.name)).rejects.toMatchObject(refused);
  expect(ups).toEqual([b.name, b.name, b.name, b.name]);
});

test("erl_distribution:hidden_node: a hidden node is not among the visible ones, and has no part in global", async () => {
  await using cluster = await TestCluster.make();
  const options = { visible: true, global: true } as const;
  const [a, b, hidden] = [
    await cluster.node("a", options),
    await cluster.node("b", options),
    await cluster.node("hidden"),
  ];
  await hidden.node.connect(a.name);
  await a.node.connect(b.name);
  await a.run(async (self) => {
    await globalNames.sync();
    await globalNames.register("someone", self.pid);
  });
  expect([a.node.nodes(), a.node.nodes("hidden")]).toEqual([[b.name], [hidden.name]]);
  expect(hidden.node.nodes("connected")).toEqual([a.name]);
  expect(await b.run(() => whereis(globalName("someone"))?.node)).toBe(a.name);
  await hidden.run(() =>
    expect(() => whereis(globalName("someone"))).toThrow(expect.objectContaining({ code: "INTERLOCK_NODE_OPTION" })),
  );
  await expect(cluster.node("both", { global: true })).rejects.toMatchObject({ details: { option: "global" } });
  // A visible one is greeted by the name server of global, a hidden one is not.
  for (const [flags, greetings] of [
    [ERLANG_FLAGS, 1],
    [ERLANG_FLAGS & ~1n, 0],
  ] as const) {
    using peer = await HandmadePeer.dial(a, { flags });
    await peer.acted();
    await a.run(() => send(remote("end", peer.name), "end" as never));
    const heard: string[] = [];
    while (heard.at(-1) !== "end") heard.push((await peer.heard("REG_SEND")).control.to.name);
    expect(heard.filter((name) => name === "global_name_server")).toHaveLength(greetings);
  }
});

test("erl_distribution:net_setuptime: half a handshake is given up on both sides when its time is over", async () => {
  await using cluster = new VirtualCluster();
  const { ports, time } = cluster;
  const MUTE: NodeName = "mute@127.0.0.1";
  const mutePort = 77;
  const accepted: string[] = [];
  await ports.listen({ host: "127.0.0.1", port: mutePort }, (socket) =>
    socket.open({
      data: () => void accepted.push("spoken to"),
      drained: () => undefined,
      closed: () => void accepted.push("closed"),
    }),
  );
  const handshakeMs = 7_000;
  const a = await cluster.node("a", { handshakeMs, lookup: async () => ({ host: "127.0.0.1", port: mutePort }) });
  // To one that accepts and says nothing.
  const connecting = a.node.connect(MUTE).then(String, ({ code }) => code as unknown);
  await time.advance(handshakeMs - 1_000);
  expect(accepted).toEqual(["spoken to"]);
  await time.advance(2_000);
  expect([await connecting, accepted]).toEqual(["INTERLOCK_CONNECT", ["spoken to", "closed"]]);
  // From one that dials and says nothing.
  const dialing = ports.dial(a.node.address, new AbortController().signal);
  await time.advance(1_000);
  let isOpen = true;
  const closed = (): void => {
    isOpen = false;
  };
  (await dialing).open({ data: () => undefined, drained: () => undefined, closed });
  await time.advance(handshakeMs - 2_000);
  expect(isOpen).toBe(true);
  await time.advance(2_000);
  expect(isOpen).toBe(false);
  expect(a.node.nodes("connected")).toEqual([]);
});

/** Tries until it succeeds: what is waited for tells nobody. */
async function eventually(attempt: () => Promise<void>): Promise<void> {
  for (;;) {
    const failure = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

test("erl_distribution:epmd_reconnect: when the name server ends, the nodes register again with the next one", async () => {
  await using cluster = await TestCluster.make();
  const epmd = await startEpmd(nodePorts, { host: "127.0.0.1", port: cluster.epmdPort });
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  await epmd.close();
  const c = await cluster.node("c");
  for (const { name } of [a, b]) await eventually(() => c.node.connect(name));
  await a.node.connect(b.name);
  expect([a, b, c].flatMap(({ reports }) => reports)).toEqual([]);
});

/** What a node's watchers are told, until they end. */
function told(at: TestNode) {
  const events: string[] = [];
  const end = at.node.watchNodes(({ node, reason, type, visible }) => {
    events.push([type, node, visible ? "visible" : "hidden", ...(reason === undefined ? [] : [reason])].join(" "));
  });
  return { events, end };
}

test("erl_distribution:monitor_nodes_nodedown_reason: a nodedown says why, in OTP's words", async () => {
  await using cluster = new VirtualCluster();
  const { time } = cluster;
  const silent = muffled(cluster.ports);
  const a = await cluster.node("a");
  const others = [
    await cluster.node("b"),
    await cluster.node("c"),
    await cluster.node("hole", { ports: silent.ports }),
  ];
  const [b, c, hole] = others as [TestNode, TestNode, TestNode];
  for (const { name } of others) void a.node.connect(name);
  await time.advance(1_000);
  const { events } = told(a);
  a.node.disconnect(b.name);
  silent.mute();
  await time.advance(10 * TICK_MS);
  void c.node.stop();
  await time.advance(1_000);
  void a.node.connect(b.name);
  await time.advance(1_000);
  void a.node.stop();
  await time.advance(1_000);
  expect(events).toEqual([
    `nodedown ${b.name} hidden disconnect`,
    `nodedown ${hole.name} hidden net_tick_timeout`,
    `nodedown ${c.name} hidden connection_closed`,
    `nodeup ${b.name} hidden`,
    `nodedown ${b.name} hidden net_kernel_terminated`,
  ]);
});

test("erl_distribution:monitor_nodes_node_type: visible and hidden nodes are told apart as they come and go", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b", { visible: true })];
  const c = await cluster.node("c");
  const { events } = told(a);
  for (const { name } of [b, c]) {
    await a.node.connect(name);
    a.node.disconnect(name);
  }
  expect(events).toEqual([
    `nodeup ${b.name} visible`,
    `nodedown ${b.name} visible disconnect`,
    `nodeup ${c.name} hidden`,
    `nodedown ${c.name} hidden disconnect`,
  ]);
});

test("erl_distribution:monitor_nodes_combinations: each of several watchers is told once, until it has had enough", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const [first, second] = [told(a), told(a)];
  const processes = [1, 2].map((times) =>
    a.run(async (self: Self<unknown>) => {
      // Asking again is asking once.
      for (let time = 0; time < times; time++) monitorNodes();
      const got = [await self.receive(whatever), await self.receive(whatever)];
      monitorNodes(false);
      return got.map((message) => (message as { readonly type: string }).type);
    }),
  );
  await a.run(() => undefined);
  await a.node.connect(b.name);
  second.end();
  a.node.disconnect(b.name);
  expect(await Promise.all(processes)).toEqual([
    ["nodeup", "nodedown"],
    ["nodeup", "nodedown"],
  ]);
  await a.run((self: Self<unknown>) => {
    monitorNodes();
    return self.receive(whatever, { timeoutMs: 0 }).then((none) => expect(none).toBeUndefined());
  });
  await a.node.connect(b.name);
  expect([first.events.length, second.events.length]).toEqual([3, 1]);
});

test("erl_distribution:monitor_nodes_down_up: a node that goes and comes back at once gives both messages, in order", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  await a.node.connect(b.name);
  await a.run(async (self: Self<unknown>) => {
    monitorNodes();
    for (let round = 0; round < 20; round++) {
      b.node.disconnect(a.name);
      await b.node.connect(a.name);
      for (const type of ["nodedown", "nodeup"]) expect(await self.receive(whatever)).toEqual({ type, node: b.name });
    }
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });
});

test("erl_distribution:differing_cookies: nodes with cookies of their own connect when the one that is dialed takes the other's", async () => {
  await using cluster = await TestCluster.make();
  const node = (name: string, ...cookies: readonly string[]) => {
    const secretFile = async () => ({ text: cookies.join("\n"), mode: 0o400 });
    return cluster.node(name, { cookie: { file: "cookies" }, ports: { ...nodePorts, secretFile } });
  };
  const [a, b, c] = [
    await node("a", "red", "green"),
    await node("b", "green", "red"),
    await node("c", "blue", "green"),
  ];
  const taken = [
    [a, b],
    [b, a],
    [b, c],
  ] as const;
  for (const [from, to] of taken) {
    await from.node.connect(to.name);
    const down = nextEvent(to, "nodedown");
    expect(from.node.disconnect(to.name)).toBe(true);
    await down;
  }
  const refused = [
    [c, a],
    [c, b],
    [a, c],
  ] as const;
  for (const [from, to] of refused)
    await expect(from.node.connect(to.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
});

test("erl_distribution:table_waste: of many nodes that were there for a short time nothing is kept", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const refs: WeakRef<object>[] = [];
  begin(a, "sink", async (self) => {
    const exits = self.trapExit();
    for (;;) {
      const pid = (await self.receive()) as unknown as Parameters<typeof self.link>[0];
      self.link(pid);
      self.monitor(pid);
      refs.push(new WeakRef(pid));
      expect((await self.receive(exits)).reason).toBe("noconnection");
      await self.receive(whatever);
    }
  });
  for (let life = 0; life < 30; life++) {
    const down = nextEvent(a, "nodedown");
    {
      using peer = await HandmadePeer.dial(a, { name: `short${life}@127.0.0.1` });
      peer.link.sendTo("sink", peer.pid);
      await peer.heard("MONITOR_P");
    }
    await down;
  }
  expect(refs).toHaveLength(30);
  // The process still has the last one at hand.
  for (const ref of refs.slice(0, -1)) expect(await collected(ref)).toBe(true);
});
