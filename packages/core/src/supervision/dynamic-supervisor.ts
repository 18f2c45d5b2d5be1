/**
 * Supervisors of many children of one kind, started on demand. OTP's simple_one_for_one: children have no ids, are
 * restarted with their own arguments, and are stopped all at once.
 * @see supervisor(3), DynamicSupervisor
 */
import { type BodySpec, type ChildOptions, type ChildSpec, childSpec, type Restart } from "../behaviour/child-spec.ts";
import { callServer, disposeServer, pidAt, stopServer } from "../behaviour/client.ts";
import { startGen } from "../behaviour/gen.ts";
import type { AnyGenServer, RefOf } from "../behaviour/gen-server.ts";
import { type Start, startIgnored, startWith } from "../behaviour/start.ts";
import { badArgument, InterlockError } from "../errors.ts";
import type { Name } from "../naming/name.ts";
import { type ExitReason, isNormalEnd } from "../process/exit-reason.ts";
import { LocalPid, type Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { checkSpec, outcomeOf, type StartOutcome, startChild as startBySpec } from "./child.ts";
import { type AutoShutdown, checkFlags, type RestartLimits } from "./flags.ts";
import { RestartHistory } from "./restart-intensity.ts";
import { after, type MaybePromise } from "./sequence.ts";
import { type ShutdownMs, shutDown, WaitingExits } from "./shutdown.ts";
import { type ChildCounts, type ChildInfo, childProblem, startFailed } from "./supervisor.ts";
import { type Answer, comesBack, type Supervision, SupervisorBody } from "./supervisor-body.ts";

/** What can be supervised dynamically: anything with a child spec of its arguments. */
export interface Supervisable {
  // biome-ignore lint/suspicious/noExplicitAny: the top of the lattice of arguments
  child(args: any, options?: ChildOptions): ChildSpec;
  at(target: Pid | Name): unknown;
}

export interface DynamicSupervisorOptions extends RestartLimits {
  readonly name?: Name;
  readonly maxChildren?: number;
  /** Default `"permanent"`. */
  readonly restart?: Restart;
  readonly shutdownMs?: ShutdownMs;
  readonly autoShutdown?: AutoShutdown;
  readonly significant?: boolean;
  readonly mailbox?: ChildOptions["mailbox"];
  /** The name of the child with these arguments: a key of a registry, for example. */
  readonly nameOf?: (...args: never) => Name;
}

export interface DynamicSupervisor<Args extends readonly unknown[], R>
  extends Start<[], DynamicSupervisor<Args, R>>,
    AsyncDisposable {
  /** The running supervisor. **Errors** `INTERLOCK_NOPROC` when there is none. */
  readonly pid: Pid;
  /**
   * Starts a child. @see supervisor:start_child/2
   *
   * **Errors** `INTERLOCK_MAX_CHILDREN`, `INTERLOCK_START_FAILED`, `INTERLOCK_START_IGNORED`.
   */
  startChild(...args: Args): Promise<R>;
  /** Nothing to do for a process that has ended. **Errors** `INTERLOCK_CHILD` (`not_found`) for one of somebody else. */
  terminateChild(pid: Pid): Promise<void>;
  whichChildren(): Promise<readonly ChildInfo[]>;
  countChildren(): Promise<ChildCounts>;
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
  /** The supervisor at `target`, when several of this value run. */
  at(target: Pid | Name): DynamicSupervisor<Args, R>;
  child(args: readonly [], options?: ChildOptions): ChildSpec;
}

/** The arguments of a child, which are all that is kept of it. */
type ChildArgs = readonly unknown[];

interface Children extends Supervision {
  readonly running: Map<LocalPid, ChildArgs>;
  /** Children that failed to start again, by their last pid. */
  readonly restarting: Map<LocalPid, ChildArgs>;
}

const NO_ARGUMENTS: ChildArgs = [];

class SimpleOneForOne extends SupervisorBody<Children> {
  readonly label: string;
  readonly #of: Supervisable;
  readonly #options: DynamicSupervisorOptions;
  readonly #restart: Restart;
  readonly #shutdownMs: ShutdownMs;
  readonly #template: ChildSpec;
  readonly #started: (pid: LocalPid) => void;

  constructor(
    of: Supervisable,
    template: ChildSpec,
    options: DynamicSupervisorOptions,
    started: (pid: LocalPid) => void,
  ) {
    super();
    this.#of = of;
    this.#template = template;
    this.#options = options;
    this.#started = started;
    this.#restart = options.restart ?? template.restart ?? "permanent";
    this.#shutdownMs =
      options.shutdownMs ?? template.shutdownMs ?? (template.type === "supervisor" ? "infinity" : 5_000);
    this.label = `${template.id}_sup`;
  }

  protected setUp(process: Process): Children {
    this.#started(process.pid);
    return {
      flags: checkFlags(this.#options),
      history: new RestartHistory(),
      running: new Map(),
      restarting: new Map(),
    };
  }

  protected operate(process: Process, operation: string, args: readonly unknown[]): MaybePromise<Answer> {
    const children = this.stateOf(process);
    switch (operation) {
      case "startChild":
        return this.#startNew(process, children, args[0] as ChildArgs);
      case "terminateChild":
        return this.#terminate(process, children, args[0]);
      case "whichChildren":
        return { value: this.#which(children) };
      case "countChildren": {
        const active = children.running.size;
        const specs = active + children.restarting.size;
        const supervisors = this.#template.type === "supervisor" ? specs : 0;
        return { value: { specs, active, supervisors, workers: specs - supervisors } satisfies ChildCounts };
      }
      default:
        return { error: badArgument("operation", operation, "one of a dynamic supervisor's") };
    }
  }

  #startNew(process: Process, children: Children, args: ChildArgs): MaybePromise<Answer> {
    const { maxChildren } = this.#options;
    if (maxChildren !== undefined && children.running.size + children.restarting.size >= maxChildren)
      return {
        error: new InterlockError("INTERLOCK_MAX_CHILDREN", `${this.label} has its ${maxChildren} children`, {
          supervisor: this.label,
          maxChildren,
        }),
      };
    return after(this.#start(process, args), (outcome) => {
      if (outcome.started !== undefined) {
        this.#up(process, children, args, outcome.started);
        return { value: outcome.started };
      }
      if (outcome.error === undefined) return { error: startIgnored(this.#template.id) };
      return { error: startFailed(this.#template.id, outcome.error.reason) };
    });
  }

  #start(process: Process, args: ChildArgs): MaybePromise<StartOutcome> {
    const { body, mailbox } = this.#template as Partial<BodySpec>;
    if (body === undefined) return startBySpec(this.#of.child(args), process);
    return outcomeOf(() =>
      startGen(body, args, {
        name: this.#options.nameOf?.(...(args as never)),
        linked: true,
        parent: process,
        mailbox: this.#options.mailbox ?? mailbox,
      }),
    );
  }

  #up(process: Process, children: Children, args: ChildArgs, pid: LocalPid): void {
    // A temporary child is never started again: what it was started with is let go.
    children.running.set(pid, this.#restart === "temporary" || args.length === 0 ? NO_ARGUMENTS : args);
    this.progress(process, this.#template.id, pid);
  }

  protected childExited(process: Process, pid: LocalPid, reason: ExitReason): MaybePromise<unknown> {
    const children = this.stateOf(process);
    const args = children.running.get(pid);
    if (args === undefined) return undefined;
    children.running.delete(pid);
    if (!isNormalEnd(reason) || this.#restart === "permanent")
      this.report(process, "child_terminated", reason, this.#template.id, pid, this.#restart);
    if (!comesBack(this.#restart, reason)) {
      if (this.#options.significant === true) this.#significantEnded(process, children);
      return undefined;
    }
    if (!this.mayRestart(process, this.#template.id, pid, this.#restart)) return undefined;
    return this.#startAgain(process, children, pid, args);
  }

  #significantEnded(process: Process, children: Children): void {
    const { autoShutdown } = children.flags;
    const others = children.running.size + children.restarting.size > 0;
    if (autoShutdown === "any_significant" || (autoShutdown === "all_significant" && !others))
      this.stop(process, "shutdown");
  }

  #startAgain(process: Process, children: Children, old: LocalPid, args: ChildArgs): MaybePromise<unknown> {
    return after(this.#start(process, args), (outcome) => {
      if (outcome.started === undefined && outcome.error !== undefined) {
        this.report(process, "start_error", outcome.error.reason, this.#template.id, undefined, this.#restart);
        children.restarting.set(old, args);
        this.later(process, old, outcome.error.reason);
        return;
      }
      children.restarting.delete(old);
      // OTP: an ignored child of a simple_one_for_one supervisor is not kept.
      if (outcome.started !== undefined) this.#up(process, children, args, outcome.started);
    });
  }

  protected tryAgain(process: Process, child: unknown, counts: boolean): MaybePromise<unknown> {
    const children = this.stateOf(process);
    const old = child as LocalPid;
    const args = children.restarting.get(old);
    // Terminated meanwhile.
    if (args === undefined) return undefined;
    if (counts && !this.mayRestart(process, this.#template.id, undefined, this.#restart)) return undefined;
    return this.#startAgain(process, children, old, args);
  }

  #terminate(process: Process, children: Children, pid: unknown): MaybePromise<Answer> {
    if (!(pid instanceof LocalPid)) return { error: childProblem(this.label, String(pid), "not_found") };
    if (!children.running.delete(pid)) {
      // OTP: what is gone, or waits for another try, needs no stopping.
      if (children.restarting.delete(pid) || pid.process === undefined) return { value: undefined };
      return { error: childProblem(this.label, String(pid), "not_found") };
    }
    return after(this.#stopOne(process, pid), () => ({ value: undefined }));
  }

  #stopOne(process: Process, pid: LocalPid, waiting?: WaitingExits): MaybePromise<unknown> {
    return after(shutDown(process, pid, this.#shutdownMs, waiting), (reason) => {
      this.reportOddShutdown(process, reason, this.#shutdownMs, this.#template.id, pid, this.#restart);
      return true;
    });
  }

  /** All at once: each has its shutdown time, and they spend it side by side. */
  protected stopChildren(process: Process): MaybePromise<unknown> {
    const children = this.stateOf(process);
    const exits = new WaitingExits(process);
    const pending: Promise<unknown>[] = [];
    for (const pid of children.running.keys()) {
      const stopped = this.#stopOne(process, pid, exits);
      if (stopped instanceof Promise) pending.push(stopped);
    }
    children.running.clear();
    children.restarting.clear();
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  #which(children: Children): readonly ChildInfo[] {
    const { id, modules = [id], type = "worker" } = this.#template;
    const running = [...children.running.keys()].map(
      (pid): ChildInfo => ({ id: pid.toString(), pid, status: "running", type, modules }),
    );
    const restarting = [...children.restarting.keys()].map(
      (): ChildInfo => ({ id, pid: undefined, status: "restarting", type, modules }),
    );
    return [...restarting, ...running.reverse()];
  }
}

/**
 * A supervisor of any number of children of one kind.
 *
 * @example
 * const Room = genServer({
 *   name: "room",
 *   init: (topic: string): { readonly topic: string } => ({ topic }),
 *   calls: { topic: ({ state }) => reply(state.topic) },
 * });
 * const roomSup = dynamicSupervisor(Room, { maxChildren: 10_000, restart: "transient" });
 * await roomSup.startLink();
 * const room = await roomSup.startChild("sport");
 * console.log(await room.call.topic()); // sport
 */
export function dynamicSupervisor<G extends AnyGenServer>(
  of: G,
  options?: DynamicSupervisorOptions,
): DynamicSupervisor<Parameters<G["startLink"]>, RefOf<G>>;
export function dynamicSupervisor<Args extends readonly unknown[], R>(
  of: { child(args: Args, options?: ChildOptions): ChildSpec; at(target: Pid | Name): R },
  options?: DynamicSupervisorOptions,
): DynamicSupervisor<Args, R>;
export function dynamicSupervisor(of: Supervisable, options: DynamicSupervisorOptions = {}): never {
  const { autoShutdown } = checkFlags(options);
  if (options.maxChildren !== undefined && !(options.maxChildren >= 0))
    throw badArgument("maxChildren", options.maxChildren, "a whole number, 0 or more");
  let latest: LocalPid | undefined;
  const template = of.child([]);
  const { restart = template.restart, shutdownMs = template.shutdownMs, significant = false } = options;
  checkSpec({ ...template, restart, shutdownMs, significant } as ChildSpec, autoShutdown);
  const body = new SimpleOneForOne(of, template, options, (pid) => {
    latest = pid;
  });
  const named = (): Pid | Name => {
    if (options.name !== undefined) return options.name;
    if (latest?.process === undefined)
      throw new InterlockError(
        "INTERLOCK_NOPROC",
        `${body.label} does not run: start it under a supervisor or by startLink()`,
        {
          target: body.label,
        },
      );
    return latest;
  };
  const handle = (target: () => Pid | Name): DynamicSupervisor<readonly unknown[], unknown> => {
    const ask = async <T>(operation: string, ...args: readonly unknown[]): Promise<T> =>
      callServer(target(), operation, args, Number.POSITIVE_INFINITY, undefined) as Promise<T>;
    const starts = startWith<[], DynamicSupervisor<readonly unknown[], unknown>>(body, (pid) => handle(() => pid));
    return {
      ...starts(options.name),
      get pid() {
        return pidAt(target());
      },
      startChild: async (...args) =>
        of.at((await callServer(target(), "startChild", [args], Number.POSITIVE_INFINITY, undefined)) as Pid),
      terminateChild: (pid) => ask("terminateChild", pid),
      whichChildren: () => ask("whichChildren"),
      countChildren: () => ask("countChildren"),
      stop: (reason = "normal", timeoutMs = Number.POSITIVE_INFINITY) => stopServer(target(), reason, timeoutMs),
      [Symbol.asyncDispose]: () => disposeServer(target),
      at: (other) => handle(() => other),
      child: (_args, given) =>
        childSpec(
          body,
          body.label,
          [],
          { ...(options.name === undefined ? {} : { name: options.name }), ...given },
          "supervisor",
        ),
    };
  };
  return handle(named) as never;
}
