import {
  exit,
  isAlive,
  local,
  type Monitor,
  type Pid,
  processInfo,
  register,
  remote,
  type Self,
  send,
  spawn,
  spawnLink,
  spawnMonitor,
  unregister,
  whereis,
} from "@interlock/core";
import fc from "fast-check";
import { expect, test } from "vitest";

import { answerOf, end, idle, inProcess, type Message, ponger, whatever } from "./in-process.ts";

const refused = (problem: string) => expect.objectContaining({ code: `INTERLOCK_${problem}` });

/** Nothing waits, neither message nor signal. */
async function expectNothing(self: Self<Message>): Promise<void> {
  await answerOf(self, spawn(ponger));
  expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
}

test("monitor:case_1: A monitors B, B kills A and ends: nothing is left behind", () =>
  inProcess(async (self) => {
    const b = spawn<Message>(async (one) => {
      const { from } = await one.receive({ type: "go" });
      if (from !== undefined) exit(from, "kill");
    });
    const a = spawn<Message>(async (one) => {
      one.monitor(b);
      await ponger(one);
    });
    await answerOf(self, a);
    expect(processInfo(b)?.monitoredBy).toEqual([a]);
    const watch = self.monitor(a);
    expect(await end(self, b, () => send(b, { type: "go", from: a }))).toBe("normal");
    expect((await self.receive(watch.down)).reason).toBe("killed");
    expect([isAlive(a), isAlive(b)]).toEqual([false, false]);
    expect(processInfo(self.pid)?.monitors).toEqual([]);
    await expectNothing(self);
  }));

/** A monitor of another process on `target`. */
async function foreignMonitor(self: Self<Message>, target: Pid): Promise<Monitor> {
  let foreign: Monitor | undefined;
  const owner = spawn<Message>(async (one) => {
    foreign = one.monitor(target);
    await ponger(one);
  });
  await answerOf(self, owner);
  return foreign as Monitor;
}

test("monitor:case_2: demonitor by a process that the reference does not belong to is refused", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const foreign = await foreignMonitor(self, child);
    expect(() => foreign.demonitor()).toThrow(refused("NOT_OWNER"));
    expect(() => foreign.demonitor({ flush: true })).toThrow(refused("NOT_OWNER"));
    expect(processInfo(child)?.monitoredBy).toHaveLength(1);
  }));

test("monitor:mon_e_1: a bad item to monitor is refused", () =>
  inProcess((self) => {
    for (const item of ["name", 1, undefined, null, {}, [], { node: "a@b", name: "x" }])
      expect(() => self.monitor(item as never)).toThrow(refused("BAD_ARGUMENT"));
    expect(() => self.monitor(self.pid, { tag: 7 as never })).toThrow(refused("BAD_ARGUMENT"));
    expect(processInfo(self.pid)?.monitors).toEqual([]);
  }));

test("monitor:demon_e_1: a foreign reference cannot be demonitored, whether it has fired or not", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const foreign = await foreignMonitor(self, child);
    await end(self, child, () => exit(child, "gone"));
    expect(() => foreign.demonitor()).toThrow(refused("NOT_OWNER"));
  }));

test("monitor:demon_1: demonitor of a reference of one's own that is not known any more is harmless", () =>
  inProcess(async (self) => {
    const watch = self.monitor(spawn(idle));
    expect(watch.demonitor()).toBe(true);
    expect(watch.demonitor()).toBe(false);
    expect(watch.demonitor({ flush: true })).toBe(false);
    await expectNothing(self);
  }));

test("monitor:mon_1: a monitor of a live, a dead and a named process gives the documented DOWN", () =>
  inProcess(async (self) => {
    const live = spawn(idle);
    const ofLive = self.monitor(live);
    exit(live, "gone");
    expect(await self.receive(ofLive.down)).toEqual({
      type: "DOWN",
      ref: ofLive.ref,
      pid: live,
      name: undefined,
      reason: "gone",
    });

    const ofDead = self.monitor(live);
    const dead = await self.receive(ofDead.down, { timeoutMs: 0 });
    expect(dead?.pid).toBe(live);
    expect(dead?.reason).toBe("noproc");

    const named = spawn(idle);
    register("named", named);
    const ofNamed = self.monitor(local("named"));
    exit(named, "gone");
    const down = await self.receive(ofNamed.down);
    expect(down.name).toBe(local("named").toString());
    expect(down.pid).toBe(named);
    expect(down.reason).toBe("gone");

    const ofNobody = self.monitor(local("named"));
    const nobody = await self.receive(ofNobody.down, { timeoutMs: 0 });
    expect(nobody?.reason).toBe("noproc");
    expect(nobody?.name).toBe(local("named").toString());
    expect(isAlive(nobody?.pid as Pid)).toBe(false);
    await expectNothing(self);
  }));

