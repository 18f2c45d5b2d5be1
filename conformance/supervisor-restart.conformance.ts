/** Restart types, strategies, intensity, and restarts that fail. @see supervisor_SUITE */
import { type ChildSpec, defaultNode, exit, isAlive, monitor, type Restart, type SupervisorRef } from "@interlock/core";
import { describe, expect, test } from "vitest";

import { problem } from "./support/refusals.ts";
import { supervise, Worker, worker } from "./support/worker.ts";
import { Hold, simulated, World } from "./support/world.ts";

const HOUR_MS = 3_600_000;

/** Ends the worker from inside. */
async function end(world: World, id: string, reason: unknown): Promise<void> {
  Worker.at(world.pid(id)).cast.end(reason as never);
  await world.settle();
}

async function statuses(sup: SupervisorRef): Promise<readonly string[]> {
  return (await sup.whichChildren()).map(({ id, status }) => `${id} ${status}`);
}

describe("restart types", () => {
  /** What becomes of a child of type `restart` that ends with each of `reasons`. */
  const becomes = (restart: Restart, reasons: readonly unknown[], then: "running" | "stopped" | "gone") =>
    simulated(async (world) => {
      for (const reason of reasons) {
        const sup = await supervise({ intensity: 2, periodMs: HOUR_MS });
        await sup.startChild(worker(world, "a", { restart }));
        const first = world.pid("a");
        if (reason === "killed") exit(first, "kill");
        else if (reason === "error") Worker.at(first).cast.fail();
        else Worker.at(first).cast.end(reason as never);
        await world.settle();
        expect(isAlive(first)).toBe(false);
        expect(isAlive(sup.pid)).toBe(true);
        const active = then === "running" ? 1 : 0;
        const specs = then === "gone" ? 0 : 1;
        expect(await statuses(sup)).toEqual(then === "gone" ? [] : [`a ${then}`]);
        expect(await sup.countChildren()).toEqual({ specs, active, supervisors: 0, workers: specs });
        // A second start of the same: nothing of the first is left.
        if (then === "stopped") await sup.restartChild("a");
        if (then === "gone") await sup.startChild(worker(world, "a", { restart }));
        expect(await statuses(sup)).toEqual(["a running"]);
        expect(world.pid("a")).not.toBe(first);
      }
      // OTP reports every end of a permanent child, of the others only the abnormal ones.
      const abnormal = reasons.some((reason) => reason === "abnormal");
      expect(world.supervisorReports("child_terminated")).toHaveLength(
        restart === "permanent" || abnormal ? reasons.length : 0,
      );
    });

  const NORMAL = ["normal"];
  const SHUTDOWN = ["shutdown", { shutdown: "some_info" }];
  const ABNORMAL = ["abnormal", "killed", "error", { abnormal: "shutdown" }, ["shutdown"], undefined];

  test(
    "supervisor:permanent_normal: a permanent child is started again after normal",
    becomes("permanent", NORMAL, "running"),
  );
  test(
    "supervisor:transient_normal: a transient child stays stopped after normal, its spec is kept",
    becomes("transient", NORMAL, "stopped"),
  );
  test("supervisor:temporary_normal: a temporary child is gone after normal", becomes("temporary", NORMAL, "gone"));
  test(
    "supervisor:permanent_shutdown: a permanent child is started again after shutdown and { shutdown }",
    becomes("permanent", SHUTDOWN, "running"),
  );
  test(
    "supervisor:transient_shutdown: a transient child stays stopped after shutdown and { shutdown }",
    becomes("transient", SHUTDOWN, "stopped"),
  );
  test(
    "supervisor:temporary_shutdown: a temporary child is gone after shutdown and { shutdown }",
    becomes("temporary", SHUTDOWN, "gone"),
  );
  test(
    "supervisor:permanent_abnormal: a permanent child is started again after a failure",
    becomes("permanent", ABNORMAL, "running"),
  );
  test(
    "supervisor:transient_abnormal: a transient child is started again after a failure",
    becomes("transient", ABNORMAL, "running"),
  );
  test(
    "supervisor:temporary_abnormal: a temporary child is gone after a failure",
    becomes("temporary", ABNORMAL, "gone"),
  );
});

