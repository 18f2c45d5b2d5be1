import { atom, onNode, remoteFunctions, tuple } from "@interlock/cluster";
import { type NodeName, self as running, type Self } from "@interlock/core";
import { beforeEach, describe, expect, test } from "vitest";

import { whatever } from "./in-process.ts";
import { ERLANG_FLAGS, HandmadePeer } from "./support/handmade-peer.ts";
import { ask, begin, type Note, TestCluster } from "./support/nodes.ts";

/** Ends the wait of all that wait. */
let go: () => void = () => undefined;
let gone = Promise.withResolvers<void>();

beforeEach(() => {
  gone = Promise.withResolvers<void>();
  go = gone.resolve;
});

const Functions = remoteFunctions({
  name: "conformance_erpc",
  functions: {
    add: (one: number, other: number) => one + other,
    later: async (value: string) => value,
    where: () => running().pid,
    throws: () => {
      throw tuple(atom("thrown"), 1);
    },
    exits: () => running().exit({ because: "it had to" }),
    fails: () => {
      throw new RangeError("out of range");
    },
    answers: () => () => 1,
    async waits(value: string) {
      await gone.promise;
      return value;
    },
  },
});

const failing = (kind: string, reason: unknown) => ({ code: "INTERLOCK_REMOTE_CALL", details: { kind, reason } });

async function pair() {
  const cluster = await TestCluster.make();
  return { cluster, a: await cluster.node("a"), b: await cluster.node("b") };
}

describe.each(["another node", "its own node"])("%s", (which) => {
  test("erpc:call: a call gives the value, or what was thrown, with its class", async () => {
    const { a, b, cluster } = await pair();
    await using _ = cluster;
    const to = which === "another node" ? b.name : a.name;
    await a.run(async (self: Self<Note>) => {
      const functions = onNode(to, Functions);
      expect(await Promise.all([functions.add(2, 3), functions.later("value")])).toEqual([5, "value"]);
      expect((await functions.where()).node).toBe(to);
      await expect(functions.throws()).rejects.toMatchObject(failing("throw", tuple(atom("thrown"), 1)));
      await expect(functions.exits()).rejects.toMatchObject(failing("exit", { because: "it had to" }));
      await expect(functions.fails()).rejects.toMatchObject({
        ...failing("error", { name: "RangeError", message: "out of range" }),
        cause: { name: "RangeError", message: "out of range" },
      });
      const other = onNode<{ nothing(): void }>(to, Functions);
      await expect(other.nothing()).rejects.toThrow(/undef/);
      await expect(onNode<{ exit(): void }>(to, { name: "process" }).exit()).rejects.toThrow(/undef/);
      await expect(onNode(to, Functions, { timeoutMs: 1 }).waits("too late")).rejects.toMatchObject({
        code: "INTERLOCK_CALL_TIMEOUT",
      });
      for (const timeoutMs of [-1, Number.NaN, "soon" as never])
        await expect(onNode(to, Functions, { timeoutMs }).add(1, 2)).rejects.toMatchObject({
          code: "INTERLOCK_BAD_ARGUMENT",
        });
      if (to === b.name) {
        await expect(onNode<{ add(f: () => void): void }>(to, Functions).add(() => undefined)).rejects.toMatchObject({
          code: "INTERLOCK_WIRE_UNENCODABLE",
        });
        await expect(functions.answers()).rejects.toMatchObject({ code: "INTERLOCK_REMOTE_CALL" });
      }
      go();
      expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    });
    expect(a.reports).toEqual([]);
  });
});

test("erpc:call_reqtmo: the time of a call counts from its beginning, with the connection; a signal ends it at any time", async () => {
  await using cluster = await TestCluster.make();
  const unreachable: NodeName = "unreachable@127.0.0.1";
  const b = await cluster.node("b");
  const a = await cluster.node("a", {
    lookup: (name) => (name === b.name ? Promise.resolve(b.node.address) : new Promise(() => undefined)),
  });
  await a.run(async () => {
    const timeout = { code: "INTERLOCK_CALL_TIMEOUT", details: { timeoutMs: 1 } };
    for (const node of [unreachable, b.name])
      await expect(onNode(node, Functions, { timeoutMs: 1 }).waits("late")).rejects.toMatchObject(timeout);
    for (const node of [unreachable, b.name, a.name]) {
      const [before, meanwhile] = [new AbortController(), new AbortController()];
      before.abort("before it began");
      for (const { signal } of [before, meanwhile]) {
        const call = onNode(node, Functions, { signal, timeoutMs: Number.POSITIVE_INFINITY }).waits("late");
        meanwhile.abort("meanwhile");
        await expect(call).rejects.toMatchObject({ code: "INTERLOCK_ABORTED", cause: signal.reason });
      }
    }
    const endless = onNode(b.name, Functions, { timeoutMs: Number.POSITIVE_INFINITY }).waits("at last");
    go();
    expect(await endless).toBe("at last");
  });
});

