/**
 * Task streams: a function run on each item of a collection, each in a process of its own, so many at a time. Nothing is
 * pulled from the input before the results are asked for, and nothing is left running once they are not.
 * @see Task.async_stream/3
 */
import { badArgument, InterlockError } from "../errors.ts";
import { atExit, exitSignal } from "../process/exit.ts";
import { type ExitReason, showReason } from "../process/exit-reason.ts";
import { localPid } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import { type Process, TRAP_EXIT } from "../process/process.ts";
import { checkDelay, fence } from "../process/send.ts";
import { startTask, type Task, type TaskOutcome } from "../process/task.ts";
import type { Timer } from "../process/timer.ts";

export interface TaskStreamOptions {
  /** How many tasks run at the same time, at most. */
  readonly concurrency: number;
  /** For each task, from its start. Default 5 000. */
  readonly timeoutMs?: number;
  /**
   * Default true: results come in the order of the input, and those that are ready before their turn are kept. Otherwise
   * they come as they are ready, and none is kept.
   */
  readonly ordered?: boolean;
  /** `exit` (default): a timeout ends the stream with `INTERLOCK_TIMEOUT`. `kill_task`: it is the reason of that result. */
  readonly onTimeout?: "exit" | "kill_task";
  /** Results without a value have the `input` that they were for. */
  readonly zipInput?: boolean;
  /** Whether a task that fails ends the calling process, as a link would; one that traps exits gets a result instead. */
  readonly linked?: boolean;
}

/** A result of a stream with `zipInput`. */
export type ZippedOutcome<T, R> =
  | { readonly ok: true; readonly value: R }
  | { readonly ok: false; readonly reason: ExitReason; readonly input: T };

/** Starts the process of one item. */
export type StartJob = (owner: Process | undefined, job: (signal: AbortSignal) => Promise<void>) => Task<void>;

interface Slot<T, R> {
  readonly input: T;
  readonly process: Process;
  limit: Timer | undefined;
  outcome: TaskOutcome<R> | undefined;
}

class TaskStream<T, R> {
  readonly #owner: Process | undefined;
  readonly #run: (item: T, signal: AbortSignal) => R | Promise<R>;
  readonly #start: StartJob;
  readonly #options: TaskStreamOptions;
  readonly #input: Iterator<T> | AsyncIterator<T>;
  readonly #running = new Set<Slot<T, R>>();
  /** What is to be delivered: in the order of the input, or as it became ready. */
  readonly #queue = new Set<Slot<T, R>>();
  #inputDone = false;
  #pulling = false;
  #closed = false;
  /** What ends the stream: a failed input, a timeout, the failure of a linked task. */
  #failure: { readonly error: unknown } | undefined = undefined;
  #wake = Promise.withResolvers<void>();

  constructor(
    items: Iterable<T> | AsyncIterable<T>,
    run: (item: T, signal: AbortSignal) => R | Promise<R>,
    options: TaskStreamOptions,
    start: StartJob,
  ) {
    this.#owner = fence();
    this.#run = run;
    this.#options = options;
    this.#start = start;
    const iterate = (items as Partial<AsyncIterable<T>>)[Symbol.asyncIterator];
    this.#input = iterate === undefined ? (items as Iterable<T>)[Symbol.iterator]() : iterate.call(items);
  }

