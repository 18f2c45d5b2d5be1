import { globalName, globalNames, nodePorts } from "@interlock/cluster";
import {
  exit,
  genServer,
  local,
  type NodeName,
  noreply,
  type Pid,
  remote,
  reply,
  self as running,
  type Self,
  stop,
  supervisor,
} from "@interlock/core";
import { atom, ImproperList, tuple } from "@interlock/wire";
import { beforeEach, expect, test } from "vitest";

import { whatever } from "./in-process.ts";
import { HandmadePeer } from "./support/handmade-peer.ts";
import { TestCluster, type TestNode } from "./support/nodes.ts";

const NAME = "conformance_server";

/** Calls of `hold` wait until they are let go. */
class Gate {
  readonly #opened = Promise.withResolvers<void>();
  #waiting = 0;
  #enough: { readonly count: number; readonly resolve: () => void } | undefined;

  pass(): Promise<void> {
    this.#waiting++;
    if (this.#enough?.count === this.#waiting) this.#enough.resolve();
    return this.#opened.promise;
  }

  /** Resolves when so many wait. */
  has(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting >= count) resolve();
    this.#enough = { count, resolve };
    return promise;
  }

  open(): void {
    this.#opened.resolve();
  }
}

let gate = new Gate();

beforeEach(() => {
  gate = new Gate();
  ended.length = 0;
});

const Server = genServer({
  name: NAME,
  init: (): readonly unknown[] => {
    running().trapExit();
    return [];
  },
  calls: {
    log: ({ state }) => reply(state),
    pid: ({ self }) => reply(self.pid as Pid),
    async hold() {
      await gate.pass();
      return reply("held");
    },
    leave: (_ctx, reason: string) => stop(reason, { value: "left" }),
  },
  casts: { add: ({ state }, what: unknown) => noreply([...state, what]) },
  terminate: (_ctx, reason) => void ended.push(reason),
});

/** The reasons that servers had to terminate. */
const ended: unknown[] = [];

const at = (node: NodeName) => Server.at(remote(NAME, node));

async function serving(node: TestNode): Promise<Pid> {
  return node.run(async () => (await Server.named(local(NAME)).start()).pid as Pid);
}

/** Nodes with those names, all of which but the first have a server. */
async function servers<const N extends readonly string[]>(...names: N) {
  const cluster = await TestCluster.make();
  const nodes: TestNode[] = [];
  for (const name of names) nodes.push(await cluster.node(name));
  for (const node of nodes.slice(1)) await serving(node);
  return { cluster, nodes: nodes as readonly TestNode[] as { readonly [K in keyof N]: TestNode } };
}

const failing = (problem: string) => ({ code: `INTERLOCK_${problem}` });

test("supervisor:simple_global_supervisor: a supervisor with a global name is used from any node, and restarts its children", async () => {
  await using cluster = await TestCluster.make();
  const options = { visible: true, global: true } as const;
  const [a, b] = [await cluster.node("a", options), await cluster.node("b", options)];
  const Family = supervisor({
    name: "conformance_family",
    strategy: "one_for_one",
    children: () => [{ ...Server.child([]), id: "child" }],
  });
  const name = globalName("conformance_family");
  await a.run(() => Family.named(name).start());
  await b.node.connect(a.name);
  await b.run(async (self: Self<never>) => {
    await globalNames.sync();
    const family = Family.at(name);
    const [first] = await family.whichChildren();
    expect(first?.pid?.node).toBe(a.name);
    const { down } = self.monitor(first?.pid as Pid);
    exit(first?.pid as Pid, "kill");
    await self.receive(down);
    const [second] = await family.whichChildren();
    expect(second).toMatchObject({ id: "child", status: "running" });
    expect(second?.pid).not.toBe(first?.pid);
    expect(await family.countChildren()).toMatchObject({ active: 1, specs: 1 });
    await family.stop("shutdown");
    expect((await self.receive(self.monitor(second?.pid as Pid).down)).reason).toBe("noproc");
  });
});

test("gen_server:stop7: a server of another node is stopped by its name or its pid, and terminates", async () => {
  const { cluster, nodes } = await servers("a", "b");
  await using _ = cluster;
  const [a, b] = nodes;
  await a.run(async (self: Self<never>) => {
    for (const reason of ["normal", "shutdown", { shutdown: "enough" }]) {
      const { down } = self.monitor(remote(NAME, b.name));
      await at(b.name).stop(reason);
      expect((await self.receive(down)).reason).toEqual(reason);
      expect(ended.splice(0)).toEqual([reason]);
      await serving(b);
    }
    const far = Server.at(await at(b.name).call.pid());
    // It ends before the order has reached it, and otherwise than it says.
    const holding = far.call.hold();
    const leaving = far.call.leave("by itself");
    const stopping = far.stop();
    await gate.has(1);
    gate.open();
    expect([await holding, await leaving]).toEqual(["held", "left"]);
    await expect(stopping).rejects.toMatchObject({ ...failing("CALLEE_EXIT"), details: { reason: "by itself" } });
    await expect(far.stop()).rejects.toMatchObject(failing("NOPROC"));
    await expect(Server.at(remote("nobody", b.name)).stop()).rejects.toMatchObject(failing("NOPROC"));
  });
  // As Erlang's nodes say it.
  await serving(b);
  using peer = await HandmadePeer.dial(b);
  const tag = new ImproperList([atom("alias")], peer.reference());
  peer.say({ type: "MONITOR_P", from: peer.pid, to: atom(NAME), ref: peer.reference() });
  peer.link.sendTo(NAME, tuple(atom("system"), tuple(peer.pid, tag), tuple(atom("terminate"), atom("shutdown"))));
  expect((await peer.heard("ALIAS_SEND")).payload).toEqual(tuple(tag, atom("ok")));
  expect((await peer.heard("PAYLOAD_MONITOR_P_EXIT")).payload).toBe(atom("shutdown"));
});

