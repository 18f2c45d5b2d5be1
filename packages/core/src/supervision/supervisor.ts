/**
 * Supervisors: a process that traps exits and a table of children. Starts them in order, restarts what fails by its
 * strategy, stops them in reverse order, and gives up when restarts come too fast.
 * @see supervisor(3)
 */
import { type ChildOptions, type ChildSpec, childSpec, type Restart } from "../behaviour/child-spec.ts";
import { callServer, disposeServer, pidAt, stopServer } from "../behaviour/client.ts";
import { badReturn } from "../behaviour/gen-server.ts";
import { type Ignore, Result } from "../behaviour/reply.ts";
import { type Start, startWith } from "../behaviour/start.ts";
import { badArgument, InterlockError } from "../errors.ts";
import { checkedName, type Name } from "../naming/name.ts";
import { type ExitReason, isNormalEnd, showReason } from "../process/exit-reason.ts";
import type { LocalPid, Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { checkSpec, type StartOutcome, startChild, withoutStart } from "./child.ts";
import { type AutoShutdown, checkFlags, type Flags, type RestartLimits } from "./flags.ts";
import { RestartHistory } from "./restart-intensity.ts";
import { after, inSequence, type MaybePromise } from "./sequence.ts";
import { type ShutdownMs, shutDown, WaitingExits } from "./shutdown.ts";
import { restartGroup, type Strategy } from "./strategy.ts";
import { type Answer, comesBack, type Supervision, SupervisorBody } from "./supervisor-body.ts";

export interface ChildInfo {
  readonly id: string;
  /** Undefined while it does not run. */
  readonly pid: Pid | undefined;
  readonly status: "running" | "restarting" | "stopped";
  readonly type: "worker" | "supervisor";
  readonly modules: readonly string[];
}

export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

export interface SupervisorRef extends AsyncDisposable {
  readonly pid: Pid;
  /**
   * Adds a child and starts it. @see supervisor:start_child/2
   *
   * **Errors** `INTERLOCK_CHILD` (`already_started`, `already_present`), `INTERLOCK_START_FAILED` (the child is not kept),
   * `INTERLOCK_START_IGNORED` (it is kept, not running, unless temporary), `INTERLOCK_BAD_ARGUMENT`.
   */
  startChild(spec: ChildSpec): Promise<Pid>;
  /** Stops a child and keeps its spec. **Errors** `INTERLOCK_CHILD` (`not_found`). @see supervisor:terminate_child/2 */
  terminateChild(id: string): Promise<void>;
  /** Starts a child that was stopped. **Errors** `INTERLOCK_CHILD`, `INTERLOCK_START_FAILED`. @see supervisor:restart_child/2 */
  restartChild(id: string): Promise<Pid>;
  /** Forgets a child that does not run. **Errors** `INTERLOCK_CHILD`. @see supervisor:delete_child/2 */
  deleteChild(id: string): Promise<void>;
  /** Latest first. @see supervisor:which_children/1 */
  whichChildren(): Promise<readonly ChildInfo[]>;
  /** @see supervisor:count_children/1 */
  countChildren(): Promise<ChildCounts>;
  /** The spec with every default filled in. **Errors** `INTERLOCK_CHILD` (`not_found`). @see supervisor:get_childspec/2 */
  getChildSpec(id: string): Promise<ChildSpec>;
  /** Stops the supervisor with all its children. */
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
}

export interface SupervisorModule<Args extends readonly unknown[]> extends RestartLimits {
  readonly name: string;
  readonly strategy: Strategy;
  /** Default `"never"`. */
  readonly autoShutdown?: AutoShutdown;
  /** The children in start order, or `ignore()`: no supervisor is wanted. */
  readonly children: (...args: Args) => readonly ChildSpec[] | Ignore;
}

export interface Supervisor<Args extends readonly unknown[]> extends Start<Args, SupervisorRef> {
  readonly module: SupervisorModule<Args>;
  named(name: Name): Start<Args, SupervisorRef>;
  at(target: Name | Pid): SupervisorRef;
  child(args: Args, options?: ChildOptions): ChildSpec;
}

/** One line of the table of children. */
class Child {
  spec: ChildSpec;
  pid: LocalPid | undefined = undefined;
  restarting = false;

  constructor(spec: ChildSpec) {
    this.spec = spec;
  }

  get id(): string {
    return this.spec.id;
  }
  get restart(): Restart {
    return this.spec.restart ?? "permanent";
  }
  get shutdownMs(): ShutdownMs {
    return this.spec.shutdownMs ?? (this.spec.type === "supervisor" ? "infinity" : 5_000);
  }

  /** The spec with its defaults. */
  get fullSpec(): ChildSpec {
    const { restart, shutdownMs, spec } = this;
    return { type: "worker", modules: [spec.id], significant: false, ...spec, restart, shutdownMs };
  }
}

interface Table extends Supervision {
  readonly args: readonly unknown[];
  /** In start order. */
  byId: Map<string, Child>;
  readonly byPid: Map<LocalPid, Child>;
}

class StaticSupervisor extends SupervisorBody<Table> {
  readonly label: string;
  #module: SupervisorModule<readonly never[]>;

  constructor(module: SupervisorModule<readonly never[]>) {
    super();
    this.label = module.name;
    this.#module = module;
  }

  protected setUp(
    process: Process,
    args: readonly unknown[],
  ): MaybePromise<Table | "ignore" | { readonly stop: ExitReason }> {
    const flags = checkFlags(this.#module);
    const byId = childrenOf(this.#module, args, flags);
    if (byId === undefined) return "ignore";
    const table: Table = { args, flags, history: new RestartHistory(), byId, byPid: new Map() };
    let failure: { readonly stop: ExitReason } | undefined;
    const all = inSequence([...table.byId.values()], (child) =>
      after(startChild(child.spec, process), (outcome) => {
        if (outcome.started !== undefined || outcome.error === undefined) {
          this.#up(process, table, child, outcome);
          return true;
        }
        const { reason } = outcome.error;
        this.report(process, "start_error", reason, child.id, undefined, child.restart);
        failure = { stop: { shutdown: { failed_to_start_child: child.id, reason } } };
        return false;
      }),
    );
    return after(all, () =>
      failure === undefined ? table : after(this.#stopAll(process, table), () => failure as { stop: ExitReason }),
    );
  }

  protected operate(process: Process, operation: string, args: readonly unknown[]): MaybePromise<Answer> {
    const table = this.stateOf(process);
    switch (operation) {
      case "startChild":
        return this.#startNew(process, table, args[0] as ChildSpec);
      case "terminateChild":
        return this.#terminate(process, table, args[0] as string);
      case "restartChild":
        return this.#restartStopped(process, table, args[0] as string);
      case "deleteChild":
        return this.#delete(table, args[0] as string);
      case "whichChildren":
        return { value: [...table.byId.values()].reverse().map(infoOf) };
      case "countChildren":
        return { value: countsOf([...table.byId.values()]) };
      case "getChildSpec": {
        const child = table.byId.get(args[0] as string);
        return child === undefined ? this.#problem(args[0] as string, "not_found") : { value: child.fullSpec };
      }
      default:
        return { error: badArgument("operation", operation, "one of a supervisor's") };
    }
  }

  protected childExited(process: Process, pid: LocalPid, reason: ExitReason): MaybePromise<unknown> {
    const table = this.stateOf(process);
    const child = table.byPid.get(pid);
    // Nobody's: a child that was stopped meanwhile, or a process that linked itself to its supervisor.
    if (child === undefined) return undefined;
    table.byPid.delete(pid);
    child.pid = undefined;
    if (!isNormalEnd(reason) || child.restart === "permanent")
      this.report(process, "child_terminated", reason, child.id, pid, child.restart);
    if (comesBack(child.restart, reason)) return this.#restart(process, table, child, pid);
    if (child.restart === "temporary") table.byId.delete(child.id);
    // OTP: a transient child counts only when it ended normally, and those that failed came back above.
    if (child.spec.significant === true) this.#significantEnded(process, table);
    return undefined;
  }

  #significantEnded(process: Process, table: Table): void {
    const { autoShutdown } = table.flags;
    // OTP: a significant child that is being restarted is still there.
    const others = [...table.byId.values()].some(
      ({ pid, restarting, spec }) => spec.significant === true && (pid !== undefined || restarting),
    );
    if (autoShutdown === "any_significant" || (autoShutdown === "all_significant" && !others))
      this.stop(process, "shutdown");
  }

  #restart(
    process: Process,
    table: Table,
    child: Child,
    pid: LocalPid | undefined,
    counts = true,
  ): MaybePromise<unknown> {
    if (counts && !this.mayRestart(process, child.id, pid, child.restart)) return undefined;
    const group = restartGroup(table.flags.strategy, table.byId.values(), child);
    return after(this.#stopGroup(process, table, group), () => this.#startGroup(process, table, group));
  }

  /** Stops in reverse order. Temporary children of a group are gone for good. */
  #stopGroup(process: Process, table: Table, group: readonly Child[]): MaybePromise<unknown> {
    if (group.length === 1 && group[0]?.pid === undefined) return true;
    const waiting = new WaitingExits(process);
    return inSequence([...group].reverse(), (child) =>
      after(this.#stopOne(process, table, child, waiting), () => {
        // OTP: whoever waited for another try is started in its turn, or waits for the one that cannot be.
        child.restarting = false;
        if (child.restart === "temporary") table.byId.delete(child.id);
        return true;
      }),
    );
  }

  /** Starts in order; at the first failure the rest waits for another try. */
  #startGroup(process: Process, table: Table, group: readonly Child[]): MaybePromise<unknown> {
    return inSequence(
      group.filter((child) => table.byId.has(child.id)),
      (child) =>
        after(startChild(child.spec, process), (outcome) => {
          if (outcome.started === undefined && outcome.error !== undefined) {
            this.report(process, "start_error", outcome.error.reason, child.id, undefined, child.restart);
            child.restarting = true;
            this.later(process, child.id, outcome.error.reason);
            return false;
          }
          this.#up(process, table, child, outcome);
          return true;
        }),
    );
  }

  protected tryAgain(process: Process, id: unknown, counts: boolean): MaybePromise<unknown> {
    const table = this.stateOf(process);
    const child = table.byId.get(id as string);
    // Terminated, deleted or restarted by hand meanwhile.
    if (child === undefined || !child.restarting) return undefined;
    return this.#restart(process, table, child, undefined, counts);
  }

  #up(process: Process, table: Table, child: Child, outcome: StartOutcome): void {
    child.restarting = false;
    child.pid = outcome.started;
    if (child.pid === undefined) {
      // Ignored: kept without a process, unless nobody will ever start it again.
      if (child.restart === "temporary") table.byId.delete(child.id);
      return;
    }
    table.byPid.set(child.pid, child);
    if (child.restart === "temporary") child.spec = withoutStart(child.spec);
    this.progress(process, child.id, child.pid);
  }

  #startNew(process: Process, table: Table, spec: ChildSpec): MaybePromise<Answer> {
    try {
      checkSpec(spec, table.flags.autoShutdown);
    } catch (error) {
      return { error: error as Error };
    }
    const known = table.byId.get(spec.id);
    if (known !== undefined)
      return this.#problem(spec.id, known.pid === undefined ? "already_present" : "already_started", known.pid);
    const child = new Child(spec);
    return after(startChild(spec, process), (outcome) => {
      if (outcome.started === undefined && outcome.error !== undefined) {
        return { error: startFailed(spec.id, outcome.error.reason) };
      }
      table.byId.set(spec.id, child);
      this.#up(process, table, child, outcome);
      return started(spec.id, child.pid);
    });
  }

  #terminate(process: Process, table: Table, id: string): MaybePromise<Answer> {
    const child = table.byId.get(id);
    if (child === undefined) return this.#problem(id, "not_found");
    return after(this.#stopOne(process, table, child), () => {
      child.restarting = false;
      if (child.restart === "temporary") table.byId.delete(id);
      return { value: undefined };
    });
  }

  #restartStopped(process: Process, table: Table, id: string): MaybePromise<Answer> {
    const child = table.byId.get(id);
    if (child === undefined) return this.#problem(id, "not_found");
    if (child.restarting) return this.#problem(id, "restarting");
    if (child.pid !== undefined) return this.#problem(id, "running", child.pid);
    return after(startChild(child.spec, process), (outcome) => {
      if (outcome.started === undefined && outcome.error !== undefined)
        return { error: startFailed(id, outcome.error.reason) };
      this.#up(process, table, child, outcome);
      return started(id, child.pid);
    });
  }

  #delete(table: Table, id: string): Answer {
    const child = table.byId.get(id);
    if (child === undefined) return this.#problem(id, "not_found");
    if (child.restarting) return this.#problem(id, "restarting");
    if (child.pid !== undefined) return this.#problem(id, "running", child.pid);
    table.byId.delete(id);
    return { value: undefined };
  }

  #stopOne(process: Process, table: Table, child: Child, waiting?: WaitingExits): MaybePromise<boolean> {
    const { pid } = child;
    if (pid === undefined) return true;
    table.byPid.delete(pid);
    child.pid = undefined;
    return after(shutDown(process, pid, child.shutdownMs, waiting), (reason) => {
      this.reportOddShutdown(process, reason, child.shutdownMs, child.id, pid, child.restart);
      return true;
    });
  }

  #stopAll(process: Process, table: Table): MaybePromise<unknown> {
    const waiting = new WaitingExits(process);
    return inSequence([...table.byId.values()].reverse(), (child) => this.#stopOne(process, table, child, waiting));
  }

  protected stopChildren(process: Process): MaybePromise<unknown> {
    return this.#stopAll(process, this.stateOf(process));
  }

  /**
   * OTP: specs of known ids are replaced, new children are added, not started; children that run are left alone, and
   * those that the new list does not name come after it. With a fault in the new list all stays as it was.
   */
  override codeChange(process: Process, _oldVersion: string, replacement: unknown): void {
    const module = (replacement as { module?: SupervisorModule<readonly never[]> } | undefined)?.module ?? this.#module;
    const flags = checkFlags(module);
    const table = this.stateOf(process);
    const byId = childrenOf(module, table.args, flags);
    if (byId === undefined) return;
    for (const [id, known] of table.byId) {
      known.spec = byId.get(id)?.spec ?? known.spec;
      byId.set(id, known);
    }
    table.byId = byId;
    table.flags = flags;
  }

  #problem(id: string, problem: ChildProblem, pid?: LocalPid): Answer {
    return { error: childProblem(this.label, id, problem, pid) };
  }
}

