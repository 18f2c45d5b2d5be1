/** How a supervisor ends its children, and what it does with those that end otherwise. @see supervisor_SUITE */
import { exit, isAlive, local, monitor, processInfo, send, supervisor, whereis } from "@interlock/core";
import { expect, test } from "vitest";

import { supervise, Worker, worker } from "./support/worker.ts";
import { simulated, type World } from "./support/world.ts";

const shutdownErrors = (world: World) =>
  world.supervisorReports("shutdown_error").map(({ childId, reason }) => [childId, reason]);

test(
  "supervisor:sup_stop_infinity: with infinity a child has all the time it wants, be it a supervisor or a worker",
  simulated(async (world) => {
    const sup = await supervise({}, [
      worker(world, "a", { shutdownMs: "infinity" }),
      worker(world, "b", { shutdownMs: "infinity", manners: { slowMs: 86_400_000 } }),
      supervisor({
        name: "inner",
        strategy: "one_for_one",
        children: () => [worker(world, "c", { manners: { slowMs: 9_000 } })],
      }).child([], { shutdownMs: "infinity" }),
    ]);
    const down = monitor(sup.pid);
    world.trace();
    exit(sup.pid, "shutdown");
    await world.advance(4_999);
    expect(world.trace()).toEqual([]);
    // The worker below has its 5 000 ms, its supervisor whatever that takes.
    await world.advance(1);
    expect(world.trace()).toEqual(["-c killed", "-inner shutdown"]);
    await world.advance(86_399_999);
    expect(isAlive(sup.pid)).toBe(true);
    await world.advance(1);
    expect((await down).reason).toBe("shutdown");
    expect(world.trace()).toEqual(["-b shutdown", "-a shutdown"]);
  }),
);

test(
  "supervisor:sup_stop_timeout: a child that has not ended within its time is killed, and that is reported",
  simulated(async (world) => {
    const sup = await supervise({}, [
      worker(world, "a", { shutdownMs: 1_000, manners: "tidy" }),
      worker(world, "b", { shutdownMs: 1_000, manners: "deaf" }),
      worker(world, "c", { shutdownMs: 1_000, manners: { slowMs: 999 } }),
      worker(world, "d", { shutdownMs: 0, manners: { slowMs: 1 } }),
    ]);
    const down = monitor(sup.pid);
    world.trace();
    exit(sup.pid, "shutdown");
    await world.advance(998);
    expect(world.trace()).toEqual(["-d killed"]);
    await world.advance(1);
    expect(world.trace()).toEqual(["-c shutdown"]);
    await world.advance(999);
    expect(world.trace()).toEqual([]);
    await world.advance(1);
    expect(world.trace()).toEqual(["-b killed", "-a shutdown"]);
    expect((await down).reason).toBe("shutdown");
    expect(shutdownErrors(world)).toEqual([
      ["d", "killed"],
      ["b", "killed"],
    ]);
  }),
);

test(
  "supervisor:sup_stop_brutal_kill: brutal_kill ends a child without a word to it",
  simulated(async (world) => {
    const sup = await supervise({}, [
      worker(world, "a", { shutdownMs: 1_000, manners: "tidy" }),
      worker(world, "b", { shutdownMs: "brutal_kill", manners: "deaf" }),
      worker(world, "c", { shutdownMs: "brutal_kill", manners: { endsWith: "never asked" } }),
    ]);
    const down = monitor(sup.pid);
    world.trace();
    exit(sup.pid, "shutdown");
    await world.settle();
    expect(world.trace()).toEqual(["-c killed", "-b killed", "-a shutdown"]);
    expect((await down).reason).toBe("shutdown");
    expect(shutdownErrors(world)).toEqual([]);
  }),
);

test(
  "supervisor:sup_stop_race: children that end by themselves meanwhile hold nothing up, and are reported with their own reasons",
  simulated(async (world) => {
    const reasons = ["normal", "shutdown", { shutdown: "test" }, "other"] as const;
    const restarts = ["temporary", "transient", "permanent"] as const;
    const named = restarts.flatMap((restart) =>
      reasons.map((reason) => ({ id: `${restart} ${JSON.stringify(reason)}`, reason, restart })),
    );
    const sup = await supervise({ intensity: 2, periodMs: 3_600_000 }, [
      worker(world, "a", { restart: "temporary", shutdownMs: 1_000 }),
      ...named.map(({ id, restart }) => worker(world, id, { restart, shutdownMs: 1_000, manners: "tidy" })),
      worker(world, "z", { restart: "temporary", shutdownMs: 2_000, manners: { slowMs: 1_000 } }),
    ]);
    const down = monitor(sup.pid);
    world.trace();
    exit(sup.pid, "shutdown");
    await world.advance(200);
    for (const { id, reason } of named) Worker.at(world.pid(id)).cast.end(reason);
    await world.settle();
    expect(world.events.map(({ id, reason }) => [id, reason])).toEqual(named.map(({ id, reason }) => [id, reason]));
    world.trace();
    await world.advance(800);
    expect((await down).reason).toBe("shutdown");
    expect(world.trace()).toEqual(["-z shutdown", "-a shutdown"]);
    // What was not asked for is odd, of a permanent child even when it is a normal end.
    expect(shutdownErrors(world)).toEqual([
      ['permanent "other"', "other"],
      ['permanent {"shutdown":"test"}', { shutdown: "test" }],
      ['permanent "normal"', "normal"],
      ['transient "other"', "other"],
      ['temporary "other"', "other"],
    ]);
    expect(world.supervisorReports("child_terminated")).toEqual([]);
  }),
);

