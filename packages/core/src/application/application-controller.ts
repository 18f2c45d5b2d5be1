/**
 * The applications of a node: what runs, what is starting or stopping, and what follows when one ends by itself. One
 * operation at a time on each application; a second start joins the first.
 * @see application_controller of kernel
 */
import type { Restart } from "../behaviour/child-spec.ts";
import { InterlockError } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import { unowned } from "../process/context.ts";
import { type ExitReason, showReason } from "../process/exit-reason.ts";
import { deepFreeze } from "../process/freeze.ts";
import type { LocalPid } from "../process/pid.ts";
import type { Application, ApplicationModule } from "./application.ts";
import { ApplicationMaster, startFailed } from "./application-master.ts";
import {
  type ConfigDifference,
  type ConfigProvider,
  type ConfigTree,
  changeRefused,
  deepMerge,
  differenceOf,
  type Environment,
  isEmptyDifference,
  type LoadContext,
  type LoadedConfig,
  loadConfig,
  validateCompileEnv,
  validateConfig,
} from "./config.ts";
import { tellConfigWatchers } from "./config-change.ts";
import { applicationError } from "./dependencies.ts";
import { defaults } from "./providers.ts";

/** Why a node has to stop. */
export interface NodeStop {
  readonly application: string;
  readonly type: Restart;
  readonly reason: ExitReason;
}

export type NodeStopHandler = (stop: NodeStop) => void | Promise<void>;

export interface StartRequest {
  readonly type: Restart;
  /** After the module's own. */
  readonly providers: readonly ConfigProvider[];
  readonly environment: Environment;
}

// biome-ignore lint/suspicious/noExplicitAny: applications of all configurations in one table
type AnyModule = ApplicationModule<any>;

/** A running application. */
export class Running {
  readonly application: Application<unknown>;
  readonly request: StartRequest;
  readonly master: ApplicationMaster;
  readonly root: LocalPid;
  readonly release: () => void;
  config: unknown;
  /** What `config` was made of. */
  loaded: LoadedConfig;
  /** What `changeConfig` has laid over the providers. */
  overrides: ConfigTree = {};
  /** Set when it is stopped on purpose: its end means nothing to the node then. */
  stopping: Promise<void> | undefined = undefined;
  changing: Promise<unknown> = Promise.resolve();

  constructor(
    application: Application<unknown>,
    request: StartRequest,
    master: ApplicationMaster,
    root: LocalPid,
    { config, loaded }: Configured,
    release: () => void,
  ) {
    this.application = application;
    this.request = request;
    this.master = master;
    this.root = root;
    this.config = config;
    this.loaded = loaded;
    this.release = release;
  }
}

interface Configured {
  readonly config: unknown;
  readonly loaded: LoadedConfig;
}

const never = new Promise<never>(() => undefined);

/** A start under way. */
class Starting {
  config: unknown = undefined;
  master: ApplicationMaster | undefined = undefined;
  done: Promise<Running> = never;
  /** Resolves when what it had started has ended. */
  aborted: Promise<void> | undefined = undefined;

  abort(): Promise<void> {
    this.aborted ??= Promise.resolve(this.master?.abort());
    return this.aborted;
  }
}

export class ApplicationController {
  readonly #node: LocalNode;
  /** In start order. */
  readonly #running = new Map<string, Running>();
  readonly #starting = new Map<string, Starting>();
  #handler: NodeStopHandler | undefined = undefined;
  #nodeStops = false;

  constructor(node: LocalNode) {
    this.#node = node;
  }

