/** Applications and their configuration, by the case names of OTP's application_SUITE and Elixir's Config tests. */
import {
  type Application,
  application,
  changeConfig,
  defaults,
  ensureAllStarted,
  environment,
  genServer,
  getEnv,
  isError,
  jsonFile,
  local,
  monitor,
  noreply,
  type Pid,
  self,
  startApplication,
  stop,
  stopAllApplications,
  stopApplication,
  supervisor,
  whichApplications,
} from "@interlock/core";
import { expect, test } from "vitest";

import { TestNode } from "../packages/core/src/application/node.fixture.ts";
import { VirtualTime } from "./virtual-time.ts";

type Module = Parameters<typeof application<Readonly<Record<string, unknown>>>>[0];

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** An application of an empty tree. */
function app(name: string, more: Partial<Module> = {}): Application<Readonly<Record<string, unknown>>> {
  const root = supervisor({ name: `${name}_sup`, strategy: "one_for_one", children: () => [] });
  return application<Readonly<Record<string, unknown>>>({
    name,
    version: "1.0",
    start: () => root.startLink(),
    ...more,
  });
}

const running = ({ node }: TestNode): readonly string[] => whichApplications({ node }).map(({ name }) => name);

test("supervisor:faulty_application_shutdown: application master exits with the right reason", async () => {
  const { node } = new TestNode();
  const undef = new Error("undef");
  const AppFaulty = genServer({
    name: "app_faulty",
    init: (): { readonly n: number } => {
      throw undef;
    },
  });
  const faulty = supervisor({ name: "app_faulty_sup", strategy: "one_for_one", children: () => [AppFaulty.child([])] });
  let down: Promise<unknown> | undefined;
  const error = await failure(
    app("app_faulty", {
      start: () => {
        down = monitor(self().pid);
        return faulty.startLink();
      },
    }).start({ node }),
  );
  const reason = { shutdown: { failed_to_start_child: "app_faulty", reason: { error: undef } } };
  expect(isError(error, "INTERLOCK_START_FAILED") && error.details.reason).toEqual(reason);
  expect(await down).toMatchObject({ reason });
  expect(whichApplications({ node })).toEqual([]);
});

test("application:ensure_all_started: dependency order, already started", async () => {
  const lab = new TestNode();
  const { node } = lab;
  app("app1");
  app("app2");
  app("app9", { applications: ["app1", "app2"] });
  app("app10", { applications: ["app9"] });
  expect(await ensureAllStarted("app1", { node })).toEqual(["app1"]);
  expect(await ensureAllStarted("app10", { node })).toEqual(["app2", "app9", "app10"]);
  expect(await ensureAllStarted(["app10", "app9"], { node })).toEqual([]);
  await stopAllApplications({ node });

  app("app_bad", { start: () => Promise.reject(new Error("bad")) });
  app("app11", { applications: ["app9", "app_bad"] });
  const error = await failure(ensureAllStarted("app11", { node }));
  expect(isError(error, "INTERLOCK_START_FAILED") && error.details.label).toBe("app_bad");
  expect(running(lab)).toEqual([]);

  app("app_chicken1", { applications: ["app_egg"] });
  app("app_egg", { applications: ["app_chicken1"] });
  const cycle = await failure(ensureAllStarted("app_chicken1", { node }));
  expect(isError(cycle, "INTERLOCK_APPLICATION") && cycle.details.problem).toBe(
    "cycle: app_chicken1 → app_egg → app_chicken1",
  );
});

test("application:start_phases: phases in order", async () => {
  const { node } = new TestNode();
  const log: string[] = [];
  const phased = app("phased", {
    startPhases: {
      init: async () => {
        await Promise.resolve();
        log.push("init");
      },
      go: () => void log.push("go"),
    },
  });
  await phased.start({ node });
  expect(log).toEqual(["init", "go"]);
  await stopApplication(phased, { node });
  expect(log).toEqual(["init", "go"]);
});

