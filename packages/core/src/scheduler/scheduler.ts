/**
 * One scheduler thread: which process goes next, for how long, and when the event loop gets its turn back.
 *
 * A *turn* opens with the first wake and ends with a `setImmediate`. While it has budget (0.75 ms, at most 256 wakes) wakes
 * are microtasks; then everything waits for the next turn, so timers and I/O keep their rate under saturation. Time is
 * read every few reductions only, and more often when reductions prove slow. Hot file: every row of `bench`.
 */
import { unowned } from "../process/context.ts";
import type { Runtime } from "../runtime.ts";
import { RunQueue } from "./run-queue.ts";
import { TimerQueue } from "./timer-queue.ts";

/** What a scheduler runs: a slice at a time. */
export interface Runnable {
  runSlice(): void;
}

/** Under a millisecond with its overhead, so that timers of 1 ms keep their rate. */
const TURN_MS = 0.75;
const MOST_WAKES = 256;
/** Reductions between two looks at the clock: the most, and the first in a turn. */
const LONGEST_STRIDE = 256;
const FIRST_STRIDE = 4;
/** A stride shorter than this may double; a longer one is halved. */
const STRIDE_MS = 0.1;

export class Scheduler {
  readonly timers: TimerQueue;
  /** Whether wakes and calls may skip the run queue: not when a port wants to see every pick. */
  readonly direct: boolean;
  readonly #runtime: Runtime;
  readonly #queue = new RunQueue<Runnable>();
  readonly #turnEnded: (() => void)[] = [];
  #turnOpen = false;
  #exhausted = false;
  #wakes = 0;
  #planned = false;
  #draining = false;
  #turnStart = 0;
  #lastLook = 0;
  #stride = FIRST_STRIDE;
  #credit = 0;
  /** Reductions (messages handled) so far. */
  reductions = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.direct = runtime.pick === undefined;
    this.timers = new TimerQueue(runtime.clock, runtime.timers, () => this.#openTurn());
  }

  get runQueueLength(): number {
    return this.#queue.length;
  }

  /** Puts `one` at the end of the run queue. The caller sees to it that it is there once. */
  enqueue(one: Runnable): void {
    this.#queue.push(one);
    if (!this.#draining && !this.#planned) this.#plan();
  }

  /** Counts one reduction. False when the turn's time is over: stop at the next message. */
  spend(): boolean {
    this.reductions++;
    return --this.#credit > 0 || this.#look();
  }

  /** Whether something may run now, in the present turn, without the run queue. Counts as a reduction. */
  mayRunNow(): boolean {
    if (!this.direct) return false;
    if (!this.#turnOpen) this.#openTurn();
    return !this.#exhausted && this.spend();
  }

  /** Runs `callback` once, when the present turn has ended. */
  atTurnEnd(callback: () => void): void {
    this.#turnEnded.push(callback);
    this.#openTurn();
  }

  #plan(): void {
    if (!this.#turnOpen) this.#openTurn();
    // Without budget the end of the turn, which is planned already, drains the queue.
    if (this.#exhausted || this.#wakes++ >= MOST_WAKES) return;
    this.#planned = true;
    this.#runtime.turns.microtask(this.#drain);
  }

  #openTurn(): void {
    if (this.#turnOpen) return;
    this.#turnOpen = true;
    this.#exhausted = false;
    this.#wakes = 0;
    this.#stride = FIRST_STRIDE;
    this.#credit = FIRST_STRIDE;
    this.#turnStart = this.#lastLook = this.#runtime.clock.now();
    unowned(() => this.#runtime.turns.immediate(this.#endTurn));
  }

  #look(): boolean {
    if (this.#exhausted) return false;
    const now = this.#runtime.clock.now();
    if (now - this.#turnStart >= TURN_MS) {
      this.#exhausted = true;
      return false;
    }
    if (now - this.#lastLook > STRIDE_MS) this.#stride = Math.max(1, this.#stride >> 1);
    else if (this.#stride < LONGEST_STRIDE) this.#stride <<= 1;
    this.#lastLook = now;
    this.#credit = this.#stride;
    return true;
  }

  readonly #drain = (): void => {
    this.#planned = false;
    if (this.#draining) return;
    this.#draining = true;
    const pick = this.#runtime.pick;
    try {
      while (this.#queue.length > 0 && !this.#exhausted) {
        const one = pick === undefined ? this.#queue.shift() : this.#queue.take(pick(this.#queue.length));
        one?.runSlice();
      }
    } finally {
      this.#draining = false;
    }
  };

  readonly #endTurn = (): void => {
    this.#turnOpen = false;
    if (this.#turnEnded.length > 0) for (const callback of this.#turnEnded.splice(0)) callback();
    this.timers.endTurn();
    if (this.#queue.length === 0) return;
    this.#openTurn();
    this.#drain();
  };
}
