/**
 * Task supervisors: where tasks live that must not be lost sight of. Tasks are started on the caller's stack, so that the
 * handle is there at once; the supervisor owns them, and stops them side by side when it stops.
 * @see https://hexdocs.pm/elixir/Task.Supervisor.html
 */
import { type ChildOptions, type ChildSpec, childSpec } from "../behaviour/child-spec.ts";
import { callServer, disposeServer, pidAt, stopServer } from "../behaviour/client.ts";
import { type Start, startWith } from "../behaviour/start.ts";
import { streamOf, type TaskStreamOptions, type ZippedOutcome } from "../behaviour/task-stream.ts";
import { badArgument, InterlockError } from "../errors.ts";
import { type Name, resolve } from "../naming/name.ts";
import { atExit } from "../process/exit.ts";
import { type ExitReason, isNormalEnd } from "../process/exit-reason.ts";
import { join, unlink } from "../process/link.ts";
import { LocalPid, localPid, type Pid } from "../process/pid.ts";
import { type Process, STOPPING } from "../process/process.ts";
import { fence } from "../process/send.ts";
import { startTask, type Task, type TaskOutcome } from "../process/task.ts";
import { checkFlags } from "./flags.ts";
import { RestartHistory } from "./restart-intensity.ts";
import { after, type MaybePromise } from "./sequence.ts";
import { type ShutdownMs, shutDown } from "./shutdown.ts";
import { type ChildCounts, type ChildInfo, childProblem } from "./supervisor.ts";
import { type Answer, type Supervision, SupervisorBody } from "./supervisor-body.ts";

export interface TaskSupervisorOptions {
  readonly name?: Name;
  /** Default: no limit. */
  readonly maxChildren?: number;
  /** What each task has between `"shutdown"` and `"kill"` when the supervisor stops. Default 5 000. */
  readonly shutdownMs?: ShutdownMs;
}

type Run<T> = (signal: AbortSignal) => T | Promise<T>;

/** **Errors** of all that start tasks: `INTERLOCK_MAX_CHILDREN`, `INTERLOCK_NOPROC` when the supervisor does not run. */
export interface TaskSupervisor extends Start<readonly [], TaskSupervisor>, AsyncDisposable {
  /** The running supervisor. **Errors** `INTERLOCK_NOPROC` */
  readonly pid: Pid;
  /** Runs `run` in a task linked to the calling process as well. */
  async<T>(run: Run<T>): Task<T>;
  /** Runs `run` in a task whose failure the calling process hears of by the task alone. */
  asyncNolink<T>(run: Run<T>): Task<T>;
  /** Runs `run` and forgets about it: a failure is reported. */
  startChild(run: Run<unknown>): Pid;
  /** As `taskStream`, with tasks of this supervisor. */
  stream<T, R>(
    items: Iterable<T> | AsyncIterable<T>,
    run: (item: T, signal: AbortSignal) => R | Promise<R>,
    options: TaskStreamOptions & { readonly zipInput: true },
  ): AsyncIterable<ZippedOutcome<T, R>>;
  stream<T, R>(
    items: Iterable<T> | AsyncIterable<T>,
    run: (item: T, signal: AbortSignal) => R | Promise<R>,
    options: TaskStreamOptions,
  ): AsyncIterable<TaskOutcome<R>>;
  /** The tasks that run, oldest first. */
  children(): readonly Pid[];
  /** Ends a task: `"shutdown"`, its time, `"kill"`. **Errors** `INTERLOCK_CHILD` (`not_found`) */
  terminateChild(pid: Pid): Promise<void>;
  whichChildren(): Promise<readonly ChildInfo[]>;
  countChildren(): Promise<ChildCounts>;
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
  /** The supervisor at `target`, when several of this value run. */
  at(target: Pid | Name): TaskSupervisor;
  child(options?: ChildOptions): ChildSpec;
}

interface Tasks extends Supervision {
  readonly running: Set<LocalPid>;
}

const LABEL = "task_supervisor";
const ID = "task";

class TaskSupervisorBody extends SupervisorBody<Tasks> {
  readonly label: string = LABEL;
  readonly #maxChildren: number;
  readonly #shutdownMs: ShutdownMs;
  readonly #started: (pid: LocalPid) => void;

  constructor(
    { maxChildren = Number.POSITIVE_INFINITY, shutdownMs = 5_000 }: TaskSupervisorOptions,
    started: (pid: LocalPid) => void,
  ) {
    super();
    if (!(maxChildren >= 0)) throw badArgument("maxChildren", maxChildren, "a whole number, 0 or more");
    this.#maxChildren = maxChildren;
    this.#shutdownMs = shutdownMs;
    this.#started = started;
  }

  protected setUp(process: Process): Tasks {
    this.#started(process.pid);
    return { flags: checkFlags({}), history: new RestartHistory(), running: new Set() };
  }

