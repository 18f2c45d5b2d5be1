import { type Exit, exit, type Pid, processInfo, remote, type Self } from "@interlock/core";
import type { ErlangPid } from "@interlock/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualCluster } from "../packages/cluster/src/node/virtual-cluster.fixture.ts";
import { whatever } from "./in-process.ts";
import { HandmadePeer } from "./support/handmade-peer.ts";
import { ask, begin, type Note, nextEvent, note, pidOf, TestCluster, type TestNode } from "./support/nodes.ts";

/** A process of `at` that traps exits; what it is to do it is made to do from outside. */
interface Puppet {
  readonly self: Self<unknown>;
  /** As the peer has it. */
  readonly pid: ErlangPid;
  /** The peer's process, as the puppet has it. */
  readonly other: Pid;
  readonly exits: Exit[];
}

async function puppet(at: TestNode, peer: HandmadePeer, whom: ErlangPid): Promise<Puppet> {
  const exits: Exit[] = [];
  const met = Promise.withResolvers<Pick<Puppet, "self" | "other">>();
  const pid = await peer.begin<unknown>(at, async (self) => {
    const trapped = self.trapExit();
    met.resolve({ self, other: (await self.receive()) as Pid });
    for (;;) exits.push(await self.receive(trapped));
  });
  peer.say({ type: "SEND_SENDER", from: whom, to: pid }, whom);
  return { pid, exits, ...(await met.promise) };
}

const linksOf = ({ self }: Puppet): readonly Pid[] | undefined => processInfo(self.pid)?.links;

test("process:dist_unlink_ack_exit_leak: of an unlink that a node did not live to acknowledge nothing is left", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const down = nextEvent(a, "nodedown");
  using first = await HandmadePeer.dial(a);
  const from = first.pidOf(7);
  const one = await puppet(a, first, from);
  one.self.link(one.other);
  await first.heard("LINK");
  one.self.unlink(one.other);
  await first.heard("UNLINK_ID");
  first.link.socket.destroy();
  await down;
  expect([linksOf(one), one.exits]).toEqual([[], []]);
  // What still waited for the acknowledgement would make this link void.
  using second = await HandmadePeer.dial(a);
  second.say({ type: "LINK", from, to: one.pid });
  await second.acted();
  expect(linksOf(one)).toEqual([one.other]);
});

test("link:dup_link_signal: a link that crosses an unlink which is not acknowledged yet is ignored", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  using peer = await HandmadePeer.dial(a);
  const from = peer.pidOf(7);
  const one = await puppet(a, peer, from);
  const link = { type: "LINK", from, to: one.pid } as const;
  one.self.link(one.other);
  await peer.heard("LINK");
  one.self.unlink(one.other);
  const { id } = (await peer.heard("UNLINK_ID")).control;
  for (let time = 0; time < 2; time++) peer.say(link);
  await peer.acted();
  expect(linksOf(one)).toEqual([]);
  peer.say({ type: "UNLINK_ID_ACK", id, from, to: one.pid });
  // Another one's, which never was.
  peer.say({ type: "UNLINK_ID_ACK", id: id + 1n, from, to: one.pid });
  for (let time = 0; time < 2; time++) peer.say(link);
  await peer.acted();
  expect(linksOf(one)).toEqual([one.other]);
});

test("link:exit_from_stale_link: an exit by a link that is not there is ignored", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  using peer = await HandmadePeer.dial(a);
  const from = peer.pidOf(7);
  const one = await puppet(a, peer, from);
  const exits = { type: "PAYLOAD_EXIT", from, to: one.pid } as const;
  peer.say(exits, Buffer.from("never linked"));
  await peer.acted();
  one.self.link(one.other);
  await peer.heard("LINK");
  one.self.unlink(one.other);
  const { id } = (await peer.heard("UNLINK_ID")).control;
  peer.say(exits, Buffer.from("crossed the unlink"));
  peer.say({ type: "UNLINK_ID_ACK", id, from, to: one.pid });
  peer.say(exits, Buffer.from("unlinked"));
  peer.say({ type: "LINK", from, to: one.pid });
  for (const reason of ["the end", "a second one"]) peer.say(exits, Buffer.from(reason));
  await peer.acted();
  expect(one.exits).toEqual([{ type: "EXIT", from: one.other, reason: "the end" }]);
  expect(linksOf(one)).toEqual([]);
});

