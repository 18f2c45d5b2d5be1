import { describe, expect, test } from "vitest";
import {
  type AnyApplication,
  application,
  changeConfig,
  configFiles,
  ensureAllStarted,
  exit,
  genServer,
  getEnv,
  isError,
  jsonFile,
  local,
  monitor,
  noreply,
  onNodeStop,
  processInfo,
  reply,
  self,
  startApplication,
  stop,
  stopAllApplications,
  stopApplication,
  supervisor,
  traceConfig,
  watchConfig,
  whereis,
  whichApplications,
} from "../index.ts";
import { TestNode } from "./node.fixture.ts";

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Writes down what becomes of it. */
const Worker = genServer({
  name: "worker",
  init: (name: string, log: string[]) => {
    self().trapExit();
    log.push(`${name} started`);
    return { name, log };
  },
  calls: { ping: () => reply("pong") },
  casts: { end: (_ctx, reason: string) => stop(reason) },
  info: () => noreply(),
  terminate: async ({ state }) => {
    // Whoever does not wait for the end finds nothing written.
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    state.log.push(`${state.name} stopped`);
  },
});

const rootSup = supervisor({
  name: "root_sup",
  strategy: "one_for_one",
  intensity: 0,
  children: (names: readonly string[], log: string[]) =>
    names.map((name) => Worker.child([name, log], { id: name, name: local(name) })),
});

/** An application of one worker that has its name. */
function simple(name: string, log: string[], more: Partial<Parameters<typeof application>[0]> = {}): AnyApplication {
  return application({
    name,
    version: "1.0.0",
    start: () => rootSup.startLink([`${name}_worker`], log),
    prepStop: () => void log.push(`${name} prepStop`),
    stop: () => void log.push(`${name} stop`),
    ...more,
  });
}

