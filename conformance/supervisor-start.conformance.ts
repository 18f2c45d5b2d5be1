/** Starting supervisors and children, child specs and flags, and the table of children. @see supervisor_SUITE */
import {
  type ChildSpec,
  exit,
  genServer,
  ignore,
  isAlive,
  local,
  monitor,
  processes,
  processInfo,
  register,
  type SupervisorModule,
  spawn,
  supervisor,
  sys,
} from "@interlock/core";
import { describe, expect, test } from "vitest";

import { collected } from "./support/garbage.ts";
import { badArgument, childFailed, problem, startFailed } from "./support/refusals.ts";
import { stepsOf } from "./support/steps.ts";
import { supervise, Worker, worker } from "./support/worker.ts";
import { Hold, simulated } from "./support/world.ts";

describe("start", () => {
  test(
    "supervisor:sup_start_normal: start resolves when all children are up, started in order",
    simulated(async (world) => {
      const hold = new Hold();
      world.script("b", { hold });
      let up = false;
      const starting = supervise({}, [worker(world, "a"), worker(world, "b"), worker(world, "c")]).then((sup) => {
        up = true;
        return sup;
      });
      await hold.reached;
      await world.settle();
      expect(up).toBe(false);
      expect(world.trace()).toEqual(["+a"]);

      hold.decide("ok");
      const sup = await starting;
      expect(world.trace()).toEqual(["+b", "+c"]);

      const down = monitor(sup.pid);
      exit(sup.pid, "shutdown");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-c shutdown", "-b shutdown", "-a shutdown"]);
    }),
  );

  test(
    "supervisor:sup_start_ignore_init: a supervisor whose children() answers ignore() is not started and leaves no process",
    simulated(async (world, self) => {
      const none = supervisor({ name: "none", strategy: "one_for_one", children: () => ignore() });
      const before = processes().length;
      await expect(none.startLink()).rejects.toMatchObject({ code: "INTERLOCK_START_IGNORED" });
      await world.settle();
      expect(processes()).toHaveLength(before);
      expect(processInfo(self.pid)?.messages).toEqual([]);

      const sup = await supervise({}, [none.child([])]);
      expect(await sup.whichChildren()).toMatchObject([{ id: "none", pid: undefined, status: "stopped" }]);
    }),
  );

  test(
    "supervisor:sup_start_ignore_child: a child that answers ignore() is kept without a process",
    simulated(async (world) => {
      world.script("a", "ignore", "ignore");
      const sup = await supervise({}, [worker(world, "a"), worker(world, "b")]);
      expect(await sup.whichChildren()).toMatchObject([
        { id: "b", pid: world.pid("b"), status: "running" },
        { id: "a", pid: undefined, status: "stopped" },
      ]);
      expect(await sup.countChildren()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 });

      world.script("c", "ignore");
      await expect(sup.startChild(worker(world, "c", { restart: "transient" }))).rejects.toMatchObject({
        code: "INTERLOCK_START_IGNORED",
      });
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 1, supervisors: 0, workers: 3 });
      await expect(sup.restartChild("a")).rejects.toMatchObject({ code: "INTERLOCK_START_IGNORED" });
      expect(await sup.restartChild("c")).toBe(world.pid("c"));
    }),
  );

  test(
    "supervisor:sup_start_ignore_temporary_child: an ignored temporary child of the first list is forgotten",
    simulated(async (world) => {
      world.script("a", "ignore");
      const sup = await supervise({}, [
        worker(world, "a", { restart: "temporary" }),
        worker(world, "b", { restart: "temporary" }),
      ]);
      expect(await sup.whichChildren()).toMatchObject([{ id: "b", pid: world.pid("b") }]);
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
    }),
  );

  test(
    "supervisor:sup_start_ignore_temporary_child_start_child: an ignored temporary child of startChild is forgotten",
    simulated(async (world) => {
      const sup = await supervise({});
      world.script("a", "ignore");
      const spec = worker(world, "a", { restart: "temporary" });
      await expect(sup.startChild(spec)).rejects.toMatchObject({ code: "INTERLOCK_START_IGNORED" });
      expect(await sup.whichChildren()).toEqual([]);
      expect(await sup.startChild(spec)).toBe(world.pid("a"));
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
    }),
  );

  test(
    "supervisor:sup_start_error_return: children() that answers nonsense fails the start with bad_return and no exit signal",
    simulated(async (world, self) => {
      const bad = supervisor({ name: "bad", strategy: "one_for_one", children: () => "invalid" as never });
      const before = processes().length;
      await expect(bad.startLink()).rejects.toMatchObject({
        code: "INTERLOCK_START_FAILED",
        details: {
          label: "bad",
          reason: { error: { code: "INTERLOCK_BAD_RETURN", details: { callback: "children" } } },
        },
      });
      await world.settle();
      expect(processes()).toHaveLength(before);
      expect(processInfo(self.pid)?.messages).toEqual([]);
    }),
  );

  test(
    "supervisor:sup_start_fail: a child that does not start ends the start: the earlier ones are stopped in reverse order",
    simulated(async (world, self) => {
      world.script("c", { fail: "no" });
      const before = processes().length;
      await expect(
        supervise({}, [
          worker(world, "a"),
          worker(world, "b", { manners: "tidy" }),
          worker(world, "c"),
          worker(world, "d"),
        ]),
      ).rejects.toMatchObject(childFailed("c", "no"));
      expect(world.trace()).toEqual(["+a", "+b", "!c", "-b shutdown", "-a shutdown"]);
      await world.settle();
      expect(processes()).toHaveLength(before);
      expect(processInfo(self.pid)?.messages).toEqual([]);
      expect(world.supervisorReports("start_error")).toMatchObject([
        { childId: "c", reason: "no", childPid: undefined },
      ]);
    }),
  );

  test(
    "supervisor:sup_start_fail: children() that throws fails the start with the error",
    simulated(async (world, self) => {
      const error = new Error("no list");
      const children = (): never => {
        throw error;
      };
      await expect(supervisor({ name: "s", strategy: "one_for_one", children }).startLink()).rejects.toMatchObject({
        ...startFailed({ error }),
        cause: error,
      });
      await world.settle();
      expect(processInfo(self.pid)?.messages).toEqual([]);
    }),
  );

  test(
    "supervisor:sup_start_child_returns_error: startChild passes the reason on and keeps nothing",
    simulated(async (world) => {
      const sup = await supervise({});
      const error = new Error("broken");
      world.script("a", { fail: "reason" });
      world.script("b", { throws: error });
      await expect(sup.startChild(worker(world, "a"))).rejects.toMatchObject(startFailed("reason"));
      await expect(sup.startChild(worker(world, "b"))).rejects.toMatchObject({
        ...startFailed({ error }),
        cause: error,
      });
      const byHand: ChildSpec = { id: "c", start: () => Promise.reject(error) };
      await expect(sup.startChild(byHand)).rejects.toMatchObject(startFailed({ error }));
      const nonsense = { id: "d", start: () => Promise.resolve({ pid: 7 }) } as never;
      await expect(sup.startChild(nonsense)).rejects.toMatchObject({ code: "INTERLOCK_START_FAILED" });
      expect(await sup.whichChildren()).toEqual([]);
      expect(isAlive(sup.pid)).toBe(true);
    }),
  );

  test(
    "supervisor:sup_start_restart_child_returns_error: restartChild passes the reason on and keeps the spec, not running",
    simulated(async (world) => {
      const sup = await supervise({}, [worker(world, "a")]);
      await sup.terminateChild("a");
      world.script("a", { fail: "reason" });
      await expect(sup.restartChild("a")).rejects.toMatchObject(startFailed("reason"));
      expect(await sup.whichChildren()).toMatchObject([{ id: "a", pid: undefined, status: "stopped" }]);
      expect(await sup.restartChild("a")).toBe(world.pid("a"));
    }),
  );

  test(
    "supervisor:already_started_outside_supervisor: a child whose name is taken is refused with the holder's pid",
    simulated(async (world) => {
      const sup = await supervise({});
      const holder = spawn(async (self) => void (await self.receive()));
      register("taken", holder);
      await expect(sup.startChild(worker(world, "a", { name: local("taken") }))).rejects.toMatchObject(
        startFailed({ already_started: holder }),
      );
      expect(await sup.whichChildren()).toEqual([]);
      expect(isAlive(holder)).toBe(true);
    }),
  );
});