describe("intensity", () => {
  test(
    "supervisor:multiple_restarts: restarts count within a sliding period, however many there are in all",
    simulated(async (world) => {
      const sup = await supervise({ intensity: 2, periodMs: 1_000 }, [
        worker(world, "a", { shutdownMs: "brutal_kill" }),
        worker(world, "b"),
      ]);
      world.trace();
      const kill = async (id: string) => {
        exit(world.pid(id), "kill");
        await world.settle();
      };
      // Never three within a second, whoever it is.
      await kill("a");
      for (let round = 0; round < 20; round++) {
        await world.advance(501);
        await kill(round % 2 === 0 ? "b" : "a");
      }
      expect(world.trace()).toHaveLength(42);
      expect(isAlive(sup.pid)).toBe(true);

      // The end of the period still belongs to it.
      await world.advance(5_000);
      await kill("a");
      await world.advance(400);
      await kill("a");
      const down = monitor(sup.pid);
      await world.advance(600);
      world.trace();
      exit(world.pid("a"), "kill");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-a killed", "-b shutdown"]);
      expect(world.supervisorReports("shutdown")).toMatchObject([
        { reason: "reached_max_restart_intensity", childId: "a", supervisor: "sup" },
      ]);
    }),
  );

  test(
    "supervisor:multiple_restarts: a millisecond after the period the first restart counts no more",
    simulated(async (world) => {
      const sup = await supervise({ intensity: 2, periodMs: 1_000 }, [worker(world, "a")]);
      for (const pause of [400, 601, 400, 601]) {
        exit(world.pid("a"), "kill");
        await world.advance(pause);
      }
      exit(world.pid("a"), "kill");
      await world.settle();
      expect(await statuses(sup)).toEqual(["a running"]);
    }),
  );

  test(
    "supervisor:multiple_restarts: with intensity 0 the first failure ends the supervisor",
    simulated(async (world) => {
      const sup = await supervise({ intensity: 0 }, [worker(world, "a"), worker(world, "b")]);
      const down = monitor(sup.pid);
      world.trace();
      exit(world.pid("b"), "boom");
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["-b boom", "-a shutdown"]);
    }),
  );
});