describe("an application", () => {
  test("starts its tree under a master that traps exits, with configuration and node given to start", async () => {
    const { node } = new TestNode();
    const log: string[] = [];
    const given: unknown[] = [];
    const bank = application<{ readonly cents: number }>({
      name: "bank",
      version: "1.4.0",
      start: (env) => {
        given.push(env);
        return rootSup.startLink(["teller"], log);
      },
    });
    const running = await bank.start({ node, config: { cents: 5 } });
    expect(given).toEqual([{ config: { cents: 5 }, node: "nonode@nohost" }]);
    expect(running).toMatchObject({ name: "bank", version: "1.4.0", type: "temporary", config: { cents: 5 } });
    expect(whichApplications({ node })).toEqual([
      { name: "bank", version: "1.4.0", type: "temporary", pid: running.pid, master: running.master },
    ]);
    expect(processInfo(running.pid)?.parent).toBe(running.master);
    expect(processInfo(running.master)).toMatchObject({
      label: "application bank",
      trapExit: true,
      links: [running.pid],
    });
    await running.stop();
  });

  test("stops in order: prepStop, the tree in reverse, stop; its master ends with normal", async () => {
    const { node } = new TestNode();
    const log: string[] = [];
    const app = simple("ordered", log, { start: () => rootSup.startLink(["one", "two"], log) });
    const running = await app.start({ node });
    const down = monitor(running.master);
    log.length = 0;
    await stopApplication(app, { node });
    expect(log).toEqual(["ordered prepStop", "two stopped", "one stopped", "ordered stop"]);
    expect((await down).reason).toBe("normal");
    expect(whichApplications({ node })).toEqual([]);
  });

  test("keeps the program alive while it runs, and not for a start that failed", async () => {
    const lab = new TestNode();
    const app = simple("alive", []);
    const running = await app.start({ node: lab.node });
    expect(lab.held).toBe(1);
    await running.stop();
    expect(lab.held).toBe(0);
    const broken = simple("broken", [], { start: () => Promise.reject(new Error("no")) });
    await failure(broken.start({ node: lab.node }));
    expect(lab.held).toBe(0);
  });

  test("is found by the calling process' node, and by name", async () => {
    const lab = new TestNode();
    simple("by_name", []);
    await lab.within(async () => {
      const running = await startApplication("by_name");
      expect(whichApplications()).toEqual([expect.objectContaining({ pid: running.pid })]);
      expect(whereis(local("by_name_worker"))).toBeDefined();
    });
    expect(whichApplications()).toEqual([]);
    await stopApplication("by_name", { node: lab.node });
  });

  test("runs once: a second start is refused, one during the start joins it", async () => {
    const { node } = new TestNode();
    const log: string[] = [];
    const app = simple("once", log);
    const [first, second] = await Promise.all([app.start({ node }), app.start({ node })]);
    expect(second.pid).toBe(first.pid);
    expect(log).toEqual(["once_worker started"]);
    const error = await failure(app.start({ node }));
    expect(isError(error, "INTERLOCK_ALREADY_STARTED") && error.details.pid).toBe(first.pid);
    await first.stop();
    const again = await app.start({ node });
    expect(again.pid).not.toBe(first.pid);
    await again.stop();
  });

  test("can be stopped at any moment of its start, and started at once again", async () => {
    const lab = new TestNode();
    const { node } = lab;
    const log: string[] = [];
    const app = simple("hasty", log);
    for (let ticks = 0; ticks < 60; ticks++) {
      log.length = 0;
      const start = failure(app.start({ node, type: "permanent" }));
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      const stopped = stopApplication(app, { node });
      const again = app.start({ node });
      await stopped;
      await start;
      await again;
      const count = (line: string): number => log.filter((one) => one === line).length;
      const runs = whichApplications({ node }).length;
      expect(runs).toBeLessThan(2);
      expect(count("hasty_worker started") - count("hasty_worker stopped")).toBe(runs);
      expect(lab.held).toBe(runs);
      await stopAllApplications({ node });
      expect([lab.held, whichApplications({ node }), lab.halts]).toEqual([0, [], []]);
    }
  });

  test("that is started while it stops starts when it has stopped", async () => {
    const { node } = new TestNode();
    const log: string[] = [];
    const app = simple("again", log);
    await app.start({ node });
    const stopped = stopApplication(app, { node });
    const second = await app.start({ node });
    expect(log.slice(-2)).toEqual(["again stop", "again_worker started"]);
    await stopped;
    expect(whichApplications({ node })).toEqual([expect.objectContaining({ pid: second.pid })]);
    await stopAllApplications({ node });
  });

  test("goes on when the process that started it has ended", async () => {
    const lab = new TestNode();
    const app = simple("survivor", []);
    const starter = await lab.within(async () => {
      await app.start();
      return self().pid;
    });
    await monitor(starter);
    expect(whichApplications({ node: lab.node })).toHaveLength(1);
    await stopAllApplications({ node: lab.node });
  });

  test("is stopped by await using, unless it has been stopped before", async () => {
    const { node } = new TestNode();
    const app = simple("used", []);
    {
      await using running = await app.start({ node });
      expect(running.name).toBe("used");
    }
    expect(whichApplications({ node })).toEqual([]);
    {
      await using running = await app.start({ node });
      await running.stop();
    }
  });

  test("that does not run cannot be stopped or changed", async () => {
    const { node } = new TestNode();
    const app = simple("idle", []);
    for (const tried of [stopApplication(app, { node }), changeConfig(app, {}, { node })]) {
      const error = await failure(tried);
      expect(isError(error, "INTERLOCK_APPLICATION") && error.details).toEqual({
        application: "idle",
        problem: "not started",
      });
    }
  });

  test("of an unknown name, without a name, of an unknown type: refused", async () => {
    expect(isError(await failure(startApplication("nobody")), "INTERLOCK_APPLICATION")).toBe(true);
    expect(() => simple("", [])).toThrow("expected name to be a name");
    const wrong = simple("typed", []).start({ type: "forever" as never });
    expect(isError(await failure(wrong), "INTERLOCK_BAD_ARGUMENT")).toBe(true);
  });
});

