/**
 * Applications: a supervision tree with a name, a version, a configuration and what it needs to run first. A node runs
 * each at most once.
 * @see application(3)
 */
import type { Restart } from "../behaviour/child-spec.ts";
import { badArgument } from "../errors.ts";
import { currentNode } from "../naming/name.ts";
import { defaultNode, type LocalNode } from "../node.ts";
import type { NodeName, Pid } from "../process/pid.ts";
import { fence } from "../process/send.ts";
import type { ShutdownMs } from "../supervision/shutdown.ts";
import {
  controllerOf,
  type NodeStopHandler,
  namesOf,
  type Running,
  type StartRequest,
} from "./application-controller.ts";
import type { ConfigDifference, ConfigProvider, ConfigTree, Environment, StandardSchema } from "./config.ts";
import { type ConfigSetting, traceOf } from "./config-trace.ts";
import { applicationError, type Needs, startOrder } from "./dependencies.ts";
import { defaults } from "./providers.ts";

type MaybePromise<T> = T | Promise<T>;

/** What an application's callbacks are given. */
export interface ApplicationEnv<out Config> {
  readonly config: Config;
  readonly node: NodeName;
}

export interface ApplicationModule<Config> {
  readonly name: string;
  readonly version: string;
  /** What has to run before this application starts. */
  readonly applications?: readonly (string | AnyApplication)[];
  /** What is started before this one if it is there at all. */
  readonly optionalApplications?: readonly (string | AnyApplication)[];
  /** Any Standard Schema: zod, valibot, arktype. Without one the configuration is taken as it comes. */
  readonly config?: StandardSchema<Config>;
  /** Where the configuration comes from, later ones first in rank; what `start` is given comes last. */
  readonly providers?: readonly ConfigProvider[];
  /** Values that were fixed when the program was built: a configuration that differs from them does not start. */
  readonly compileEnv?: ConfigTree;
  /** Starts the root supervisor with `startLink`. */
  readonly start: (env: ApplicationEnv<NoInfer<Config>>) => MaybePromise<{ readonly pid: Pid }>;
  /** What runs after `start`, in this order, before the application counts as started. */
  readonly startPhases?: Readonly<Record<string, (env: ApplicationEnv<NoInfer<Config>>) => MaybePromise<void>>>;
  /** Runs before the tree is stopped. */
  readonly prepStop?: (env: ApplicationEnv<NoInfer<Config>>) => MaybePromise<void>;
  /** Runs when the tree has stopped. */
  readonly stop?: (env: ApplicationEnv<NoInfer<Config>>) => MaybePromise<void>;
  /**
   * Runs when the configuration has changed while the application runs. What it throws refuses the change: throw before
   * acting on any of it.
   */
  readonly configChange?: (
    changed: Partial<NoInfer<Config>>,
    added: Partial<NoInfer<Config>>,
    removed: readonly string[],
  ) => MaybePromise<void>;
  /** Milliseconds that the whole tree has for its shutdown before the root is killed. Default `"infinity"`: each child has its own. */
  readonly shutdownMs?: ShutdownMs;
}

export interface StartOptions {
  /**
   * What its end means. `permanent`: the node stops; `transient`: the node stops unless the reason is `"normal"`;
   * `temporary` (default): nothing.
   */
  readonly type?: Restart;
  /** Wins over the module's providers. */
  readonly config?: ConfigTree | readonly ConfigProvider[];
  /** What `environment` providers read. Default: that of the program. */
  readonly environment?: Environment;
  /** Default: the caller's. */
  readonly node?: LocalNode;
}

export interface ApplicationInfo {
  readonly name: string;
  readonly version: string;
  readonly type: Restart;
  /** The root supervisor. */
  readonly pid: Pid;
  /** Ends when the application does, with its reason: `monitor(app.master)`. */
  readonly master: Pid;
}

/** A running application. */
export interface RunningApplication<out Config> extends ApplicationInfo, AsyncDisposable {
  readonly config: Config;
  stop(): Promise<void>;
}

