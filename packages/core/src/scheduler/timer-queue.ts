/**
 * Every timer of a node behind one timer of the event loop: a binary heap ordered by due time, then by start. A timeout
 * that is likely to be cancelled at once (that of a call) starts on the `fresh` list, two pointer writes each way, and
 * gets its due time and its place in the heap only if it outlives the turn; so it never fires early, and a call that is
 * answered quickly never reads the clock.
 */
import { badArgument } from "../errors.ts";
import { unowned } from "../process/context.ts";
import type { Clock, Timers } from "../runtime.ts";

/** What the queue needs of a timer. Owners embed these fields, so that a call and its timeout are one object. */
export interface Timed {
  /** Due on the clock's `now`, in milliseconds; while fresh, the delay. */
  due: number;
  /** Orders equal due times by start. */
  order: number;
  /** The place in the heap, or IDLE or FRESH. */
  slot: number;
  before: Timed | undefined;
  after: Timed | undefined;
  fire(): void;
}

export const IDLE = -1;
const FRESH = -2;
/** The event loop's timers hold 32 bits: longer waits are split. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;
/** Fired in one go; the rest follows in the next turn, so that others get theirs. */
const BATCH = 1_024;

export class TimerQueue {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #openTurn: () => void;
  readonly #heap: Timed[] = [];
  #fresh: Timed | undefined = undefined;
  #started = 0;
  #armed: unknown = undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: Timers, openTurn: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#openTurn = openTurn;
  }

  get size(): number {
    let fresh = 0;
    for (let entry = this.#fresh; entry !== undefined; entry = entry.after) fresh++;
    return this.#heap.length + fresh;
  }

  /** Starts a timer that is due `delayMs` after this turn's end. */
  startFresh(entry: Timed, delayMs: number): void {
    checkDelay(delayMs);
    entry.due = delayMs;
    entry.order = ++this.#started;
    entry.slot = FRESH;
    entry.before = undefined;
    entry.after = this.#fresh;
    if (this.#fresh !== undefined) this.#fresh.before = entry;
    this.#fresh = entry;
    this.#openTurn();
  }

  /** Starts a timer that is due in `delayMs` from now. */
  start(entry: Timed, delayMs: number): void {
    checkDelay(delayMs);
    entry.due = this.#clock.now() + delayMs;
    entry.order = ++this.#started;
    this.#push(entry);
    this.#openTurn();
  }

  /** Milliseconds left. */
  left(entry: Timed): number {
    return entry.slot === FRESH ? entry.due : Math.max(0, entry.due - this.#clock.now());
  }

  cancel(entry: Timed): void {
    if (entry.slot === IDLE) return;
    if (entry.slot === FRESH) {
      if (entry.before === undefined) this.#fresh = entry.after;
      else entry.before.after = entry.after;
      if (entry.after !== undefined) entry.after.before = entry.before;
      entry.before = entry.after = undefined;
    } else {
      this.#removeAt(entry.slot);
      if (this.#heap.length === 0) this.#openTurn();
    }
    entry.slot = IDLE;
  }

  /** At the end of a turn: fresh timers get their due time, what is due fires, the event loop's timer is set. */
  endTurn(): void {
    // What was waited for has come: an armed timer would only keep the program from ending.
    if (this.#fresh === undefined && this.#heap.length === 0) return this.#disarm();
    if (this.#fresh === undefined && (this.#heap[0]?.due ?? Number.POSITIVE_INFINITY) >= this.#armedFor) return;
    const now = this.#clock.now();
    let entry = this.#fresh;
    this.#fresh = undefined;
    while (entry !== undefined) {
      const next: Timed | undefined = entry.after;
      entry.before = entry.after = undefined;
      entry.due += now;
      this.#push(entry);
      entry = next;
    }
    this.#fire(now);
  }

  #fire(now: number): void {
    let fired = 0;
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      if (fired++ === BATCH) {
        // The rest in the next turn: an armed timer of 0 ms lets I/O and other timers of the loop in between.
        this.#arm(0, now);
        return;
      }
      this.#removeAt(0);
      first.slot = IDLE;
      first.fire();
    }
    const next = this.#heap[0];
    if (next === undefined) this.#disarm();
    else if (next.due !== this.#armedFor) this.#arm(next.due - now, next.due);
  }

  #arm(delayMs: number, due: number): void {
    this.#disarm();
    this.#armedFor = due;
    // Nobody's: it serves whoever is due, not the process that happened to run when it was set.
    this.#armed = unowned(() =>
      this.#timers.set(this.#expired, Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_WAIT_MS)),
    );
  }

  #disarm(): void {
    if (this.#armed !== undefined) this.#timers.clear(this.#armed);
    this.#armed = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  readonly #expired = (): void => {
    this.#armed = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#fire(this.#clock.now());
  };

  #push(entry: Timed): void {
    let at = this.#heap.length;
    this.#heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above] as Timed;
      if (!earlier(entry, parent)) break;
      this.#heap[at] = parent;
      parent.slot = at;
      at = above;
    }
    this.#heap[at] = entry;
    entry.slot = at;
  }

  #removeAt(at: number): void {
    const heap = this.#heap;
    const last = heap.pop() as Timed;
    if (at === heap.length) return;
    // The last one takes the gap, then moves to where it belongs.
    let hole = at;
    for (;;) {
      const left = 2 * hole + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && earlier(heap[right] as Timed, heap[left] as Timed) ? right : left;
      if (!earlier(heap[child] as Timed, last)) break;
      heap[hole] = heap[child] as Timed;
      (heap[hole] as Timed).slot = hole;
      hole = child;
    }
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      if (!earlier(last, heap[above] as Timed)) break;
      heap[hole] = heap[above] as Timed;
      (heap[hole] as Timed).slot = hole;
      hole = above;
    }
    heap[hole] = last;
    last.slot = hole;
  }
}

/** A due time that is no number would stand at the head of the heap for ever, and nothing behind it would fire. */
function checkDelay(delayMs: number): void {
  if (!(delayMs >= 0)) throw badArgument("a delay", delayMs, "a number of milliseconds, 0 or more");
}

function earlier(one: Timed, other: Timed): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order);
}