describe("a start that fails", () => {
  test("rejects with the reason of the root, which the master ends with as well", async () => {
    const { node } = new TestNode();
    const cause = new Error("no coins");
    const Poor = genServer({
      name: "poor",
      init: (): { readonly n: number } => {
        throw cause;
      },
    });
    const sup = supervisor({ name: "poor_sup", strategy: "one_for_one", children: () => [Poor.child([])] });
    let master: ReturnType<typeof self>["pid"] | undefined;
    const app = application({
      name: "poor",
      version: "1",
      start: () => {
        master = self().pid;
        return sup.startLink();
      },
    });
    const started = app.start({ node });
    const error = await failure(started);
    const reason = { shutdown: { failed_to_start_child: "poor", reason: { error: cause } } };
    expect(isError(error, "INTERLOCK_START_FAILED") && error.details).toEqual({ label: "poor", reason });
    expect(master).toBeDefined();
    expect(whichApplications({ node })).toEqual([]);
  });

  test("by an exception, by a wrong return, by the end of its master", async () => {
    const { node } = new TestNode();
    const thrown = new Error("broken");
    const throws = simple("throws", [], { start: () => Promise.reject(thrown) });
    const error = await failure(throws.start({ node }));
    expect(isError(error, "INTERLOCK_START_FAILED") && error.details.reason).toEqual({ error: thrown });
    expect((error as Error).cause).toBe(thrown);

    const nothing = simple("nothing", [], { start: (() => Promise.resolve({})) as never });
    const wrong = await failure(nothing.start({ node }));
    expect(isError((wrong as Error).cause, "INTERLOCK_BAD_RETURN")).toBe(true);

    const killed = simple("killed", [], {
      start: () => {
        exit(self().pid, "kill");
        return new Promise(() => undefined);
      },
    });
    const gone = await failure(killed.start({ node }));
    expect(isError(gone, "INTERLOCK_START_FAILED") && gone.details.reason).toBe("killed");
  });

  test("in a start phase stops the tree that start has made", async () => {
    const { node } = new TestNode();
    const log: string[] = [];
    const app = simple("phased", log, {
      startPhases: {
        open: () => void log.push("open"),
        announce: () => {
          throw new Error("nobody listens");
        },
        never: () => void log.push("never"),
      },
    });
    const error = await failure(app.start({ node }));
    expect((error as Error).message).toBe("Cannot start application phased: Error: nobody listens");
    expect(log).toEqual(["phased_worker started", "open", "phased_worker stopped"]);
  });

  test("because it was stopped meanwhile ends what was started so far", async () => {
    const { node } = new TestNode();
    const log: string[] = [];
    const reached = Promise.withResolvers<void>();
    const app = simple("halfway", log, {
      startPhases: {
        wait: () => {
          reached.resolve();
          return new Promise(() => undefined);
        },
      },
    });
    const start = failure(app.start({ node }));
    await reached.promise;
    await stopApplication(app, { node });
    expect(log).toEqual(["halfway_worker started", "halfway_worker stopped"]);
    const error = await start;
    expect(isError(error, "INTERLOCK_START_FAILED") && error.details.reason).toBe("shutdown");
    expect(whichApplications({ node })).toEqual([]);
  });
});