export interface Application<Config> {
  readonly name: string;
  readonly version: string;
  readonly module: ApplicationModule<Config>;
  /** As `startApplication`. */
  start(options?: StartOptions): Promise<RunningApplication<Config>>;
  /** As `stopApplication`. */
  stop(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: the top of the type lattice
export type AnyApplication = Application<any>;

/** Every application value by its name; one made later under the same name takes its place. */
const known = new Map<string, AnyApplication>();

/**
 * Makes an application of a module. From then on it is known by its name; nothing runs yet.
 *
 * @example
 * import { z } from "zod";
 * const Bank = genServer({
 *   name: "bank",
 *   init: (opening: number): { readonly balance: number } => ({ balance: opening }),
 *   calls: { balance: ({ state }) => reply(state.balance) },
 * });
 * const bankSup = supervisor({
 *   name: "bank_sup",
 *   strategy: "one_for_one",
 *   children: (opening: number) => [Bank.child([opening], { name: local("bank") })],
 * });
 * const bank = application({
 *   name: "bank",
 *   version: "1.4.0",
 *   config: z.object({ openingCents: z.coerce.number().int() }),
 *   providers: [defaults({ openingCents: 0 }), environment("BANK_")],
 *   start: ({ config }) => bankSup.startLink(config.openingCents),
 * });
 * const running = await bank.start({ environment: { BANK_OPENING_CENTS: "500" } });
 * console.log(await Bank.at(local("bank")).call.balance()); // 500
 * await running.stop();
 */
export function application<Config = ConfigTree>(module: ApplicationModule<Config>): Application<Config> {
  if (typeof module.name !== "string" || module.name === "") throw badArgument("name", module.name, "a name");
  const made: Application<Config> = {
    name: module.name,
    version: module.version,
    module,
    start: (options) => startApplication(made, options),
    stop: () => stopApplication(made),
  };
  known.set(module.name, made);
  return made;
}

/**
 * Starts one application; what it needs must run already. Resolves when its `start` and start phases are done.
 *
 * **Errors** `INTERLOCK_APPLICATION` (something it needs does not run), `INTERLOCK_CONFIG_INVALID`,
 * `INTERLOCK_START_FAILED`, `INTERLOCK_ALREADY_STARTED`. A start while it is starting already joins that one.
 * @see application:start/2
 */
export async function startApplication<Config>(
  app: Application<Config> | string,
  options: StartOptions = {},
): Promise<RunningApplication<Config>> {
  fence();
  const node = options.node ?? currentNode();
  const running = await controllerOf(node).start(found(app), requestOf(options));
  return faceOf(running, node) as RunningApplication<Config>;
}

/**
 * Starts applications with all they need, each after what it needs. What runs already stays as it is; if one fails,
 * those that this call has started are stopped again. `config` is for the applications named, not for what they need.
 *
 * **Errors** as `startApplication`; `INTERLOCK_APPLICATION` for a cycle or an unknown name.
 * @returns the names of those that this call has started, in order
 * @see application:ensure_all_started/2
 */
export async function ensureAllStarted(
  apps: AnyApplication | string | readonly (AnyApplication | string)[],
  options: StartOptions = {},
): Promise<readonly string[]> {
  fence();
  const node = options.node ?? currentNode();
  const controller = controllerOf(node);
  const wanted = typeof apps === "string" || !Array.isArray(apps) ? [apps as AnyApplication | string] : apps;
  const byName = new Map(wanted.flatMap((app) => withNeeds(app)));
  const find = (name: string): AnyApplication | undefined => byName.get(name) ?? known.get(name);
  // What runs has had what it needs.
  const order = startOrder(namesOf(wanted), (name) =>
    controller.stateOf(name) === "running" ? { required: [], optional: [] } : needsOf(find(name)),
  );
  const started: string[] = [];
  const { config: _forTheNamed, ...forOthers } = options;
  for (const name of order) {
    const state = controller.stateOf(name);
    if (state === "running") continue;
    try {
      const request = requestOf(namesOf(wanted).includes(name) ? options : forOthers);
      await controller.start(find(name) as AnyApplication, request);
      if (state !== "starting") started.push(name);
    } catch (error) {
      for (const one of started.reverse()) if (controller.stateOf(one) === "running") await controller.stop(one);
      throw error;
    }
  }
  return started;
}

/**
 * Stops an application: `prepStop`, then its tree in reverse order of start, then `stop`. Others are not affected,
 * whatever its type.
 *
 * **Errors** `INTERLOCK_APPLICATION` when it does not run. @see application:stop/1
 */
export async function stopApplication(
  app: AnyApplication | string,
  options: { readonly node?: LocalNode } = {},
): Promise<void> {
  fence();
  await controllerOf(options.node ?? currentNode()).stop(nameOf(app));
}

/** Stops every application of the node, the latest first: what a program does when it is told to end. @see init:stop/0 */
export async function stopAllApplications(options: { readonly node?: LocalNode } = {}): Promise<void> {
  fence();
  await controllerOf(options.node ?? currentNode()).stopAll();
}

/** What runs on this node, latest first. @see application:which_applications/0 */
export function whichApplications(options: { readonly node?: LocalNode } = {}): readonly ApplicationInfo[] {
  return controllerOf(options.node ?? currentNode()).running.map(infoOf);
}

/**
 * A top-level value of the configuration of an application that runs or is starting; undefined when it does not, or has
 * no such key. @see application:get_env/2
 */
export function getEnv<Config, Key extends keyof Config & string>(
  app: Application<Config>,
  key: Key,
): Config[Key] | undefined;
export function getEnv(app: string, key: string): unknown;
export function getEnv(app: AnyApplication | string, key: string): unknown {
  const config = controllerOf(currentNode()).configOf(nameOf(app));
  return typeof config === "object" && config !== null && Object.hasOwn(config, key)
    ? (config as ConfigTree)[key]
    : undefined;
}

/**
 * Loads the configuration of a running application anew, with `overrides` (and those of earlier changes) on top, and has
 * its `configChange` run if anything differs. A configuration that the schema or `configChange` refuses changes nothing.
 *
 * **Errors** `INTERLOCK_CONFIG_INVALID`, with what `configChange` threw as its cause; `INTERLOCK_APPLICATION` when it does not run.
 * @see application:config_change
 */
export async function changeConfig(
  app: AnyApplication | string,
  overrides: ConfigTree = {},
  options: { readonly node?: LocalNode } = {},
): Promise<ConfigDifference> {
  fence();
  return await controllerOf(options.node ?? currentNode()).changeConfig(nameOf(app), overrides);
}

/**
 * Every value of the configuration of a running application, with the source that gave it and those that had to give way;
 * none when it does not run. Secrets are not shown.
 *
 * @example
 * const sup = supervisor({ name: "bank_sup", strategy: "one_for_one", children: () => [] });
 * const bank = application({
 *   name: "bank",
 *   version: "1.4.0",
 *   providers: [defaults({ port: 80, password: "hunter2" }), environment("BANK_")],
 *   start: () => sup.startLink(),
 * });
 * const running = await bank.start({ environment: { BANK_PORT: "8080" } });
 * const [port, password] = traceConfig(bank);
 * console.log(port?.shown, port?.source, port?.instead); // "8080" environment BANK_PORT [ 'defaults' ]
 * console.log(password?.shown, password?.source); // (secret) defaults
 * await running.stop();
 */
export function traceConfig(
  app: AnyApplication | string,
  options: { readonly node?: LocalNode } = {},
): readonly ConfigSetting[] {
  const running = controllerOf(options.node ?? currentNode()).find(nameOf(app));
  return running === undefined ? [] : traceOf(running.config, running.loaded);
}

/** The files and folders that the configuration of a running application is read from: those of its providers' `reads`. */
export function configFiles(
  app: AnyApplication | string,
  options: { readonly node?: LocalNode } = {},
): readonly string[] {
  return controllerOf(options.node ?? currentNode()).readsOf(nameOf(app));
}

/**
 * What happens when a permanent application has ended, or a transient one abnormally, and all others have been stopped.
 * By default the program ends with exit code 1, so that what started it starts it again.
 *
 * @example
 * onNodeStop(({ application, reason }) => {
 *   console.error(`${application} has ended`, reason);
 *   process.exit(1);
 * });
 */
export function onNodeStop(handler: NodeStopHandler, node: LocalNode = defaultNode()): void {
  controllerOf(node).nodeStopHandler = handler;
}

function found(app: AnyApplication | string): AnyApplication {
  if (typeof app !== "string") return app;
  const application = known.get(app);
  if (application === undefined)
    throw applicationError(
      app,
      "unknown",
      `Cannot start application ${app}: no application of that name has been made`,
    );
  return application;
}

function nameOf(app: AnyApplication | string): string {
  return typeof app === "string" ? app : app.name;
}

function needsOf(app: AnyApplication | undefined): Needs | undefined {
  if (app === undefined) return undefined;
  const optional = namesOf(app.module.optionalApplications);
  const required = namesOf(app.module.applications).filter((name) => !optional.includes(name));
  return { required, optional };
}

/** An application given as a value is that value, whatever has been made under its name since. */
function withNeeds(
  app: AnyApplication | string,
  seen: Set<AnyApplication> = new Set(),
): readonly (readonly [string, AnyApplication])[] {
  if (typeof app === "string" || seen.has(app)) return [];
  seen.add(app);
  const { applications = [], optionalApplications = [] } = app.module;
  const needs = [...applications, ...optionalApplications] as readonly (string | AnyApplication)[];
  return [...needs.flatMap((one) => withNeeds(one, seen)), [app.name, app]];
}

function requestOf({ config, environment, type = "temporary" }: StartOptions): StartRequest {
  if (!["permanent", "transient", "temporary"].includes(type))
    throw badArgument("type", type, '"permanent", "transient" or "temporary"');
  return { type, providers: providersOf(config), environment: environment ?? process.env };
}

function providersOf(config: ConfigTree | readonly ConfigProvider[] = {}): readonly ConfigProvider[] {
  return Array.isArray(config)
    ? (config as readonly ConfigProvider[])
    : [defaults(config as ConfigTree, "given at start")];
}

function infoOf({ application, master, request, root }: Running): ApplicationInfo {
  const { name, version } = application;
  return { name, version, type: request.type, pid: root, master: master.pid };
}

function faceOf(running: Running, node: LocalNode): RunningApplication<unknown> {
  const { name } = running.application;
  const controller = controllerOf(node);
  return {
    ...infoOf(running),
    get config() {
      return running.config;
    },
    stop: () => controller.stop(name),
    [Symbol.asyncDispose]: async () => {
      if (controller.find(name) === running) await controller.stop(name);
    },
  };
}