describe("specs and flags", () => {
  test(
    "supervisor:sup_start_map: what a spec leaves out has its default, and the full spec can be read",
    simulated(async (world) => {
      const bare = ({ id, ...rest }: Partial<ChildSpec> & { id: string }): ChildSpec => ({
        id,
        start: () => Worker.startLink(world, id),
        ...rest,
      });
      const sup = await supervise({}, [
        bare({ id: "a" }),
        bare({ id: "b", shutdownMs: "brutal_kill" }),
        bare({ id: "c", type: "supervisor" }),
      ]);
      const defaults = { restart: "permanent", shutdownMs: 5_000, type: "worker", significant: false };
      expect(await sup.getChildSpec("a")).toMatchObject({ ...defaults, id: "a", modules: ["a"] });
      expect(await sup.getChildSpec("b")).toMatchObject({ ...defaults, id: "b", shutdownMs: "brutal_kill" });
      expect(await sup.getChildSpec("c")).toMatchObject({
        ...defaults,
        id: "c",
        type: "supervisor",
        shutdownMs: "infinity",
      });
      await expect(sup.getChildSpec("d")).rejects.toMatchObject(problem("not_found"));
      expect(
        await supervise({}, [Worker.child([world, "d"])]).then((other) => other.getChildSpec("worker")),
      ).toMatchObject({
        ...defaults,
        modules: ["worker"],
      });

      // Intensity 1 within 5 000 ms, one_for_one.
      world.trace();
      exit(world.pid("a"), "kill");
      await world.advance(5_001);
      exit(world.pid("a"), "kill");
      await world.advance(5_000);
      const down = monitor(sup.pid);
      exit(world.pid("a"), "kill");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-a killed", "+a", "-a killed", "+a", "-a killed", "-c shutdown", "-b killed"]);
    }),
  );

  const good: ChildSpec = { id: "a", start: () => Promise.resolve({ ignored: true } as const) };
  const faulty: readonly (readonly [what: string, argument: string, spec: unknown])[] = [
    ["no object", "a child spec", "child4"],
    ["null", "a child spec", null],
    ["no id", "id of a child", { start: good.start }],
    ["an empty id", "id of a child", { ...good, id: "" }],
    ["no start", "start of child a", { id: "a" }],
    ["a start that is no function", "start of child a", { ...good, start: "mfa" }],
    ["an unknown restart", "restart of child a", { ...good, restart: "prmanent" }],
    ["a negative shutdownMs", "shutdownMs of child a", { ...good, shutdownMs: -10 }],
    ["a shutdownMs that is no number", "shutdownMs of child a", { ...good, shutdownMs: Number.NaN }],
    ["an unknown shutdownMs", "shutdownMs of child a", { ...good, shutdownMs: "soon" }],
    ["an unknown type", "type of child a", { ...good, type: "wrker" }],
    ["modules that are no list", "modules of child a", { ...good, modules: "dy" }],
    ["modules that are no names", "modules of child a", { ...good, modules: [1, 2, 3] }],
    ["a significant that is no boolean", "significant of child a", { ...good, significant: "yes" }],
    ["a significant permanent child", "significant of child a", { ...good, significant: true }],
    [
      "a significant child where nothing shuts down",
      "significant of child a",
      { ...good, significant: true, restart: "transient" },
    ],
  ];

  test.each(faulty)(
    "supervisor:child_specs: %s is refused with the fault named, at the start and in startChild",
    async (_what, argument, spec) => {
      await simulated(async () => {
        const sup = await supervise({});
        await expect(sup.startChild(spec as ChildSpec)).rejects.toMatchObject(badArgument(argument));
        expect(await sup.whichChildren()).toEqual([]);
        await expect(supervise({}, [spec as ChildSpec])).rejects.toMatchObject(
          startFailed({ error: badArgument(argument) } as never),
        );
      })();
    },
  );

  test(
    "supervisor:child_specs: every valid combination is taken, and two children of one id are not",
    simulated(async () => {
      const specs = (["permanent", "transient", "temporary"] as const).flatMap((restart) =>
        ([0, 1_000, "infinity", "brutal_kill"] as const).flatMap((shutdownMs) =>
          (["worker", "supervisor"] as const).flatMap((type) =>
            [[], ["m"], ["m1", "m2"]].map((modules) => ({ ...good, restart, shutdownMs, type, modules })),
          ),
        ),
      );
      const sup = await supervise(
        {},
        specs.map((spec, at) => ({ ...spec, id: String(at) })),
      );
      expect((await sup.countChildren()).specs).toBe(specs.filter((spec) => spec.restart !== "temporary").length);
      await expect(supervise({}, [good, { ...good, type: "supervisor" }])).rejects.toMatchObject(
        startFailed({ error: badArgument("children") } as never),
      );
    }),
  );

  test(
    "supervisor:sup_start_map_faulty_specs: each faulty key is reported, an unknown one is not minded",
    simulated(async () => {
      const fault = (spec: unknown) =>
        supervise({}, [spec as ChildSpec]).then(
          () => "taken",
          (error: { details: { reason: { error: { details: { argument: string } } } } }) =>
            error.details.reason.error.details.argument,
        );
      expect(await fault({ start: good.start })).toBe("id of a child");
      expect(await fault({ id: "child2" })).toBe("start of child child2");
      expect(await fault({ ...good, silly: true })).toBe("taken");
      expect(await fault("child4")).toBe("a child spec");
    }),
  );

  test("supervisor:sup_flags: faulty flags are refused with the fault named, unknown ones are not minded", () => {
    const fault = (flags: object): string => {
      try {
        supervisor({ name: "s", strategy: "one_for_one", children: () => [], ...flags });
        return "none";
      } catch (error) {
        return (error as { details: { argument: string } }).details.argument;
      }
    };
    expect(fault({ strategy: "none_for_one" })).toBe("strategy");
    expect(fault({ strategy: "simple_one_for_one" })).toBe("strategy");
    for (const intensity of [Number.POSITIVE_INFINITY, -1, 1.5]) expect(fault({ intensity })).toBe("intensity");
    for (const periodMs of [0, -1, "infinity", Number.NaN]) expect(fault({ periodMs })).toBe("periodMs");
    expect(fault({ autoShutdown: "some_significant" })).toBe("autoShutdown");
    expect(fault({ silly: true })).toBe("none");
  });

  test(
    "supervisor:init/2 with old and new child specs: what child() is given overrides the module's own",
    simulated(async (world) => {
      const inner = supervisor({ name: "inner", strategy: "one_for_one", children: () => [] });
      const sup = await supervise({}, [
        Worker.child([world, "a"]),
        Worker.child([world, "b"], { id: "b", restart: "transient", shutdownMs: 10, name: local("b") }),
        inner.child([]),
        inner.child([], { id: "inner 2", restart: "temporary", shutdownMs: 7 }),
      ]);
      expect(await sup.getChildSpec("worker")).toMatchObject({
        restart: "permanent",
        shutdownMs: 5_000,
        type: "worker",
      });
      expect(await sup.getChildSpec("b")).toMatchObject({ restart: "transient", shutdownMs: 10, modules: ["worker"] });
      expect(await sup.getChildSpec("inner")).toMatchObject({ type: "supervisor", shutdownMs: "infinity" });
      expect(await sup.getChildSpec("inner 2")).toMatchObject({
        type: "supervisor",
        restart: "temporary",
        shutdownMs: 7,
      });
      expect(Worker.at(local("b")).pid).toBe(world.pid("b"));
    }),
  );
});

