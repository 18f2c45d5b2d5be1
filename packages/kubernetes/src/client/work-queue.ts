/** A queue of keys, worked on by supervised processes until it has succeeded. */
import {
  type ChildOptions,
  type ChildSpec,
  type ExitReason,
  genServer,
  InterlockError,
  type LocalNode,
  noreply,
  type Pid,
  type Self,
  type SystemMessage,
  self,
  sendAfter,
  type Timer,
  trySend,
  unowned,
} from "@interlock/core";
import {
  callingProcess,
  currentNode,
  exitFrom,
  onEnd,
  type Process,
  showReason,
  spawnProcess,
} from "@interlock/core/distribution";

import { type Failing, QueueState } from "./work-queue-state.ts";

/** What a piece of work knows of itself. */
export interface WorkContext {
  /** 1 for the first try; more after failures in a row. */
  readonly attempt: number;
  /** Aborted when the work must end: it takes too long, or its queue has ended. */
  readonly signal: AbortSignal;
}

/** What work may ask for: to be done again after so many milliseconds, whether anything happens or not. */
export interface WorkAgain {
  readonly afterMs: number;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a function without a result is one
type WorkResult = WorkAgain | undefined | void;

export interface WorkQueueOptions {
  /** In reports. */
  readonly name: string;
  /** Brings what the key names to what it should be. It looks for itself: how often the key was added says nothing. */
  readonly work: (key: string, context: WorkContext) => WorkResult | Promise<WorkResult>;
  /** Pieces of work at the same time; never two for one key. Default 1. */
  readonly workers?: number;
  /** Milliseconds that one piece may take. Default 120 000. */
  readonly workMs?: number;
  /** Milliseconds until the first further try, half of which is left to chance; twice as many each time. Default 200. */
  readonly retryMs?: number;
  /** The most of them. Default 60 000. */
  readonly retryMaxMs?: number;
  /** Pieces begun per second in the long run, and `burst` of them at once. Default: no limit. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
}

export interface WorkQueueStatus {
  readonly ready: number;
  readonly running: number;
  /** For a later time: tries after a failure, and `addAfter`. */
  readonly later: number;
  readonly failing: readonly Failing[];
}

export interface WorkQueue {
  readonly name: string;
  /** For a supervisor. Its `shutdownMs` (default 5 000) is the time to finish what is ready and what runs. */
  child(options?: Pick<ChildOptions, "id" | "restart" | "shutdownMs">): ChildSpec;
  /** Has the key worked on; also before the queue runs, and while it is being restarted. @returns false: it is being shut down. */
  add(key: string): boolean;
  /** The same after so many milliseconds. */
  addAfter(key: string, delayMs: number): boolean;
  readonly status: WorkQueueStatus;
}

/**
 * A queue of keys. A key that is added many times is worked on once; one that is added while it is worked on, once more. Work
 * that throws is tried again after a pause that grows, until it succeeds: nothing is dropped. Each piece runs in a process of
 * its own, so that an error in one of its callbacks is its failure as well.
 *
 * @see https://pkg.go.dev/k8s.io/client-go/util/workqueue
 *
 * @example
 * const queue = workQueue({
 *   name: "apps",
 *   retryMs: 2,
 *   work: (key, { attempt }) => {
 *     if (attempt < 3) throw new Error("not yet");
 *     console.log(key, attempt); // shop/web 3
 *   },
 * });
 * const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [queue.child()] });
 * defaultNode().onReport = () => undefined;
 * await using top = await Top.start();
 * queue.add("shop/web");
 * queue.add("shop/web");
 * while (queue.status.running + queue.status.ready + queue.status.later > 0)
 *   await new Promise((soon) => setImmediate(soon));
 */
export function workQueue(options: WorkQueueOptions): WorkQueue {
  return new Queue(options);
}

const RETRY_MS = 200;
const RETRY_MAX_MS = 60_000;
const WORK_MS = 120_000;

type Outcome =
  | { readonly ok: true; readonly again: WorkAgain | undefined }
  | { readonly ok: false; readonly problem: unknown };
type Note = { readonly type: "turn" } | { readonly type: "ended"; readonly key: string; readonly outcome: Outcome };

interface Piece {
  readonly outcome: Promise<Outcome>;
  end(reason: ExitReason): void;
}

class Queue implements WorkQueue {
  readonly name: string;
  readonly #options: WorkQueueOptions;
  readonly #state: QueueState;
  readonly #pieces = new Map<string, Piece>();
  #process: Process | undefined;
  #pid: Pid<Note> | undefined;
  #timer: Timer | undefined;
  #isTold = false;

  constructor(options: WorkQueueOptions) {
    const { name, rate, retryMaxMs = RETRY_MAX_MS, retryMs = RETRY_MS, workers = 1 } = options;
    this.name = name;
    this.#options = options;
    this.#state = new QueueState({ workers, rate, backOff: { firstMs: retryMs, longestMs: retryMaxMs } });
  }

  add(key: string): boolean {
    return this.addAfter(key, 0);
  }