/** The children that `module` lists, in start order; undefined when it wants no supervisor. */
function childrenOf(
  module: SupervisorModule<readonly never[]>,
  args: readonly unknown[],
  { autoShutdown }: Flags,
): Map<string, Child> | undefined {
  const specs = module.children(...(args as never[]));
  if (specs instanceof Result && specs.kind === "ignore") return undefined;
  if (!Array.isArray(specs)) throw badReturn(module.name, "children", specs);
  const byId = new Map<string, Child>();
  for (const spec of specs as readonly ChildSpec[]) {
    checkSpec(spec, autoShutdown);
    if (byId.has(spec.id)) throw badArgument("children", spec.id, "specs with different ids");
    byId.set(spec.id, new Child(spec));
  }
  return byId;
}

export type ChildProblem = "not_found" | "running" | "restarting" | "already_present" | "already_started";

export function childProblem(
  supervisor: string,
  id: string,
  problem: ChildProblem,
  pid?: LocalPid,
): InterlockError<"INTERLOCK_CHILD"> {
  return new InterlockError("INTERLOCK_CHILD", `Child ${id} of ${supervisor}: ${problem.replace("_", " ")}`, {
    supervisor,
    id,
    problem,
    pid,
  });
}

export function startFailed(id: string, reason: ExitReason): InterlockError<"INTERLOCK_START_FAILED"> {
  return new InterlockError(
    "INTERLOCK_START_FAILED",
    `Cannot start child ${id}: ${showReason(reason)}`,
    { label: id, reason },
    typeof reason === "object" && reason !== null && "error" in reason ? { cause: reason.error } : undefined,
  );
}

