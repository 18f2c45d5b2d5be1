import {
  exit,
  isAlive,
  local,
  processInfo,
  register,
  type Self,
  send,
  sendAfter,
  sendTimeoutAfter,
  spawn,
  type TimerMessage,
} from "@interlock/core";
import { expect, test } from "vitest";

import { idle, inProcess, type Message, whatever } from "./in-process.ts";
import { settled, VirtualTime } from "./virtual-time.ts";

/** The steps of a process on a node whose clock is moved by hand. */
async function withTime(steps: (self: Self<Message>, time: VirtualTime) => unknown): Promise<void> {
  const time = new VirtualTime();
  await inProcess((self) => steps(self, time), time.node);
}

/** The numbers of the messages that wait. */
function waiting(self: Self<Message>): (number | undefined)[] {
  return processInfo(self.pid)?.messages.map((message) => (message as Message).n) ?? [];
}

test("timer:start_timer_1: the message names its timer, cancel gives the time left and then nothing", () =>
  withTime(async (self, time) => {
    const target = self.pid as never as Parameters<typeof sendTimeoutAfter<string>>[1];
    const timer = sendTimeoutAfter(100, target, "now");
    await time.advance(99);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    await time.advance(1);
    const message = (await self.receive(whatever, { timeoutMs: 0 })) as TimerMessage<string>;
    expect(message).toEqual({ type: "timeout", ref: timer.ref, message: "now" });
    expect(timer.cancel()).toBeUndefined();

    const cancelled = sendTimeoutAfter(100, target, "never");
    await time.advance(40);
    expect(cancelled.cancel()).toBe(60);
    expect(cancelled.cancel()).toBeUndefined();
    expect(cancelled.read()).toBeUndefined();
    await time.advance(1_000);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("timer:send_after_2: timers fire in the order in which they are due, equal ones in the order of their start", () =>
  withTime(async (self, time) => {
    const delays = [50, 10, 30, 10, 50, 0, 30, 0];
    for (const [n, delayMs] of delays.entries()) sendAfter(delayMs, self.pid, { type: "item", n });
    await time.advance(100);
    expect(waiting(self)).toEqual([5, 7, 1, 3, 2, 6, 0, 4]);
  }));

test("timer:send_after_3: timers that are close together keep their order", () =>
  withTime(async (self, time) => {
    for (let n = 0; n < 100; n++) {
      self.sendAfter(10 + n / 8, { type: "item", n });
      await time.advance(0);
    }
    for (let at = 0; at < 40; at++) await time.advance(1);
    expect(waiting(self)).toEqual([...Array(100).keys()]);
  }));

test("timer:cancel_timer_1: cancel of a timer that is known no more gives nothing", () =>
  withTime(async (self, time) => {
    const fired = sendAfter(0, self.pid, { type: "item" });
    await time.advance(0);
    expect(waiting(self)).toHaveLength(1);
    expect(fired.cancel()).toBeUndefined();
    expect(fired.cancel()).toBeUndefined();
    for (const delayMs of [-1, Number.NaN, "10" as never])
      expect(() => sendAfter(delayMs, self.pid, { type: "item" })).toThrow(
        expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
      );
  }));

test("timer:cancel_timer_sync: a cancelled timer never fires afterwards", () =>
  withTime(async (self, time) => {
    const timers = Array.from({ length: 500 }, (_, n) => sendAfter(n % 50, self.pid, { type: "item", n }));
    await time.advance(20);
    const before = waiting(self).length;
    expect(before).toBe(210);
    expect(timers.filter((timer) => timer.cancel() !== undefined)).toHaveLength(290);
    await time.advance(1_000);
    expect(waiting(self)).toHaveLength(before);
    expect(time.node.scheduler.timers.size).toBe(0);
  }));

test("timer:start_timer_big: a timer beyond 2^31 milliseconds fires when it is due, not at once", () =>
  withTime(async (self, time) => {
    const delays = [2 ** 31, 2 ** 32 + 5, 2 ** 33];
    const timers = delays.map((delayMs, n) => sendAfter(delayMs, self.pid, { type: "item", n }));
    await time.advance(2 ** 31 - 1);
    expect(waiting(self)).toEqual([]);
    await time.advance(1);
    expect(waiting(self)).toEqual([0]);
    expect(timers[1]?.read()).toBe(2 ** 31 + 5);
    await time.advance(2 ** 31 + 5);
    expect(waiting(self)).toEqual([0, 1]);
    expect(timers[2]?.cancel()).toBe(2 ** 33 - 2 ** 32 - 5);
  }));

test("timer:huge_timeout: a receive waits for huge times and for ever", () =>
  withTime(async (self, time) => {
    const ended: string[] = [];
    await time.advance(1_000);
    const wait = (what: string, timeoutMs: number) =>
      spawn<Message>(async (one) => {
        const message = await one.receive({ type: "go" }, { timeoutMs });
        ended.push(`${what} ${message === undefined ? "timed out" : "got it"}`);
      });
    wait("huge", 2 ** 40);
    const forEver = wait("for ever", Number.POSITIVE_INFINITY);
    await time.advance(2 ** 40 - 1);
    expect(ended).toEqual([]);
    await time.advance(1);
    expect(ended).toEqual(["huge timed out"]);
    await time.advance(2 ** 45);
    send(forEver, { type: "go" });
    await settled();
    expect(ended).toEqual(["huge timed out", "for ever got it"]);
    expect(sendAfter(Number.POSITIVE_INFINITY, self.pid, { type: "item" }).read()).toBeUndefined();
  }));

test("timer:read_timer: read gives the time left", () =>
  withTime(async (self, time) => {
    const timer = sendAfter(1_000, self.pid, { type: "item" });
    expect(timer.read()).toBe(1_000);
    await time.advance(400);
    expect(timer.read()).toBe(600);
    expect(timer.read()).toBe(600);
    await time.advance(600);
    expect(timer.read()).toBeUndefined();
    expect(waiting(self)).toHaveLength(1);
  }));

test("timer:cleanup: a timer to a process ends with that process", () =>
  withTime(async (self, time) => {
    const { timers } = time.node.scheduler;
    const child = spawn(idle);
    const others = sendAfter(1_000, child, { type: "item" });
    const asked = Array.from({ length: 100 }, (_, n) => sendTimeoutAfter(n, child as never, n));
    expect(timers.size).toBe(101);
    exit(child, "kill");
    expect(timers.size).toBe(0);
    expect(others.read()).toBeUndefined();
    expect(asked[0]?.cancel()).toBeUndefined();
    const tooLate = sendAfter(10, child, { type: "item" });
    await time.advance(10);
    expect(tooLate.read()).toBeUndefined();
    expect(timers.size).toBe(0);
    expect(isAlive(self.pid)).toBe(true);
  }));

test("timer:registered_process: a timer to a name goes to whoever has it when it fires", () =>
  withTime(async (self, time) => {
    sendAfter(100, local("target"), { type: "item", n: 1 });
    sendAfter(200, local("target"), { type: "item", n: 2 });
    sendAfter(300, local("target"), { type: "item", n: 3 });
    const first = spawn(idle);
    register("target", first);
    await time.advance(99);
    exit(first, "kill");
    register("target", self.pid);
    await time.advance(1);
    expect(waiting(self)).toEqual([1]);
    await time.advance(100);
    expect(waiting(self)).toEqual([1, 2]);
    time.node.names.clear();
    await time.advance(100);
    expect(waiting(self)).toEqual([1, 2]);
  }));

test("timer:same_time_yielding: 100 000 timers at one moment all fire, and others get their turn in between", () =>
  withTime(async (self, time) => {
    const many = 100_000;
    for (let n = 0; n < many; n++) sendAfter(50, self.pid, { type: "item" });
    // The event loop's own timers, one after the other, for as long as those fire.
    const seen: number[] = [];
    const look = (): void => {
      seen.push(processInfo(self.pid)?.mailboxLength ?? 0);
      if (seen.at(-1) !== many) time.alarm(0, look);
    };
    time.alarm(50, look);
    await time.advance(60);
    expect(processInfo(self.pid)?.mailboxLength).toBe(many);
    expect(seen.filter((length) => length > 0 && length < many).length).toBeGreaterThan(10);
    expect(time.node.scheduler.timers.size).toBe(0);
  }));

test("timer:multizero_timeout_in_timeout: timeouts of zero inside timeouts do not starve other timers", () =>
  inProcess(async (self) => {
    // Real time: the zeros go on until the others have come, so this would not end if these starved.
    let rounds = 0;
    const zeros = spawn<Message>(async (one) => {
      for (;;) {
        one.sendAfter(0, { type: "item" });
        sendAfter(0, one.pid, { type: "item" });
        await one.receive();
        await one.receive();
        rounds++;
      }
    });
    setTimeout(() => send(self.pid, { type: "go" }), 5);
    self.sendAfter(5, { type: "done" });
    await self.receive({ type: "done" });
    await self.receive({ type: "go" });
    expect(rounds).toBeGreaterThan(0);
    exit(zeros, "kill");
  }));
