import { connect, onNode, remoteFunctions } from "@interlock/cluster";
import { genServer, type Pid, processInfo, remote, reply, self as running, type Self, send } from "@interlock/core";
import { atom, Binary, type ErlangReference, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { whatever } from "./in-process.ts";
import { HandmadePeer } from "./support/handmade-peer.ts";
import { ask, begin, type Note, note, TestCluster } from "./support/nodes.ts";

/** Resolves with what ends the wait of the function that has begun to wait. */
let waiting = Promise.withResolvers<() => void>();
let saw: (what: unknown) => void = () => undefined;

const Started = remoteFunctions({
  name: "conformance_started",
  functions: {
    ends: () => undefined,
    arguments: (...all: readonly unknown[]) => all,
    waits: () =>
      new Promise<string>((resolve) => {
        waiting.resolve(() => resolve("waited"));
      }),
    async takes_an_exit() {
      const self = running();
      saw(await self.receive(self.trapExit()));
    },
  },
});

const Slow = genServer({
  name: "conformance_slow",
  init: async () => {
    await Started.functions.waits();
    return 0;
  },
  calls: { node: ({ self }) => reply((self.pid as Pid).node) },
});

/** Has the node run one of the functions, as Erlang's spawn_request has it. */
function request(peer: HandmadePeer, name: keyof typeof Started.functions, ...options: string[]): ErlangReference {
  const ref = peer.reference();
  peer.say(
    {
      ...{ type: "SPAWN_REQUEST", ref, from: peer.pid, groupLeader: peer.pid, arity: 0 },
      ...{ module: atom(Started.name), function: atom(name), options: options.map((option) => atom(option)) },
    },
    [],
  );
  return ref;
}

test("process:spawn_request_bif: who starts a process on another node goes on, and has the reply when it comes", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const b = await cluster.node("b", { modules: [Slow] });
  begin(b, "partner");
  waiting = Promise.withResolvers();
  await a.run(async (self: Self<Note>) => {
    let isThere = false;
    const starting = (await connect(b.name)).spawn(Slow).then((slow) => {
      isThere = true;
      return slow;
    });
    expect(await ask(self, "partner", b.name, "meanwhile")).toMatchObject({ text: "meanwhile" });
    const open = await waiting.promise;
    expect(isThere).toBe(false);
    open();
    expect(await (await starting).call.node()).toBe(b.name);
  });
  using peer = await HandmadePeer.dial(a);
  const ref = request(peer, "waits");
  const { control } = await peer.heard("SPAWN_REPLY");
  expect(control).toMatchObject({ ref, to: peer.pid, flags: 0, result: { node: atom(a.name) } });
});

test("process:spawn_request_link_parent_exit_nodedown: a linked child whose parent's node is gone has noconnection", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const { promise, resolve } = Promise.withResolvers();
  saw = resolve;
  using peer = await HandmadePeer.dial(a);
  request(peer, "takes_an_exit", "link");
  // The reply finds nobody.
  peer.link.socket.end();
  expect(await promise).toMatchObject({ type: "EXIT", from: { node: peer.name }, reason: "noconnection" });
});

test("process:spawn_request_abandon_bif: given up before the reply or after it, the monitor is undone; once it is over, nothing is", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  using peer = await HandmadePeer.dial(a);
  const [early, late, over] = [new AbortController(), new AbortController(), new AbortController()];
  const child = peer.pidOf(7);
  const calling = a.run(async (self: Self<Note>) => {
    const call = ({ signal }: AbortController): Promise<unknown> =>
      onNode<{ waits(): string }>(peer.name, { name: "elsewhere" }, { signal }).waits();
    await expect(call(early)).rejects.toMatchObject({ code: "INTERLOCK_ABORTED" });
    await expect(call(late)).rejects.toMatchObject({ code: "INTERLOCK_ABORTED" });
    expect(await call(over)).toBe("done");
    over.abort();
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });

  const first = (await peer.heard("SPAWN_REQUEST")).control;
  early.abort();
  const second = (await peer.heard("SPAWN_REQUEST")).control;
  for (const { from, ref } of [first, second])
    peer.say({ type: "SPAWN_REPLY", ref, to: from, flags: 2, result: child });
  expect((await peer.heard("DEMONITOR_P")).control).toMatchObject({ ref: first.ref, to: child });
  late.abort();
  expect((await peer.heard("DEMONITOR_P")).control).toMatchObject({ ref: second.ref, to: child });

  const { control, payload } = await peer.heard("SPAWN_REQUEST");
  const { from, ref } = control;
  const [tag] = payload as readonly unknown[];
  peer.say({ type: "SPAWN_REPLY", ref, to: from, flags: 2, result: child });
  // The first two end as well, and nobody hears of it.
  for (const one of [first, second, control])
    peer.say(
      { type: "PAYLOAD_MONITOR_P_EXIT", from: child, to: one.from, ref: one.ref },
      one === control ? tuple(tag, atom("return"), Buffer.from("done")) : atom("killed"),
    );
  await calling;
  await peer.acted();
});

