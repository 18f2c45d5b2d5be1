/**
 * The applications of a node: what runs, what is starting or stopping, and what follows when one ends by itself. One
 * operation at a time on each application; a second start joins the first.
 * @see application_controller of kernel
 */
import { InterlockError } from "../errors.ts";
import type { Restart } from "../behaviour/child-spec.ts";
import type { LocalNode } from "../node.ts";
import { unowned } from "../process/context.ts";
import { type ExitReason, showReason } from "../process/exit-reason.ts";
import type { LocalPid } from "../process/pid.ts";
import type { Application, ApplicationModule } from "./application.ts";
import { ApplicationMaster } from "./application-master.ts";
import {
  type ConfigDifference,
  type ConfigProvider,
  differenceOf,
  type Environment,
  isEmptyDifference,
  type LoadContext,
  loadConfig,
  validateCompileEnv,
  validateConfig,
} from "./config.ts";
import { applicationError } from "./dependencies.ts";

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
  /** Explicitly: its end means nothing to the node. */
  stopping: Promise<void> | undefined = undefined;
  changing: Promise<unknown> = Promise.resolve();

  constructor(
    application: Application<unknown>,
    request: StartRequest,
    master: ApplicationMaster,
    root: LocalPid,
    config: unknown,
    release: () => void,
  ) {
    this.application = application;
    this.request = request;
    this.master = master;
    this.root = root;
    this.config = config;
    this.release = release;
  }
}

export class ApplicationController {
  readonly #node: LocalNode;
  /** In start order. */
  readonly #running = new Map<string, Running>();
  readonly #starting = new Map<string, Promise<Running>>();
  /** Of those that are starting. */
  readonly #configs = new Map<string, unknown>();
  #stop: NodeStopHandler | undefined = undefined;

  constructor(node: LocalNode) {
    this.#node = node;
  }

  /** What runs, latest first. */
  get running(): readonly Running[] {
    return [...this.#running.values()].reverse();
  }

  set nodeStopHandler(handler: NodeStopHandler) {
    this.#stop = handler;
  }

  find(name: string): Running | undefined {
    return this.#running.get(name);
  }

  configOf(name: string): unknown {
    return this.#running.get(name)?.config ?? this.#configs.get(name);
  }

  /** Whether it runs, or will if its start goes well. */
  isUp(name: string): boolean {
    return this.#starting.has(name) || this.#running.get(name)?.stopping === undefined && this.#running.has(name);
  }

  /** Outside any process, as the application is not its starter's: it goes on when that ends. */
  start(application: Application<unknown>, request: StartRequest): Promise<Running> {
    const { name } = application;
    const starting = this.#starting.get(name);
    if (starting !== undefined) return starting;
    const attempt = unowned(() => this.#start(application, request)).finally(() => {
      this.#starting.delete(name);
      this.#configs.delete(name);
    });
    this.#starting.set(name, attempt);
    return attempt;
  }

  async #start(application: Application<unknown>, request: StartRequest): Promise<Running> {
    const { module, name } = application;
    const old = this.#running.get(name);
    if (old !== undefined && old.stopping === undefined) throw alreadyStarted(name, old.root);
    await old?.stopping;
    this.#requireRunning(name, module);
    const config = await this.#configure(name, module, request);
    this.#configs.set(name, config);
    const master = new ApplicationMaster(this.#node, callbacksOf(module, () => this.#argument(name)));
    const release = this.#node.runtime.program.keepAlive();
    try {
      const root = await master.started;
      const running = new Running(application, request, master, root, config, release);
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
      if (!this.#running.has(needed) && !optional.includes(needed))
        throw applicationError(name, `${needed} is not started`, `Cannot start application ${name}: it needs ${needed}, which does not run`);
  }

  async #configure(name: string, module: AnyModule, request: StartRequest): Promise<unknown> {
    const context: LoadContext = {
      application: name,
      files: this.#node.runtime.files,
      environment: request.environment,
    };
    const loaded = await loadConfig([...(module.providers ?? []), ...request.providers], context);
    const config: unknown = await validateConfig(name, module.config, loaded);
    if (module.compileEnv !== undefined) validateCompileEnv(name, module.compileEnv, config, loaded);
    return config;
  }

  async stop(name: string): Promise<void> {
    await this.#starting.get(name)?.catch(() => undefined);
    const running = this.#running.get(name);
    if (running === undefined)
      throw applicationError(name, "not started", `Cannot stop application ${name}: it does not run`);
    running.stopping ??= unowned(() => running.master.stop()).then(() => this.#forget(running));
    await running.stopping;
  }

  /** Latest first. */
  async stopAll(): Promise<void> {
    for (const { application } of this.running) if (this.#running.has(application.name)) await this.stop(application.name);
  }

  /** Loads and validates anew; a refusal keeps what was. */
  changeConfig(name: string, providers: readonly ConfigProvider[] | undefined): Promise<ConfigDifference> {
    const running = this.#running.get(name);
    if (running === undefined)
      return Promise.reject(applicationError(name, "not started", `Cannot change the configuration of ${name}: it does not run`));
    const change = unowned(() => running.changing.then(() => this.#changeConfig(running, providers)));
    running.changing = change.catch(() => undefined);
    return change;
  }

  async #changeConfig(running: Running, providers: readonly ConfigProvider[] | undefined): Promise<ConfigDifference> {
    const { application, master, request } = running;
    const { module, name } = application;
    const config = await this.#configure(name, module, { ...request, providers: [...request.providers, ...(providers ?? [])] });
    const before = running.config;
    const difference = differenceOf(before, config);
    if (isEmptyDifference(difference)) return difference;
    running.config = config;
    try {
      const { added, changed, removed } = difference;
      await master.run(() => module.configChange?.(changed as never, added as never, removed));
    } catch (error) {
      running.config = before;
      throw error;
    }
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
    await this.stopAll();
    if (this.#stop !== undefined) await this.#stop(stop);
    else this.#node.runtime.program.halt(1);
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

function alreadyStarted(name: string, pid: LocalPid): InterlockError<"INTERLOCK_ALREADY_STARTED"> {
  return new InterlockError("INTERLOCK_ALREADY_STARTED", `Cannot start application ${name}: it runs already`, { name, pid });
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