test("monitor:mon_2: a monitor by name and node works for this very node", () =>
  inProcess(async (self) => {
    const here = self.pid.node;
    const named = spawn(idle);
    register("on_this_node", named);
    const watch = self.monitor(remote("on_this_node", here));
    exit(named, "gone");
    const down = await self.receive(watch.down);
    expect(down.pid).toBe(named);
    expect(down.reason).toBe("gone");
    expect(down.name).toBe(remote("on_this_node", here).toString());
    const ofNobody = self.monitor(remote("on_this_node", here));
    expect((await self.receive(ofNobody.down)).reason).toBe("noproc");
  }));

test("monitor:demon_2: demonitor removes the DOWN only if it has not been delivered", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const before = self.monitor(child);
    const after = self.monitor(child);
    expect(before.demonitor()).toBe(true);
    exit(child, "gone");
    expect(after.demonitor()).toBe(false);
    expect((await self.receive(after.down, { timeoutMs: 0 }))?.reason).toBe("gone");
    await expectNothing(self);
  }));

test("monitor:demon_3: demonitor after the DOWN was taken is harmless", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const watch = self.monitor(child);
    exit(child, "gone");
    await self.receive(watch.down);
    expect(watch.demonitor()).toBe(false);
    await expectNothing(self);
  }));

test("monitor:demonitor_flush: demonitor with flush removes a DOWN that waits, and only that", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const [first, flushed, last] = [self.monitor(child), self.monitor(child), self.monitor(child)];
    send(self.pid, { type: "a" });
    exit(child, "gone");
    send(self.pid, { type: "b" });
    flushed.demonitor({ flush: true });
    expect(await self.receive(whatever)).toEqual({ type: "a" });
    expect(await self.receive(whatever)).toMatchObject({ ref: first.ref });
    // This one lies among what the receives have not looked at yet, or have passed over.
    await self.receive({ type: "b" });
    last.demonitor({ flush: true });
    await expectNothing(self);
    expect(first.demonitor({ flush: true })).toBe(false);
  }));

test("monitor:local_remove_monitor: demonitor tells whether the monitor was there", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const watches = Array.from({ length: 10 }, () => self.monitor(child));
    expect(watches.map((watch) => watch.demonitor())).toEqual(watches.map(() => true));
    expect(watches.map((watch) => watch.demonitor({ flush: true }))).toEqual(watches.map(() => false));
    expect(processInfo(self.pid)?.monitors).toEqual([]);
    expect(processInfo(child)?.monitoredBy).toEqual([]);
  }));

test("monitor:large_exit: a DOWN with a huge reason arrives whole", () =>
  inProcess(async (self) => {
    const huge = () => ({ text: "x".repeat(1_000_000), list: Array.from({ length: 100_000 }, (_, n) => ({ n })) });
    const { monitor: watch } = spawnMonitor((one) => one.exit(huge()));
    expect((await self.receive(watch.down)).reason).toEqual(huge());
  }));

test("monitor:list_cleanup: many monitors on one process are all gone at its end, and so are those of a dead watcher", () =>
  inProcess(async (self) => {
    const child = spawn(ponger);
    const watchers = Array.from({ length: 100 }, () =>
      spawn<Message>(async (one) => {
        const watches = Array.from({ length: 10 }, () => one.monitor(child));
        send(self.pid, { type: "go" });
        for (const watch of watches) await one.receive(watch.down);
        expect(processInfo(one.pid)?.monitors).toEqual([]);
        send(self.pid, { type: "done" });
      }),
    );
    for (const _ of watchers) await self.receive({ type: "go" });
    expect(processInfo(child)?.monitoredBy).toHaveLength(1_000);
    for (const watcher of watchers.slice(0, 50)) exit(watcher, "kill");
    expect(processInfo(child)?.monitoredBy).toHaveLength(500);
    exit(child, "gone");
    for (const _ of watchers.slice(50)) await self.receive({ type: "done" });
    await expectNothing(self);
  }));