  async *results(): AsyncGenerator<TaskOutcome<R> | ZippedOutcome<T, R>, void> {
    const owner = this.#owner;
    const ownerEnded = (): void => {
      this.#killAll();
      // The loop goes on in the context of the dead, and meets the fence.
      this.#wake.resolve();
    };
    if (owner !== undefined) atExit(owner, ownerEnded);
    try {
      for (;;) {
        this.#fill();
        if (this.#failure !== undefined) throw this.#failure.error;
        const ready = this.#takeReady();
        if (ready !== undefined) yield this.#resultOf(ready);
        else if (this.#inputDone && this.#running.size === 0) return;
        else await this.#change();
      }
    } finally {
      owner?.extras?.atExit?.delete(ownerEnded);
      this.#killAll();
      await this.#closeInput();
    }
  }

  /** Starts tasks while there are items and room. */
  #fill(): void {
    fence();
    while (
      !this.#inputDone &&
      !this.#pulling &&
      this.#failure === undefined &&
      this.#running.size < this.#options.concurrency
    ) {
      try {
        const next = this.#input.next();
        if (isThenable(next)) this.#await(next as Promise<IteratorResult<T>>);
        else this.#take(next as IteratorResult<T>);
      } catch (error) {
        this.#inputFailed(error);
      }
    }
  }

  #await(next: Promise<IteratorResult<T>>): void {
    this.#pulling = true;
    next.then(
      (result) => {
        this.#pulling = false;
        // Nobody listens any more: what came is dropped, as the input is closed.
        if (this.#closed) return;
        this.#take(result);
        this.#wake.resolve();
      },
      (error: unknown) => {
        this.#pulling = false;
        this.#inputFailed(error);
        this.#wake.resolve();
      },
    );
  }

  #inputFailed(error: unknown): void {
    this.#inputDone = true;
    this.#failure ??= { error };
  }

