import { exit, genServer, local, noreply, remote, reply, type SupervisorRef, self, supervisor } from "@interlock/core";
import { describe, expect, test } from "vitest";

import type { Lease, LeaseRecord, Leases } from "../lease/lease.ts";
import { memoryLeases } from "../lease/memory-leases.ts";
import { standDown } from "../node/attached.ts";
import { suspension } from "../node/halt.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { singleton } from "./singleton.ts";
import { VirtualTime } from "./virtual-time.fixture.ts";

/** What only one may write to: it refuses lower tokens, and knows how many run at a time. */
class Ledger {
  highest = 0;
  running = 0;
  mostRunning = 0;
  readonly tokens: number[] = [];

  write(token: number): boolean {
    if (token < this.highest) return false;
    this.highest = token;
    return true;
  }
}

let ledger = new Ledger();

const Bank = genServer({
  name: "bank",
  init: (token: number) => {
    self().trapExit();
    ledger.running++;
    ledger.mostRunning = Math.max(ledger.mostRunning, ledger.running);
    ledger.tokens.push(token);
    return { token };
  },
  calls: {
    where: (ctx) => reply(ctx.self.pid.node as string),
    write: ({ state }) => reply(ledger.write(state.token)),
  },
  casts: {
    crash: () => {
      throw new Error("out of money");
    },
    nothing: () => noreply(),
  },
  terminate: () => {
    ledger.running--;
  },
});

/** Leases that one node cannot reach while `isCut`. */
class Cut implements Leases {
  readonly #inner: Leases;
  isCut = false;
  /** A lease that is asked for is granted, and that is heard of later. */
  grants: Promise<void> | undefined;

  constructor(inner: Leases) {
    this.#inner = inner;
  }

  lease(name: string): Lease {
    const inner = this.#inner.lease(name);
    const through = async <T>(run: () => Promise<T>): Promise<T> => {
      if (this.isCut) throw new Error("unreachable");
      return run();
    };
    return {
      name,
      read: () => through(() => inner.read()),
      acquire: async (claim, over) => {
        const answer = await through(() => inner.acquire(claim, over));
        await this.grants;
        return answer;
      },
      renew: (held) => through(() => inner.renew(held)),
      release: (held) => through(() => inner.release(held)),
      watch: (changed) => inner.watch?.(() => this.isCut || changed()) ?? (() => undefined),
    };
  }
}

interface Site extends TestNode {
  readonly leases: Cut;
  readonly theBank: ReturnType<typeof singleton>;
  readonly top: SupervisorRef;
  call(): Promise<string>;
}

async function sites(names: readonly string[]): Promise<{ cluster: TestCluster; time: VirtualTime; all: Site[] }> {
  ledger = new Ledger();
  const time = new VirtualTime();
  const cluster = await TestCluster.make();
  const shared = memoryLeases();
  const all: Site[] = [];
  for (const name of names) {
    const node = await cluster.node(name, { local: time.node() });
    const leases = new Cut(shared);
    const theBank = singleton({ name: "bank", server: Bank, args: (token) => [token], leases });
    const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [theBank.child()] });
    const top = await node.run(() => Top.start());
    all.push({ ...node, leases, theBank, top, call: () => node.run(() => Bank.at(theBank).call.where()) });
  }
  await time.settle();
  return { cluster, time, all };
}

const holdersOf = (all: readonly Site[]): Promise<unknown[]> =>
  Promise.all(all.map((one) => one.run(() => one.theBank.holder)));