test("gen_server:stop10: a stop of a server whose node goes down, or is not there, is refused", async () => {
  const { cluster, nodes } = await servers("a", "b");
  await using _ = cluster;
  const [a, b] = nodes;
  await a.run(async () => {
    const holding = at(b.name).call.hold();
    const stopping = at(b.name).stop();
    await gate.has(1);
    await b.node.stop();
    await expect(stopping).rejects.toMatchObject(failing("NOCONNECTION"));
    await expect(holding).rejects.toMatchObject(failing("NOCONNECTION"));
    await expect(at(b.name).stop()).rejects.toMatchObject(failing("NOCONNECTION"));
  });
  gate.open();
});

test("gen_server:cast_fast: a cast to a node that there is no connection to does not wait for one", async () => {
  await using cluster = await TestCluster.make();
  let dialed = 0;
  const dial = (): Promise<never> => {
    dialed++;
    return new Promise(() => undefined);
  };
  const a = await cluster.node("a", {
    ports: { ...nodePorts, dial },
    lookup: async () => ({ host: "127.0.0.1", port: 1 }),
  });
  await a.run(async () => {
    for (let count = 0; count < 1_000; count++) at("nobody@127.0.0.1").cast.add(count);
    await serving(a);
    expect(await at(a.name).call.log()).toEqual([]);
  });
  expect(dialed).toBe(1);
});

test("gen_server:abcast: a cast to several nodes reaches those that have the server", async () => {
  const { cluster, nodes } = await servers("a", "b", "c", "d");
  await using _ = cluster;
  const [a, b, c, d] = nodes;
  await a.run(async () => {
    await at(d.name).stop();
    const all = [a.name, b.name, "nobody@127.0.0.1", d.name, c.name] as const;
    for (const text of ["first", "second"]) for (const node of all) at(node).cast.add(text);
    for (const node of [b, c]) expect(await at(node.name).call.log()).toEqual(["first", "second"]);
  });
});

test("gen_server:multicall: calls to several nodes give of each an answer, or why there is none", async () => {
  const { cluster, nodes } = await servers("a", "b", "c");
  await using _ = cluster;
  const [a, b, c] = nodes;
  await a.run(async () => {
    const all = [b.name, "nobody@127.0.0.1", a.name, c.name] as const;
    expect(await Promise.allSettled(all.map((node) => at(node).call.log()))).toMatchObject([
      { value: [] },
      { reason: failing("NOCONNECTION") },
      { reason: failing("NOPROC") },
      { value: [] },
    ]);
  });
});

test("gen_server:multicall_down: of several nodes that are called the one that goes down gives no answer, and the others do", async () => {
  const { cluster, nodes } = await servers("a", "b", "c");
  await using _ = cluster;
  const [a, b, c] = nodes;
  await a.run(async () => {
    const answers = Promise.allSettled([b, c].map(({ name }) => at(name).call.hold()));
    await gate.has(2);
    await b.node.stop();
    gate.open();
    expect(await answers).toMatchObject([{ reason: failing("NOCONNECTION") }, { value: "held" }]);
  });
});

test("gen_server:multicall_remote: several nodes are called from one that has no such server, by pid as well", async () => {
  const { cluster, nodes } = await servers("a", "b", "c", "d");
  await using _ = cluster;
  const [a, ...others] = nodes;
  await a.run(async () => {
    const pids = await Promise.all(others.map(({ name }) => at(name).call.pid()));
    expect(pids.map(({ node }) => node)).toEqual(others.map(({ name }) => name));
    expect(await Promise.all(pids.map((pid) => Server.at(pid).call.pid()))).toEqual(pids);
  });
});

test("gen_server:multicall_recv_opt_timeout: an answer that comes too late is no message of the caller", async () => {
  const { cluster, nodes } = await servers("a", "b", "c");
  await using _ = cluster;
  const [a, b, c] = nodes;
  await a.run(async (self: Self<unknown>) => {
    const calls = [b, c].map(({ name }) => at(name).with({ timeoutMs: 1 }).call.hold());
    const late = [{ reason: failing("CALL_TIMEOUT") }, { reason: failing("CALL_TIMEOUT") }];
    expect(await Promise.allSettled(calls)).toMatchObject(late);
    gate.open();
    // Behind the late answers.
    for (const { name } of [b, c]) expect(await at(name).call.log()).toEqual([]);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });
});

test("gen_server:call_remote1: a call by name and node is answered, and refused as one of this node is", async () => {
  const { cluster, nodes } = await servers("a", "b");
  await using _ = cluster;
  const [a, b] = nodes;
  await a.run(async () => {
    at(b.name).cast.add("one");
    expect(await at(b.name).call.log()).toEqual(["one"]);
    await expect(at(b.name).with({ timeoutMs: 1 }).call.hold()).rejects.toMatchObject(failing("CALL_TIMEOUT"));
    gate.open();
    expect(await at(b.name).call.leave("enough")).toBe("left");
    await expect(at(b.name).call.log()).rejects.toMatchObject(failing("NOPROC"));
  });
});

test("gen_server:call_remote_n1: a call to a server of a node that has stopped fails for want of a connection", async () => {
  const { cluster, nodes } = await servers("a", "b");
  await using _ = cluster;
  const [a, b] = nodes;
  await a.run(async () => {
    const pid = await at(b.name).call.pid();
    await b.node.stop();
    await expect(at(b.name).call.log()).rejects.toMatchObject(failing("NOCONNECTION"));
    await expect(Server.at(pid).call.log()).rejects.toMatchObject(failing("NOCONNECTION"));
  });
});