describe("an application that ends by itself", () => {
  const endOf = async (lab: TestNode, app: AnyApplication): Promise<unknown> => {
    const [info] = whichApplications({ node: lab.node });
    const down = monitor((info as NonNullable<typeof info>).master);
    await lab.within(() => Worker.at(local(`${app.name}_worker`)).cast.end("worn_out"));
    return (await down).reason;
  };

  test("has prepStop and stop run, its reason is the root's, and a temporary one harms nobody", async () => {
    const lab = new TestNode();
    const log: string[] = [];
    const bystander = simple("bystander", []);
    const app = simple("temp", log);
    await bystander.start({ node: lab.node });
    await app.start({ node: lab.node });
    expect(await endOf(lab, app)).toBe("shutdown");
    expect(log).toEqual(["temp_worker started", "temp_worker stopped", "temp prepStop", "temp stop"]);
    await (await simple("later", []).start({ node: lab.node })).stop();
    expect(whichApplications({ node: lab.node }).map(({ name }) => name)).toEqual(["bystander"]);
    expect(lab.warnings).toContain("application temp: ended by itself (temporary): shutdown");
    expect([lab.held, lab.halts]).toEqual([1, []]);
    await stopAllApplications({ node: lab.node });
  });

  test.each(["permanent", "transient"] as const)("stops the others and the node when it is %s", async (type) => {
    const lab = new TestNode();
    const log: string[] = [];
    await simple("bystander", log).start({ node: lab.node });
    const app = simple("vital", []);
    await app.start({ node: lab.node, type });
    await endOf(lab, app);
    expect(await lab.halted).toBe(1);
    expect(log.at(-1)).toBe("bystander stop");
    expect(whichApplications({ node: lab.node })).toEqual([]);
    expect(lab.held).toBe(0);
  });

  test("and is transient stops nothing when the reason is normal", async () => {
    const lab = new TestNode();
    const bystander = simple("bystander", []);
    await bystander.start({ node: lab.node });
    const app = simple("done", []);
    const { pid, master } = await app.start({ node: lab.node, type: "transient" });
    const down = monitor(master);
    await rootSup.at(pid).stop("normal");
    expect((await down).reason).toBe("normal");
    // Its end and what follows from it are over when another application has been started and stopped.
    await (await simple("later", []).start({ node: lab.node })).stop();
    expect(lab.warnings).toEqual(["application done: ended by itself (transient): normal"]);
    expect(whichApplications({ node: lab.node }).map(({ name }) => name)).toEqual(["bystander"]);
    await stopApplication(bystander, { node: lab.node });
    expect(lab.halts).toEqual([]);
  });

  test("tells the handler of onNodeStop instead of ending the program", async () => {
    const lab = new TestNode();
    const told = Promise.withResolvers<unknown>();
    onNodeStop(told.resolve, lab.node);
    const app = simple("vital", []);
    await app.start({ node: lab.node, type: "permanent" });
    await endOf(lab, app);
    expect(await told.promise).toEqual({ application: "vital", type: "permanent", reason: "shutdown" });
    expect(lab.halts).toEqual([]);
  });

  test("stops the node once, although another one ends meanwhile", async () => {
    const lab = new TestNode();
    const { node } = lab;
    const stops: unknown[] = [];
    const told = Promise.withResolvers<void>();
    onNodeStop((stop) => {
      stops.push(stop);
      told.resolve();
    }, node);
    const reached = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const first = await simple("first", []).start({ node, type: "permanent" });
    const second = await simple("second", []).start({ node, type: "permanent" });
    const slow = simple("slow", [], {
      prepStop: () => {
        reached.resolve();
        return held.promise;
      },
    });
    await slow.start({ node });
    exit(first.master, "kill");
    await reached.promise;
    exit(second.master, "kill");
    await monitor(second.pid);
    held.resolve();
    await told.promise;
    expect(stops).toEqual([{ application: "first", type: "permanent", reason: "killed" }]);
    expect(whichApplications({ node })).toEqual([]);
  });

  test("and whose master is killed takes its tree along", async () => {
    const lab = new TestNode();
    const log: string[] = [];
    const app = simple("beheaded", log);
    const { master, pid } = await app.start({ node: lab.node });
    const root = monitor(pid);
    exit(master, "kill");
    expect((await root).reason).toBe("killed");
    expect(log.at(-1)).toBe("beheaded_worker stopped");
  });

  test("explicitly stopped, a permanent one stops nothing else", async () => {
    const lab = new TestNode();
    const app = simple("told", []);
    await app.start({ node: lab.node, type: "permanent" });
    await stopApplication(app, { node: lab.node });
    await lab.within(() => undefined);
    expect(lab.halts).toEqual([]);
  });
});

describe("callbacks that fail while stopping", () => {
  test("are reported and keep nothing from stopping", async () => {
    const lab = new TestNode();
    const log: string[] = [];
    const app = simple("clumsy", log, {
      prepStop: () => {
        throw new Error("not now");
      },
      stop: () => Promise.reject(new Error("nor then")),
    });
    await app.start({ node: lab.node });
    await stopApplication(app, { node: lab.node });
    expect(log.at(-1)).toBe("clumsy_worker stopped");
    expect(lab.warnings).toEqual(["application clumsy: prepStop failed", "application clumsy: stop failed"]);
  });
});

