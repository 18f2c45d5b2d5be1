/** Automatic shutdown when significant children end. @see supervisor_SUITE, group significant */
import { dynamicSupervisor, exit, isAlive, monitor, type Restart, supervisor, sys } from "@interlock/core";
import { expect, test } from "vitest";

import { badArgument } from "./support/refusals.ts";
import { supervise, Worker, worker } from "./support/worker.ts";
import { Hold, simulated, type World } from "./support/world.ts";

type AutoShutdown = "never" | "any_significant" | "all_significant";
type How = "terminateChild" | "kill" | "abnormal" | "normal" | "shutdown";

async function end(world: World, id: string, how: How): Promise<void> {
  if (how === "kill") exit(world.pid(id), "kill");
  else Worker.at(world.pid(id)).cast.end(how);
  await world.settle();
}

/** A supervisor of two significant children a and b, and c that is not. */
const three = (world: World, restart: Restart, autoShutdown: AutoShutdown) =>
  supervise({ intensity: 5, autoShutdown }, [
    worker(world, "a", { restart, significant: true }),
    worker(world, "b", { restart, significant: true }),
    worker(world, "c", { restart, significant: false }),
  ]);

for (const restart of ["temporary", "transient"] as const)
  test(
    `supervisor:nonsignificant_${restart}: however a child without significance ends, its supervisor stays`,
    simulated(async (world) => {
      for (const autoShutdown of ["never", "any_significant", "all_significant"] as const) {
        const sup = await supervise({ intensity: 5, autoShutdown });
        const spec = worker(world, "a", { restart, significant: false });
        await sup.startChild(spec);
        await sup.terminateChild("a");
        if (restart === "transient") await sup.restartChild("a");
        for (const how of ["kill", "abnormal", "normal"] as const) {
          if (restart === "temporary") await sup.startChild(spec);
          await end(world, "a", how);
          expect(isAlive(sup.pid), `${autoShutdown}, ${how}`).toBe(true);
        }
        expect(await sup.countChildren()).toMatchObject({ specs: restart === "temporary" ? 0 : 1, active: 0 });
      }
    }),
  );

test(
  "supervisor:significant_temporary: any end of a significant temporary child ends the supervisor, but for one by terminateChild",
  simulated(async (world) => {
    for (const how of ["kill", "abnormal", "normal", "shutdown"] as const) {
      const sup = await three(world, "temporary", "any_significant");
      await sup.terminateChild("a");
      await end(world, "c", how);
      expect(isAlive(sup.pid)).toBe(true);
      expect(isAlive(world.pid("b"))).toBe(true);
      await sup.startChild(worker(world, "a", { restart: "temporary", significant: true }));
      const down = monitor(sup.pid);
      world.trace();
      await end(world, "a", how);
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual([`-a ${how === "kill" ? "killed" : how}`, "-b shutdown"]);
    }
    // All: the last one decides.
    const sup = await three(world, "temporary", "all_significant");
    world.trace();
    await end(world, "a", "normal");
    expect(isAlive(sup.pid)).toBe(true);
    await end(world, "b", "abnormal");
    expect(isAlive(sup.pid)).toBe(false);
    expect(world.trace()).toEqual(["-a normal", "-b abnormal", "-c shutdown"]);
  }),
);

test(
  "supervisor:significant_transient: only an end that is not followed by a restart counts",
  simulated(async (world) => {
    const sup = await three(world, "transient", "any_significant");
    await sup.terminateChild("a");
    expect(isAlive(sup.pid)).toBe(true);
    await sup.restartChild("a");
    for (const how of ["kill", "abnormal"] as const) {
      await end(world, "a", how);
      expect((await sup.countChildren()).active).toBe(3);
    }
    const down = monitor(sup.pid);
    world.trace();
    await end(world, "a", "normal");
    expect((await down).reason).toBe("shutdown");
    expect(world.trace()).toEqual(["-a normal", "-c shutdown", "-b shutdown"]);

    const all = await three(world, "transient", "all_significant");
    await end(world, "a", "normal");
    await end(world, "b", "kill");
    expect(isAlive(all.pid)).toBe(true);
    await all.restartChild("a");
    await end(world, "b", "shutdown");
    expect(isAlive(all.pid)).toBe(true);
    world.trace();
    await end(world, "a", "normal");
    expect(world.trace()).toEqual(["-a normal", "-c shutdown"]);
    expect(isAlive(all.pid)).toBe(false);
  }),
);