  /** What runs, latest first. */
  get running(): readonly Running[] {
    return [...this.#running.values()].reverse();
  }

  set nodeStopHandler(handler: NodeStopHandler) {
    this.#handler = handler;
  }

  find(name: string): Running | undefined {
    return this.#running.get(name);
  }

  stateOf(name: string): "running" | "starting" | "stopping" | "stopped" {
    const running = this.#running.get(name);
    if (running !== undefined && running.stopping === undefined) return "running";
    if (this.#starting.has(name)) return "starting";
    return running === undefined ? "stopped" : "stopping";
  }

  configOf(name: string): unknown {
    const running = this.#running.get(name);
    return running === undefined ? this.#starting.get(name)?.config : running.config;
  }

  /** Joins a start that is under way. */
  start(application: Application<unknown>, request: StartRequest): Promise<Running> {
    const { name } = application;
    const known = this.#starting.get(name);
    if (known?.aborted !== undefined)
      return known.done.catch(() => undefined).then(() => this.start(application, request));
    if (known !== undefined) return known.done;
    const starting = new Starting();
    this.#starting.set(name, starting);
    // Outside any process: an application is not its starter's, and goes on when that ends.
    starting.done = unowned(() => this.#attempt(application, request, starting));
    return starting.done;
  }

  async #attempt(application: Application<unknown>, request: StartRequest, starting: Starting): Promise<Running> {
    try {
      return await this.#start(application, request, starting);
    } finally {
      await starting.aborted;
      this.#starting.delete(application.name);
    }
  }

  async #start(application: Application<unknown>, request: StartRequest, starting: Starting): Promise<Running> {
    const { module, name } = application;
    const old = this.#running.get(name);
    if (old !== undefined && old.stopping === undefined) throw alreadyStarted(name, old.root);
    await old?.stopping;
    this.#requireRunning(name, module);
    const configured = await this.#configure(name, module, request, {});
    if (starting.aborted !== undefined) throw startFailed(name, "shutdown");
    starting.config = configured.config;
    const release = this.#node.runtime.program.keepAlive();
    try {
      const master = new ApplicationMaster(
        this.#node,
        callbacksOf(module, () => this.#argument(name)),
      );
      starting.master = master;
      const root = await master.started;
      if (starting.aborted !== undefined) throw startFailed(name, "shutdown");
      const running = new Running(application, request, master, root, configured, release);
      this.#running.set(name, running);
      void master.ended.then((reason) => this.#ended(running, reason));
      return running;
    } catch (error) {
      release();
      throw error;
    }
  }

  #argument(name: string): { readonly config: never; readonly node: LocalNode["name"] } {
    return { config: this.configOf(name) as never, node: this.#node.name };
  }

  #requireRunning(name: string, module: AnyModule): void {
    const optional = namesOf(module.optionalApplications);
    for (const needed of namesOf(module.applications))
      if (this.stateOf(needed) !== "running" && !optional.includes(needed))
        throw applicationError(
          name,
          `${needed} is not started`,
          `Cannot start application ${name}: it needs ${needed}, which does not run`,
        );
  }

  /** The files and folders that the configuration of a running application is read from. */
  readsOf(name: string): readonly string[] {
    const running = this.#running.get(name);
    if (running === undefined) return [];
    const { application, request } = running;
    const context = this.#contextOf(name, request);
    const reads = [...(application.module.providers ?? []), ...request.providers].flatMap(
      (provider) => provider.reads?.(context) ?? [],
    );
    return [...new Set(reads)];
  }

  #contextOf(application: string, { environment }: StartRequest): LoadContext {
    return { application, files: this.#node.runtime.files, environment };
  }

  async #configure(name: string, module: AnyModule, request: StartRequest, overrides: ConfigTree): Promise<Configured> {
    const providers = [...(module.providers ?? []), ...request.providers, defaults(overrides, "changeConfig")];
    const loaded = await loadConfig(providers, this.#contextOf(name, request));
    const config: unknown = await validateConfig(name, module.config, loaded);
    if (module.compileEnv !== undefined) validateCompileEnv(name, module.compileEnv, config, loaded);
    // All processes share it.
    if (this.#node.freeze) deepFreeze(config);
    return { config, loaded };
  }

  async stop(name: string): Promise<void> {
    const running = this.#running.get(name);
    const starting = this.#starting.get(name);
    // With both, what runs may be stopping already, and the start waits for that.
    if (running !== undefined && (running.stopping === undefined || starting === undefined)) {
      running.stopping ??= unowned(() => running.master.stop()).then(() => this.#forget(running));
      await running.stopping;
    } else if (starting !== undefined) {
      await starting.abort();
      await starting.done.catch(() => undefined);
    } else throw notStarted(name, "stop it");
  }

  /** The latest first. One that ends meanwhile needs no stop. */
  async stopAll(): Promise<void> {
    for (const name of [...this.#running.keys(), ...this.#starting.keys()].reverse())
      if (this.stateOf(name) !== "stopped") await this.stop(name);
  }

  /** Loads and validates anew, with `overrides` on top; a refusal keeps what was. */
  changeConfig(name: string, overrides: ConfigTree): Promise<ConfigDifference> {
    const running = this.#running.get(name);
    if (running === undefined || running.stopping !== undefined)
      return Promise.reject(notStarted(name, "change its configuration"));
    const change = unowned(() => running.changing.then(() => this.#changeConfig(running, overrides)));
    running.changing = change.catch(() => undefined);
    return change;
  }

  async #changeConfig(running: Running, more: ConfigTree): Promise<ConfigDifference> {
    const { application, master, request } = running;
    const { module, name } = application;
    const overrides = deepMerge(running.overrides, more);
    const before = running.config;
    const { config, loaded } = await this.#configure(name, module, request, overrides);
    const difference = differenceOf(before, config);
    if (!isEmptyDifference(difference)) {
      const { added, changed, removed } = difference;
      running.config = config;
      try {
        await master.run(() => module.configChange?.(changed as never, added as never, removed));
      } catch (error) {
        running.config = before;
        throw changeRefused(name, difference, loaded, error);
      }
      tellConfigWatchers(this.#node, { type: "config_change", application: name, ...difference });
    }
    running.overrides = overrides;
    // Also when no value differs: another source may give it now.
    running.loaded = loaded;
    return difference;
  }

  #forget(running: Running): void {
    const { name } = running.application;
    if (this.#running.get(name) === running) this.#running.delete(name);
    running.release();
  }

  #ended(running: Running, reason: ExitReason): void {
    if (running.stopping !== undefined) return;
    this.#forget(running);
    const { application, request } = running;
    const { type } = request;
    running.master.warn(`ended by itself (${type}): ${showReason(reason)}`, undefined);
    // OTP: a transient application may end with normal; its supervision tree never does, by itself.
    if (type === "permanent" || (type === "transient" && reason !== "normal"))
      void this.#stopNode({ application: application.name, type, reason });
  }

  async #stopNode(stop: NodeStop): Promise<void> {
    if (this.#nodeStops) return; // The first one is the cause.
    this.#nodeStops = true;
    try {
      // Not those that are starting: one may wait for what has just ended.
      for (const { application } of this.running)
        if (this.stateOf(application.name) === "running") await this.stop(application.name);
      if (this.#handler === undefined) this.#node.runtime.program.halt(1);
      else await this.#handler(stop);
    } finally {
      this.#nodeStops = false;
    }
  }
}

function callbacksOf(
  module: AnyModule,
  argument: () => { readonly config: never; readonly node: LocalNode["name"] },
): ConstructorParameters<typeof ApplicationMaster>[1] {
  return {
    name: module.name,
    start: () => module.start(argument()),
    phases: Object.values(module.startPhases ?? {}).map((phase) => () => phase(argument())),
    prepStop: () => module.prepStop?.(argument()),
    stop: () => module.stop?.(argument()),
    shutdownMs: module.shutdownMs ?? "infinity",
  };
}

export function namesOf(applications: readonly (string | { readonly name: string })[] | undefined): readonly string[] {
  return (applications ?? []).map((one) => (typeof one === "string" ? one : one.name));
}

function notStarted(name: string, what: string): InterlockError<"INTERLOCK_APPLICATION"> {
  return applicationError(name, "not started", `Application ${name} does not run: cannot ${what}`);
}

function alreadyStarted(name: string, pid: LocalPid): InterlockError<"INTERLOCK_ALREADY_STARTED"> {
  return new InterlockError("INTERLOCK_ALREADY_STARTED", `Cannot start application ${name}: it runs already`, {
    name,
    pid,
  });
}

const controllers = new WeakMap<LocalNode, ApplicationController>();

/** The controller of a node. */
export function controllerOf(node: LocalNode): ApplicationController {
  let controller = controllers.get(node);
  if (controller === undefined) {
    controller = new ApplicationController(node);
    controllers.set(node, controller);
  }
  return controller;
}