describe("ensureAllStarted", () => {
  const names = ({ node }: TestNode): readonly string[] => whichApplications({ node }).map(({ name }) => name);

  test("starts what is needed first, each once, and leaves what runs alone", async () => {
    const lab = new TestNode();
    const { node } = lab;
    const crypto = simple("crypto", []);
    const tls = simple("tls", [], { applications: [crypto] });
    const web = simple("web", [], { applications: [tls, "crypto"], optionalApplications: ["tracing"] });
    expect(await ensureAllStarted(web, { node })).toEqual(["crypto", "tls", "web"]);
    expect(names(lab)).toEqual(["web", "tls", "crypto"]);
    expect(await ensureAllStarted([web, "tls"], { node })).toEqual([]);
    await stopAllApplications({ node });
    const both = [ensureAllStarted(web, { node }), ensureAllStarted(web, { node })];
    expect(await Promise.all(both)).toEqual([["crypto", "tls", "web"], []]);
    await stopApplication(crypto, { node });
    // OTP: what runs is not looked into again.
    expect(await ensureAllStarted(web, { node })).toEqual([]);
    await stopAllApplications({ node });
    expect(names(lab)).toEqual([]);
  });

  test("starts an optional application that there is, and does without one that there is not", async () => {
    const lab = new TestNode();
    simple("metrics", []);
    const app = simple("measured", [], { optionalApplications: ["metrics", "no_such_thing"] });
    expect(await ensureAllStarted("measured", { node: lab.node })).toEqual(["metrics", "measured"]);
    await stopAllApplications({ node: lab.node });
    const alone = await startApplication(app, { node: lab.node });
    await alone.stop();
  });

  test("gives config to the application named, and the type to all", async () => {
    const lab = new TestNode();
    const below = application<{ n?: number }>({ name: "below", version: "1", start: () => rootSup.startLink([], []) });
    const above = application<{ n?: number }>({
      name: "above",
      version: "1",
      applications: [below],
      start: () => rootSup.startLink([], []),
    });
    await ensureAllStarted(above, { node: lab.node, config: { n: 1 }, type: "transient" });
    await lab.within(() => {
      expect([getEnv(above, "n"), getEnv(below, "n")]).toEqual([1, undefined]);
      expect(whichApplications().map(({ type }) => type)).toEqual(["transient", "transient"]);
    });
    await stopAllApplications({ node: lab.node });
  });

  test("takes the values it is given, whatever has been made under their names since", async () => {
    const lab = new TestNode();
    const log: string[] = [];
    const old = simple("twice", log, { version: "1" });
    const above = simple("above_twice", log, { applications: [old] });
    simple("twice", log, { version: "2" });
    await ensureAllStarted(above, { node: lab.node });
    expect(whichApplications({ node: lab.node }).at(-1)).toMatchObject({ name: "twice", version: "1" });
    await stopAllApplications({ node: lab.node });
    await ensureAllStarted("twice", { node: lab.node });
    expect(whichApplications({ node: lab.node }).at(-1)).toMatchObject({ name: "twice", version: "2" });
    await stopAllApplications({ node: lab.node });
  });

  test("stops again what it has started when one fails, and only that", async () => {
    const lab = new TestNode();
    const { node } = lab;
    const before = simple("before", []);
    await before.start({ node });
    const first = simple("first", [], { applications: [before] });
    const bad = simple("bad", [], { applications: [first], start: () => Promise.reject(new Error("bad")) });
    const error = await failure(ensureAllStarted(bad, { node }));
    expect(isError(error, "INTERLOCK_START_FAILED") && error.details.label).toBe("bad");
    expect(names(lab)).toEqual(["before"]);
    await stopAllApplications({ node });
  });

  test("refuses cycles and unknown names before anything starts", async () => {
    const lab = new TestNode();
    simple("hen", [], { applications: ["egg"] });
    simple("egg", [], { applications: ["hen"] });
    const cycle = await failure(ensureAllStarted("hen", { node: lab.node }));
    expect(isError(cycle, "INTERLOCK_APPLICATION") && cycle.message).toBe(
      "Applications need each other in a cycle: hen → egg → hen",
    );
    const needy = simple("needy", [], { applications: ["nowhere_to_be_found"] });
    const unknown = await failure(ensureAllStarted(needy, { node: lab.node }));
    expect((unknown as Error).message).toContain("nowhere_to_be_found, which needy needs");
    expect(names(lab)).toEqual([]);
  });

  test("is not needed by startApplication, which refuses instead", async () => {
    const lab = new TestNode();
    const needed = simple("needed", []);
    const app = simple("lonely", [], { applications: [needed] });
    const error = await failure(app.start({ node: lab.node }));
    expect(isError(error, "INTERLOCK_APPLICATION") && error.details.problem).toBe("needed is not started");
  });
});