test("application:get_env: env precedence", async () => {
  const lab = new TestNode();
  lab.files.set("sys.json", '{"file": "file", "environment": "file", "start": "file", "changed": "file"}');
  const all = Object.fromEntries(["own", "file", "environment", "start", "changed"].map((key) => [key, "own"]));
  const env = app("env", { providers: [defaults(all), jsonFile("sys.json"), environment("ENV_")] });
  await env.start({
    node: lab.node,
    environment: { ENV_ENVIRONMENT: "environment", ENV_START: "environment", ENV_CHANGED: "environment" },
    config: { start: "start", changed: "start" },
  });
  await changeConfig(env, { changed: "changed" }, lab);
  await lab.within(() => {
    for (const key of Object.keys(all)) expect(getEnv(env, key)).toBe(key);
    expect(getEnv(env, "undefined")).toBeUndefined();
    expect(getEnv("no_such_application", "own")).toBeUndefined();
  });
  await stopAllApplications(lab);
});

test("application:config_change: config_change callback lists changed/new/removed", async () => {
  const lab = new TestNode();
  const seen: unknown[] = [];
  const app1 = app("app1", {
    providers: [jsonFile("sys.json")],
    configChange: (changed, added, removed) => void seen.push([changed, added, removed]),
  });
  lab.files.set("sys.json", '{"same": {"a": [1]}, "changed": {"a": 1}, "removed": true}');
  await app1.start(lab);
  lab.files.set("sys.json", '{"same": {"a": [1]}, "changed": {"a": 2}, "new": 1}');
  await changeConfig(app1, {}, lab);
  expect(seen).toEqual([[{ changed: { a: 2 } }, { new: 1 }, ["removed"]]]);
  await changeConfig(app1, {}, lab);
  expect(seen).toHaveLength(1);
  await stopAllApplications(lab);
});

test("application:shutdown_timeout: prep_stop/stop order, timeouts", async () => {
  const time = new VirtualTime();
  const { node } = time;
  const log: string[] = [];
  const Stubborn = genServer({
    name: "stubborn",
    init: () => {
      self().trapExit();
      return 0;
    },
    info: () => noreply(),
    terminate: () => {
      log.push("terminate");
      return new Promise<void>(() => undefined);
    },
  });
  const root = supervisor({
    name: "stubborn_sup",
    strategy: "one_for_one",
    children: () => [Stubborn.child([], { shutdownMs: "infinity" })],
  });
  const stubborn = app("stubborn", {
    start: () => root.startLink(),
    prepStop: () => void log.push("prep_stop"),
    stop: () => void log.push("stop"),
    shutdownMs: 1_000,
  });
  const { pid } = await stubborn.start({ node });
  const down = monitor(pid);
  const stopped = stopApplication(stubborn, { node });
  await time.advance(999);
  expect(log).toEqual(["prep_stop", "terminate"]);
  await time.advance(1);
  await stopped;
  expect(log).toEqual(["prep_stop", "terminate", "stop"]);
  expect((await down).reason).toBe("killed");
});

test("application:optional_applications: optional deps", async () => {
  const lab = new TestNode();
  const { node } = lab;
  app("there");
  app("optional", { applications: ["there"], optionalApplications: ["there", "not_there"] });
  expect(await ensureAllStarted("optional", { node })).toEqual(["there", "optional"]);
  await stopAllApplications({ node });
  await startApplication("optional", { node });
  expect(running(lab)).toEqual(["optional"]);
  await stopAllApplications({ node });
});

test("application:start_type: a permanent application that ends takes the node down, a temporary one does not", async () => {
  const lab = new TestNode();
  const { node } = lab;
  const Ends = genServer({ name: "ends", init: () => 0, casts: { end: () => stop("over") } });
  const ending = (name: string): Application<Readonly<Record<string, unknown>>> => {
    const root = supervisor({
      name: `${name}_root`,
      strategy: "one_for_one",
      intensity: 0,
      children: () => [Ends.child([], { name: local(name) })],
    });
    return app(name, { start: () => root.startLink() });
  };
  const end = async (name: string, master: Pid): Promise<unknown> => {
    const down = monitor(master);
    await lab.within(() => Ends.at(local(name)).cast.end());
    return (await down).reason;
  };
  await app("bystander").start({ node });
  const temporary = await ending("temporary").start({ node });
  expect(await end("temporary", temporary.master)).toBe("shutdown");
  const permanent = await ending("permanent").start({ node, type: "permanent" });
  expect(running(lab)).toEqual(["permanent", "bystander"]);
  expect(await end("permanent", permanent.master)).toBe("shutdown");
  expect(await lab.halted).toBe(1);
  expect(running(lab)).toEqual([]);
});

