/** Elixir's cases of Task and Task.Supervisor (lib/elixir/test/elixir/task_test.exs, task/supervisor_test.exs), written anew. */
import {
  anyMessage,
  awaitAll,
  callers,
  exit,
  isAlive,
  local,
  monitor,
  type Pid,
  processInfo,
  type Report,
  type Self,
  self,
  spawn,
  supervisor,
  task,
  taskStream,
  taskSupervisor,
  yieldAll,
} from "@interlock/core";
import { expect, test } from "vitest";

import { inProcess, type Message, whatever } from "./in-process.ts";
import { VirtualTime } from "./virtual-time.ts";

const never = (): Promise<never> => new Promise(() => undefined);

/** Runs `steps` as a process on a node whose clock goes on by itself whenever nothing else does. */
async function inVirtualTime(steps: (self: Self<Message>, time: VirtualTime) => unknown): Promise<readonly Report[]> {
  const time = new VirtualTime();
  const reports: Report[] = [];
  time.node.onReport = (report) => void reports.push(report);
  let running = true;
  const done = inProcess((one) => steps(one, time), time.node).finally(() => {
    running = false;
  });
  while (running) await time.advance(100);
  await done;
  return reports;
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

test("task:async/1: a linked task, whose reply ends it and leaves nothing in the mailbox", () =>
  inProcess(async (one) => {
    const seen = Promise.withResolvers<unknown>();
    const gate = Promise.withResolvers<void>();
    const work = task(async () => {
      seen.resolve({ parent: processInfo(self().pid)?.parent, links: processInfo(self().pid)?.links });
      await gate.promise;
      return 42;
    });
    expect(await seen.promise).toEqual({ parent: one.pid, links: [one.pid] });
    expect(processInfo(one.pid)?.links).toEqual([work.pid]);
    gate.resolve();
    expect(await work.await()).toBe(42);
    expect(isAlive(work.pid)).toBe(false);
    expect(processInfo(one.pid)).toMatchObject({ links: [], monitors: [], mailboxLength: 0 });
  }));

test("task:exits on task error: the wait fails with the task's reason, and the link takes who does not trap exits", () =>
  inProcess(async (one) => {
    const exits = one.trapExit();
    const failure = new Error("made to fail");
    const work = task((): never => {
      throw failure;
    });
    await expect(work.await()).rejects.toMatchObject({
      code: "INTERLOCK_CALLEE_EXIT",
      details: { target: work.pid.toString(), reason: { error: failure } },
      cause: failure,
    });
    expect((await one.receive(exits)).reason).toEqual({ error: failure });
    const linked = spawn(async () => {
      await task(() => self().exit("boom"));
    });
    expect((await monitor(linked)).reason).toBe("boom");
  }));

test("task:demonitors and unalias on timeout: after a timeout no late reply comes", () =>
  inVirtualTime(async (one, time) => {
    const gate = Promise.withResolvers<void>();
    const work = task(() => gate.promise.then(() => "late"));
    await expect(work.await({ timeoutMs: 10 })).rejects.toMatchObject({
      code: "INTERLOCK_TIMEOUT",
      details: { timeoutMs: 10 },
    });
    expect(time.nowMs).toBeGreaterThanOrEqual(10);
    gate.resolve();
    await monitor(work.pid);
    expect(await one.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    expect(processInfo(one.pid)?.monitors).toEqual([]);
  }));

test("task:raises when invoked from a non-owner process: only who started a task may wait for it", () =>
  inProcess(async () => {
    const work = task(() => 1);
    const other = task(async () => {
      const refused: unknown[] = [];
      const waits: readonly (() => Promise<unknown>)[] = [
        () => work.await(),
        () => work.yield(),
        () => work.shutdown(),
      ];
      for (const wait of waits)
        await wait().catch((error: { readonly code: unknown }) => void refused.push(error.code));
      return refused;
    });
    expect(await other).toEqual(Array(3).fill("INTERLOCK_NOT_OWNER"));
    expect(await work).toBe(1);
  }));

test("task:yield returns nil on timeout: and may be called again", () =>
  inVirtualTime(async () => {
    const gate = Promise.withResolvers<void>();
    const work = task(() => gate.promise.then(() => "done"));
    expect(await work.yield(0)).toBeUndefined();
    expect(await work.yield(10)).toBeUndefined();
    gate.resolve();
    expect(await work.yield(10)).toEqual({ ok: true, value: "done" });
  }));

test("task:yield_many with limit: returns when so many are done, or the time is over", () =>
  inVirtualTime(async () => {
    const gates = [0, 1, 2].map(() => Promise.withResolvers<number>());
    const tasks = gates.map((gate) => task(() => gate.promise));
    gates[1]?.resolve(1);
    expect(await yieldAll(tasks, { limit: 1, timeoutMs: Number.POSITIVE_INFINITY })).toEqual([
      undefined,
      { ok: true, value: 1 },
      undefined,
    ]);
    gates[0]?.resolve(0);
    expect(await yieldAll(tasks, { timeoutMs: 10, onTimeout: "kill_task" })).toEqual([
      { ok: true, value: 0 },
      { ok: true, value: 1 },
      undefined,
    ]);
    expect(tasks.map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
  }));

test("task:shutdown returns {:ok,result} when reply in queue: what was done before is not lost", () =>
  inProcess(async (one) => {
    const work = task(() => "done");
    await monitor(work.pid);
    expect(await work.shutdown()).toEqual({ ok: true, value: "done" });
    const idle = task(never);
    expect(await idle.shutdown()).toBeUndefined();
    expect(isAlive(idle.pid)).toBe(false);
    expect(isAlive(one.pid)).toBe(true);
    expect(processInfo(one.pid)?.links).toEqual([]);
  }));

test("task:shutdown brutal_kill: a task that traps exits is killed, and its owner lives", () =>
  inVirtualTime(async (one) => {
    const stubborn = (): Promise<never> => {
      self().trapExit();
      return never();
    };
    const first = task(stubborn);
    await first.yield(0);
    const ended = monitor(first.pid);
    expect(await first.shutdown("brutal_kill")).toBeUndefined();
    expect((await ended).reason).toBe("killed");
    const second = task(stubborn);
    await second.yield(10);
    const killed = monitor(second.pid);
    expect(await second.shutdown(10)).toBeUndefined();
    expect((await killed).reason).toBe("killed");
    expect(isAlive(one.pid)).toBe(true);
  }));

test("task:ignore discards late replies: the task goes on without its owner", () =>
  inProcess(async (one) => {
    const gate = Promise.withResolvers<void>();
    const work = task(() => gate.promise.then(() => one.exit("late failure")));
    work.ignore();
    expect(processInfo(one.pid)?.links).toEqual([]);
    expect(isAlive(work.pid)).toBe(true);
    const ended = monitor(work.pid);
    gate.resolve();
    await ended;
    expect(await one.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("task:await_many exits immediately when any task crashes: the slow ones are not waited for", () =>
  inProcess(async (one) => {
    one.trapExit();
    const slow = task(never);
    const failing = task(() => self().exit("boom"));
    await expect(awaitAll([slow, failing])).rejects.toMatchObject({
      code: "INTERLOCK_CALLEE_EXIT",
      details: { target: failing.pid.toString(), reason: "boom" },
    });
    expect(isAlive(slow.pid)).toBe(true);
    expect(await awaitAll([task(() => 1), task(() => 2)])).toEqual([1, 2]);
    await slow.shutdown();
  }));

test("task:async_stream streams with slowest first: in the order of the input, no more than so many at a time", () =>
  inVirtualTime(async () => {
    let running = 0;
    let most = 0;
    const work = async (ms: number): Promise<number> => {
      most = Math.max(most, ++running);
      await sleep(ms);
      running--;
      return ms;
    };
    for (const concurrency of [1, 4]) {
      most = 0;
      expect(await collect(taskStream([400, 300, 200, 100], work, { concurrency }))).toEqual(
        [400, 300, 200, 100].map((value) => ({ ok: true, value })),
      );
      expect(most).toBe(concurrency);
    }
    expect(await collect(taskStream([400, 300, 200, 100], work, { concurrency: 4, ordered: false }))).toEqual(
      [100, 200, 300, 400].map((value) => ({ ok: true, value })),
    );
  }));

test("task:async_stream timeout / on_timeout kill_task: the stream ends, or the timeout is that task's result", () =>
  inVirtualTime(async (one) => {
    const pids: Pid[] = [];
    const work = (n: number): number | Promise<never> => {
      pids.push(self().pid);
      return n === 2 ? never() : n;
    };
    await expect(collect(taskStream([1, 2, 3], work, { concurrency: 2, timeoutMs: 50 }))).rejects.toMatchObject({
      code: "INTERLOCK_TIMEOUT",
      details: { timeoutMs: 50 },
    });
    expect(pids.filter(isAlive)).toEqual([]);
    for (const ordered of [true, false]) {
      const results = await collect(
        taskStream([1, 2, 3], work, { concurrency: 2, timeoutMs: 50, onTimeout: "kill_task", zipInput: true, ordered }),
      );
      const timeout = { ok: false, reason: "timeout", input: 2 };
      expect(results).toEqual(
        ordered
          ? [{ ok: true, value: 1 }, timeout, { ok: true, value: 3 }]
          : [{ ok: true, value: 1 }, { ok: true, value: 3 }, timeout],
      );
    }
    expect(pids.filter(isAlive)).toEqual([]);
    // Five seconds unless said: of a process that does not handle it, it is the exit reason.
    const default5 = spawn(async () => {
      await collect(taskStream([2], work, { concurrency: 1 }));
    });
    const down = await one.receive(one.monitor(default5).down);
    expect(down.reason).toMatchObject({ error: { code: "INTERLOCK_TIMEOUT", details: { timeoutMs: 5_000 } } });
  }));

test("task:async_stream shuts down unused tasks: neither a halted stream nor a dead consumer leaves one, or anything lingering", async () => {
  const reports = await inVirtualTime(async () => {
    const pids: Pid[] = [];
    const work = (n: number): number | Promise<never> => {
      pids.push(self().pid);
      return n === 1 ? n : never();
    };
    for await (const result of taskStream([1, 2, 3], work, { concurrency: 3 })) {
      expect(result).toEqual({ ok: true, value: 1 });
      break;
    }
    expect(pids).toHaveLength(3);
    expect(pids.filter(isAlive)).toEqual([]);
    const began = Promise.withResolvers<void>();
    const consumer = spawn(async () => {
      for await (const _result of taskStream([1, 2, 3], work, { concurrency: 3 })) began.resolve();
    });
    await began.promise;
    exit(consumer, "kill");
    expect(pids).toHaveLength(6);
    expect(pids.filter(isAlive)).toEqual([]);
    await sleep(20_000);
  });
  // The tasks themselves ignore their signal, here on purpose; the consumer's loop must have ended.
  expect(reports.filter((report) => report.type !== "lingering" || report.label !== "work")).toEqual([]);
});

test("task:with $callers: a task knows who asked for it, and who asked for that", () =>
  inProcess(async (one) => {
    const chain = await task(async () => {
      const outer = self().pid;
      return { outer, inner: await task(() => callers()) };
    });
    expect(chain.inner).toEqual([chain.outer, one.pid]);
    const tasks = taskSupervisor();
    await tasks.start();
    expect(await tasks.async(() => callers())).toEqual([one.pid]);
    await tasks.stop();
  }));

test("task/supervisor:async_nolink: a crash is the result of the wait, and nothing else to its owner", () =>
  inProcess(async (one) => {
    const tasks = taskSupervisor();
    await tasks.start();
    const failing = tasks.asyncNolink(() => self().exit("boom"));
    expect(processInfo(one.pid)?.links).toEqual([]);
    const watch = one.monitor(failing.pid);
    expect((await one.receive(watch.down)).reason).toBe("boom");
    await expect(failing.await()).rejects.toMatchObject({ code: "INTERLOCK_CALLEE_EXIT", details: { reason: "boom" } });
    expect(await one.receive(anyMessage, { timeoutMs: 0 })).toBeUndefined();
    const linked = spawn(async () => {
      await tasks.async(() => self().exit("boom"));
    });
    expect((await monitor(linked)).reason).toBe("boom");
    expect(await tasks.asyncNolink(() => 5)).toBe(5);
    await tasks.stop();
  }));

test("task/supervisor:raises when :max_children is reached: and a place is free as soon as a task has ended", () =>
  inProcess(async () => {
    const tasks = taskSupervisor({ maxChildren: 1 });
    await tasks.start();
    const pid = tasks.startChild(never);
    for (const start of [() => tasks.async(never), () => tasks.asyncNolink(never), () => tasks.startChild(never)])
      expect(start).toThrow(
        expect.objectContaining({
          code: "INTERLOCK_MAX_CHILDREN",
          details: expect.objectContaining({ maxChildren: 1 }),
        }),
      );
    exit(pid, "kill");
    expect(await tasks.async(() => "free")).toBe("free");
    await tasks.stop();
  }));

test("task/supervisor:terminate_child/2: ends a task of its own, and is refused for others", () =>
  inProcess(async () => {
    const tasks = taskSupervisor({ name: local("terminating") });
    const sup = await supervisor({ name: "top", strategy: "one_for_one", children: () => [tasks.child()] }).start();
    const pid = tasks.startChild(never);
    const ended = monitor(pid);
    expect(tasks.children()).toEqual([pid]);
    await tasks.terminateChild(pid);
    expect((await ended).reason).toBe("shutdown");
    expect(tasks.children()).toEqual([]);
    const stranger = spawn(never);
    await expect(tasks.terminateChild(stranger)).rejects.toMatchObject({
      code: "INTERLOCK_CHILD",
      details: { problem: "not_found" },
    });
    expect(isAlive(stranger)).toBe(true);
    exit(stranger, "kill");
    await sup.stop();
  }));

/** Sleeps on the node of the running process. */
async function sleep(ms: number): Promise<void> {
  const sleeper = spawn<never>(async (one) => {
    await one.receive(anyMessage, { timeoutMs: ms });
  });
  await monitor(sleeper);
}
