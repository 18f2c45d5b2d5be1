/** Supervisors of many children of one kind. @see supervisor_SUITE (simple_one_for_one), DynamicSupervisor's tests */
import {
  type DynamicSupervisorOptions,
  dynamicSupervisor,
  exit,
  genServer,
  isAlive,
  local,
  monitor,
  processInfo,
  send,
  spawn,
  supervisor,
} from "@interlock/core";
import { describe, expect, test } from "vitest";

import { collected } from "./support/garbage.ts";
import { problem, startFailed } from "./support/refusals.ts";
import { stepsOf } from "./support/steps.ts";
import { type Manners, Worker, worker } from "./support/worker.ts";
import { Hold, simulated, type World } from "./support/world.ts";

const HOUR_MS = 3_600_000;

const dynamic = (options?: DynamicSupervisorOptions) => dynamicSupervisor(Worker, options).startLink();

async function end(world: World, id: string, reason: unknown): Promise<void> {
  Worker.at(world.pid(id)).cast.end(reason as never);
  await world.settle();
}

describe("starting and the table of children", () => {
  test(
    "supervisor:sup_start_ignore_permanent_child_start_child_simple: an ignored child is never kept, whatever its restart type",
    simulated(async (world) => {
      for (const restart of ["permanent", "transient", "temporary"] as const) {
        const sup = await dynamic({ restart });
        world.script("a", "ignore");
        await expect(sup.startChild(world, "a")).rejects.toMatchObject({ code: "INTERLOCK_START_IGNORED" });
        expect(await sup.whichChildren()).toEqual([]);
        const child = await sup.startChild(world, "a");
        expect(await sup.whichChildren()).toMatchObject([{ pid: child.pid, status: "running", type: "worker" }]);
        expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
        world.script("b", { fail: "reason" });
        await expect(sup.startChild(world, "b")).rejects.toMatchObject(startFailed("reason"));
        expect(await sup.whichChildren()).toHaveLength(1);
        const down = monitor(sup.pid);
        exit(sup.pid, "shutdown");
        expect((await down).reason).toBe("shutdown");
      }
    }),
  );

  test(
    "supervisor:child_adm_simple: children are started with their arguments and stopped by pid, one that has ended is no fault",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 2, periodMs: HOUR_MS });
      expect(await sup.whichChildren()).toEqual([]);
      expect(await sup.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
      const nobody = sup.at(local("nobody"));
      await expect(nobody.startChild(world, "a")).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });

      const a = await sup.startChild(world, "a");
      const b = await sup.startChild(world, "b");
      expect(await a.call.id()).toBe("a");
      expect(await sup.whichChildren()).toMatchObject([
        { pid: b.pid, status: "running", type: "worker", modules: ["worker"] },
        { pid: a.pid, status: "running", type: "worker", modules: ["worker"] },
      ]);
      expect(await sup.countChildren()).toEqual({ specs: 2, active: 2, supervisors: 0, workers: 2 });

      await expect(sup.terminateChild("a" as never)).rejects.toMatchObject(problem("not_found"));
      const down = monitor(a.pid);
      await sup.terminateChild(a.pid);
      expect((await down).reason).toBe("shutdown");
      expect(await sup.whichChildren()).toMatchObject([{ pid: b.pid }]);
      await sup.terminateChild(a.pid);
      const stranger = spawn(async (self) => void (await self.receive()));
      await expect(sup.terminateChild(stranger)).rejects.toMatchObject(problem("not_found"));
      expect(isAlive(stranger)).toBe(true);
      // What only a static supervisor knows.
      const asStatic = supervisor({ name: "s", strategy: "one_for_one", children: () => [] }).at(sup.pid);
      for (const refused of [asStatic.restartChild("worker"), asStatic.deleteChild("worker")])
        await expect(refused).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
    }),
  );

  test(
    "supervisor:count_restarting_children: a child between two tries is counted, and is not active",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 20, periodMs: 10_000 });
      for (const id of ["a", "b", "c"]) await sup.startChild(world, id);
      for (const id of ["a", "b", "c"]) exit(world.pid(id), "restart");
      await world.settle();
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });

      const holds = [new Hold(), new Hold()] as const;
      world.script("a", { hold: holds[0] });
      world.script("b", { hold: holds[1] });
      exit(world.pid("a"), "restart");
      exit(world.pid("b"), "restart");
      await holds[0].reached;
      holds[0].decide({ fail: "no" });
      await holds[1].reached;
      const again = new Hold();
      world.script("a", { hold: again });
      holds[1].decide({ fail: "no" });
      // What is asked now is answered when the tries of `a`, which fails, and of `b`, which succeeds, are through.
      await again.reached;
      const counts = sup.countChildren();
      const children = sup.whichChildren();
      again.decide({ fail: "no" });
      expect(await counts).toEqual({ specs: 3, active: 2, supervisors: 0, workers: 3 });
      expect((await children).map(({ status }) => status).sort()).toEqual(["restarting", "running", "running"]);
      await world.settle();
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
      for (const id of ["a", "b", "c"]) await sup.terminateChild(world.pid(id));
      expect(await sup.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    }),
  );

  test(
    "supervisor:simple_one_for_one_extra: what a start function answers beside the pid hinders no restart (it is not passed on)",
    simulated(async (world) => {
      const Extra = {
        child: (args: readonly [world: World, id: string]) => ({
          id: "extra",
          start: async () => ({ pid: (await Worker.startLink(...args)).pid, more: "extra_info" }),
        }),
        at: Worker.at,
      };
      const sup = await dynamicSupervisor(Extra, { intensity: 2, periodMs: HOUR_MS }).startLink();
      await sup.startChild(world, "a");
      const b = await sup.startChild(world, "b");
      world.trace();
      await end(world, "a", "died");
      expect(world.trace()).toEqual(["-a died", "+a"]);
      expect((await sup.whichChildren()).map(({ pid }) => pid)).toEqual([world.pid("a"), b.pid]);
      await end(world, "b", "died");
      const down = monitor(sup.pid);
      await end(world, "b", "died");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-b died", "+b", "-b died", "-a shutdown"]);
    }),
  );

  test(
    "supervisor:simple_one_for_one_corruption: what a supervisor does not understand changes nothing in its table",
    simulated(async (world) => {
      const sup = await dynamic({ restart: "temporary" });
      const a = await sup.startChild(world, "a");
      await sup.startChild(world, "b");
      const strange = [
        "foo",
        null,
        undefined,
        7,
        [],
        { type: "EXIT" },
        { type: "EXIT", from: a.pid, reason: "forged" },
      ];
      for (const message of strange) send(sup.pid, message as never);
      Worker.at(sup.pid).cast.end("tryAgain");
      await expect(Worker.at(sup.pid).call.id()).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
      const stranger = spawn((self) => self.link(sup.pid));
      await monitor(stranger);
      await world.settle();
      expect(isAlive(sup.pid)).toBe(true);
      expect(processInfo(sup.pid)?.mailboxLength).toBe(0);
      expect((await sup.whichChildren()).map(({ pid }) => pid)).toEqual([world.pid("b"), world.pid("a")]);
      expect(world.reports.filter(({ type }) => type === "warning")).toHaveLength(strange.length + 1);
      expect(world.trace()).toEqual(["+a", "+b"]);
      await end(world, "a", "died");
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
    }),
  );

  test(
    "supervisor:simple_one_for_one_corruption: the arguments of temporary children are let go, after a child has died too",
    simulated(async (world) => {
      const Sink = genServer({ name: "sink", init: (_large: object) => 0 });
      const kept = async (restart: "temporary" | "transient") => {
        const sup = await dynamicSupervisor(Sink, { restart }).startLink();
        const first = await sup.startChild({});
        exit(first.pid, "died");
        await world.settle();
        const large = { text: "0".repeat(50_000) };
        await sup.startChild(large);
        return new WeakRef(large);
      };
      const temporary = await kept("temporary");
      const transient = await kept("transient");
      expect(await collected(temporary)).toBe(true);
      expect(await collected(transient)).toBe(false);
    }),
  );

  test(
    "supervisor:simple_one_for_one_scale_many_temporary_children: twice the children are twice the work",
    simulated(async (world) => {
      const work = async (count: number) => {
        const sup = await dynamic({ restart: "temporary" });
        const pids: Awaited<ReturnType<typeof sup.startChild>>["pid"][] = [];
        const start = await stepsOf(async () => {
          for (let at = 0; at < count; at++) pids.push((await sup.startChild(world, String(at))).pid);
        });
        expect((await sup.countChildren()).active).toBe(count);
        const terminate = await stepsOf(async () => {
          for (const pid of pids.slice(0, count / 2)) await sup.terminateChild(pid);
        });
        const die = await stepsOf(async () => {
          for (const pid of pids.slice(count / 2)) exit(pid, "kill");
          await world.settle();
        });
        expect((await sup.countChildren()).active).toBe(0);
        for (let at = 0; at < count; at++) await sup.startChild(world, String(at));
        const stop = await stepsOf(() => sup.stop("shutdown"));
        world.reports.length = world.events.length = 0;
        return { start, terminate, die, stop };
      };
      await work(10);
      const once = await work(5_000);
      const twice = await work(10_000);
      for (const phase of ["start", "terminate", "die", "stop"] as const)
        expect(twice[phase], phase).toBeLessThan(2.5 * once[phase] + 1_000);
    }),
  );

  test(
    "dynamic_supervisor:with max_children: one child more than the limit is refused, also while one is being restarted",
    simulated(async (world) => {
      const full = { code: "INTERLOCK_MAX_CHILDREN", details: { maxChildren: 2 } };
      const none = await dynamic({ maxChildren: 0 });
      await expect(none.startChild(world, "a")).rejects.toMatchObject({ ...full, details: { maxChildren: 0 } });
      const sup = await dynamic({ maxChildren: 2, restart: "temporary" });
      await sup.startChild(world, "a");
      world.script("x", { fail: "no" }, "ignore");
      // What did not start has taken no place.
      await expect(sup.startChild(world, "x")).rejects.toMatchObject(startFailed("no"));
      await expect(sup.startChild(world, "x")).rejects.toMatchObject({ code: "INTERLOCK_START_IGNORED" });
      await sup.startChild(world, "b");
      await expect(sup.startChild(world, "c")).rejects.toMatchObject(full);
      await end(world, "a", "normal");
      await sup.startChild(world, "c");
      await sup.terminateChild(world.pid("c"));
      await sup.startChild(world, "d");
      await expect(sup.startChild(world, "e")).rejects.toMatchObject(full);
      expect(() => dynamicSupervisor(Worker, { maxChildren: -1 })).toThrow(/maxChildren/);
    }),
  );

  test(
    "dynamic_supervisor:restarting on init children counted in max_children: a child between two tries keeps its place",
    simulated(async (world) => {
      const sup = await dynamic({ maxChildren: 1, intensity: 100 });
      await sup.startChild(world, "a");
      const hold = new Hold();
      world.script("a", { hold });
      exit(world.pid("a"), "boom");
      await hold.reached;
      const refused = expect(sup.startChild(world, "b")).rejects.toMatchObject({ code: "INTERLOCK_MAX_CHILDREN" });
      const counts = sup.countChildren();
      hold.decide({ fail: "no" });
      await refused;
      expect(await counts).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 });
      await world.settle();
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
    }),
  );

  test(
    "supervisor:count_children: children are counted as what they are, a thousand as well as two",
    simulated(async (world) => {
      const room = supervisor({
        name: "room",
        strategy: "one_for_one",
        children: (id: string) => [worker(world, id)],
      });
      const rooms = await dynamicSupervisor(room).startLink();
      await rooms.startChild("a");
      await rooms.startChild("b");
      expect(await rooms.countChildren()).toEqual({ specs: 2, active: 2, supervisors: 2, workers: 0 });
      await rooms.stop("shutdown");
      expect([isAlive(world.pid("a")), isAlive(world.pid("b"))]).toEqual([false, false]);

      const sup = await dynamic({ restart: "temporary" });
      for (let at = 0; at < 1_000; at++) await sup.startChild(world, String(at));
      expect(await sup.countChildren()).toEqual({ specs: 1_000, active: 1_000, supervisors: 0, workers: 1_000 });
      expect(await sup.whichChildren()).toHaveLength(1_000);
      for (let at = 0; at < 1_000; at++) exit(world.pid(String(at)), "kill");
      await world.settle();
      expect(await sup.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    }),
  );
});