describe("configuration", () => {
  const levels = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) => {
        const { level, size } = value as { level?: unknown; size?: unknown };
        if (level === "debug" || level === "info")
          return { value: size === undefined ? { level } : { level, size: Number(size) } };
        return { issues: [{ message: "expected debug or info", path: ["level"] }] };
      },
    },
  } as const;

  const start = async (lab: TestNode, refuse?: string) => {
    const seen: unknown[] = [];
    const app = application<{ readonly level: string; readonly size?: number }>({
      name: "logger",
      version: "1",
      config: levels,
      start: () => {
        seen.push(getEnv("logger", "level"));
        return rootSup.startLink([], []);
      },
      configChange: (changed, added, removed) => {
        if (changed.level === refuse && refuse !== undefined) throw new Error(`${refuse} is too much`);
        seen.push({ changed, added, removed, in: self().pid });
      },
    });
    const running = await app.start({ node: lab.node, config: { level: "info", size: "3" } });
    return { app, running, seen };
  };

  test("is there for getEnv while the application starts and runs, and not after", async () => {
    const lab = new TestNode();
    const { app, running, seen } = await start(lab);
    expect(seen).toEqual(["info"]);
    await lab.within(async () => {
      expect([getEnv(app, "level"), getEnv(app, "size"), getEnv("logger", "constructor")]).toEqual([
        "info",
        3,
        undefined,
      ]);
      await running.stop();
      expect(getEnv(app, "level")).toBeUndefined();
    });
  });

  test("is loaded outside any process, and frozen as messages are", async () => {
    const lab = new TestNode();
    const owners: string[] = [];
    const own = (): void => {
      try {
        owners.push(self().pid.toString());
      } catch {
        owners.push("nobody");
      }
    };
    const app = simple("loaded", [], {
      providers: [{ name: "own", load: () => Promise.resolve({ list: [1] }).finally(own) }],
    });
    await lab.within(async () => {
      const { config } = await app.start();
      expect(Object.isFrozen((config as { list: unknown }).list)).toBe(true);
    });
    expect(owners).toEqual(["nobody"]);
    await stopAllApplications({ node: lab.node });
  });

  test("that is invalid keeps the application from starting", async () => {
    const lab = new TestNode();
    let started = false;
    const app = application({
      name: "picky",
      version: "1",
      config: levels,
      start: () => {
        started = true;
        return rootSup.startLink([], []);
      },
    });
    const error = await failure(app.start({ node: lab.node, config: { level: "loud" } }));
    expect(isError(error, "INTERLOCK_CONFIG_INVALID") && error.message).toBe(
      'The configuration of picky is invalid:\n  level: expected debug or info; got "loud" (given at start)',
    );
    expect([started, lab.held]).toEqual([false, 0]);
  });

  test("changes: configChange runs in the master with what changed, was added and was removed", async () => {
    const lab = new TestNode();
    const { app, running, seen } = await start(lab);
    const difference = await changeConfig(app, { level: "debug" }, lab);
    expect(difference).toEqual({ changed: { level: "debug" }, added: {}, removed: [] });
    expect(seen.at(-1)).toEqual({ ...difference, in: running.master });
    expect(running.config).toEqual({ level: "debug", size: 3 });
    const count = seen.length;
    expect(await changeConfig(app, {}, lab)).toEqual({ changed: {}, added: {}, removed: [] });
    expect(seen).toHaveLength(count);
    await changeConfig(app, { size: 4 }, lab);
    expect(running.config).toEqual({ level: "debug", size: 4 });
    await running.stop();
  });

  test("that is refused by the schema or by configChange stays as it was", async () => {
    const lab = new TestNode();
    const { app, running } = await start(lab, "debug");
    const invalid = await failure(changeConfig(app, { level: "loud" }, lab));
    expect(isError(invalid, "INTERLOCK_CONFIG_INVALID") && invalid.details.issues[0]?.source).toBe("changeConfig");
    const refused = await failure(changeConfig(app, { level: "debug" }, lab));
    expect((refused as Error).cause).toEqual(new Error("debug is too much"));
    expect(isError(refused, "INTERLOCK_CONFIG_INVALID") && refused.details.issues).toEqual([
      { path: "level", message: "debug is too much", got: '"debug"', source: "changeConfig" },
    ]);
    expect(running.config).toEqual({ level: "info", size: 3 });
    // What was refused is not tried again.
    expect(await changeConfig(app, { size: 5 }, lab)).toMatchObject({ changed: { size: 5 } });
    await running.stop();
  });

  test("changes go one after the other", async () => {
    const lab = new TestNode();
    const { app, running, seen } = await start(lab);
    await Promise.all([changeConfig(app, { size: 1 }, lab), changeConfig(app, { level: "debug" }, lab)]);
    expect(running.config).toEqual({ level: "debug", size: 1 });
    expect(seen.slice(1)).toMatchObject([{ changed: { size: 1 } }, { changed: { level: "debug" } }]);
    await running.stop();
  });

  test("is told to the processes that watch it once it is in force, and to none that has ended", async () => {
    const lab = new TestNode();
    const { app, running } = await start(lab);
    const told: unknown[] = [];
    const watcher = await lab.within(async () => {
      const changes = watchConfig(app);
      watchConfig("logger");
      const me = self();
      await changeConfig(app, { level: "debug" });
      told.push(await me.receive(changes), getEnv(app, "level"));
      await failure(changeConfig(app, { level: "loud" }));
      await changeConfig(app, { size: 9 });
      told.push(await me.receive(changes));
      return me.pid;
    });
    await monitor(watcher);
    await changeConfig(app, { size: 10 }, lab);
    const change = { type: "config_change", application: "logger", added: {}, removed: [] };
    expect(told).toEqual([{ ...change, changed: { level: "debug" } }, "debug", { ...change, changed: { size: 9 } }]);
    expect(() => watchConfig(app)).toThrow("called by the code of a process");
    await running.stop();
  });

  test("says where it comes from, also after a change that left all values as they were", async () => {
    const lab = new TestNode();
    const { app, running } = await start(lab);
    expect(traceConfig(app, lab)).toContainEqual({
      path: "level",
      shown: '"info"',
      source: "given at start",
      instead: [],
    });
    await changeConfig(app, { level: "info" }, lab);
    expect(traceConfig(app, lab)[0]).toMatchObject({ source: "changeConfig", instead: ["given at start"] });
    await running.stop();
    expect(traceConfig(app, lab)).toEqual([]);
  });

  test("names the files that it is read from", async () => {
    const lab = new TestNode();
    lab.files.set("/etc/a.json", "{}");
    const app = simple("reader", [], {
      providers: [jsonFile({ system: "ETC", path: "a.json" }), jsonFile("/etc/a.json")],
    });
    const running = await app.start({ node: lab.node, environment: { ETC: "/etc" } });
    expect(configFiles(app, lab)).toEqual(["/etc/a.json"]);
    await running.stop();
    expect(configFiles(app, lab)).toEqual([]);
  });
});
