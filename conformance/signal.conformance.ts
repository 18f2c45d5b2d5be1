import { exit, local, type Pid, register, type Self, send, spawn, spawnLink, spawnMonitor } from "@interlock/core";
import { expect, test } from "vitest";

import { answerOf, end, idle, inProcess, type Message, ponger, whatever } from "./in-process.ts";

/** Everything that comes to a trapping process, in order, until `done`. */
async function recorder(self: Self<Message>, record: unknown[]): Promise<void> {
  self.trapExit();
  for (;;) {
    const message = (await self.receive(whatever)) as Message | { readonly type: "EXIT"; readonly reason: unknown };
    if (message.type === "ping") {
      if (message.from !== undefined) send(message.from, { type: "pong" });
    } else record.push(message.type === "EXIT" ? message.reason : message.n);
  }
}

test("signal:xm_sig_order: messages and exit signals of one sender are taken in the order sent, messages after the exit never", () =>
  inProcess(async (self) => {
    const record: unknown[] = [];
    const trapping = spawn<Message>((one) => recorder(one, record));
    await answerOf(self, trapping);
    for (let n = 0; n < 20; n += 2) {
      send(trapping, { type: "item", n });
      exit(trapping, `exit ${n + 1}`);
    }
    await answerOf(self, trapping);
    expect(record).toEqual([...Array(20).keys()].map((n) => (n % 2 === 0 ? n : `exit ${n}`)));

    const handled: number[] = [];
    const plain = spawn<Message>(async (one) => {
      for (;;) handled.push((await one.receive({ type: "item" })).n ?? -1);
    });
    const watch = self.monitor(plain);
    send(plain, { type: "item", n: 1 });
    await answerOf(self, spawn(ponger));
    exit(plain, "enough");
    send(plain, { type: "item", n: 2 });
    expect((await self.receive(watch.down)).reason).toBe("enough");
    await answerOf(self, spawn(ponger));
    expect(handled).toEqual([1]);
  }));

test("signal:kill2killed: kill arrives at links as killed, while exit(kill) of the process itself spreads as kill", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const killed = spawnLink(idle);
    exit(killed, "kill");
    expect((await self.receive(exits)).reason).toBe("killed");

    const suicidal = spawnLink((one) => one.exit("kill"));
    const message = await self.receive(exits);
    expect(message.from).toBe(suicidal);
    expect(message.reason).toBe("kill");

    // Over a link it is no more than a reason, which those who do not trap take over.
    let inner: Pid<Message> | undefined;
    const outer = spawnLink<Message>(async (one) => {
      inner = spawnLink<Message>(async (other) => {
        await other.receive({ type: "go" });
        other.exit("kill");
      });
      await ponger(one);
    });
    await answerOf(self, outer);
    if (inner !== undefined) send(inner, { type: "go" });
    expect(await self.receive(exits)).toMatchObject({ from: outer, reason: "kill" });
  }));

test("signal:unlink_exit: after unlink has returned no EXIT of that link comes", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    for (let round = 0; round < 100; round++) {
      const child = spawnLink(idle);
      const watch = self.monitor(child);
      self.unlink(child);
      exit(child, "gone");
      await self.receive(watch.down);
    }
    expect(await self.receive(exits, { timeoutMs: 0 })).toBeUndefined();
    // The other side has forgotten the link as well.
    const partner = spawnLink(ponger);
    const middle = spawn<Message>(async (one) => {
      one.link(partner);
      one.unlink(partner);
      one.exit("alone");
    });
    await end(self, middle, () => undefined);
    await answerOf(self, partner);
  }));

test("signal:monitor_order: DOWN comes after all messages that the process sent before it ended", () =>
  inProcess(async (self) => {
    const { monitor: watch } = spawnMonitor(() => {
      for (let n = 0; n < 50; n++) send(self.pid, { type: "item", n });
    });
    await inOrder(self, watch);
  }));

test("signal:monitor_named_order_local: the same for a monitor by a local name", () =>
  inProcess(async (self) => {
    const child = spawn<Message>(async (one) => {
      await one.receive({ type: "go" });
      for (let n = 0; n < 50; n++) send(self.pid, { type: "item", n });
    });
    register("chatty", child);
    const watch = self.monitor(local("chatty"));
    send(local("chatty"), { type: "go" });
    await inOrder(self, watch);
  }));

async function inOrder(self: Self<Message>, watch: ReturnType<Self<Message>["monitor"]>): Promise<void> {
  for (let n = 0; n < 50; n++) expect(await self.receive(whatever)).toEqual({ type: "item", n });
  expect(await self.receive(whatever)).toMatchObject({ type: "DOWN", ref: watch.ref, reason: "normal" });
}

test("signal:contended_signal_handling: many senders to one process lose nothing and each keeps its order", () =>
  inProcess(async (self) => {
    const senders = 50;
    const each = 100;
    const watches = Array.from({ length: senders }, (_, sender) => {
      const { monitor: watch } = spawnMonitor<Message>(async (one) => {
        for (let n = 0; n < each; n++) {
          send(self.pid, { type: "item", n, value: sender });
          // Lets the others in, at different times.
          if ((n + sender) % 7 === 0) await answerOf(one, spawn(ponger));
        }
      });
      return watch;
    });
    const next = new Array<number>(senders).fill(0);
    for (let count = 0; count < senders * each; count++) {
      const { n, value } = await self.receive({ type: "item" });
      expect(n).toBe(next[value as number]);
      next[value as number] = (n ?? 0) + 1;
    }
    expect(next).toEqual(new Array(senders).fill(each));
    for (const watch of watches) expect((await self.receive(watch.down)).reason).toBe("normal");
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));