test(
  "supervisor:sup_stop_race: a child that unlinks itself and ends while it is shut down is still met",
  simulated(async (world) => {
    const sup = await supervise({}, [worker(world, "a", { shutdownMs: "infinity", manners: { slowMs: 100 } })]);
    await Worker.at(world.pid("a")).call.unlink(sup.pid);
    const down = monitor(sup.pid);
    exit(sup.pid, "shutdown");
    await world.advance(99);
    expect(isAlive(sup.pid)).toBe(true);
    await world.advance(1);
    expect((await down).reason).toBe("shutdown");
    expect(isAlive(world.pid("a"))).toBe(false);
  }),
);

test(
  "supervisor:child_unlink: a child that has unlinked itself is stopped by terminateChild, and the supervisor goes on",
  simulated(async (world) => {
    const sup = await supervise({}, [
      worker(world, "a", { shutdownMs: 1_000, manners: "deaf" }),
      worker(world, "b", { shutdownMs: "brutal_kill" }),
      worker(world, "c"),
      worker(world, "d"),
    ]);
    for (const id of ["a", "b", "c", "d"]) await Worker.at(world.pid(id)).call.unlink(sup.pid);
    world.trace();
    const terminated = sup.terminateChild("a");
    send(sup.pid, "foo" as never);
    await world.advance(1_000);
    await terminated;
    expect(world.trace()).toEqual(["-a killed"]);
    expect(processInfo(sup.pid)?.mailboxLength).toBe(0);
    await sup.terminateChild("b");
    await sup.terminateChild("c");
    expect(world.trace()).toEqual(["-b killed", "-c shutdown"]);
    // One that ended unseen is met as well: OTP's monitor says noproc, and that is reported.
    exit(world.pid("d"), "kill");
    await world.settle();
    await sup.terminateChild("d");
    expect(shutdownErrors(world)).toEqual([
      ["a", "killed"],
      ["d", "noproc"],
    ]);
    expect(await sup.countChildren()).toEqual({ specs: 4, active: 0, supervisors: 0, workers: 4 });
    expect(world.reports.filter((report) => report.type === "warning")).toMatchObject([
      { pid: sup.pid, details: "foo" },
    ]);
  }),
);

test(
  "supervisor:tree: a tree stops depth first, and a subtree that gives up comes back as its module lists it",
  simulated(async (world) => {
    const inner = (name: string, ids: readonly string[]) =>
      supervisor({
        name,
        strategy: "one_for_one",
        intensity: 4,
        periodMs: 3_600_000,
        children: () => ids.map((id) => worker(world, id)),
      });
    const one = inner("one", ["a", "b"]);
    const two = inner("two", []);
    const three = inner("three", []);
    const top = await supervise({ strategy: "one_for_all", intensity: 4, periodMs: 3_600_000 }, [
      one.child([], { name: local("one") }),
      two.child([], { name: local("two") }),
      three.child([], { restart: "transient" }),
    ]);
    await top.terminateChild("three");
    expect(await top.countChildren()).toEqual({ specs: 3, active: 2, supervisors: 3, workers: 0 });
    const first = one.at(local("one"));
    const second = two.at(local("two"));
    expect((await first.whichChildren()).map(({ id }) => id)).toEqual(["b", "a"]);

    // Dynamic children.
    await second.startChild(worker(world, "c"));
    await second.startChild(worker(world, "d"));
    world.trace();
    Worker.at(world.pid("d")).cast.end("died");
    await world.settle();
    expect(world.trace()).toEqual(["-d died", "+d"]);
    expect((await second.whichChildren()).map(({ pid }) => pid)).toEqual([world.pid("d"), world.pid("c")]);

    // The third restart of `two` in all: c cannot start any more, so that `two` gives up.
    world.script("c", ...Array.from({ length: 4 }, () => ({ fail: "error" })));
    const olds = [world.pid("one"), world.pid("two")];
    Worker.at(world.pid("c")).cast.end("died");
    await world.settle();
    expect(world.trace()).toEqual([
      "-c died",
      "!c",
      "!c",
      "!c",
      "-d shutdown",
      "-two shutdown",
      "-b shutdown",
      "-a shutdown",
      "-one shutdown",
      "+a",
      "+b",
    ]);
    // OTP: one_for_all starts the stopped sibling as well.
    expect((await top.whichChildren()).map(({ id, status }) => `${id} ${status}`)).toEqual([
      "three running",
      "two running",
      "one running",
    ]);
    expect(olds.map(isAlive)).toEqual([false, false]);
    expect((await one.at(local("one")).whichChildren()).map(({ status }) => status)).toEqual(["running", "running"]);
    expect(await two.at(local("two")).whichChildren()).toEqual([]);

    const down = monitor(top.pid);
    exit(top.pid, "shutdown");
    expect((await down).reason).toBe("shutdown");
    expect(world.trace()).toEqual(["-three shutdown", "-two shutdown", "-b shutdown", "-a shutdown", "-one shutdown"]);
    expect(whereis(local("one"))).toBeUndefined();
  }),
);