test("config/provider:runs providers: providers in order, deep merge", async () => {
  const lab = new TestNode();
  const order: string[] = [];
  const provider = (name: string, tree: Readonly<Record<string, unknown>>) => ({
    name,
    load: async () => {
      order.push(name);
      await Promise.resolve();
      return tree;
    },
  });
  const configured = app("configured", {
    providers: [
      provider("first", { key: { a: 1, b: [1, 2] }, only: 1 }),
      provider("second", { key: { b: [3], c: { d: 1 } } }),
    ],
  });
  const started = await configured.start({ node: lab.node, config: [provider("third", { key: { c: { e: 2 } } })] });
  expect(order).toEqual(["first", "second", "third"]);
  expect(started.config).toEqual({ key: { a: 1, b: [3], c: { d: 1, e: 2 } }, only: 1 });
  await started.stop();
});

test("config/provider:validate_compile_env: mismatch aborts boot", async () => {
  const lab = new TestNode();
  const built = app("built", { compileEnv: { mode: { fast: true } } });
  const same = await built.start({ node: lab.node, config: { mode: { fast: true, other: 1 } } });
  await same.stop();
  const error = await failure(built.start({ node: lab.node, config: { mode: { fast: false } } }));
  expect(isError(error, "INTERLOCK_CONFIG_INVALID") && error.details.issues[0]?.path).toBe("mode.fast");
  const absent = await failure(built.start({ node: lab.node }));
  expect(isError(absent, "INTERLOCK_CONFIG_INVALID") && absent.details.issues[0]?.got).toBe("nothing");
  expect(running(lab)).toEqual([]);
});

test("config/provider:returns :booted if already booted: idempotent", async () => {
  const lab = new TestNode();
  let loads = 0;
  const booted = app("booted", { providers: [{ name: "counted", load: () => ({ loads: ++loads }) }] });
  expect(await ensureAllStarted(booted, lab)).toEqual(["booted"]);
  expect(await ensureAllStarted(booted, lab)).toEqual([]);
  expect(loads).toBe(1);
  await stopAllApplications(lab);
});

test("config/provider:config_path validate!/resolve!: {:system,Var,Path}", async () => {
  const lab = new TestNode();
  lab.files.set("/srv/bank/config.json", '{"port": 1}');
  const placed = app("placed", { providers: [jsonFile({ system: "RELEASE_ROOT", path: "config.json" })] });
  const started = await placed.start({ node: lab.node, environment: { RELEASE_ROOT: "/srv/bank" } });
  expect(started.config).toEqual({ port: 1 });
  await started.stop();
  const error = await failure(placed.start({ node: lab.node, environment: {} }));
  expect((error as Error).message).toContain(
    "the environment variable RELEASE_ROOT is not set (file $RELEASE_ROOT/config.json)",
  );
  for (const path of [5, { system: "RELEASE_ROOT" }, { path: "config.json" }, null])
    expect(() => jsonFile(path as never)).toThrow("expected path to be a path or { system: variable, path }");
});

// Elixir's configuration is a program that imports others; here it is data, and what an import does is a further file.
test("config/reader:eval! / imports: merge of imported files", async () => {
  const lab = new TestNode();
  lab.files.set("base.json", '{"logger": {"level": "info", "handlers": ["console"]}, "port": 1}');
  lab.files.set("prod.json", '{"logger": {"handlers": ["file"]}}');
  const imported = app("imported", {
    providers: [jsonFile("base.json"), jsonFile("prod.json"), jsonFile("secrets.json", { optional: true })],
  });
  const started = await imported.start(lab);
  expect(started.config).toEqual({ logger: { level: "info", handlers: ["file"] }, port: 1 });
  await started.stop();
  const missing = app("missing", { providers: [jsonFile("base.json"), jsonFile("nowhere.json")] });
  expect(isError(await failure(missing.start(lab)), "INTERLOCK_CONFIG_INVALID")).toBe(true);
});