test(
  "supervisor:significant_transient: a significant child between two tries to start again is still there",
  simulated(async (world) => {
    const sup = await three(world, "transient", "all_significant");
    const hold = new Hold();
    world.script("a", { hold });
    exit(world.pid("a"), "kill");
    await hold.reached;
    exit(world.pid("b"), "shutdown");
    hold.decide({ fail: "once" });
    await world.settle();
    expect(await sup.countChildren()).toMatchObject({ specs: 3, active: 2 });
    await end(world, "a", "normal");
    expect(isAlive(sup.pid)).toBe(false);
  }),
);

test(
  "supervisor:significant_simple: dynamic children can be significant, the last or any of them",
  simulated(async (world) => {
    for (const autoShutdown of ["any_significant", "all_significant"] as const) {
      const sup = await dynamicSupervisor(Worker, {
        restart: "temporary",
        significant: true,
        autoShutdown,
      }).startLink();
      await sup.startChild(world, "a");
      await sup.startChild(world, "b");
      await sup.terminateChild(world.pid("b"));
      await sup.startChild(world, "b");
      expect(isAlive(sup.pid)).toBe(true);
      await end(world, "a", "normal");
      expect(isAlive(sup.pid)).toBe(autoShutdown === "all_significant");
      await end(world, "b", "abnormal");
      expect(isAlive(sup.pid)).toBe(false);
    }
    const without = await dynamicSupervisor(Worker, {
      restart: "temporary",
      autoShutdown: "any_significant",
    }).startLink();
    await without.startChild(world, "a");
    await end(world, "a", "normal");
    expect(isAlive(without.pid)).toBe(true);
    // The same combinations are refused as of static children.
    const argument = (options: Parameters<typeof dynamicSupervisor>[1]) => {
      try {
        dynamicSupervisor(Worker, options);
        return "none";
      } catch (error) {
        return (error as { details: { argument: string } }).details.argument;
      }
    };
    const fault = "significant of child worker";
    expect(argument({ significant: true, autoShutdown: "any_significant" })).toBe(fault);
    expect(argument({ significant: true, restart: "temporary" })).toBe(fault);
    expect(argument({ restart: "sometimes" as never })).toBe("restart of child worker");
    expect(argument({ shutdownMs: -1 })).toBe("shutdownMs of child worker");
  }),
);

test(
  "supervisor:significant_bystander: significant children that are stopped for a sibling's sake end nothing",
  simulated(async (world) => {
    for (const strategy of ["one_for_one", "one_for_all", "rest_for_one"] as const)
      for (const autoShutdown of ["any_significant", "all_significant"] as const) {
        const sup = await supervise({ strategy, intensity: 5, autoShutdown }, [
          worker(world, "a", { restart: "transient", significant: true }),
          worker(world, "b", { restart: "transient", significant: false }),
          worker(world, "c", { restart: "transient", significant: true }),
        ]);
        world.trace();
        await end(world, "b", "kill");
        expect(world.trace()).toEqual(
          {
            one_for_one: ["-b killed", "+b"],
            one_for_all: ["-b killed", "-c shutdown", "-a shutdown", "+a", "+b", "+c"],
            rest_for_one: ["-b killed", "-c shutdown", "+b", "+c"],
          }[strategy],
        );
        expect(isAlive(sup.pid)).toBe(true);
        // Nor do temporary ones, which are gone after it.
        await sup.startChild(worker(world, "d", { restart: "temporary", significant: true }));
        await end(world, "b", "kill");
        expect(isAlive(sup.pid)).toBe(true);
      }
  }),
);