  /** Starts a task of `supervisor` for `owner`. */
  startTask<T>(supervisor: Process, owner: Process | undefined, run: Run<T>, linked: boolean): Task<T> {
    if (typeof run !== "function") throw badArgument("run", run, "a function");
    const { running } = this.stateOf(supervisor);
    if (running.size >= this.#maxChildren)
      throw new InterlockError(
        "INTERLOCK_MAX_CHILDREN",
        `${this.label} ${supervisor.pid} has its ${this.#maxChildren} tasks`,
        {
          supervisor: this.label,
          maxChildren: this.#maxChildren,
        },
      );
    const task = startTask(owner, run, true, supervisor);
    const pid = localPid(task.pid);
    const process = pid.process as Process;
    running.add(pid);
    // Its place is free at once, and no EXIT comes of it: the supervisor knows all that it would say.
    atExit(process, (reason) => {
      running.delete(pid);
      unlink(process, supervisor.pid);
      if (!isNormalEnd(reason) && supervisor.alive)
        this.report(supervisor, "child_terminated", reason, ID, pid, "temporary");
    });
    if (linked && owner !== undefined) join(owner, process);
    return task;
  }

  protected operate(process: Process, operation: string, args: readonly unknown[]): MaybePromise<Answer> {
    const { running } = this.stateOf(process);
    switch (operation) {
      case "terminateChild": {
        const [pid] = args;
        if (!(pid instanceof LocalPid) || !running.has(pid))
          return { error: childProblem(this.label, String(pid), "not_found") };
        return after(shutDown(process, pid, this.#shutdownMs), () => ({ value: undefined }));
      }
      case "whichChildren":
        return { value: [...running].reverse().map(infoOf) };
      case "countChildren":
        return {
          value: {
            specs: running.size,
            active: running.size,
            supervisors: 0,
            workers: running.size,
          } satisfies ChildCounts,
        };
      default:
        return { error: badArgument("operation", operation, "one of a task supervisor's") };
    }
  }

  protected childExited(): undefined {
    // Tasks are never started again, and their end is seen to in `startTask`.
    return undefined;
  }

  protected tryAgain(): undefined {
    return undefined;
  }

  /** All at once: each has its shutdown time, and they spend it side by side. */
  protected stopChildren(process: Process): MaybePromise<unknown> {
    const waiting: Promise<unknown>[] = [];
    for (const pid of [...this.stateOf(process).running]) {
      const stopped = shutDown(process, pid, this.#shutdownMs);
      if (stopped instanceof Promise) waiting.push(stopped);
    }
    return waiting.length === 0 ? undefined : Promise.all(waiting);
  }
}

function infoOf(pid: LocalPid): ChildInfo {
  return { id: pid.toString(), pid, status: "running", type: "worker", modules: [ID] };
}

/**
 * Makes a supervisor of tasks.
 *
 * @example
 * const Mails = taskSupervisor({ name: local("mails"), maxChildren: 100 });
 * await Mails.startLink();
 * Mails.startChild(() => console.log("delivered")); // delivered
 * const price = await Mails.async(async () => 42).await({ timeoutMs: 1_000 });
 * console.log(price); // 42
 */
export function taskSupervisor(options: TaskSupervisorOptions = {}): TaskSupervisor {
  let latest: LocalPid | undefined;
  const body = new TaskSupervisorBody(options, (pid) => {
    latest = pid;
  });
  const { name } = options;
  return handle(body, name, () => name ?? latest);
}

function handle(
  body: TaskSupervisorBody,
  name: Name | undefined,
  target: () => Pid | Name | undefined,
): TaskSupervisor {
  const address = (): Pid | Name => {
    const found = target();
    if (found === undefined) throw notRunning(LABEL);
    return found;
  };
  const supervisor = (): Process => {
    const found = address();
    const process = resolve(found);
    if (process?.body !== body || (process.flags & STOPPING) !== 0) throw notRunning(String(found));
    return process;
  };
  const start = <T>(owner: Process | undefined, run: Run<T>, linked: boolean): Task<T> =>
    body.startTask(supervisor(), owner, run, linked);
  const ask = async <T>(operation: string, ...args: readonly unknown[]): Promise<T> =>
    callServer(address(), operation, args, Number.POSITIVE_INFINITY, undefined) as Promise<T>;
  return {
    ...startWith<readonly [], TaskSupervisor>(body, (pid) => handle(body, name, () => pid))(name),
    get pid() {
      return pidAt(address());
    },
    async: (run) => start(fence(), run, true),
    asyncNolink: (run) => start(fence(), run, false),
    startChild: (run) => start(fence(), run, false).pid,
    stream: <T, R>(
      items: Iterable<T> | AsyncIterable<T>,
      run: (item: T, signal: AbortSignal) => R | Promise<R>,
      streamOptions: TaskStreamOptions,
    ): AsyncIterable<ZippedOutcome<T, R>> =>
      streamOf(items, run, streamOptions, (owner, job) => start(owner, job, false)),
    children: () => [...(supervisor().state as Tasks).running],
    terminateChild: (pid) => ask("terminateChild", pid),
    whichChildren: () => ask("whichChildren"),
    countChildren: () => ask("countChildren"),
    stop: (reason = "normal", timeoutMs = Number.POSITIVE_INFINITY) => stopServer(address(), reason, timeoutMs),
    [Symbol.asyncDispose]: () => disposeServer(address),
    at: (other) => handle(body, name, () => other),
    child: (given) =>
      childSpec(body, body.label, [], { ...(name === undefined ? {} : { name }), ...given }, "supervisor"),
  };
}

function notRunning(target: string): InterlockError<"INTERLOCK_NOPROC"> {
  return new InterlockError(
    "INTERLOCK_NOPROC",
    `The task supervisor ${target} does not run: start it under a supervisor or by startLink()`,
    {
      target,
    },
  );
}
