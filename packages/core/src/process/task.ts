/**
 * Tasks: one computation in a process of its own, whose result is awaited by the process that started it.
 * @see https://hexdocs.pm/elixir/Task.html
 */
import { InterlockError } from "../errors.ts";
import { currentNode } from "../naming/name.ts";
import type { LocalNode } from "../node.ts";
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import { currentProcess } from "./context.ts";
import { atExit, exitSignal } from "./exit.ts";
import { type ExitReason, showReason } from "./exit-reason.ts";
import { unlink } from "./link.ts";
import type { Pid } from "./pid.ts";
import type { Process } from "./process.ts";
import type { Self } from "./self.ts";
import { checkDelay, fence } from "./send.ts";
import { spawnProcess } from "./spawn.ts";

/** What became of a task. */
export type TaskOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: ExitReason };

export interface Task<T> extends PromiseLike<T> {
  readonly pid: Pid;
  /**
   * The result. Only the process that started the task may wait for it.
   *
   * **Errors** `INTERLOCK_TIMEOUT` after `timeoutMs` (default 5 000), when the task is let go: a late result is dropped;
   * `INTERLOCK_CALLEE_EXIT` when it ended without one; `INTERLOCK_NOT_OWNER`.
   */
  await(options?: { readonly timeoutMs?: number }): Promise<T>;
  /** Waits up to `timeoutMs` (default 5 000); undefined when the task is still at it, and may be asked again. */
  yield(timeoutMs?: number): Promise<TaskOutcome<T> | undefined>;
  /**
   * Ends the task: `"shutdown"` first, `"kill"` after `timeoutMs` (default 5 000; `"brutal_kill"` at once).
   * @returns the outcome, if it had one already.
   */
  shutdown(timeoutMs?: number | "brutal_kill"): Promise<TaskOutcome<T> | undefined>;
  /** Unlinks the task; whatever it gives is dropped. */
  ignore(): void;
}

class Waiter<T> implements Timed {
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly give: (outcome: TaskOutcome<T> | undefined) => void;
  readonly #waiters: Set<Waiter<T>>;

  constructor(waiters: Set<Waiter<T>>, give: (outcome: TaskOutcome<T> | undefined) => void) {
    this.#waiters = waiters;
    this.give = give;
    waiters.add(this);
  }

  fire(): void {
    this.#waiters.delete(this);
    this.give(undefined);
  }
}

const DEFAULT_TIMEOUT_MS = 5_000;

class TaskHandle<T> implements Task<T> {
  readonly pid: Pid;
  readonly #node: LocalNode;
  readonly #owner: Process | undefined;
  readonly #process: Process;
  readonly #waiters = new Set<Waiter<T>>();
  #outcome: TaskOutcome<T> | undefined = undefined;
  #dropped = false;

  constructor(owner: Process | undefined, process: Process, result: { value: TaskOutcome<T> | undefined }) {
    this.pid = process.pid;
    this.#node = process.node;
    this.#owner = owner;
    this.#process = process;
    atExit(process, (reason) => this.#settle(result.value ?? { ok: false, reason }));
  }

  // biome-ignore lint/suspicious/noThenProperty: a task is awaited like a promise
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return this.await({ timeoutMs: Number.POSITIVE_INFINITY }).then(onValue, onError);
  }

  async await(options?: { readonly timeoutMs?: number }): Promise<T> {
    const timeoutMs = options?.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const outcome = await this.#wait(timeoutMs);
    if (outcome === undefined) {
      this.#dropped = true;
      throw new InterlockError("INTERLOCK_TIMEOUT", `Task ${this.pid} gave no result within ${timeoutMs} ms`, {
        operation: `await task ${this.pid}`,
        timeoutMs,
      });
    }
    if (outcome.ok) return outcome.value;
    throw taskExit(this.pid, outcome.reason);
  }

