import {
  exit,
  genServer,
  later,
  local,
  noreply,
  type Pid,
  processInfo,
  remote,
  reply,
  type Self,
  type SystemMessage,
  self,
  send,
  trySend,
} from "@interlock/core";
import { describe, expect, test } from "vitest";

import { nextEvent, TestCluster, type TestNode } from "./nodes.fixture.ts";

interface SetBalance {
  readonly type: "set";
  readonly balance: number;
}

const Bank = genServer({
  name: "bank",
  init: (opening: number): { readonly balance: number } => ({ balance: opening }),
  calls: {
    balance: ({ state }) => reply(state.balance),
    deposit({ state }, amount: number) {
      const balance = state.balance + amount;
      return reply(balance, { balance });
    },
    whoami: (ctx) => reply(ctx.self.pid as Pid<SetBalance>),
    echo: (_ctx, value: unknown) => reply(value),
    never: (ctx) => later(ctx.from<number>()),
    crash: () => {
      throw new RangeError("out of money");
    },
  },
  casts: {
    set: (_ctx, balance: number) => noreply({ balance }),
    tell({ state }, to: Pid<{ readonly type: "told"; readonly balance: number }>) {
      send(to, { type: "told", balance: state.balance });
      return noreply(state);
    },
  },
  info: (_ctx, message: SystemMessage | SetBalance) =>
    message.type === "set" ? noreply({ balance: message.balance }) : noreply(),
});

let release: () => void = () => undefined;
const released = new Promise<void>((resolve) => {
  release = resolve;
});

const Slow = genServer({
  name: "slow",
  init: () => 0,
  calls: {
    async hold() {
      await released;
      return reply("held");
    },
    garbage: () => reply(() => 1),
  },
});

/** Links itself to whom it is told to, and keeps the reasons of their ends. */
const Linked = genServer({
  name: "linked",
  init: (): readonly unknown[] => {
    self().trapExit();
    return [];
  },
  calls: {
    link(ctx, pid: Pid) {
      ctx.self.link(pid);
      return reply("ok");
    },
    unlink(ctx, pid: Pid) {
      ctx.self.unlink(pid);
      return reply("ok");
    },
    exits: ({ state }) => reply(state),
    whoami: ({ self: me, state }) => reply(me.pid as Pid, state),
  },
  info: ({ state }, message: SystemMessage) =>
    message.type === "EXIT" ? noreply([...state, message.reason]) : noreply(state),
});

/** Two nodes, a bank on the second. */
async function two(): Promise<{ cluster: TestCluster; a: TestNode; b: TestNode; bank: Pid }> {
  const cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const b = await cluster.node("b");
  const bank = await b.run(async () => (await Bank.named(local("bank")).start(100)).pid);
  return { cluster, a, b, bank };
}

const farBank = remote("bank", "b@127.0.0.1");

describe("calls and casts between nodes", () => {
  test("reach a server by its name and by its pid, connecting when first used", async () => {
    const { cluster, a } = await two();
    await using _ = cluster;
    expect(a.node.nodes("connected")).toEqual([]);
    const [balance, deposited, again] = await a.run(async () => {
      const bank = Bank.at(farBank);
      const pid = await bank.call.whoami();
      return [await bank.call.balance(), await Bank.at(pid).call.deposit(20), await Bank.at(pid).call.balance()];
    });
    expect([balance, deposited, again]).toEqual([100, 120, 120]);
    expect(a.node.nodes("connected")).toEqual(["b@127.0.0.1"]);
  });

  test("arrive in the order sent: casts, messages and calls of one process", async () => {
    const { cluster, a } = await two();
    await using _ = cluster;
    const seen = await a.run(async () => {
      const bank = Bank.at(farBank);
      const balances: Promise<number>[] = [];
      for (let round = 0; round < 100; round++) {
        bank.cast.set(round * 2);
        balances.push(bank.call.balance());
        send(farBank as never, { type: "set", balance: round * 2 + 1 } as never);
        balances.push(bank.call.balance());
      }
      return Promise.all(balances);
    });
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });

  test("carry what structured clone carries, pids that are one object, and come back as they left", async () => {
    const { cluster, a } = await two();
    await using _ = cluster;
    const values = [
      new Date(0),
      new Set([1, "a"]),
      new Map([["k", [1n, 2.5, Number.NaN]]]),
      { deep: { list: [null, undefined, true, "é🙂"] } },
      new Uint8Array([104, 105]),
      new Float64Array([0.5]),
    ];
    const [back, same] = await a.run(async (self) => {
      const bank = Bank.at(farBank);
      const pid = await bank.call.whoami();
      return [
        await bank.call.echo(values),
        [(await bank.call.echo(self.pid)) === self.pid, (await bank.call.echo(pid)) === pid],
      ];
    });
    expect(back).toEqual(values);
    expect(same).toEqual([true, true]);
  });

  test("fail as local ones do: nobody there, a timeout, a callee that crashes, a value without a form", async () => {
    const { cluster, a, b } = await two();
    await using _ = cluster;
    await a.run(async () => {
      await expect(Bank.at(remote("nobody", b.name)).call.balance()).rejects.toMatchObject({
        code: "INTERLOCK_NOPROC",
      });
      const bank = Bank.at(farBank);
      await expect(bank.with({ timeoutMs: 1 }).call.never()).rejects.toMatchObject({ code: "INTERLOCK_CALL_TIMEOUT" });
      await expect(bank.call.echo(() => 1)).rejects.toMatchObject({ code: "INTERLOCK_WIRE_UNENCODABLE" });
      const abort = new AbortController();
      const aborted = bank.with({ signal: abort.signal }).call.never();
      abort.abort(new Error("enough"));
      await expect(aborted).rejects.toMatchObject({ code: "INTERLOCK_ABORTED" });
      await expect(bank.call.crash()).rejects.toMatchObject({
        code: "INTERLOCK_CALLEE_EXIT",
        details: { reason: { error: { name: "RangeError", message: "out of money" } } },
      });
    });
  });

  test("to a node that is not there fail with noconnection", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    await a.run(async () => {
      await expect(Bank.at(remote("bank", "nobody@127.0.0.1")).call.balance()).rejects.toMatchObject({
        code: "INTERLOCK_NOCONNECTION",
      });
    });
    await expect(a.node.connect("nobody@127.0.0.1")).rejects.toMatchObject({
      code: "INTERLOCK_CONNECT",
      details: { node: "nobody@127.0.0.1" },
    });
  });

  test("wait no longer once the callee's node has gone", async () => {
    const { cluster, a, b } = await two();
    await using _ = cluster;
    await a.run(async () => {
      const bank = Bank.at(farBank);
      await bank.call.balance();
      const waiting = bank.with({ timeoutMs: 3_600_000 }).call.never();
      a.node.disconnect(b.name);
      await expect(waiting).rejects.toMatchObject({ code: "INTERLOCK_NOCONNECTION" });
    });
  });
});