  addAfter(key: string, delayMs: number): boolean {
    const isTaken = this.#state.addAfter(key, delayMs, this.#nowMs());
    // Many keys in one turn of the event loop are one message.
    if (this.#pid !== undefined && !this.#isTold) this.#isTold = trySend(this.#pid, { type: "turn" });
    return isTaken;
  }

  get status(): WorkQueueStatus {
    return { ...this.#state.sizes, failing: this.#state.failing };
  }

  child(options: Pick<ChildOptions, "id" | "restart" | "shutdownMs"> = {}): ChildSpec {
    return this.#server().child([], { id: this.name, ...options });
  }

  #server() {
    return genServer({
      name: "work_queue",
      init: () => {
        const process = callingProcess("a work queue");
        const me = self();
        if (this.#pid !== undefined) throw alreadyStarted(`work queue ${this.name}`, this.#pid);
        me.trapExit();
        me.setLabel(`work queue ${this.name}`);
        this.#process = process;
        this.#pid = me.pid as Pid<Note>;
        this.#state.recover();
        onEnd(process, () => this.#ended(process));
        this.#turn();
        return undefined;
      },
      info: (_ctx, message: SystemMessage | Note) => {
        if (message.type === "ended") this.#settle(message.key, message.outcome);
        if (message.type === "ended" || message.type === "turn") this.#turn();
        return noreply();
      },
      terminate: () => this.#drain(),
    });
  }

  /** Begins what can begin, and sees to it that the next turn comes. */
  #turn(): void {
    const { node } = this.#process as Process;
    const pid = this.#pid as Pid<Note>;
    this.#isTold = false;
    this.#timer?.cancel();
    for (const { attempt, key } of this.#state.start(this.#nowMs())) {
      const piece = this.#begin(node, key, attempt);
      unowned(() => void piece.outcome.then((outcome) => trySend(pid, { type: "ended", key, outcome })));
    }
    const wakeMs = this.#state.wakeMs(this.#nowMs());
    if (wakeMs !== undefined) this.#timer = sendAfter(Math.max(0, wakeMs - this.#nowMs()), pid, { type: "turn" });
  }

  #begin(node: LocalNode, key: string, attempt: number): Piece {
    const { work, workMs = WORK_MS } = this.#options;
    const piece = beginWork(node, `${this.name} ${key}`, workMs, (signal) => work(key, { attempt, signal }));
    this.#pieces.set(key, piece);
    return piece;
  }

  #settle(key: string, outcome: Outcome): void {
    // What terminate has taken already.
    if (!this.#pieces.delete(key)) return;
    if (outcome.ok) {
      this.#state.done(key);
      if (outcome.again !== undefined) this.#state.addAfter(key, outcome.again.afterMs, this.#nowMs());
      return;
    }
    const { node } = this.#process as Process;
    const { problem } = outcome;
    const failures = this.#state.failed(key, problem, this.#nowMs(), node.runtime.random());
    // Powers of two: what fails all night fills no log.
    if ((failures & (failures - 1)) !== 0) return;
    const text = failures === 1 ? `failed: ${key}` : `failed ${failures} times in a row: ${key}`;
    const at = node.runtime.clock.wallTime();
    node.report({ type: "warning", pid: undefined, label: `work queue ${this.name}`, text, details: problem, at });
  }

  /** Takes nothing more, and waits for what is ready and what runs: the supervisor's time limit is the only one. */
  async #drain(): Promise<void> {
    const { node } = this.#process as Process;
    this.#timer?.cancel();
    this.#state.drain();
    for (;;) {
      for (const { attempt, key } of this.#state.start(this.#nowMs())) this.#begin(node, key, attempt);
      if (this.#pieces.size === 0) {
        if (this.#state.isIdle) return;
        const wakeMs = this.#state.wakeMs(this.#nowMs()) ?? this.#nowMs();
        await new Promise<void>((resolve) => node.after(Math.max(1, wakeMs - this.#nowMs()), resolve));
        continue;
      }
      const ends = [...this.#pieces].map(async ([key, { outcome }]) => [key, await outcome] as const);
      this.#settle(...(await Promise.race(ends)));
    }
  }

  #ended(process: Process): void {
    if (this.#process !== process) return;
    this.#process = this.#pid = undefined;
    this.#isTold = false;
    this.#timer?.cancel();
    // Or one of the same key could run beside it after a restart.
    for (const piece of this.#pieces.values()) piece.end("kill");
    this.#pieces.clear();
  }

  #nowMs(): number {
    return (this.#process?.node ?? currentNode()).runtime.clock.now();
  }
}

/** One process at a time: two would not know of each other's keys. */
export function alreadyStarted(name: string, pid: Pid): InterlockError<"INTERLOCK_ALREADY_STARTED"> {
  return new InterlockError("INTERLOCK_ALREADY_STARTED", `The ${name} runs already, as ${pid}`, { name, pid });
}

function beginWork(
  node: LocalNode,
  label: string,
  workMs: number,
  work: (signal: AbortSignal) => WorkResult | Promise<WorkResult>,
): Piece {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const run = async (me: Self<unknown>): Promise<void> => {
    me.setLabel(label);
    try {
      resolve({ ok: true, again: (await work(me.signal)) ?? undefined });
    } catch (problem) {
      // Not the end of this process by a failure: the queue reports it, and a crash report would tell it twice.
      resolve({ ok: false, problem });
    }
  };
  const process = spawnProcess(node, run, undefined, false, undefined);
  const end = (reason: ExitReason): void => exitFrom(process.pid, process, reason);
  const limit = unowned(() =>
    node.after(workMs, () => {
      resolve({ ok: false, problem: new Error(`it took longer than ${workMs} ms`) });
      end("kill");
    }),
  );
  onEnd(process, (reason) => {
    limit.cancel();
    resolve({ ok: false, problem: new Error(`its process ended: ${showReason(reason)}`) });
  });
  return { outcome: promise, end };
}