  async yield(timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<TaskOutcome<T> | undefined> {
    return this.#wait(timeoutMs);
  }

  async shutdown(timeoutMs: number | "brutal_kill" = DEFAULT_TIMEOUT_MS): Promise<TaskOutcome<T> | undefined> {
    this.#mustOwn();
    if (this.#outcome !== undefined) return this.#outcome;
    this.#unlink();
    const from = (this.#owner ?? this.#process).pid;
    if (timeoutMs !== "brutal_kill") {
      exitSignal(from, this.#process, "shutdown");
      const outcome = await this.#wait(timeoutMs);
      if (outcome !== undefined) return outcome.ok ? outcome : notShutdown(outcome);
    }
    exitSignal(from, this.#process, "kill");
    return undefined;
  }

  ignore(): void {
    this.#unlink();
    this.#dropped = true;
  }

  #unlink(): void {
    if (this.#owner?.alive === true) unlink(this.#owner, this.#process.pid);
  }

  #wait(timeoutMs: number): Promise<TaskOutcome<T> | undefined> {
    checkDelay(timeoutMs, "timeoutMs");
    this.#mustOwn();
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome);
    return new Promise((resolve) => {
      const waiter = new Waiter<T>(this.#waiters, resolve);
      if (timeoutMs !== Number.POSITIVE_INFINITY) this.#node.scheduler.timers.startFresh(waiter, timeoutMs);
    });
  }

  #mustOwn(): void {
    const caller = currentProcess();
    if (this.#owner !== undefined && caller !== this.#owner)
      throw new InterlockError(
        "INTERLOCK_NOT_OWNER",
        `Only ${this.#owner.pid}, which started task ${this.pid}, may wait for it`,
        {
          what: `task ${this.pid}`,
          owner: this.#owner.pid.toString(),
          caller: caller?.pid.toString() ?? "code outside any process",
        },
      );
  }

  #settle(outcome: TaskOutcome<T>): void {
    // Let go by one wait: its late result is dropped, but who waits still is told.
    if (!this.#dropped) this.#outcome = outcome;
    for (const waiter of this.#waiters) {
      this.#node.scheduler.timers.cancel(waiter);
      waiter.give(outcome);
    }
    this.#waiters.clear();
  }
}

function notShutdown<T>(outcome: TaskOutcome<T>): TaskOutcome<T> | undefined {
  return !outcome.ok && outcome.reason === "shutdown" ? undefined : outcome;
}

function taskExit(pid: Pid, reason: ExitReason): Error {
  return new InterlockError(
    "INTERLOCK_CALLEE_EXIT",
    `Task ${pid} ended without a result: ${showReason(reason)}`,
    { target: pid.toString(), request: "task", reason },
    typeof reason === "object" && reason !== null && "error" in reason ? { cause: reason.error } : undefined,
  );
}

/** Starts a task for `owner`; `linked` decides whether its failure is the owner's. */
export function startTask<T>(
  owner: Process | undefined,
  run: (signal: AbortSignal) => T | Promise<T>,
  linked: boolean,
  parent: Process | undefined = owner,
): Task<T> {
  const result: { value: TaskOutcome<T> | undefined } = { value: undefined };
  const body = async (self: Self<never>): Promise<void> => {
    result.value = { ok: true, value: await run(self.signal) };
  };
  Object.defineProperty(body, "name", { value: run.name === "" ? "task" : run.name });
  const process = spawnProcess(
    parent?.node ?? owner?.node ?? currentNode(),
    body,
    parent,
    linked && parent !== undefined,
    undefined,
  );
  if (owner !== undefined) process.more().callers = [owner.pid, ...(owner.extras?.callers ?? [])];
  return new TaskHandle<T>(owner, process, result);
}

/** The process that asked for the running code, then the one that asked that one; of tasks only. @see $callers */
export function callers(): readonly Pid[] {
  return currentProcess()?.extras?.callers ?? [];
}

/**
 * Starts `run` in a process linked to this one.
 *
 * @example
 * const page = task(async (signal) => (await fetch("data:,hello", { signal })).text());
 * console.log(await page); // hello
 */
export function task<T>(run: (signal: AbortSignal) => T | Promise<T>): Task<T> {
  const owner = fence();
  return startTask(owner, run, true);
}

/** Waits for all; as soon as one fails the wait is over and the others go on. @see Task.await_many/2 */
export async function awaitAll<T>(tasks: readonly Task<T>[], options?: { readonly timeoutMs?: number }): Promise<T[]> {
  return Promise.all(tasks.map((one) => one.await(options)));
}

/**
 * Waits up to `timeoutMs` in all. Those still at it are `undefined`, and by `onTimeout` let be, ignored or killed.
 * @see Task.yield_many/2
 */
export async function yieldAll<T>(
  tasks: readonly Task<T>[],
  options: {
    readonly timeoutMs?: number;
    readonly limit?: number;
    readonly onTimeout?: "nothing" | "ignore" | "kill_task";
  } = {},
): Promise<(TaskOutcome<T> | undefined)[]> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, limit = tasks.length, onTimeout = "nothing" } = options;
  const outcomes: (TaskOutcome<T> | undefined)[] = tasks.map(() => undefined);
  await new Promise<void>((resolve, reject) => {
    let open = tasks.length;
    let done = 0;
    if (open === 0) resolve();
    tasks.forEach((one, index) => {
      one.yield(timeoutMs).then((outcome) => {
        outcomes[index] = outcome;
        if (outcome !== undefined) done++;
        if (--open === 0 || done >= limit) resolve();
      }, reject);
    });
  });
  for (const [index, one] of tasks.entries()) {
    if (outcomes[index] !== undefined) continue;
    if (onTimeout === "ignore") one.ignore();
    else if (onTimeout === "kill_task") await one.shutdown("brutal_kill");
  }
  return outcomes;
}
