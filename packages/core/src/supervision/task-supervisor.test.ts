import { afterEach, expect, test } from "vitest";
import { startRunner } from "../behaviour/runner.fixture.ts";
import { local } from "../naming/name.ts";
import { onReport } from "../node.ts";
import { exit, isAlive, monitor, processInfo } from "../process/info.ts";
import { self } from "../process/self.ts";
import { spawn } from "../process/spawn.ts";
import type { Report } from "../report/report.ts";
import { supervisor } from "./supervisor.ts";
import { taskSupervisor } from "./task-supervisor.ts";

const reports: Report[] = [];
onReport((report) => void reports.push(report));
afterEach(() => void reports.splice(0));

const never = (): Promise<never> => new Promise(() => undefined);

test("tasks are the supervisor's children, linked with it, and with their owner if they are to be", async () => {
  const tasks = taskSupervisor();
  const sup = await tasks.start();
  const owner = await startRunner();
  const pids = await owner.run(() => ({
    linked: tasks.async(never).pid,
    free: tasks.asyncNolink(never).pid,
    forgotten: tasks.startChild(never),
  }));
  expect(tasks.children()).toEqual([pids.linked, pids.free, pids.forgotten]);
  expect(processInfo(pids.linked)).toMatchObject({ parent: sup.pid, links: [sup.pid, owner.pid] });
  expect(processInfo(pids.free)?.links).toEqual([sup.pid]);
  exit(owner.pid, "boom");
  expect(tasks.children()).toEqual([pids.free, pids.forgotten]);
  expect(await tasks.countChildren()).toEqual({ specs: 2, active: 2, supervisors: 0, workers: 2 });
  expect((await tasks.whichChildren()).map(({ pid }) => pid)).toEqual([pids.forgotten, pids.free]);
  await tasks.stop();
  expect([pids.free, pids.forgotten].map(isAlive)).toEqual([false, false]);
});

test("outside any process tasks have no owner, and anybody may wait", async () => {
  const tasks = taskSupervisor();
  await tasks.start();
  expect(await tasks.async(async () => 1)).toBe(1);
  expect(await tasks.asyncNolink(() => 2).await()).toBe(2);
  await tasks.stop();
});

test("the failure of a task is reported by it and by its supervisor, which goes on and gets no message of it", async () => {
  const tasks = taskSupervisor();
  const sup = await tasks.start();
  const before = processInfo(sup.pid)?.reductions;
  const pid = tasks.startChild(() => {
    throw new Error("made to fail");
  });
  await monitor(pid);
  expect(reports).toMatchObject([
    { type: "crash", pid },
    { type: "supervisor", context: "child_terminated", childPid: pid, supervisorPid: sup.pid, restart: "temporary" },
  ]);
  await monitor(tasks.startChild(() => undefined));
  expect(reports).toHaveLength(2);
  expect(processInfo(sup.pid)).toMatchObject({ reductions: before, links: [], mailboxLength: 0 });
  await tasks.stop();
});