describe("restarts", () => {
  test(
    "supervisor:simple_one_for_one: a child is started again with its own arguments, the others stay",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 2, periodMs: HOUR_MS });
      await sup.startChild(world, "a", "tidy", { extra: 1 });
      const b = await sup.startChild(world, "b");
      world.trace();
      await end(world, "a", "died");
      expect(world.trace()).toEqual(["-a died", "+a"]);
      expect(await Worker.at(world.pid("a")).call.id()).toBe("a");
      expect(isAlive(b.pid)).toBe(true);
      expect(await sup.countChildren()).toEqual({ specs: 2, active: 2, supervisors: 0, workers: 2 });
      await end(world, "b", "died");
      const down = monitor(sup.pid);
      await end(world, "a", "died");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-b died", "+b", "-a died", "-b shutdown"]);
    }),
  );

  test(
    "supervisor:simple_one_for_one_restart_ignore: a restart that is ignored forgets the child",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 3, periodMs: HOUR_MS });
      await sup.startChild(world, "a");
      await sup.startChild(world, "b");
      world.script("a", "ignore");
      await end(world, "a", "died");
      expect((await sup.whichChildren()).map(({ pid }) => pid)).toEqual([world.pid("b")]);
      // After a try that failed as well.
      world.script("b", { fail: "no" }, "ignore");
      await end(world, "b", "died");
      expect(await sup.whichChildren()).toEqual([]);
      expect(await sup.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    }),
  );

  test(
    "supervisor:simple_one_for_one_escalation: a child that cannot be started again ends its supervisor, which stops the others",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 4, periodMs: HOUR_MS });
      await sup.startChild(world, "a");
      await sup.startChild(world, "b");
      world.script("a", ...Array.from({ length: 9 }, () => ({ fail: "error" })));
      const down = monitor(sup.pid);
      world.trace();
      await end(world, "a", "died");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-a died", "!a", "!a", "!a", "!a", "-b shutdown"]);
      expect(world.supervisorReports("shutdown")).toMatchObject([{ reason: "reached_max_restart_intensity" }]);
    }),
  );

  test(
    "dynamic_supervisor:child triggers maximum restarts: the restart beyond the intensity ends the supervisor with shutdown",
    simulated(async (world) => {
      const sup = await dynamic({ restart: "permanent", intensity: 1 });
      await sup.startChild(world, "a");
      world.trace();
      exit(world.pid("a"), "shutdown");
      await world.settle();
      expect(world.trace()).toEqual(["-a shutdown", "+a"]);
      const down = monitor(sup.pid);
      exit(world.pid("a"), "shutdown");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-a shutdown"]);
    }),
  );

  test(
    "dynamic_supervisor:child is restarted when trying again: a failed restart is tried again, each try counts",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 2 });
      await sup.startChild(world, "a");
      world.script("a", { fail: "no" });
      world.trace();
      exit(world.pid("a"), "kill");
      await world.settle();
      expect(world.trace()).toEqual(["-a killed", "!a", "+a"]);
      expect((await sup.whichChildren()).map(({ pid }) => pid)).toEqual([world.pid("a")]);
      const down = monitor(sup.pid);
      exit(world.pid("a"), "kill");
      expect((await down).reason).toBe("shutdown");
    }),
  );

  test(
    "dynamic_supervisor:child is restarted when trying again: no mailbox bound of the supervisor loses the next try",
    simulated(async (world) => {
      const rooms = dynamicSupervisor(Worker, { intensity: 9 });
      const top = await supervisor({
        name: "top",
        strategy: "one_for_one",
        children: () => [rooms.child([], { mailbox: { capacity: 1, overflow: "reject" } })],
      }).startLink();
      await rooms.startChild(world, "a");
      const hold = new Hold();
      world.script("a", { hold });
      exit(world.pid("a"), "kill");
      await hold.reached;
      send(rooms.pid, "fills the mailbox" as never);
      hold.decide({ fail: "no" });
      await world.settle();
      expect(isAlive(world.pid("a"))).toBe(true);
      expect(isAlive(top.pid)).toBe(true);
    }),
  );

  test(
    "supervisor:hanging_restart_loop_simple: what is asked between two tries is answered, and terminateChild by the old pid ends the trying",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 8, periodMs: 10_000, shutdownMs: "brutal_kill" });
      const a = await sup.startChild(world, "a");
      const hold = new Hold();
      world.script("a", { hold });
      exit(a.pid, "error");
      await hold.reached;
      const answers = Promise.all([
        sup.whichChildren(),
        sup.countChildren(),
        sup.terminateChild(a.pid),
        sup.whichChildren(),
      ]);
      hold.decide({ fail: "no" });
      expect(await answers).toMatchObject([
        [{ pid: undefined, status: "restarting" }],
        { specs: 1, active: 0, supervisors: 0, workers: 1 },
        undefined,
        [],
      ]);
      await world.settle();
      expect(world.trace()).toEqual(["+a", "-a error", "!a"]);

      await sup.startChild(world, "a");
      const again = new Hold();
      world.script("a", { hold: again });
      exit(world.pid("a"), "error");
      await again.reached;
      const down = monitor(sup.pid);
      exit(sup.pid, "shutdown");
      again.decide({ fail: "no" });
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["+a", "-a error", "!a"]);
    }),
  );
});