describe("a singleton", () => {
  test("that all nodes start at once runs on one, and all reach it by its name", async () => {
    const { all, cluster, time } = await sites(["a", "b", "c"]);
    await using _ = cluster;
    await time.advance(60_000);
    const [holder] = await holdersOf(all);
    expect(await holdersOf(all)).toEqual([holder, holder, holder]);
    expect(await Promise.all(all.map((one) => one.call()))).toEqual([holder, holder, holder]);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1] });
    // For whoever knows the holder it is a plain name there, Erlang's nodes too.
    const [, b] = all as [Site, Site];
    expect(await b.run(() => Bank.at(remote("bank", "a@127.0.0.1")).call.where())).toBe(holder);
  });

  test("whose node stops politely runs on another at once, with a higher token", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    expect(await b.call()).toBe(a.name);
    await a.run(() => a.top.stop());
    await a.node.stop();
    await time.settle(); // No time has passed.
    expect(await b.call()).toBe(b.name);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 2] });
  });

  test("whose node leaves its network runs on another at once, although its processes live on, and may come back", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    await a.node.stop();
    await time.settle(); // No time has passed.
    expect(await b.call()).toBe(b.name);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 2] });
    await expect(a.call()).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON", details: { problem: "no_holder" } });
    // It is no candidate, not even when its child begins anew.
    const [child] = await a.run(() => a.top.whichChildren());
    await a.run(() => child?.pid !== undefined && exit(child.pid, "kill"));
    await b.run(() => b.top.stop());
    await time.advance(60_000);
    expect(ledger).toMatchObject({ running: 0, tokens: [1, 2] });
    await cluster.node("c", { local: a.local });
    await time.advance(20_000);
    expect(await a.call()).toBe("c@127.0.0.1");
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 2, 3] });
  });

  test("moves once when several nodes go at the same time: none of these takes it over, and its own keeps it to the end", async () => {
    const { all, cluster, time } = await sites(["a", "b", "c"]);
    await using _ = cluster;
    const [a, b, c] = all as [Site, Site, Site];
    for (const one of [a, b]) standDown(one.local);
    await time.advance(60_000);
    expect(await Promise.all(all.map((one) => one.call()))).toEqual([a.name, a.name, a.name]);
    await a.run(() => a.top.stop());
    await time.settle(); // No time has passed.
    expect(await b.call()).toBe(c.name);
    await c.run(() => c.top.stop());
    await time.advance(60_000);
    expect(ledger).toMatchObject({ running: 0, mostRunning: 1, tokens: [1, 2] });
  });

  test("that is granted to a node which has just left is given back at once", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    const { promise: grants, resolve: tell } = Promise.withResolvers<void>();
    b.leases.grants = grants;
    await a.run(() => a.top.stop()); // Now b asks for it.
    await time.settle();
    await b.node.stop();
    expect(await a.leases.lease("bank").read()).toMatchObject({ holder: expect.stringContaining("b@"), token: 2 });
    tell();
    await time.settle();
    expect(await a.leases.lease("bank").read()).toMatchObject({ holder: undefined, token: 2 });
    expect(ledger).toMatchObject({ running: 0, tokens: [1] });
  });

  test("that was granted before its node was cut off does not run by that grant when it is heard of after it is back", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    const lease = a.leases.lease("bank");
    const { promise: grants, resolve: tell } = Promise.withResolvers<void>();
    b.leases.grants = grants;
    await a.run(() => a.top.stop()); // Now b asks for it, and again later: each time it has looked twice.
    await time.settle();
    await b.run(() => suspension.halt(b.local));
    const granted = (await lease.read()) as LeaseRecord;
    expect(granted).toMatchObject({ holder: expect.stringContaining("b@"), token: 2 });
    await lease.release(granted);
    const other = await lease.acquire({ holder: "operator", durationMs: 15_000 }, await lease.read());
    await b.run(() => suspension.goOn(b.local));
    await time.settle();
    await lease.release(other.record as LeaseRecord);
    await time.settle();
    expect(await lease.read()).toMatchObject({ holder: expect.stringContaining("b@"), token: 4 });
    tell(); // Of both.
    await time.settle();
    expect(await b.call()).toBe(b.name);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 4] });
  });

  test("whose node dies runs on another once the lease has run out, and until then calls say so", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    await time.advance(10_000);
    // The lease hears nothing more of it; its processes end as those of a killed program do.
    a.leases.isCut = true;
    await a.node.stop();
    await a.run(() => a.top.stop());
    await expect(b.call()).rejects.toMatchObject({ code: "INTERLOCK_NOCONNECTION" });
    await time.advance(12_000);
    await expect(b.call()).rejects.toMatchObject({ code: "INTERLOCK_NOCONNECTION" });
    await time.advance(5_000);
    expect(await b.call()).toBe(b.name);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 2] });
  });

  test("whose node cannot reach the lease has ended there before it runs elsewhere", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    expect(await a.run(() => a.theBank.token)).toBe(1);
    expect(await a.run(() => Bank.at(a.theBank).call.write())).toBe(true);
    a.leases.isCut = true;
    await time.advance(9_000);
    expect(await b.call()).toBe(a.name);
    await time.advance(1_500);
    expect(ledger.running).toBe(0);
    await expect(a.call()).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON", details: { problem: "no_holder" } });
    await expect(a.run(() => a.theBank.token)).rejects.toMatchObject({ details: { problem: "not_held" } });
    await expect(b.call()).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
    await time.advance(6_000);
    expect(await b.call()).toBe(b.name);
    expect(await b.run(() => Bank.at(b.theBank).call.write())).toBe(true);
    expect(ledger.write(1)).toBe(false);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 2] });
    // Said once.
    expect(a.reports.filter(({ type }) => type === "warning")).toHaveLength(1);
    // And back again it is a candidate as before.
    a.leases.isCut = false;
    await time.advance(3_000);
    expect(await a.call()).toBe(b.name);
  });

  test("that crashes is restarted in place; once too often, and another node has it", async () => {
    const { all, cluster, time } = await sites(["a", "b"]);
    await using _ = cluster;
    const [a, b] = all as [Site, Site];
    const crash = (): Promise<void> => a.run(() => Bank.at(local("bank")).cast.crash());
    await crash();
    await time.settle();
    expect(await b.call()).toBe(a.name);
    await crash();
    await time.settle();
    expect(await b.call()).toBe(b.name);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 1, 2] });
  });

  test("whose child is killed is not started twice: the next child waits for the lease to run out", async () => {
    const { all, cluster, time } = await sites(["a"]);
    await using _ = cluster;
    const [a] = all as [Site];
    const [child] = await a.run(() => a.top.whichChildren());
    await a.run(() => child?.pid !== undefined && exit(child.pid, "kill"));
    await time.advance(14_000);
    await expect(a.call()).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON" });
    await time.advance(2_000);
    expect(await a.call()).toBe(a.name);
    expect(ledger).toMatchObject({ running: 1, mostRunning: 1, tokens: [1, 2] });
  });

  test("is not to be had on a node where its child does not run", async () => {
    const { all, cluster } = await sites(["a"]);
    await using _ = cluster;
    const [a] = all as [Site];
    const other = await cluster.node("other");
    await other.run(async () => {
      const call = Bank.at(a.theBank).call.where();
      await expect(call).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON", details: { problem: "not_started" } });
      await expect(Bank.named(a.theBank).start(1)).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
    });
  });
});