test("when it stops its tasks are told side by side, and no new one starts meanwhile", async () => {
  const tasks = taskSupervisor({ shutdownMs: "infinity" });
  await tasks.start();
  const gate = Promise.withResolvers<void>();
  const work = () => {
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const { promise: told, resolve: tell } = Promise.withResolvers<unknown>();
    const pid = tasks.startChild(async () => {
      const exits = self().trapExit();
      start();
      tell((await self().receive(exits)).reason);
      await gate.promise;
    });
    return { pid, started, told };
  };
  const all = [work(), work(), work()];
  await Promise.all(all.map(({ started }) => started));
  const stopping = tasks.stop();
  // All of them, before any has ended.
  expect(await Promise.all(all.map(({ told }) => told))).toEqual(["shutdown", "shutdown", "shutdown"]);
  expect(isAlive(tasks.pid)).toBe(true);
  expect(() => tasks.startChild(never)).toThrow(expect.objectContaining({ code: "INTERLOCK_NOPROC" }));
  gate.resolve();
  await stopping;
  expect(all.map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
});

test("a task that does not end in its time is killed", async () => {
  const tasks = taskSupervisor({ shutdownMs: 1 });
  await tasks.start();
  const started = Promise.withResolvers<void>();
  const pid = tasks.startChild(() => {
    self().trapExit();
    started.resolve();
    return never();
  });
  await started.promise;
  const ended = monitor(pid);
  await tasks.stop();
  expect((await ended).reason).toBe("killed");
});

test("its death takes its tasks", async () => {
  const tasks = taskSupervisor();
  const sup = await tasks.start();
  const pid = tasks.startChild(never);
  exit(sup.pid, "kill");
  expect(isAlive(pid)).toBe(false);
});

test("the same value runs several times, each found by its pid, its name or as the latest", async () => {
  const tasks = taskSupervisor();
  expect(() => tasks.startChild(never)).toThrow(/does not run/);
  await expect(tasks.terminateChild(spawn(never))).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
  const [first, second] = [await tasks.start(), await tasks.start()];
  first.startChild(never);
  expect([first.children().length, second.children().length, tasks.children().length]).toEqual([1, 0, 0]);
  expect(tasks.at(first.pid).children()).toHaveLength(1);
  expect(tasks.pid).toBe(second.pid);
  expect(() => tasks.at(spawn(never)).children()).toThrow(/does not run/);
  await first.stop();
  expect(() => first.children()).toThrow(expect.objectContaining({ code: "INTERLOCK_NOPROC" }));
  await second.stop();
});

test("it is a child of supervisors, and begins anew under its name", async () => {
  const tasks = taskSupervisor({ name: local("task_sup"), maxChildren: 5 });
  const top = await supervisor({ name: "top", strategy: "one_for_one", children: () => [tasks.child()] }).start();
  tasks.startChild(never);
  const { pid } = tasks;
  expect(await top.whichChildren()).toMatchObject([{ id: "task_supervisor", pid, type: "supervisor" }]);
  exit(pid, "kill");
  await top.whichChildren();
  expect(tasks.pid).not.toBe(pid);
  expect(tasks.children()).toEqual([]);
  expect(await tasks.async(() => "again")).toBe("again");
  await top.stop();
});

test("terminateChild gives a task its time", async () => {
  const tasks = taskSupervisor({ shutdownMs: "brutal_kill" });
  await tasks.start();
  const pid = tasks.startChild(never);
  const ended = monitor(pid);
  await tasks.terminateChild(pid);
  expect((await ended).reason).toBe("killed");
  await expect(tasks.terminateChild(pid)).rejects.toMatchObject({ code: "INTERLOCK_CHILD" });
  await tasks.stop();
});

test("a stream's tasks are its children, and count", async () => {
  const tasks = taskSupervisor({ maxChildren: 2 });
  const sup = await tasks.start();
  const parents: unknown[] = [];
  for await (const result of tasks.stream([1, 2, 3], () => processInfo(self().pid)?.parent, { concurrency: 2 }))
    parents.push(result.ok && result.value);
  expect(parents).toEqual([sup.pid, sup.pid, sup.pid]);
  const tooMany = async (): Promise<void> => {
    for await (const _result of tasks.stream([1, 2, 3], never, { concurrency: 3 }));
  };
  await expect(tooMany()).rejects.toMatchObject({ code: "INTERLOCK_MAX_CHILDREN" });
  expect(tasks.children()).toEqual([]);
  await tasks.stop();
});

test("what is no function and a wrong limit are refused", async () => {
  expect(() => taskSupervisor({ maxChildren: -1 })).toThrow(/maxChildren/);
  const tasks = taskSupervisor();
  await tasks.start();
  expect(() => tasks.startChild(5 as never)).toThrow(/run/);
  await tasks.stop();
});