test("a call that a full mailbox refuses, and an answer without a form, say so to the caller and harm nobody", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  const small = await b.run(async () => {
    const mailbox = { capacity: 1, overflow: "reject" } as const;
    return (await Slow.named(local("slow"), { mailbox }).start()).pid;
  });
  await a.run(async () => {
    const slow = Slow.at(remote("slow", b.name));
    const held = [slow.call.hold()];
    await Bank.at(farBank).call.balance(); // The first has left the mailbox by now.
    held.push(slow.call.hold());
    await expect(slow.call.hold()).rejects.toMatchObject({ code: "INTERLOCK_MAILBOX_FULL", details: { capacity: 1 } });
    release();
    await Promise.all(held);
    await expect(slow.call.garbage()).rejects.toMatchObject({ code: "INTERLOCK_WIRE_UNENCODABLE" });
    expect(await slow.call.hold()).toBe("held");
  });
  expect(small).toBeDefined();
});

describe("links and monitors between nodes", () => {
  test("a monitor fires once with the reason; of a name nobody has and of the dead with noproc", async () => {
    const { cluster, a, b, bank } = await two();
    await using _ = cluster;
    await a.run(async (self: Self<unknown>) => {
      const far = await Bank.at(farBank).call.whoami();
      const byPid = self.monitor(far);
      const byName = self.monitor(farBank);
      const nobody = self.monitor(remote("nobody", b.name));
      expect((await self.receive(nobody.down)).reason).toBe("noproc");
      await Bank.at(far).call.balance();
      exit(far, "kill");
      expect(await self.receive(byPid.down)).toMatchObject({ reason: "killed", pid: far });
      expect((await self.receive(byName.down)).reason).toBe("killed");
      const late = self.monitor(far);
      expect((await self.receive(late.down)).reason).toBe("noproc");
      expect(await self.receive(byPid.down, { timeoutMs: 0 })).toBeUndefined();
    });
    expect(bank).toBeDefined();
  });

  test("a demonitored one does not fire, and its node forgets it", async () => {
    const { cluster, a, b, bank } = await two();
    await using _ = cluster;
    await a.run(async (self: Self<unknown>) => {
      const far = await Bank.at(farBank).call.whoami();
      const monitor = self.monitor(far);
      await Bank.at(far).call.balance();
      expect(monitor.demonitor({ flush: true })).toBe(true);
      // Signals of one process arrive in order: once this one is answered, all before it have been acted on.
      Bank.at(far).cast.tell(self.pid as never);
      await self.receive();
      expect(await b.run(() => processInfo(bank)?.monitoredBy)).toEqual([]);
      exit(far, "kill");
      const check = self.monitor(far);
      await self.receive(check.down);
      expect(await self.receive(monitor.down, { timeoutMs: 0 })).toBeUndefined();
    });
  });

  test("a link carries the end both ways, once, and a trapped one comes as a message", async () => {
    const { cluster, a, b } = await two();
    await using _ = cluster;
    const linked = await b.run(async () => (await Linked.named(local("linked")).start()).pid);
    const far = Linked.at(remote("linked", b.name));
    // Theirs hears of ours.
    await a.run(async (self: Self<unknown>) => {
      for (const reason of ["bye", { shutdown: "done" }, "normal"]) {
        const child = a.start<"go">(async (other) => {
          await other.receive();
          other.exit(reason);
        });
        await far.call.link(child.pid as never);
        const end = self.monitor(child.pid);
        send(child.pid as never, "go" as never);
        await self.receive(end.down);
      }
    });
    expect(await a.run(() => far.call.exits())).toEqual(["bye", { shutdown: "done" }, "normal"]);
    // Ours hears of theirs; unlinked it does not.
    await a.run(async (self: Self<unknown>) => {
      const exits = self.trapExit();
      await far.call.link(self.pid as never);
      await far.call.unlink(self.pid as never);
      const pid = await far.call.whoami();
      self.link(pid);
      self.unlink(pid);
      self.link(pid);
      exit(pid, "kill");
      expect(await self.receive(exits)).toMatchObject({ from: pid, reason: "killed" });
      self.link(pid);
      expect(await self.receive(exits)).toMatchObject({ from: pid, reason: "noproc" });
      expect(await self.receive(exits, { timeoutMs: 0 })).toBeUndefined();
    });
    expect(linked).toBeDefined();
  });

  test("a process that does not trap ends with a linked one of another node", async () => {
    const { cluster, a } = await two();
    await using _ = cluster;
    await a.run(async (self: Self<unknown>) => {
      const far = await Bank.at(farBank).call.whoami();
      const child = a.start<never>(async (other) => {
        other.link(far);
        await other.receive();
      });
      const end = self.monitor(child.pid);
      await Bank.at(farBank).call.balance();
      exit(far, { shutdown: "enough" });
      expect((await self.receive(end.down)).reason).toEqual({ shutdown: "enough" });
    });
  });
});