test(
  "supervisor:significant_escalation: a supervisor that ends so is itself a child that ended with shutdown",
  simulated(async (world) => {
    const inner = supervisor({
      name: "inner",
      strategy: "one_for_one",
      autoShutdown: "any_significant",
      children: () => [],
    });
    for (const significant of [true, false]) {
      const top = await supervise({ autoShutdown: "any_significant" }, [
        inner.child([], { restart: "transient", significant }),
        worker(world, "z"),
      ]);
      await inner.at(world.pid("inner")).startChild(worker(world, "a", { restart: "transient", significant: true }));
      world.trace();
      await end(world, "a", "normal");
      expect(world.trace()).toEqual(["-a normal", "-inner shutdown", ...(significant ? ["-z shutdown"] : [])]);
      expect(isAlive(top.pid)).toBe(!significant);
      if (!significant)
        expect(await top.whichChildren()).toMatchObject([{ id: "z" }, { id: "inner", status: "stopped" }]);
    }
  }),
);

const upgrades: readonly (readonly [from: AutoShutdown, to: AutoShutdown])[] = [
  ["never", "any_significant"],
  ["never", "all_significant"],
  ["any_significant", "never"],
  ["any_significant", "all_significant"],
  ["all_significant", "never"],
  ["all_significant", "any_significant"],
];
test.each(upgrades)(
  "supervisor:significant_upgrade_any_all: after a change of code from %s to %s the new rule holds for the old children",
  async (from, to) => {
    await simulated(async (world) => {
      const version = (autoShutdown: AutoShutdown) =>
        supervisor({ name: "s", strategy: "one_for_one", autoShutdown, children: () => [] });
      const spec = (id: string) => worker(world, id, { restart: "transient", significant: true });
      const sup = await version(from).startLink();
      const startAll = async () => {
        for (const id of ["a", "b"]) await sup.startChild(spec(id));
      };
      if (from === "never")
        await expect(sup.startChild(spec("a"))).rejects.toMatchObject(badArgument("significant of child a"));
      else await startAll();
      await sys.suspend(sup.pid);
      await sys.changeCode(sup.pid, "1", version(to));
      await sys.resume(sup.pid);
      await world.settle();
      if (from === "never") await startAll();
      if (to === "never")
        await expect(sup.startChild(spec("c"))).rejects.toMatchObject(badArgument("significant of child c"));
      await end(world, "a", "normal");
      expect(isAlive(sup.pid)).toBe(to !== "any_significant");
      await end(world, "b", "normal");
      expect(isAlive(sup.pid)).toBe(to === "never");
      if (to === "never") expect(await sup.restartChild("a")).toBe(world.pid("a"));
    })();
  },
);

test(
  "supervisor:significant_upgrade_any_all: a change of code makes a running child significant, or ends that",
  simulated(async (world) => {
    const version = (autoShutdown: AutoShutdown, significant: boolean) =>
      supervisor({
        name: "s",
        strategy: "one_for_one",
        autoShutdown,
        children: () => [worker(world, "a", { restart: "transient", significant })],
      });
    const changed = async (from: ReturnType<typeof version>, to: ReturnType<typeof version>) => {
      const sup = await from.startLink();
      await sys.suspend(sup.pid);
      const outcome = sys.changeCode(sup.pid, "1", to);
      await outcome.catch(() => undefined);
      await sys.resume(sup.pid);
      return { sup, outcome };
    };
    const refused = await changed(version("never", false), version("never", true));
    await expect(refused.outcome).rejects.toMatchObject(badArgument("significant of child a"));
    expect(isAlive(refused.sup.pid)).toBe(true);

    const made = await changed(version("any_significant", false), version("any_significant", true));
    await end(world, "a", "normal");
    expect(isAlive(made.sup.pid)).toBe(false);

    const unmade = await changed(version("any_significant", true), version("any_significant", false));
    await end(world, "a", "normal");
    expect(isAlive(unmade.sup.pid)).toBe(true);
  }),
);