test("monitor:mixer: any mix of links and monitors between many processes agrees with a model", () => {
  const most = 12;
  const pair = fc.tuple(fc.nat({ max: most - 1 }), fc.nat({ max: most - 1 }));
  return fc.assert(
    fc.asyncProperty(fc.array(pair), fc.array(pair), fc.nat({ max: most - 1 }), (links, monitors, victim) =>
      inProcess(async (self) => {
        const downs: string[] = [];
        const pids: Pid<Message>[] = [];
        for (let at = 0; at < most; at++)
          pids.push(
            spawn<Message>(async (one) => {
              await one.receive({ type: "go" });
              for (const [from, to] of links) if (from === at) one.link(pids[to] as Pid);
              for (const [from, to] of monitors) if (from === at) one.monitor(pids[to] as Pid);
              send(self.pid, { type: "go" });
              for (;;) {
                const message = (await one.receive(whatever)) as {
                  type: string;
                  from: Pid<Message>;
                  pid: Pid;
                  reason: unknown;
                };
                if (message.type === "ping") send(message.from, { type: "pong" });
                else downs.push(`${at} of ${pids.indexOf(message.pid as Pid<Message>)}: ${String(message.reason)}`);
              }
            }),
          );
        for (const pid of pids) send(pid, { type: "go" });
        for (const _ of pids) await self.receive({ type: "go" });

        const dead = new Set([victim]);
        for (const one of dead)
          for (const [from, to] of links) {
            if (from === one) dead.add(to);
            if (to === one) dead.add(from);
          }
        exit(pids[victim] as Pid, "mixed");
        expect(pids.map(isAlive)).toEqual(pids.map((_, at) => !dead.has(at)));
        for (const [at, pid] of pids.entries()) if (!dead.has(at)) await answerOf(self, pid);
        const expected = monitors
          .filter(([from, to]) => !dead.has(from) && dead.has(to))
          .map(([from, to]) => `${from} of ${to}: mixed`);
        expect(downs.sort((a, b) => a.localeCompare(b))).toEqual(expected.sort((a, b) => a.localeCompare(b)));
        for (const pid of pids) exit(pid, "kill");
      }),
    ),
    { numRuns: 100 },
  );
});

test("monitor:named_down: when the DOWN of a monitor by name is taken, the name is free", () =>
  inProcess(async (self) => {
    for (let round = 0; round < 50; round++) {
      const child = spawn(idle);
      register("reused", child);
      const watch = self.monitor(local("reused"));
      exit(child, "gone");
      await self.receive(watch.down);
      expect(whereis(local("reused"))).toBeUndefined();
      register("reused", self.pid);
      unregister("reused");
    }
  }));

test("monitor:monitor_tag_storage: any tag survives until the DOWN", () =>
  inProcess(async (self) => {
    const tags = ["", " ", "DOWN", "EXIT", "ping", "☎ ünïcode", "x".repeat(10_000), "__proto__", "constructor"];
    const child = spawn(idle);
    const watches = tags.map((tag) => self.monitor(child, { tag }));
    await answerOf(self, spawn(ponger));
    exit(child, "gone");
    for (const [at, watch] of watches.entries()) {
      const down = await self.receive(watch.down);
      expect(down.type).toBe(tags[at]);
      expect(down.ref).toBe(watch.ref);
    }
  }));

test("monitor:gh_5225_demonitor_alias: demonitor tells the truth for monitors with an alias", () =>
  inProcess((self) => {
    const child = spawn(idle);
    for (const alias of ["explicit_unalias", "demonitor", "reply_demonitor"] as const) {
      const watch = self.monitor(child, { alias });
      expect(watch.demonitor()).toBe(true);
      expect(watch.demonitor({ flush: true })).toBe(false);
      const unaliased = self.monitor(child, { alias });
      expect(unaliased.alias.unalias()).toBe(true);
      expect(unaliased.demonitor()).toBe(true);
    }
    expect(processInfo(child)?.monitoredBy).toEqual([]);
  }));

test("monitor:unexpected_alias_at_demonitor_gh5310: no message comes through the alias after demonitor", () =>
  inProcess(async (self) => {
    for (const alias of ["demonitor", "reply_demonitor"] as const) {
      const child = spawn<Message>(async (one) => {
        const { value } = await one.receive({ type: "go" });
        send(value as typeof watch.alias, { type: "done" });
        await ponger(one);
      });
      const watch = self.monitor(child, { alias });
      send(child, { type: "go", value: watch.alias });
      watch.demonitor();
      await answerOf(self, child);
      await expectNothing(self);
    }
  }));

test("monitor:down_on_alias_gh5310: the DOWN comes although the alias was used or given up", () =>
  inProcess(async (self) => {
    for (const alias of ["explicit_unalias", "demonitor"] as const) {
      const child = spawn(idle);
      const used = self.monitor(child, { alias });
      const given = self.monitor(child, { alias });
      send(used.alias, { type: "a" });
      given.alias.unalias();
      exit(child, "gone");
      expect(await self.receive(whatever)).toEqual({ type: "a" });
      for (const watch of [used, given]) expect((await self.receive(watch.down)).reason).toBe("gone");
      await expectNothing(self);
    }
  }));

test("monitor:monitor_3_noproc_gh6185: a noproc DOWN has the tag and ends the alias", () =>
  inProcess(async (self) => {
    const dead = spawn(idle);
    await end(self, dead, () => exit(dead, "kill"));
    for (const target of [dead, local("nobody_has_this")])
      for (const alias of ["explicit_unalias", "demonitor", "reply_demonitor"] as const) {
        const watch = self.monitor(target, { alias, tag: "GONE" });
        expect(await self.receive(watch.down, { timeoutMs: 0 })).toMatchObject({ type: "GONE", reason: "noproc" });
        expect(watch.alias.unalias()).toBe(alias === "explicit_unalias");
      }
    // The monitor must not have made a link of any kind.
    expect(spawnLink(idle)).toBe(processInfo(self.pid)?.links[0]);
  }));