  #take(result: IteratorResult<T>): void {
    if (result.done === true) {
      this.#inputDone = true;
      return;
    }
    try {
      this.#begin(result.value);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #begin(input: T): void {
    let value: { readonly ok: true; readonly value: R } | undefined;
    const job = async (signal: AbortSignal): Promise<void> => {
      value = { ok: true, value: await this.#run(input, signal) };
    };
    Object.defineProperty(job, "name", { value: this.#run.name });
    const { pid } = this.#start(this.#owner, job);
    const process = localPid(pid).process as Process;
    const slot: Slot<T, R> = { input, process, limit: undefined, outcome: undefined };
    this.#running.add(slot);
    if (this.#options.ordered !== false) this.#queue.add(slot);
    atExit(process, (reason) => this.#ended(slot, value ?? { ok: false, reason }));
    const { timeoutMs = 5_000 } = this.#options;
    slot.limit = process.node.after(timeoutMs, () => this.#timedOut(slot, timeoutMs));
  }

  #ended(slot: Slot<T, R>, outcome: TaskOutcome<R>): void {
    slot.limit?.cancel();
    if (!this.#running.delete(slot)) return;
    slot.outcome = outcome;
    if (this.#options.ordered === false) this.#queue.add(slot);
    if (!outcome.ok && this.#options.linked === true) this.#linkBroken(slot, outcome.reason);
    this.#wake.resolve();
  }

  /** As OTP's link: a normal end is harmless, and who traps exits goes on. */
  #linkBroken(slot: Slot<T, R>, reason: ExitReason): void {
    const owner = this.#owner;
    if (reason === "normal") return;
    if (owner === undefined) this.#failure ??= { error: taskExit(slot, reason) };
    else if ((owner.flags & TRAP_EXIT) === 0) exitSignal(slot.process.pid, owner, reason);
  }

  #timedOut(slot: Slot<T, R>, timeoutMs: number): void {
    if (!this.#running.delete(slot)) return;
    this.#kill(slot);
    if (this.#options.onTimeout === "kill_task") {
      slot.outcome = { ok: false, reason: "timeout" };
      if (this.#options.ordered === false) this.#queue.add(slot);
    } else
      this.#failure ??= {
        error: new InterlockError(
          "INTERLOCK_TIMEOUT",
          `Task ${slot.process.pid} of a stream gave no result within ${timeoutMs} ms`,
          {
            operation: `task stream, task ${slot.process.pid}`,
            timeoutMs,
          },
        ),
      };
    this.#wake.resolve();
  }

  #takeReady(): Slot<T, R> | undefined {
    const [first] = this.#queue;
    if (first?.outcome === undefined) return undefined;
    this.#queue.delete(first);
    return first;
  }

  #resultOf({ input, outcome }: Slot<T, R>): TaskOutcome<R> | ZippedOutcome<T, R> {
    const result = outcome as TaskOutcome<R>;
    return result.ok || this.#options.zipInput !== true ? result : { ...result, input };
  }

  async #change(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
  }

  #killAll(): void {
    this.#closed = true;
    for (const slot of this.#running) {
      this.#running.delete(slot);
      this.#kill(slot);
    }
  }

  #kill({ process }: Slot<T, R>): void {
    exitSignal(this.#owner?.pid ?? process.node.nobody, process, "kill");
  }

  async #closeInput(): Promise<void> {
    if (this.#inputDone) return;
    this.#inputDone = true;
    const closing = this.#input.return?.();
    // An input that waits for its next item closes when it has that: whoever broke off is not held up so long.
    if (!this.#pulling) await closing;
  }
}

function taskExit(slot: { readonly process: Process }, reason: ExitReason): InterlockError<"INTERLOCK_CALLEE_EXIT"> {
  return new InterlockError(
    "INTERLOCK_CALLEE_EXIT",
    `Task ${slot.process.pid} of a stream ended without a result: ${showReason(reason)}`,
    { target: slot.process.pid.toString(), request: "task stream", reason },
    typeof reason === "object" && reason !== null && "error" in reason ? { cause: reason.error } : undefined,
  );
}

export function streamOf<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  run: (item: T, signal: AbortSignal) => R | Promise<R>,
  options: TaskStreamOptions,
  start: StartJob,
): AsyncIterable<ZippedOutcome<T, R>> {
  const { concurrency, onTimeout = "exit", timeoutMs } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw badArgument("concurrency", concurrency, "a whole number, 1 or more");
  if (onTimeout !== "exit" && onTimeout !== "kill_task")
    throw badArgument("onTimeout", onTimeout, '"exit" or "kill_task"');
  if (timeoutMs !== undefined) checkDelay(timeoutMs, "timeoutMs");
  if (!isIterable(items)) throw badArgument("items", items, "iterable");
  if (typeof run !== "function") throw badArgument("run", run, "a function of an item");
  return {
    [Symbol.asyncIterator]: () =>
      new TaskStream(items, run, options, start).results() as AsyncGenerator<ZippedOutcome<T, R>>,
  };
}

function isIterable(items: unknown): boolean {
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = Object(items) as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  return typeof (asynchronous ?? synchronous) === "function";
}

/**
 * Runs `run` on each item in a task of its own, at most `concurrency` at the same time. A task that fails is a result with
 * its reason. Leaving the loop, and the end of the process that runs it, end the tasks that are not done.
 *
 * **Errors** while iterating: `INTERLOCK_TIMEOUT` (see `onTimeout`), whatever the input throws.
 *
 * @example
 * const lengthOf = async (path: string, signal: AbortSignal): Promise<number> => {
 *   const response = await fetch(`data:,${path}`, { signal });
 *   return (await response.text()).length;
 * };
 * let sum = 0;
 * const paths = ["news", "sport", "weather"];
 * for await (const result of taskStream(paths, lengthOf, { concurrency: 2, timeoutMs: 1_000, onTimeout: "kill_task" })) {
 *   if (result.ok) sum += result.value;
 * }
 * console.log(sum); // 16
 */
export function taskStream<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  run: (item: T, signal: AbortSignal) => R | Promise<R>,
  options: TaskStreamOptions & { readonly zipInput: true },
): AsyncIterable<ZippedOutcome<T, R>>;
export function taskStream<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  run: (item: T, signal: AbortSignal) => R | Promise<R>,
  options: TaskStreamOptions,
): AsyncIterable<TaskOutcome<R>>;
export function taskStream<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  run: (item: T, signal: AbortSignal) => R | Promise<R>,
  options: TaskStreamOptions,
): AsyncIterable<ZippedOutcome<T, R>> {
  return streamOf(items, run, options, (owner, job) => startTask(owner, job, false));
}
