import { genServer, reply, type Self, send, sendAfter, spawn, when } from "@interlock/core";
import { expect, test } from "vitest";

import { answerOf, inProcess, type Message, ponger, whatever } from "./in-process.ts";
import { VirtualTime } from "./virtual-time.ts";

const Echo = genServer({
  name: "echo",
  init: (): null => null,
  calls: { echo: (_ctx, value: number) => reply(value) },
});

/** Messages that count how often somebody looks at them. */
function countedMessages(count: number): { readonly messages: readonly Message[]; readonly looks: () => number } {
  let looks = 0;
  class Counted {
    get type(): "item" {
      looks++;
      return "item";
    }
  }
  return { messages: Array.from({ length: count }, () => new Counted()), looks: () => looks };
}

test("receive:call_with_huge_message_queue: a call and a monitor look at none of the messages that wait", () =>
  inProcess(async (self) => {
    const { messages, looks } = countedMessages(10_000);
    for (const message of messages) send(self.pid, message);
    const before = looks();
    const echo = await Echo.start();
    for (let n = 0; n < 100; n++) expect(await echo.call.echo(n)).toBe(n);
    expect(looks()).toBe(before);

    // The first receive passes over the queue once, those after it not at all.
    const watches = Array.from({ length: 100 }, () => self.monitor(spawn(() => undefined)));
    for (const watch of watches.slice(0, 1)) await self.receive(watch.down);
    const once = looks();
    expect(once).toBeLessThanOrEqual(before + 2 * messages.length);
    for (const watch of watches.slice(1)) expect((await self.receive(watch.down)).reason).toBe("normal");
    for (let n = 0; n < 100; n++) await answerOf(self, spawn(ponger));
    expect(looks()).toBe(once);
  }));

test("receive:receive_in_between: a receive between a monitor and its DOWN breaks neither", () =>
  inProcess(async (self) => {
    for (const type of ["a", "b", "c"] as const) send(self.pid, { type });
    const watch = self.monitor(spawn(() => undefined));
    expect((await self.receive({ type: "b" })).type).toBe("b");
    await answerOf(self, spawn(ponger));
    send(self.pid, { type: "b", n: 2 });
    expect((await self.receive({ type: "c" })).type).toBe("c");
    expect((await self.receive(watch.down)).reason).toBe("normal");
    expect((await self.receive({ type: "b" })).n).toBe(2);
    expect((await self.receive()).type).toBe("a");
  }));

test("receive:receive_opt_exception: an exception in the middle of a receive leaves no message skipped", () =>
  inProcess(async (self) => {
    for (let n = 0; n < 4; n++) send(self.pid, { type: "item", n });
    const bad = when({ type: "item" }, ({ n }: Message) => {
      if (n === 2) throw new Error("bad guard");
      return false;
    });
    // Once when they are met first, once when they lie among the skipped, once when one comes in while it waits.
    await expect(async () => self.receive(bad)).rejects.toThrow("bad guard");
    await expect(async () => self.receive(bad)).rejects.toThrow("bad guard");
    for (let n = 0; n < 4; n++) expect((await self.receive()).n).toBe(n);
    spawn(() => send(self.pid, { type: "item", n: 2 }));
    await expect(async () => self.receive(bad)).rejects.toThrow("bad guard");
    expect((await self.receive({ type: "item" })).n).toBe(2);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("receive:receive_opt_recursion: receives inside receives never skip a message that fits", () =>
  inProcess(async (self) => {
    const depth = 50;
    const nested = async (level: number): Promise<void> => {
      if (level === depth) return;
      const watch = self.monitor(spawn(() => undefined));
      send(self.pid, { type: "item", n: level });
      await nested(level + 1);
      expect((await self.receive(watch.down)).ref).toBe(watch.ref);
      expect((await self.receive(when({ type: "item" }, ({ n }: Message) => n === level))).n).toBe(level);
    };
    await nested(0);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("receive:gh_5235_missing_save_reset: each receive begins at the head of the queue", () =>
  inProcess(async (self) => {
    for (const type of ["a", "b", "c"] as const) for (let n = 0; n < 3; n++) send(self.pid, { type, n });
    expect((await self.receive({ type: "c" })).n).toBe(0);
    expect(await self.receive({ type: "go" }, { timeoutMs: 0 })).toBeUndefined();
    expect((await self.receive({ type: "b" })).n).toBe(0);
    const rest: string[] = [];
    for (let count = 0; count < 7; count++) {
      const { n, type } = await self.receive();
      rest.push(`${type}${n}`);
    }
    expect(rest).toEqual(["a0", "a1", "a2", "b1", "b2", "c1", "c2"]);
  }));

test("receive:multi_recv_opt: several monitors and waits at once work independently", () =>
  inProcess(async (self) => {
    const ended = Array.from({ length: 30 }, (_, n) => {
      const child = spawn<Message>(async (one) => {
        await one.receive({ type: "go" });
        one.exit(n);
      });
      return { child, watch: self.monitor(child) };
    });
    for (const { child } of ended.toReversed()) send(child, { type: "go" });
    const order = [...ended.keys()].sort((a, b) => ((a * 7) % 30) - ((b * 7) % 30));
    for (const n of order) {
      const one = ended[n] as (typeof ended)[number];
      const down = await self.receive(one.watch.down);
      expect(down.pid).toBe(one.child);
      expect(down.reason).toBe(n);
    }
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("receive:erl_1199: a receive that times out still sees the messages that came in time", async () => {
  const time = new VirtualTime();
  const got: unknown[] = [];
  const receivers: ((self: Self<Message>) => Promise<unknown>)[] = [
    (self) => self.receive({ type: "go" }, { timeoutMs: 100 }),
    (self) =>
      self.receive(
        when({ type: "go" }, ({ n }: Message) => n === 1),
        { timeoutMs: 100 },
      ),
    (self) => self.receive(whatever, { timeoutMs: 100 }),
  ];
  await inProcess(async () => {
    for (const receive of receivers) {
      const child = spawn<Message>(async (one) => {
        got.push(await receive(one));
      });
      // Due at the same moment as the timeout, and started before it.
      sendAfter(100, child, { type: "go", n: 1 });
    }
    await time.advance(200);
  }, time.node);
  expect(got).toEqual(receivers.map(() => ({ type: "go", n: 1 })));
});