describe("nodes", () => {
  test("hear of each other's coming and going, with links and monitors told noconnection", async () => {
    const { cluster, a, b } = await two();
    await using _ = cluster;
    const up = [nextEvent(a, "nodeup"), nextEvent(b, "nodeup")];
    const down = [nextEvent(a, "nodedown"), nextEvent(b, "nodedown")];
    await a.node.connect(b.name);
    expect(await Promise.all(up)).toMatchObject([{ node: b.name }, { node: a.name }]);
    await a.run(async (self: Self<unknown>) => {
      const exits = self.trapExit();
      const far = await Bank.at(farBank).call.whoami();
      const monitor = self.monitor(far);
      self.link(far);
      await Bank.at(far).call.balance();
      a.node.disconnect(b.name);
      expect((await self.receive(monitor.down)).reason).toBe("noconnection");
      expect(await self.receive(exits)).toMatchObject({ from: far, reason: "noconnection" });
    });
    expect(await Promise.all(down)).toMatchObject([{ node: b.name }, { node: a.name }]);
    expect([...a.node.nodes("connected"), ...b.node.nodes("connected")]).toEqual([]);
  });

  test("that dial each other at once have one connection", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const b = await cluster.node("b");
    for (let round = 0; round < 20; round++) {
      await Promise.all([a.node.connect(b.name), b.node.connect(a.name)]);
      expect([a.node.nodes("connected"), b.node.nodes("connected")]).toEqual([[b.name], [a.name]]);
      const down = nextEvent(b, "nodedown");
      a.node.disconnect(b.name);
      await down;
    }
  });

  test("with another cookie are refused, said so on both sides, and try no further", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const b = await cluster.node("b", { cookie: "another" });
    await expect(a.node.connect(b.name)).rejects.toMatchObject({
      code: "INTERLOCK_CONNECT",
      details: { problem: expect.stringContaining("cookie") },
    });
    expect(b.reports).toMatchObject([{ type: "warning", details: { details: { problem: "bad_cookie" } } }]);
    expect([...a.node.nodes("connected"), ...b.node.nodes("connected")]).toEqual([]);
  });

  test("of a name that is taken are refused", async () => {
    await using cluster = await TestCluster.make();
    await cluster.node("a");
    await expect(cluster.node("a")).rejects.toMatchObject({ code: "INTERLOCK_LISTEN" });
  });

  test("send by trySend only over a connection that is there", async () => {
    const { cluster, a } = await two();
    await using _ = cluster;
    await a.run(async () => {
      expect(trySend(farBank as never, { type: "set", balance: 1 } as never)).toBe(false);
      await Bank.at(farBank).call.balance();
      expect(trySend(farBank as never, { type: "set", balance: 1 } as never)).toBe(true);
      expect(await Bank.at(farBank).call.balance()).toBe(1);
    });
  });
});