test("process:dist_spawn_monitor: a monitored start on another node gives the reply, and then one DOWN", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  using peer = await HandmadePeer.dial(a);
  for (let round = 0; round < 10; round++) {
    const ref = request(peer, "ends", "monitor");
    const { control: next } = await peer.link.next(() => true);
    expect(next).toMatchObject({ type: "SPAWN_REPLY", ref, flags: 2 });
    const down = await peer.link.next(() => true);
    expect(down.control).toMatchObject({ type: "PAYLOAD_MONITOR_P_EXIT", ref, to: peer.pid });
    expect(down.payload).toBe(atom("normal"));
  }
  const unmonitored = request(peer, "ends");
  expect((await peer.link.next(() => true)).control).toMatchObject({ type: "SPAWN_REPLY", ref: unmonitored, flags: 0 });
  await peer.acted();
});

test("process:dist_spawn_arg_list_mixup: of many starts at once each has its own arguments", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const rounds = Array.from({ length: 20 }, (_, round) => round);
  await Promise.all(
    rounds.map((round) =>
      a.run(async () => {
        const argumentLists = rounds.map((call) =>
          Array.from({ length: call }, (_, at) => [round, call, "x".repeat(at)]),
        );
        const calls = argumentLists.map((list) => onNode(b.name, Started).arguments(...list));
        expect(await Promise.all(calls)).toEqual(argumentLists);
      }),
    ),
  );
});

test("process:dist_frag_alias: a large message to an alias arrives whole", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const bytes = new Uint8Array(5_000_000).map((_, at) => at * 7);
  begin(b, "aliased", async (self) => {
    const { from } = await self.receive();
    if (from !== undefined) note(from, self.alias(), self.pid);
    const { text } = await self.receive();
    if (from !== undefined) note(from, Buffer.compare(text as Uint8Array, bytes) === 0);
  });
  await a.run(async (self: Self<Note>) => {
    const { text: alias } = await ask(self, "aliased", b.name);
    send(alias as never, { type: "note", text: bytes } as never);
    expect((await self.receive()).text).toBe(true);
  });
});

test("process:dist_frag_unaliased: what is left of a large message to an alias that was given up vanishes, and no more", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  using peer = await HandmadePeer.dial(a);
  const drop = Promise.withResolvers<void>();
  const dropped = Promise.withResolvers<boolean>();
  const got: unknown[] = [];
  const pid = await peer.begin<unknown>(a, async (self) => {
    const alias = self.alias();
    send(remote("alias", peer.name), alias as never);
    await drop.promise;
    dropped.resolve(alias.unalias());
    got.push(await self.receive(), ...(processInfo(self.pid)?.messages ?? []));
    send(remote("done", peer.name), "done" as never);
  });
  const to = (await peer.heard("REG_SEND")).payload as ErlangReference;
  const large = new Binary(new Uint8Array(300_000));
  const [first, ...others] = peer.frames({ type: "ALIAS_SEND", from: peer.pid, to }, large);
  expect(others.length).toBeGreaterThan(3);
  peer.write(first as Uint8Array);
  await peer.acted();
  drop.resolve();
  expect(await dropped.promise).toBe(true);
  peer.write(...others);
  peer.say({ type: "SEND_SENDER", from: peer.pid, to: pid }, atom("the next"));
  await peer.heard("REG_SEND");
  expect(got).toEqual([atom("the next")]);
});