function started(id: string, pid: LocalPid | undefined): Answer {
  if (pid !== undefined) return { value: pid };
  return {
    error: new InterlockError("INTERLOCK_START_IGNORED", `Child ${id} did not start: init answered ignore()`, {
      label: id,
    }),
  };
}

function infoOf({ id, pid, restarting, spec }: Child): ChildInfo {
  return {
    id,
    pid,
    status: pid !== undefined ? "running" : restarting ? "restarting" : "stopped",
    type: spec.type ?? "worker",
    modules: spec.modules ?? [id],
  };
}

function countsOf(children: readonly Child[]): ChildCounts {
  const supervisors = children.filter((child) => child.spec.type === "supervisor").length;
  return {
    specs: children.length,
    // OTP: one that has just ended is not active, though its EXIT still waits.
    active: children.filter((child) => child.pid?.process !== undefined).length,
    supervisors,
    workers: children.length - supervisors,
  };
}

/** OTP: what is asked of a supervisor has no time limit, as starting a child may take long. */
function ask<T>(target: Pid | Name, operation: string, ...args: readonly unknown[]): Promise<T> {
  return callServer(target, operation, args, Number.POSITIVE_INFINITY, undefined) as Promise<T>;
}

/** A reference to any supervisor. */
export function refAt(target: Pid | Name): SupervisorRef {
  return {
    get pid() {
      return pidAt(target);
    },
    startChild: (spec) => ask(target, "startChild", spec),
    terminateChild: (id) => ask(target, "terminateChild", id),
    restartChild: (id) => ask(target, "restartChild", id),
    deleteChild: (id) => ask(target, "deleteChild", id),
    whichChildren: () => ask(target, "whichChildren"),
    countChildren: () => ask(target, "countChildren"),
    getChildSpec: (id) => ask(target, "getChildSpec", id),
    stop: (reason = "normal", timeoutMs = Number.POSITIVE_INFINITY) => stopServer(target, reason, timeoutMs),
    [Symbol.asyncDispose]: () => disposeServer(() => target),
  };
}

/**
 * A supervisor of children that are known beforehand.
 *
 * @example
 * const Bank = genServer({
 *   name: "bank",
 *   init: (opening: number): { readonly balance: number } => ({ balance: opening }),
 *   calls: { balance: ({ state }) => reply(state.balance) },
 * });
 * const bankSup = supervisor({
 *   name: "bank_sup",
 *   strategy: "rest_for_one",
 *   intensity: 3,
 *   periodMs: 5_000,
 *   children: (opening: number) => [Bank.child([opening], { name: local("bank") })],
 * });
 * await bankSup.startLink(10_000);
 * console.log(await Bank.at(local("bank")).call.balance()); // 10000
 */
export function supervisor<Args extends readonly unknown[]>(module: SupervisorModule<Args>): Supervisor<Args> {
  checkFlags(module);
  const body = new StaticSupervisor(module as never);
  const starts = startWith<Args, SupervisorRef>(body, refAt);
  return {
    module,
    ...starts(undefined),
    named: (name) => starts(checkedName(name)),
    at: refAt,
    child: (args, options) => childSpec(body, module.name, args, options, "supervisor"),
  };
}