test("erpc:timeout_limit: the longest times are times, and those that are none are refused", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  await a.run(async () => {
    for (const timeoutMs of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      const call = onNode(b.name, Functions, { timeoutMs }).waits("in time");
      // Were it none, it would be over by now.
      await onNode(b.name, Functions).add(1, 2);
      go();
      expect(await call).toBe("in time");
    }
    for (const timeoutMs of [-1, Number.NaN, Number.NEGATIVE_INFINITY])
      await expect(onNode(b.name, Functions, { timeoutMs }).add(1, 2)).rejects.toMatchObject({
        code: "INTERLOCK_BAD_ARGUMENT",
      });
  });
});

test("erpc:send_request: a call is a request that can be awaited later, and again", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  begin(b, "far");
  await a.run(async (self: Self<Note>) => {
    const request = onNode(b.name, Functions).waits("waited");
    const failure = onNode(b.name, Functions).fails();
    failure.catch(() => undefined); // Else nobody would be waiting for it yet.
    const state = { isAnswered: false };
    void request.then(() => {
      state.isAnswered = true;
    });
    await ask(self, "far", b.name);
    expect(state.isAnswered).toBe(false);
    go();
    expect([await request, await request]).toEqual(["waited", "waited"]);
    for (let time = 0; time < 2; time++)
      await expect(failure).rejects.toMatchObject({ details: { kind: "error" }, cause: { message: "out of range" } });
  });
});

test("erpc:send_request_receive_reqid_collection: of several requests each gets its own answer, in any order", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  await a.run(async () => {
    const slow = onNode(b.name, Functions).waits("slow");
    const requests = new Map<string, Promise<unknown>>([["slow", slow]]);
    for (let label = 0; label < 10; label++) requests.set(`${label}`, onNode(b.name, Functions).add(label, label));
    const answers: Record<string, unknown> = {};
    while (requests.size > 1) {
      const [label, value] = await Promise.race(
        [...requests].map(async ([one, request]) => [one, await request] as const),
      );
      requests.delete(label);
      answers[label] = value;
    }
    expect(answers).toEqual(Object.fromEntries(Array.from({ length: 10 }, (_, label) => [label, label * 2])));
    go();
    expect(await slow).toBe("slow");
  });
});

test("erpc:multicall: of calls to several nodes each has its result, in the order of the nodes", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const c = await cluster.node("c");
  await a.run(async () => {
    const nodes = [b.name, "nobody@127.0.0.1", a.name, c.name, b.name] as const;
    const call = (operation: (node: NodeName) => Promise<unknown>) => Promise.allSettled(nodes.map(operation));
    const sums = await call((node) => onNode(node, Functions).add(1, 2));
    const noConnection = { status: "rejected", reason: { code: "INTERLOCK_NOCONNECTION" } };
    const sum = { status: "fulfilled", value: 3 };
    expect(sums).toMatchObject([sum, noConnection, sum, sum, sum]);
    const failure = { status: "rejected", reason: failing("error", { message: "out of range" }) };
    const failures = await call((node) => onNode(node, Functions).fails());
    expect(failures).toMatchObject([failure, noConnection, failure, failure, failure]);
  });
});

test("erpc:multicall_recv_opt: an answer that comes too late is no message of the caller", async () => {
  const { a, b, cluster } = await pair();
  await using _ = cluster;
  const c = await cluster.node("c");
  for (const at of [b, c]) begin(at, "far");
  await a.run(async (self: Self<Note>) => {
    const calls = [b, c].map(({ name }) => onNode(name, Functions, { timeoutMs: 1 }).waits("late"));
    const late = { reason: { code: "INTERLOCK_CALL_TIMEOUT" } };
    expect(await Promise.allSettled(calls)).toMatchObject([late, late]);
    go();
    for (const { name } of [b, c]) {
      await onNode(name, Functions).add(1, 2);
      await ask(self, "far", name);
    }
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });
});

test("erpc:call_against_ei_node: a call of a node that starts no processes on request is refused with notsup", async () => {
  const SPAWN = 1n << 32n;
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  using peer = await HandmadePeer.dial(a, { flags: ERLANG_FLAGS & ~SPAWN });
  await a.run(async () => {
    await expect(onNode(peer.name, Functions).add(1, 2)).rejects.toMatchObject(failing("not_started", "notsup"));
  });
  await peer.acted();
});