describe("the table of children", () => {
  test(
    "supervisor:child_adm: start, terminate, restart and delete, with each refusal",
    simulated(async (world) => {
      const spec = worker(world, "a");
      const sup = await supervise({}, [spec]);
      const nobody = supervisor({ name: "s", strategy: "one_for_one", children: () => [] }).at(local("nobody"));
      const first = world.pid("a");
      expect(await sup.whichChildren()).toEqual([
        { id: "a", pid: first, status: "running", type: "worker", modules: ["worker"] },
      ]);
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });

      await expect(sup.startChild(spec)).rejects.toMatchObject({
        ...problem("already_started"),
        details: { id: "a", pid: first },
      });

      await expect(sup.terminateChild("other")).rejects.toMatchObject(problem("not_found"));
      await expect(nobody.terminateChild("a")).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
      const down = monitor(first);
      await sup.terminateChild("a");
      expect((await down).reason).toBe("shutdown");
      expect(await sup.whichChildren()).toMatchObject([{ id: "a", pid: undefined, status: "stopped" }]);
      expect(await sup.countChildren()).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 });
      await sup.terminateChild("a");

      await expect(sup.startChild(spec)).rejects.toMatchObject(problem("already_present"));

      const second = await sup.restartChild("a");
      expect(second).toBe(world.pid("a"));
      expect(second).not.toBe(first);
      await expect(sup.restartChild("a")).rejects.toMatchObject(problem("running"));
      await expect(sup.restartChild("other")).rejects.toMatchObject(problem("not_found"));

      await expect(sup.deleteChild("a")).rejects.toMatchObject(problem("running"));
      await expect(sup.deleteChild("other")).rejects.toMatchObject(problem("not_found"));
      await expect(nobody.deleteChild("a")).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
      await sup.terminateChild("a");
      await sup.deleteChild("a");
      await expect(sup.restartChild("a")).rejects.toMatchObject(problem("not_found"));
      expect(await sup.whichChildren()).toEqual([]);
      expect(await sup.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });

      await expect(nobody.startChild(spec)).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
      const third = await sup.startChild(spec);
      await expect(sup.terminateChild(third as never)).rejects.toMatchObject(problem("not_found"));
      expect(await sup.whichChildren()).toMatchObject([{ id: "a", pid: third }]);
      await expect(nobody.whichChildren()).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
      await expect(nobody.countChildren()).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
    }),
  );

  test(
    "supervisor:child life cycle (Elixir): a child goes from running to stopped to gone and nowhere else",
    simulated(async (world) => {
      const spec = worker(world, "a", { restart: "temporary" });
      const sup = await supervise({});
      await sup.startChild(spec);
      await expect(sup.startChild(spec)).rejects.toMatchObject(problem("already_started"));
      await expect(sup.restartChild("a")).rejects.toMatchObject(problem("running"));
      await expect(sup.deleteChild("a")).rejects.toMatchObject(problem("running"));
      // A temporary child that is stopped is gone.
      await sup.terminateChild("a");
      await expect(sup.terminateChild("a")).rejects.toMatchObject(problem("not_found"));
      await expect(sup.restartChild("a")).rejects.toMatchObject(problem("not_found"));
      await sup.startChild(worker(world, "a"));
      await sup.terminateChild("a");
      await sup.deleteChild("a");
      await expect(sup.deleteChild("a")).rejects.toMatchObject(problem("not_found"));
    }),
  );

  test(
    "supervisor:extra_return: a start function may answer more than the pid: the child is supervised all the same, the more is not passed on",
    simulated(async (world) => {
      const start = async () => ({ pid: (await Worker.startLink(world, "a")).pid, more: "extra_return" });
      const sup = await supervise({ intensity: 2 }, [{ id: "a", start }]);
      await sup.terminateChild("a");
      expect(await sup.restartChild("a")).toBe(world.pid("a"));
      await sup.terminateChild("a");
      await sup.deleteChild("a");
      expect(await sup.startChild({ id: "a", start })).toBe(world.pid("a"));
      const before = world.pid("a");
      exit(before, "boom");
      await world.settle();
      expect(world.pid("a")).not.toBe(before);
      expect(await sup.whichChildren()).toMatchObject([{ id: "a", pid: world.pid("a") }]);
    }),
  );

  test(
    "supervisor:child_adm: children that have ended without the supervisor's knowledge are not active",
    simulated(async (world) => {
      const inner = supervisor({ name: "inner", strategy: "one_for_one", children: () => [] });
      const sup = await supervise({}, [worker(world, "a"), worker(world, "b"), inner.child([])]);
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 1, workers: 2 });
      await sup.terminateChild("inner");
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 2, supervisors: 1, workers: 2 });
      await Worker.at(world.pid("a")).call.unlink(sup.pid);
      exit(world.pid("a"), "kill");
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 1, supervisors: 1, workers: 2 });
    }),
  );

  test(
    "supervisor:get_callback_module: the module of a running supervisor can be read",
    simulated(async () => {
      const bank = supervisor({ name: "bank_sup", strategy: "one_for_one", children: () => [] });
      const sup = await bank.startLink();
      expect(await sys.getStatus(sup.pid)).toMatchObject({ label: "bank_sup", status: "running" });
    }),
  );

  test(
    "supervisor:order_of_children: started in the order given, listed latest first, stopped in reverse",
    simulated(async (world) => {
      const ids = ["ch7", "ch3", "ch10", "ch2", "ch5"];
      const sup = await supervise(
        { strategy: "rest_for_one" },
        ids.map((id) => worker(world, id)),
      );
      expect(world.trace()).toEqual(ids.map((id) => `+${id}`));
      expect((await sup.whichChildren()).map((child) => child.id)).toEqual([...ids].reverse());

      exit(world.pid("ch10"), "boom");
      await world.settle();
      expect(world.trace()).toEqual(["-ch10 boom", "-ch5 shutdown", "-ch2 shutdown", "+ch10", "+ch2", "+ch5"]);
      expect((await sup.whichChildren()).map((child) => child.id)).toEqual([...ids].reverse());

      await sup.startChild(worker(world, "ch1"));
      expect((await sup.whichChildren()).map((child) => child.id)).toEqual(["ch1", ...[...ids].reverse()]);
      const down = monitor(sup.pid);
      exit(sup.pid, "shutdown");
      await down;
      expect(world.trace()).toEqual(["+ch1", "-ch1 shutdown", ...[...ids].reverse().map((id) => `-${id} shutdown`)]);
    }),
  );

  test(
    "supervisor:do_not_save_start_parameters_for_temporary_children: the arguments of a temporary child are let go, the others' are kept",
    simulated(async (world) => {
      const Sink = genServer({ name: "sink", init: (_large: object) => 0 });
      for (const strategy of ["one_for_one", "one_for_all", "rest_for_one"] as const) {
        const sup = await supervise({ strategy });
        const start = async (restart: "permanent" | "transient" | "temporary") => {
          const large = { text: "Potentially large" };
          await sup.startChild(Sink.child([large], { id: restart, restart }));
          return new WeakRef(large);
        };
        const permanent = await start("permanent");
        const transient = await start("transient");
        const temporary = await start("temporary");
        await world.settle();
        expect(await collected(temporary)).toBe(true);
        expect(permanent.deref()).toBeDefined();
        expect(transient.deref()).toBeDefined();
        expect(await sup.countChildren()).toMatchObject({ active: 3 });
        expect(await sup.getChildSpec("temporary")).toMatchObject({
          id: "temporary",
          restart: "temporary",
          modules: ["sink"],
        });
      }
    }),
  );

  const ends: readonly (readonly [how: string, kept: readonly string[]])[] = [
    ["kill", ["permanent running", "transient running"]],
    ["abnormal", ["permanent running", "transient running"]],
    ["normal", ["permanent running", "transient stopped"]],
    ["terminateChild", ["permanent stopped", "transient stopped"]],
  ];
  test.each(ends)(
    "supervisor:do_not_save_child_specs_for_temporary_children: after %s the spec of a temporary child is gone",
    async (how, kept) => {
      await simulated(async (world) => {
        for (const strategy of ["one_for_one", "one_for_all", "rest_for_one"] as const) {
          const listed: string[] = [];
          for (const restart of ["permanent", "transient", "temporary"] as const) {
            const sup = await supervise({ strategy });
            const spec = worker(world, restart, { restart });
            await sup.startChild(spec);
            if (how === "terminateChild") await sup.terminateChild(restart);
            else if (how === "kill") exit(world.pid(restart), "kill");
            else Worker.at(world.pid(restart)).cast.end(how);
            await world.settle();
            listed.push(...(await sup.whichChildren()).map(({ id, status }) => `${id} ${status}`));
            if (restart === "temporary") await sup.startChild(spec);
          }
          expect(listed).toEqual(kept);
        }
      })();
    },
  );

  test(
    "supervisor:code_change: new flags hold, specs are merged in the new order, nothing is started or stopped",
    simulated(async (world) => {
      const version = (flags: Partial<SupervisorModule<[]>>, ...children: readonly ChildSpec[]) =>
        supervisor({ name: "s", strategy: "one_for_one", ...flags, children: () => children });
      const sup = await version({ intensity: 0, periodMs: 1_000 }).startLink();
      const change = async (to: ReturnType<typeof version>) => {
        await sys.suspend(sup.pid);
        const changed = sys.changeCode(sup.pid, "1", to);
        await changed.catch(() => undefined);
        await sys.resume(sup.pid);
        await changed;
      };
      const ids = async () => (await sup.whichChildren()).map(({ id, status }) => `${id} ${status}`);

      await expect(change(version({}, { id: "a" } as ChildSpec))).rejects.toMatchObject(
        badArgument("start of child a"),
      );
      await expect(change(version({}, worker(world, "a"), worker(world, "a")))).rejects.toMatchObject(
        badArgument("children"),
      );
      await expect(
        change(supervisor({ name: "s", strategy: "one_for_one", children: () => "faulty" as never })),
      ).rejects.toMatchObject({ code: "INTERLOCK_BAD_RETURN" });
      expect(await ids()).toEqual([]);

      await change(
        version({ intensity: 1, periodMs: 3_000 }, worker(world, "a", { shutdownMs: 2_000 }), worker(world, "b")),
      );
      expect(world.trace()).toEqual([]);
      expect(await ids()).toEqual(["b stopped", "a stopped"]);
      await sup.restartChild("a");
      await sup.restartChild("b");
      expect(await sup.getChildSpec("a")).toMatchObject({ shutdownMs: 2_000 });
      // Intensity was 0.
      exit(world.pid("a"), "kill");
      await world.settle();
      expect(world.trace()).toEqual(["+a", "+b", "-a killed", "+a"]);

      await change(
        version({ intensity: 1, periodMs: 3_000 }, worker(world, "a", { shutdownMs: 1_000 }), worker(world, "c")),
      );
      expect(await ids()).toEqual(["b running", "c stopped", "a running"]);
      expect(await sup.getChildSpec("a")).toMatchObject({ shutdownMs: 1_000 });

      await change(version({}, worker(world, "c"), worker(world, "b"), worker(world, "a")));
      expect(await ids()).toEqual(["a running", "b running", "c stopped"]);

      // Ignore during upgrade: all stays.
      await change(supervisor({ name: "s", strategy: "rest_for_one", children: () => ignore() }));
      expect(await ids()).toEqual(["a running", "b running", "c stopped"]);
      expect(world.trace()).toEqual([]);
      await sup.restartChild("c");
      const down = monitor(sup.pid);
      exit(sup.pid, "shutdown");
      await down;
      expect(world.trace()).toEqual(["+c", "-a shutdown", "-b shutdown", "-c shutdown"]);
    }),
  );

  test(
    "supervisor:scale_start_stop_many_children: twice the children are twice the work, to start, to restart and to stop",
    simulated(async (world) => {
      const work = async (count: number) => {
        const sup = await supervise({ intensity: count });
        const specs = Array.from({ length: count }, (_none, at) => worker(world, String(at)));
        const start = await stepsOf(async () => {
          for (const spec of specs) await sup.startChild(spec);
        });
        const restart = await stepsOf(async () => {
          for (const { id } of specs) exit(world.pid(id), "boom");
          await world.settle();
        });
        expect(await sup.countChildren()).toMatchObject({ active: count });
        const terminate = await stepsOf(async () => {
          for (const { id } of specs) await sup.terminateChild(id);
        });
        for (const { id } of specs) await sup.restartChild(id);
        const stop = await stepsOf(() => sup.stop("shutdown"));
        world.reports.length = world.events.length = 0;
        return { start, restart, terminate, stop };
      };
      await work(10);
      const once = await work(1_000);
      const twice = await work(2_000);
      for (const phase of ["start", "restart", "terminate", "stop"] as const)
        expect(twice[phase], phase).toBeLessThan(2.5 * once[phase] + 1_000);
    }),
  );
});
