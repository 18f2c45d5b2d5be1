import {
  exit,
  genServer,
  isAlive,
  monitor,
  noreply,
  processInfo,
  reply,
  send,
  sendAfter,
  spawn,
  sys,
  type TraceEvent,
} from "@interlock/core";
import { expect, test } from "vitest";

import { answerOf, inProcess, ponger, whatever } from "./in-process.ts";

const Counter = genServer({
  name: "counter",
  version: "2",
  init: (start: number): { readonly n: number } => ({ n: start }),
  calls: { add: ({ state }, by: number) => reply(state.n + by, { n: state.n + by }) },
  casts: { set: (_ctx, n: number) => noreply({ n }) },
  codeChange: (oldVersion, oldState) => ({ n: (oldState as { readonly n: number }).n + Number(oldVersion) }),
});

test("sys:suspend: a suspended server queues requests, and handles them after resume", () =>
  inProcess(async (self) => {
    const counter = await Counter.start(0);
    await sys.suspend(counter);
    expect(processInfo(counter.pid)?.status).toBe("suspended");
    const answered: number[] = [];
    const calls = [1, 2, 3].map((by) => counter.call.add(by).then((n) => answered.push(n)));
    counter.cast.set(10);
    await expect(counter.with({ timeoutMs: 1 }).call.add(100)).rejects.toThrow(
      expect.objectContaining({ code: "INTERLOCK_CALL_TIMEOUT" }),
    );
    // System requests are served meanwhile, ahead of what waits.
    expect(await sys.getState(counter)).toEqual({ n: 0 });
    expect((await sys.getStatus(counter)).status).toBe("suspended");
    await sys.suspend(counter);
    expect(answered).toEqual([]);
    await sys.resume(counter);
    await Promise.all(calls);
    expect(answered).toEqual([1, 3, 6]);
    expect((await sys.getStatus(counter)).status).toBe("running");
    // OTP: the server does not know that a caller has given up.
    expect(await sys.getState(counter)).toEqual({ n: 110 });
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();

    await expect(sys.changeCode(counter, "1")).rejects.toThrow(
      expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
    );
    await sys.suspend(counter);
    await sys.changeCode(counter, "1");
    await sys.resume(counter);
    expect(await counter.call.add(0)).toBe(111);
  }));

test("sys:trace: trace functions, the log and the statistics see each message, reply and state", () =>
  inProcess(async () => {
    const counter = await Counter.start(0);
    const seen: TraceEvent[] = [];
    const failing: string[] = [];
    await sys.trace(counter, (event) => void seen.push(event));
    await sys.trace(counter, () => {
      failing.push("called");
      throw new Error("a trace function that fails is removed");
    });
    await sys.log(counter, 4);
    await sys.statistics(counter, true);

    expect(await counter.call.add(5)).toBe(5);
    counter.cast.set(7);
    expect(await sys.getState(counter)).toEqual({ n: 7 });
    const events: TraceEvent[] = [
      { type: "in", message: ["add", 5] },
      { type: "out", value: 5 },
      { type: "state", state: { n: 5 } },
      { type: "in", message: ["set", 7] },
      { type: "state", state: { n: 7 } },
    ];
    expect(seen).toEqual(events);
    expect(failing).toEqual(["called"]);
    expect(await sys.getLog(counter)).toEqual(events.slice(-4));
    expect((await sys.getStatus(counter)).log).toEqual(events.slice(-4));
    const statistics = await sys.statistics(counter, "get");
    expect(statistics).toMatchObject({ messagesIn: 2, repliesOut: 1 });
    expect(statistics?.reductions).toBeGreaterThanOrEqual(2);

    await sys.trace(counter, undefined);
    await sys.log(counter, 0);
    await sys.statistics(counter, false);
    await counter.call.add(1);
    expect(seen).toHaveLength(events.length);
    expect(await sys.getLog(counter)).toEqual([]);
    expect(await sys.statistics(counter, "get")).toBeUndefined();
  }));

test("sys:special_process: a plain process serves system requests too, whatever it waits for", () =>
  inProcess(async (self) => {
    const plain = spawn(ponger);
    await answerOf(self, plain);
    expect(await sys.getStatus(plain)).toMatchObject({
      pid: plain,
      label: "ponger",
      status: "running",
      parent: self.pid,
    });
    await sys.suspend(plain);
    send(plain, { type: "ping", from: self.pid, n: 7 });
    expect((await sys.getStatus(plain)).status).toBe("suspended");
    expect(await self.receive({ type: "pong" }, { timeoutMs: 0 })).toBeUndefined();
    expect(processInfo(plain)?.mailboxLength).toBe(1);
    await sys.resume(plain);
    expect((await self.receive({ type: "pong" })).n).toBe(7);

    await expect(sys.getState(plain)).rejects.toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
    await expect(sys.trace(plain, () => undefined)).rejects.toThrow(
      expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
    );
    expect(isAlive(plain)).toBe(true);
    exit(plain, "kill");
    await expect(sys.getStatus(plain)).rejects.toThrow(expect.objectContaining({ code: "INTERLOCK_NOPROC" }));
  }));

test("a suspended plain process whose receive times out goes on when it is resumed", () =>
  inProcess(async () => {
    const pid = spawn(async (self) => {
      await self.receive({ type: "never" } as never, { timeoutMs: 1 });
    });
    await sys.suspend(pid);
    // A later timer than the receive's own has fired: that one is over by now.
    await new Promise(
      (resolve) =>
        void sendAfter(
          5,
          spawn(async (self) => resolve(await self.receive())),
          "over" as never,
        ),
    );
    expect(isAlive(pid)).toBe(true);
    const ended = monitor(pid);
    await sys.resume(pid);
    expect((await ended).reason).toBe("normal");
  }));