describe("strategies", () => {
  const three = (world: World, options?: Parameters<typeof worker>[2]): readonly ChildSpec[] =>
    ["a", "b", "c"].map((id) => worker(world, id, options));

  test(
    "supervisor:one_for_one: only the failed child is started again",
    simulated(async (world) => {
      const sup = await supervise({ strategy: "one_for_one", intensity: 2, periodMs: HOUR_MS }, three(world));
      world.trace();
      await end(world, "a", "died");
      expect(world.trace()).toEqual(["-a died", "+a"]);
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
      await end(world, "c", "died");
      expect(world.trace()).toEqual(["-c died", "+c"]);
      // The third within the period.
      await end(world, "b", "died");
      expect(world.trace()).toEqual(["-b died", "-c shutdown", "-a shutdown"]);
      expect(isAlive(sup.pid)).toBe(false);
    }),
  );

  test(
    "supervisor:one_for_all: all the others stop in reverse order, then all start in order",
    simulated(async (world) => {
      const sup = await supervise(
        { strategy: "one_for_all", intensity: 2, periodMs: HOUR_MS },
        three(world, { manners: "tidy" }),
      );
      world.trace();
      await end(world, "b", "died");
      expect(world.trace()).toEqual(["-b died", "-c shutdown", "-a shutdown", "+a", "+b", "+c"]);
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
      await end(world, "a", "died");
      expect(world.trace()).toEqual(["-a died", "-c shutdown", "-b shutdown", "+a", "+b", "+c"]);
      await end(world, "c", "died");
      expect(world.trace()).toEqual(["-c died", "-b shutdown", "-a shutdown"]);
      expect(isAlive(sup.pid)).toBe(false);
    }),
  );

  test(
    "supervisor:one_for_all: several that fail at once are one restart",
    simulated(async (world) => {
      const sup = await supervise({ strategy: "one_for_all", intensity: 1, periodMs: HOUR_MS }, three(world));
      world.trace();
      exit(world.pid("b"), "kill");
      exit(world.pid("c"), "boom");
      await world.settle();
      expect(world.trace()).toEqual(["-b killed", "-c boom", "-a shutdown", "+a", "+b", "+c"]);
      expect(isAlive(sup.pid)).toBe(true);
      // OTP: the one that was found dead is reported with its own reason.
      expect(world.supervisorReports().map(({ childId, context, reason }) => [context, childId, reason])).toEqual([
        ["child_terminated", "b", "killed"],
        ["shutdown_error", "c", "boom"],
      ]);
    }),
  );

  test(
    "supervisor:rest_for_one: those started after the failed child stop and start again with it",
    simulated(async (world) => {
      const sup = await supervise({ strategy: "rest_for_one", intensity: 2, periodMs: HOUR_MS }, three(world));
      world.trace();
      await end(world, "b", "died");
      expect(world.trace()).toEqual(["-b died", "-c shutdown", "+b", "+c"]);
      expect(await sup.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
      await end(world, "c", "died");
      expect(world.trace()).toEqual(["-c died", "+c"]);
      await end(world, "b", "died");
      expect(world.trace()).toEqual(["-b died", "-c shutdown", "-a shutdown"]);
      expect(isAlive(sup.pid)).toBe(false);
    }),
  );

  const escalations = [
    // `b` fails: tried again and again until the intensity is spent, then the rest is stopped.
    ["one_for_one", ["-b died", "!b", "!b", "!b", "!b", "-c shutdown", "-a shutdown"]],
    [
      "one_for_all",
      [
        "-b died",
        "-c shutdown",
        "-a shutdown",
        "+a",
        "!b",
        "-a shutdown",
        "+a",
        "!b",
        "-a shutdown",
        "+a",
        "!b",
        "-a shutdown",
        "+a",
        "!b",
        "-a shutdown",
      ],
    ],
    ["rest_for_one", ["-b died", "-c shutdown", "!b", "!b", "!b", "!b", "-a shutdown"]],
  ] as const;
  test.each(escalations)(
    "supervisor:%s_escalation: a child that cannot be started again ends its supervisor, which stops the others",
    async (strategy, expected) => {
      await simulated(async (world) => {
        const sup = await supervise({ strategy, intensity: 4, periodMs: HOUR_MS }, three(world));
        const down = monitor(sup.pid);
        world.script("b", ...Array.from({ length: 9 }, () => ({ fail: "error" })));
        world.trace();
        await end(world, "b", "died");
        expect((await down).reason).toBe("shutdown");
        expect(world.trace()).toEqual(expected);
        expect(world.supervisorReports("start_error")).toHaveLength(4);
        expect(world.supervisorReports("shutdown")).toMatchObject([
          { childId: "b", childPid: undefined, reason: "reached_max_restart_intensity" },
        ]);
      })();
    },
  );

  test(
    "supervisor:one_for_all_other_child_fails_restart: what had started already is stopped again, then all are tried anew",
    simulated(async (world) => {
      const sup = await supervise({ strategy: "one_for_all", intensity: 3, periodMs: HOUR_MS }, three(world));
      world.script("b", { fail: "normal" });
      world.trace();
      exit(world.pid("a"), "die");
      await world.settle();
      expect(world.trace()).toEqual([
        "-a die",
        "-c shutdown",
        "-b shutdown",
        "+a",
        "!b",
        "-a shutdown",
        "+a",
        "+b",
        "+c",
      ]);
      expect(await statuses(sup)).toEqual(["c running", "b running", "a running"]);
      // That were two restarts of three.
      exit(world.pid("c"), "die");
      await world.settle();
      expect(isAlive(sup.pid)).toBe(true);
      exit(world.pid("c"), "die");
      await world.settle();
      expect(isAlive(sup.pid)).toBe(false);
    }),
  );

  test(
    "supervisor:rest_for_one_other_child_fails_restart: the next try begins with the one that failed",
    simulated(async (world) => {
      const sup = await supervise({ strategy: "rest_for_one", intensity: 3, periodMs: HOUR_MS }, three(world));
      world.script("b", { fail: "normal" });
      world.trace();
      exit(world.pid("a"), "die");
      await world.settle();
      expect(world.trace()).toEqual(["-a die", "-c shutdown", "-b shutdown", "+a", "!b", "+b", "+c"]);
      expect(await statuses(sup)).toEqual(["c running", "b running", "a running"]);
    }),
  );

  test(
    "supervisor:rest_for_one_other_child_fails_restart: a child that waits for its next try does not start before one that failed after it",
    simulated(async (world) => {
      const sup = await supervise({ strategy: "rest_for_one", intensity: 3, periodMs: HOUR_MS }, three(world));
      world.script("c", { fail: "c once" });
      world.script("a", { fail: "a once" });
      world.trace();
      exit(world.pid("c"), "die");
      exit(world.pid("a"), "die");
      await world.settle();
      expect(world.trace()).toEqual(["-c die", "-a die", "!c", "-b shutdown", "!a", "+a", "+b", "+c"]);
      // Three restarts, and not one more for the try of c that had become needless.
      expect(isAlive(sup.pid)).toBe(true);
      expect(await statuses(sup)).toEqual(["c running", "b running", "a running"]);
    }),
  );

  test(
    "supervisor:temporary_bystander: a temporary sibling that is stopped with the others is not started again",
    simulated(async (world) => {
      for (const strategy of ["one_for_all", "rest_for_one"] as const) {
        const sup = await supervise({ strategy, intensity: 2, periodMs: HOUR_MS });
        await sup.startChild(worker(world, "a", { shutdownMs: 100 }));
        await sup.startChild(worker(world, "b", { shutdownMs: 100, restart: "temporary" }));
        world.trace();
        await end(world, "a", "normal");
        await world.advance(350);
        expect(world.trace()).toEqual(["-a normal", "-b shutdown", "+a"]);
        expect(await statuses(sup)).toEqual(["a running"]);
        // Its own end touches nobody.
        await sup.startChild(worker(world, "b", { restart: "temporary" }));
        world.trace();
        await end(world, "b", "boom");
        expect(world.trace()).toEqual(["-b boom"]);
      }
    }),
  );
});

describe("a restart that hangs", () => {
  test(
    "supervisor:hanging_restart_loop: what is asked between two tries is answered, and terminateChild ends the trying",
    simulated(async (world) => {
      const spec = worker(world, "a", { shutdownMs: "brutal_kill" });
      const sup = await supervise({ intensity: 8, periodMs: 10_000 });
      await sup.startChild(spec);
      const old = world.pid("a");
      const hold = new Hold();
      world.script("a", { hold });
      exit(old, "error");
      await hold.reached;
      const answers = Promise.allSettled([
        sup.startChild(spec),
        sup.restartChild("a"),
        sup.deleteChild("a"),
        sup.whichChildren(),
        sup.countChildren(),
        sup.terminateChild("a"),
        sup.whichChildren(),
      ]);
      hold.decide({ fail: "no" });
      const refused = (of: Parameters<typeof problem>[0]) => ({ status: "rejected", reason: problem(of) });
      expect(await answers).toMatchObject([
        refused("already_present"),
        refused("restarting"),
        refused("restarting"),
        { value: [{ id: "a", pid: undefined, status: "restarting" }] },
        { value: { specs: 1, active: 0, supervisors: 0, workers: 1 } },
        { status: "fulfilled" },
        { value: [{ id: "a", pid: undefined, status: "stopped" }] },
      ]);
      await world.settle();
      expect(world.trace()).toEqual(["+a", "-a error", "!a"]);

      expect(await sup.restartChild("a")).toBe(world.pid("a"));
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

  test("supervisor:hanging_restart_loop: a child that fails at every start starves nobody", async () => {
    // The default node, as the clock must move: a supervisor with work at hand lets the event loop go on after a turn.
    const world = new World();
    let tries = 0;
    const failing: ChildSpec = {
      id: "failing",
      start: () => {
        if (tries++ > 0) throw new Error("never again");
        return Worker.startLink(world, "a");
      },
    };
    const { onReport } = defaultNode();
    defaultNode().onReport = () => undefined;
    const sup = await supervise({ intensity: 1_000_000_000 }, [failing, worker(world, "b")]);
    exit(world.pid("a"), "kill");
    for (let times = 0; times < 3; times++) {
      await new Promise((resolve) => void setImmediate(resolve));
      expect(await statuses(sup)).toEqual(["b running", "failing restarting"]);
      expect(await Worker.at(world.pid("b")).call.id()).toBe("b");
    }
    await sup.terminateChild("failing");
    const then = tries;
    expect(then).toBeGreaterThan(1);
    await sup.stop("shutdown");
    expect(tries).toBe(then);
    defaultNode().onReport = onReport;
  });

  test(
    "supervisor:hanging_restart_loop_rest_for_one: the rest waits for the child that cannot start, terminateChild ends the trying",
    simulated(async (world) => {
      const specs = ["a", "b", "c"].map((id) => worker(world, id, { shutdownMs: "brutal_kill" }));
      const sup = await supervise({ strategy: "rest_for_one", intensity: 8, periodMs: 10_000 }, specs);
      const hold = new Hold();
      world.script("b", { hold });
      world.trace();
      exit(world.pid("b"), "error");
      await hold.reached;
      const answers = Promise.allSettled([
        sup.startChild(specs[1] as ChildSpec),
        sup.restartChild("b"),
        sup.deleteChild("b"),
        statuses(sup),
        sup.countChildren(),
        sup.terminateChild("b"),
        statuses(sup),
      ]);
      hold.decide({ fail: "no" });
      expect(await answers).toMatchObject([
        { reason: problem("already_present") },
        { reason: problem("restarting") },
        { reason: problem("restarting") },
        { value: ["c stopped", "b restarting", "a running"] },
        { value: { specs: 3, active: 1, supervisors: 0, workers: 3 } },
        { status: "fulfilled" },
        { value: ["c stopped", "b stopped", "a running"] },
      ]);
      await world.settle();
      expect(world.trace()).toEqual(["-b error", "-c killed", "!b"]);

      await sup.restartChild("b");
      const again = new Hold();
      world.script("b", { hold: again });
      exit(world.pid("b"), "error");
      await again.reached;
      const down = monitor(sup.pid);
      exit(sup.pid, "shutdown");
      again.decide({ fail: "no" });
      expect((await down).reason).toBe("shutdown");
      expect(world.trace()).toEqual(["+b", "-b error", "!b", "-a killed"]);
    }),
  );
});
