import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { exit, isAlive, type Pid, processInfo, type Self, send, spawn, spawnLink } from "@interlock/core";
import { expect, test } from "vitest";

import { answerOf, end, idle, inProcess, type Message, ponger, whatever } from "./in-process.ts";

test("link:link_to_self: a link to oneself is allowed and harmless", () =>
  inProcess(async (self) => {
    const { monitor: watch, pid } = watched(self, async (one) => {
      one.link(one.pid);
      expect(processInfo(one.pid)?.links).toEqual([]);
      await ponger(one);
    });
    await answerOf(self, pid);
    exit(pid, "gone");
    expect((await self.receive(watch.down)).reason).toBe("gone");
  }));

function watched(self: Self<Message>, run: (self: Self<Message>) => Promise<void>) {
  const pid = spawn<Message>(run);
  return { pid, monitor: self.monitor(pid) };
}

test("link:twice: linking twice is one link, which one unlink removes", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const child = spawnLink(idle);
    self.link(child);
    self.link(child);
    expect(processInfo(self.pid)?.links).toEqual([child]);
    expect(processInfo(child)?.links).toEqual([self.pid]);
    self.unlink(child);
    expect(processInfo(self.pid)?.links).toEqual([]);
    expect(processInfo(child)?.links).toEqual([]);
    await end(self, child, () => exit(child, "gone"));
    expect(await self.receive(exits, { timeoutMs: 0 })).toBeUndefined();

    const again = spawnLink(idle);
    self.link(again);
    exit(again, "gone");
    expect((await self.receive(exits)).from).toBe(again);
    expect(await self.receive(exits, { timeoutMs: 0 })).toBeUndefined();
  }));

test("link:noproc: a link to a dead process is EXIT noproc when trapping, and an error otherwise", () =>
  inProcess(async (self) => {
    const dead = spawn(idle);
    await end(self, dead, () => exit(dead, "kill"));
    expect(() => self.link(dead)).toThrow(expect.objectContaining({ code: "INTERLOCK_NOPROC" }));
    const exits = self.trapExit();
    self.link(dead);
    const message = await self.receive(exits);
    expect(message.from).toBe(dead);
    expect(message.reason).toBe("noproc");
    expect(processInfo(self.pid)?.links).toEqual([]);
  }));

test("link:unlink_flush: an EXIT that came before the unlink stays and can be flushed, and no other comes", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const child = spawnLink(idle);
    exit(child, "gone");
    self.unlink(child);
    const flushed = await self.receive(exits, { timeoutMs: 0 });
    expect(flushed?.from).toBe(child);
    expect(await self.receive(exits, { timeoutMs: 0 })).toBeUndefined();
    await answerOf(self, spawn(ponger));
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

/** Processes each of which is linked to the one before it; the first to nobody. */
async function chain(self: Self<Message>, length: number): Promise<Pid<Message>[]> {
  const pids: Pid<Message>[] = [];
  for (let at = 0; at < length; at++) {
    const before = pids.at(-1);
    const pid = spawn<Message>(async (one) => {
      if (before !== undefined) one.link(before);
      await one.receive({ type: "ping" });
      send(self.pid, { type: "pong" });
      const { value } = await one.receive({ type: "go" });
      if (value !== undefined) one.exit(value as string);
    });
    await answerOf(self, pid);
    pids.push(pid);
  }
  return pids;
}

test("link:propagation_chain: an abnormal exit travels along a chain of links, a normal one does not", () =>
  inProcess(async (self) => {
    const [first, ...others] = await chain(self, 5);
    if (first === undefined) throw new Error("no chain");
    expect(await end(self, first, () => send(first, { type: "go" }))).toBe("normal");
    expect(others.map(isAlive)).toEqual([true, true, true, true]);

    const [middle] = others.slice(1, 2);
    if (middle === undefined) throw new Error("no chain");
    const watches = others.map((pid) => self.monitor(pid));
    send(middle, { type: "go", value: "abnormal" });
    for (const watch of watches) expect((await self.receive(watch.down)).reason).toBe("abnormal");

    // Deep enough for any recursion to show.
    const long = await chain(self, 5_000);
    const last = self.monitor(long.at(-1) as Pid);
    send(long[0] as Pid<Message>, { type: "go", value: "far" });
    expect((await self.receive(last.down)).reason).toBe("far");
    expect(long.filter(isAlive)).toEqual([]);
  }));

test("link:trap_kill: kill cannot be trapped, while killed from a link can", () =>
  inProcess(async (self) => {
    const trapping = spawn<Message>(async (one) => {
      one.trapExit();
      await ponger(one);
    });
    await answerOf(self, trapping);
    expect(await end(self, trapping, () => exit(trapping, "kill"))).toBe("killed");

    const exits = self.trapExit();
    const child = spawnLink(idle);
    exit(child, "kill");
    expect((await self.receive(exits)).reason).toBe("killed");
  }));

test("link:spawn_link_atomic: spawnLink of a process that ends at once still gives EXIT", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    for (let round = 0; round < 100; round++) {
      const child = spawnLink((one) => one.exit(round));
      const message = await self.receive(exits);
      expect(message.from).toBe(child);
      expect(message.reason).toBe(round);
    }
    const killed = spawnLink(idle);
    exit(killed, "before its first step");
    expect((await self.receive(exits)).reason).toBe("before its first step");
  }));

test("link:link_during_exit: a link to a process in the middle of its end is never met with silence", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    for (const whom of ["the one that ends", "those that it takes along"]) {
      const pids = await chain(self, 4);
      // Subscribers are called while somebody is ending: its links are not told yet.
      const linking = (event: unknown): void => {
        const { pid } = event as { readonly pid: Pid };
        if (whom === "the one that ends") self.link(pid);
        else if (pid === pids[0]) for (const other of pids) self.link(other);
      };
      subscribe("interlock:process.exit", linking);
      send(pids[0] as Pid<Message>, { type: "go", value: "gone" });
      const told = new Map<Pid, unknown>();
      while (told.size < pids.length) {
        const { from, reason } = await self.receive(exits);
        expect(told.has(from)).toBe(false);
        told.set(from, reason);
      }
      unsubscribe("interlock:process.exit", linking);
      expect(await self.receive(exits, { timeoutMs: 0 })).toBeUndefined();
      expect(pids.map((pid) => told.get(pid))).toEqual(
        pids.map((pid) => (whom === "the one that ends" || pid === pids[0] ? "noproc" : "gone")),
      );
      expect(processInfo(self.pid)?.links).toEqual([]);
    }
  }));