describe("shutdown", () => {
  const started = async (world: World, options: DynamicSupervisorOptions, manners: readonly Manners[]) => {
    const sup = await dynamic({ intensity: 2, periodMs: HOUR_MS, ...options });
    for (const [at, one] of manners.entries()) await sup.startChild(world, String(at), one);
    world.trace();
    const down = monitor(sup.pid);
    exit(sup.pid, "shutdown");
    return { sup, down };
  };
  const timed = (world: World) => world.events.splice(0).map(({ atMs, id, reason }) => [atMs, id, reason]);

  test(
    "supervisor:sup_stop_timeout_dynamic: all have the same time side by side, who has not ended by then is killed",
    simulated(async (world) => {
      const { down } = await started(world, { restart: "temporary", shutdownMs: 1_000 }, [
        "meek",
        "deaf",
        "tidy",
        "deaf",
      ]);
      await world.finish();
      expect((await down).reason).toBe("shutdown");
      expect(timed(world)).toEqual([
        [0, "0", "shutdown"],
        [0, "2", "shutdown"],
        [1_000, "1", "killed"],
        [1_000, "3", "killed"],
      ]);
    }),
  );

  test(
    "supervisor:sup_stop_brutal_kill_dynamic: brutal_kill ends all without a word",
    simulated(async (world) => {
      const manners = Array.from(
        { length: 10 },
        (_none, at): Manners => (at % 2 === 0 ? "deaf" : { endsWith: "never asked" }),
      );
      const { down } = await started(world, { restart: "temporary", shutdownMs: "brutal_kill" }, manners);
      await world.settle();
      expect((await down).reason).toBe("shutdown");
      expect(timed(world)).toEqual(manners.map((_one, at) => [0, String(at), "killed"]));
      expect(world.supervisorReports("shutdown_error")).toEqual([]);
    }),
  );

  test.each(["temporary", "transient", "permanent"] as const)(
    "supervisor:sup_stop_non_shutdown_exit_dynamic: a %s child that ends with a reason of its own is reported once",
    async (restart) => {
      await simulated(async (world) => {
        const reasons = ["normal", "shutdown", { shutdown: "test" }, "other"] as const;
        const { down } = await started(
          world,
          { restart, shutdownMs: 5_000 },
          reasons.map((endsWith) => ({ endsWith })),
        );
        await world.settle();
        expect((await down).reason).toBe("shutdown");
        expect(world.events.map(({ reason }) => reason)).toEqual(reasons);
        expect(world.supervisorReports("shutdown_error").map(({ reason }) => reason)).toEqual(
          restart === "permanent" ? ["normal", { shutdown: "test" }, "other"] : ["other"],
        );
      })();
    },
  );

  test(
    "supervisor:simple_one_for_one_shutdown: all are told at once and waited for together",
    simulated(async (world) => {
      const { down } = await started(world, { shutdownMs: 2_000 }, [
        { slowMs: 1_000 },
        { slowMs: 1_000 },
        { slowMs: 5_000 },
      ]);
      await world.finish();
      expect((await down).reason).toBe("shutdown");
      expect(timed(world)).toEqual([
        [1_000, "0", "shutdown"],
        [1_000, "1", "shutdown"],
        [2_000, "2", "killed"],
      ]);
    }),
  );

  test(
    "dynamic_supervisor:terminates with mixed children: who has ended already, who waits for a restart and who is slow hold nobody up",
    simulated(async (world) => {
      const sup = await dynamic({ intensity: 20, shutdownMs: 1_000 });
      const manners: readonly Manners[] = ["meek", "tidy", "deaf", { slowMs: 10 }, { endsWith: "odd" }, "meek"];
      for (const [at, one] of manners.entries()) await sup.startChild(world, String(at), one);
      const hold = new Hold();
      world.script("5", { hold });
      exit(world.pid("5"), "boom");
      await hold.reached;
      // The supervisor hears of this end before it is told to stop, of that of 1 after it.
      exit(world.pid("0"), "died before");
      const down = monitor(sup.pid);
      world.trace();
      exit(sup.pid, "shutdown");
      exit(world.pid("1"), "kill");
      hold.decide({ fail: "no" });
      world.script("0", "ignore");
      await world.finish();
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-1 killed", "!5", "-4 odd", "-3 shutdown", "-2 killed"]);
      expect(world.supervisorReports("shutdown_error").map(({ reason }) => reason)).toEqual([
        "killed",
        "odd",
        "killed",
      ]);
    }),
  );
});
