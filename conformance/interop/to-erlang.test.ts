/** Programs of ours that use servers, functions and processes of a real Erlang node. */
import { type Atom, atom, type ClusterNode, createNode, onNode, tuple } from "@interlock/cluster";
import {
  exit,
  genServer,
  type NodeName,
  noreply,
  type Pid,
  refTo,
  remote,
  reply,
  type Self,
  send,
  spawn,
} from "@interlock/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { COOKIE, CompiledChecks, type Erlang, erlangs, freePort, type Program, startErlang } from "./peers.ts";

const ERLANG: NodeName = "bank@127.0.0.1";
const LIMIT_MS = 60_000;
const { found, missing } = erlangs();
for (const reason of missing) test.skip(`the use of real Erlang: ${reason}`);

/** The bank of checks.erl, by its type alone: it runs in Erlang. */
type Bank = ReturnType<typeof bankModule>;
function bankModule() {
  return genServer({
    name: "bank",
    init: () => 0,
    calls: {
      balance: () => reply(0),
      deposit: (_ctx, _amount: number) => reply(0),
      div: (_ctx, _one: number, _other: number) => reply(0),
      tag: () => reply(false),
      never: () => reply(0),
      crash: () => reply(0),
    },
    casts: { set: (_ctx, _balance: number) => noreply(0) },
  });
}
const bank = refTo<Bank>(remote("bank", ERLANG));

/** Runs `body` in a process, and gives its result. */
function run<T>(body: (self: Self<unknown>) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    spawn<unknown>(async (self) => {
      await body(self).then(resolve, reject);
    });
  });
}

interface Functions {
  node(): Atom;
  spawn(module: Atom, name: Atom, args: readonly unknown[]): Pid<unknown>;
  error(reason: unknown): never;
  throw(value: unknown): never;
  exit(reason: unknown): never;
}
const functions = onNode<{ [K in keyof Functions]: Functions[K] }>(ERLANG, { name: "erlang" });

describe.each(found.map((erlang) => [erlang.release, erlang] as const))("with Erlang/OTP %s", (_, erlang) => {
  let epmdPort: number;
  let compiled: CompiledChecks;
  let node: ClusterNode;
  let peer: Program;

  const start = async (from: Erlang): Promise<Program> => {
    const started = startErlang(from, ERLANG, epmdPort, compiled, ["serve"]);
    await started.line("serving");
    return started;
  };

  beforeAll(async () => {
    epmdPort = await freePort();
    compiled = new CompiledChecks(erlang);
    node = await createNode({ name: "program@127.0.0.1", cookie: COOKIE, epmd: { port: epmdPort }, tickMs: 4_000 });
    peer = await start(erlang);
  }, LIMIT_MS);

  afterAll(async () => {
    await peer?.kill();
    await node?.stop();
    compiled?.[Symbol.dispose]();
  });

  test("a typed reference calls and casts to a server there", async () => {
    bank.cast.set(100);
    expect(await bank.call.balance()).toBe(100);
    expect(await bank.call.deposit(20)).toBe(120);
    expect(await bank.call.div(1, 2)).toBe(0.5);
    expect(await bank.call.tag()).toBe(true);
    const balances = await Promise.all(Array.from({ length: 1_000 }, () => bank.call.deposit(1)));
    expect(balances).toEqual(Array.from({ length: 1_000 }, (_unused, index) => 121 + index));
  });

  test("calls fail as local ones do", async () => {
    await expect(refTo<Bank>(remote("nobody", ERLANG)).call.balance()).rejects.toMatchObject({
      code: "INTERLOCK_NOPROC",
    });
    await expect(bank.with({ timeoutMs: 1 }).call.never()).rejects.toMatchObject({ code: "INTERLOCK_CALL_TIMEOUT" });
    await expect(refTo<Bank>(remote("bank", "nobody@127.0.0.1")).call.balance()).rejects.toMatchObject({
      code: "INTERLOCK_NOCONNECTION",
    });
  });

  test("messages reach a process there, and its answers the process that asked", async () => {
    const answer = await run(async (self) => {
      send(remote("bank", ERLANG), tuple(self.pid, { text: "é", list: [1, 2.5, null] }) as never);
      return self.receive();
    });
    expect(answer).toEqual(tuple(atom("bank"), { text: "é", list: [1, 2.5, null] }));
  });

  test("functions there give their values, and fail with the class of their failure", async () => {
    expect(await functions.node()).toBe(atom(ERLANG));
    const lists = onNode<{ reverse(list: readonly unknown[]): unknown[] }>(ERLANG, { name: "lists" });
    expect(await lists.reverse([1, "two", { three: 3 }])).toEqual([{ three: 3 }, "two", 1]);
    const failing = { code: "INTERLOCK_REMOTE_CALL" };
    await expect(functions.error(atom("oops"))).rejects.toMatchObject({ ...failing, details: { kind: "error" } });
    await expect(functions.throw(7)).rejects.toMatchObject({ ...failing, details: { kind: "throw", reason: 7 } });
    await expect(functions.exit("bye")).rejects.toMatchObject({ ...failing, details: { kind: "exit", reason: "bye" } });
    const nothing = onNode<{ nothing(): void }>(ERLANG, { name: "nothing" });
    await expect(nothing.nothing()).rejects.toThrow(/undef/);
  });

  test("processes that are started there are monitored, linked and ended from here", async () => {
    await run(async (self) => {
      const sleep = [atom("timer"), atom("sleep"), [atom("infinity")]] as const;
      const watched = await functions.spawn(...sleep);
      expect(watched.node).toBe(ERLANG);
      const monitor = self.monitor(watched);
      exit(watched, { shutdown: "enough" });
      expect((await self.receive(monitor.down)).reason).toEqual({ shutdown: "enough" });
      const exits = self.trapExit();
      const linked = await functions.spawn(...sleep);
      self.link(linked);
      exit(linked, "kill");
      expect(await self.receive(exits)).toMatchObject({ from: linked, reason: "killed" });
    });
  });

  test("what is ended by a crash there gives the term of its reason", async () => {
    await run(async (self) => {
      const crashing = await functions.spawn(atom("erlang"), atom("hd"), [atom("no_list")]);
      const { reason } = await self.receive(self.monitor(crashing).down);
      // It has failed before it was watched, or after: by its error, or as nobody.
      if (reason !== "noproc") expect(reason).toHaveProperty("error.term");
    });
    await expect(bank.call.crash()).rejects.toMatchObject({
      code: "INTERLOCK_CALLEE_EXIT",
      details: { reason: atom("out_of_money") },
    });
  });

  test(
    "a node that is killed is heard of, and another one of its name is another one",
    async () => {
      const first = await functions.spawn(atom("timer"), atom("sleep"), [atom("infinity")]);
      await run(async (self) => {
        const monitor = self.monitor(first);
        const down = new Promise((resolve) => {
          const end = node.watchNodes(({ type, node: name }) => {
            if (type !== "nodedown" || name !== ERLANG) return;
            end();
            resolve(name);
          });
        });
        await functions.node();
        await peer.kill();
        expect((await self.receive(monitor.down)).reason).toBe("noconnection");
        expect(await down).toBe(ERLANG);
        peer = await start(erlang);
        bank.cast.set(7);
        expect(await bank.call.balance()).toBe(7);
        expect((await self.receive(self.monitor(first).down)).reason).toBe("noproc");
        const second = await functions.spawn(atom("timer"), atom("sleep"), [atom("infinity")]);
        expect(second).not.toBe(first);
      });
    },
    LIMIT_MS,
  );
});