interface Act {
  readonly by: 0 | 1;
  readonly does: "link" | "unlink";
  readonly afterMs: number;
}

/** Which of two processes believe that they are linked after all that, and what both hear when the first one is killed. */
async function agreement(acts: readonly Act[], delay: Iterator<number>): Promise<readonly unknown[]> {
  await using cluster = new VirtualCluster(() => delay.next().value as number);
  const { time } = cluster;
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const exits: unknown[] = [];
  const pairs: { readonly self: Self<Note>; readonly other: Pid<Note> }[] = [];
  for (const [by, [at, partner]] of [[a, b] as const, [b, a] as const].entries())
    begin(at, "puppet", async (self) => {
      const trapped = self.trapExit();
      const { from } = await ask(self, "puppet", partner.name);
      pairs[by] = { self, other: from as Pid<Note> };
      for (;;) exits.push((await self.receive(trapped)).reason);
    });
  await time.advance(20_000);
  const [one, another] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
  for (const { afterMs, by, does } of acts) {
    await time.advance(afterMs);
    const { other, self } = by === 0 ? one : another;
    self[does](other);
  }
  await time.advance(20_000);
  const links = pairs.map(({ other, self }) => processInfo(self.pid)?.links.includes(other));
  exit(one.self.pid, "kill");
  await time.advance(20_000);
  expect(processInfo(another.self.pid)?.links).toEqual([]);
  return [...links, exits];
}

test("link:remote_simultaneous: two processes that link and unlink at the same time agree in the end", {
  timeout: 60_000,
}, async () => {
  const act: fc.Arbitrary<Act> = fc.record({
    by: fc.constantFrom(0, 1),
    does: fc.constantFrom("link", "unlink"),
    afterMs: fc.integer({ min: 0, max: 60 }),
  });
  const delays = fc.infiniteStream(fc.integer({ min: 0, max: 100 }));
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 12 }), delays, async (acts, delay) => {
      const [ours, theirs, exits] = await agreement(acts, delay);
      expect(theirs).toBe(ours);
      expect(exits).toEqual(ours === true ? ["killed"] : []);
    }),
    { numRuns: 200 },
  );
});

test("monitor:remote_remove_monitor: demonitor tells whether the monitor was there, and its node forgets it", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const far = begin(b, "far");
  await a.run(async (self: Self<Note>) => {
    const pid = await pidOf(self, "far", b.name);
    const watches = [pid, remote("far", b.name)].flatMap((whom) => Array.from({ length: 5 }, () => self.monitor(whom)));
    await ask(self, "far", b.name);
    expect(processInfo(far)?.monitoredBy).toHaveLength(10);
    expect(watches.map((watch) => watch.demonitor())).toEqual(watches.map(() => true));
    expect(watches.map((watch) => watch.demonitor({ flush: true }))).toEqual(watches.map(() => false));
    expect(processInfo(self.pid)?.monitors).toEqual([]);
    await ask(self, "far", b.name);
    expect(processInfo(far)?.monitoredBy).toEqual([]);
    const last = self.monitor(pid);
    note(pid, "stop");
    await self.receive(last.down);
    expect(last.demonitor()).toBe(false);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });
});

test("monitor:otp_5827: a monitor of a process on a node that cannot be gives noconnection", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const names = ["nobody@127.0.0.1", "nonsense", "@", "a@", "@a", "", "a b@127.0.0.1", `${"x".repeat(300)}@a`];
  await a.run(async (self: Self<Note>) => {
    for (const name of names) {
      const { down } = self.monitor(remote("whoever", name as never));
      expect((await self.receive(down)).reason).toBe("noconnection");
    }
  });
});
