/**
 * The order in which a state machine gets its events, without a process, a clock or a mailbox. Next is always the first of
 *
 *     queued     inserted events, then those a state change has taken back, then what was queued before
 *     zero       timeouts of 0 ms, in the order they were set
 *     …          and only when both are empty the mailbox, where other timeouts arrive when they fire
 *
 * Events are linked by their own `next`, so an event waits here without an allocation and is in one list at a time.
 * @see gen_statem:transition_option()
 */

/** A generic timeout's name, or one of the two that every machine has. */
export type TimeoutKey = string | typeof STATE_TIMEOUT | typeof EVENT_TIMEOUT;
export const STATE_TIMEOUT: unique symbol = Symbol("stateTimeout");
export const EVENT_TIMEOUT: unique symbol = Symbol("eventTimeout");

export interface TimeoutEvent {
  readonly key: TimeoutKey;
  content: unknown;
  /** False once it was delivered, cancelled or replaced: where it still lies, it is passed over. */
  live: boolean;
}

export interface TimeoutChange {
  readonly key: TimeoutKey;
  /** Infinity cancels; `"update"` gives the one that runs a new content. */
  readonly ms: number | "update";
  readonly content: unknown;
}

/** Makes timeouts and runs those that are not of 0 ms. */
export interface TimeoutPort<T> {
  make(key: TimeoutKey, content: unknown): T;
  start(timeout: T, ms: number): void;
  /** Of one that was not started, nothing. */
  cancel(timeout: T): void;
}

interface Linked<E> {
  next: E | undefined;
}

/** First in, first out. */
class Line<E extends Linked<E>> {
  first: E | undefined = undefined;
  last: E | undefined = undefined;

  push(event: E): void {
    event.next = undefined;
    if (this.last === undefined) this.first = event;
    else this.last.next = event;
    this.last = event;
  }

  shift(): E | undefined {
    const event = this.first;
    if (event === undefined) return undefined;
    this.first = event.next;
    if (this.first === undefined) this.last = undefined;
    event.next = undefined;
    return event;
  }

  /** Puts all of `line` before what is here, and leaves it empty. */
  prepend(line: Line<E>): void {
    if (line.last === undefined) return;
    line.last.next = this.first;
    this.first = line.first;
    this.last ??= line.last;
    line.first = line.last = undefined;
  }

  *[Symbol.iterator](): Iterator<E> {
    for (let at = this.first; at !== undefined; at = at.next) yield at;
  }
}

export class EventQueue<E extends Linked<E>, T extends E & TimeoutEvent> {
  readonly queued: Line<E> = new Line();
  readonly postponed: Line<E> = new Line();
  readonly #zero: Line<E> = new Line();
  /** The timeouts that run or wait to be delivered. */
  readonly timeouts: Map<TimeoutKey, T> = new Map();

  /** Takes the next event that does not come from the mailbox. */
  take(): E | undefined {
    const event = this.queued.shift();
    if (event !== undefined) return event;
    for (;;) {
      const timeout = this.#zero.shift() as T | undefined;
      if (timeout === undefined || this.expire(timeout)) return timeout;
    }
  }

  /** Whether `take` may have something. */
  get waiting(): boolean {
    return this.queued.first !== undefined || this.#zero.first !== undefined;
  }

  /** Nothing waits and nothing runs. */
  get idle(): boolean {
    return !this.waiting && this.postponed.first === undefined && this.timeouts.size === 0;
  }

  /** A timeout is about to be delivered. False when it was cancelled meanwhile. */
  expire(timeout: T): boolean {
    if (!timeout.live) return false;
    timeout.live = false;
    this.timeouts.delete(timeout.key);
    return true;
  }

  /** An event has been handled: OTP's steps 3 to 6 of a state transition, in their order. */
  settle(
    postponed: E | undefined,
    stateChanged: boolean,
    changes: readonly TimeoutChange[],
    inserted: readonly E[],
    port: TimeoutPort<T>,
  ): void {
    if (postponed !== undefined) this.postponed.push(postponed);
    if (stateChanged) {
      this.queued.prepend(this.postponed);
      this.#cancel(STATE_TIMEOUT, port);
    }
    // OTP: any event cancels the event timeout, the one it was set by included; what is set below is for the next.
    this.#cancel(EVENT_TIMEOUT, port);
    for (const change of changes) this.#change(change, port);
    if (inserted.length === 0) return;
    const front = new Line<E>();
    for (const event of inserted) front.push(event);
    this.queued.prepend(front);
  }

  cancelAll(port: TimeoutPort<T>): void {
    for (const key of this.timeouts.keys()) this.#cancel(key, port);
  }

  #change({ content, key, ms }: TimeoutChange, port: TimeoutPort<T>): void {
    const running = this.timeouts.get(key);
    if (ms === "update" && running !== undefined) {
      running.content = content;
      return;
    }
    this.#cancel(key, port);
    if (ms === Number.POSITIVE_INFINITY) return;
    const timeout = port.make(key, content);
    this.timeouts.set(key, timeout);
    // OTP: updating a timeout that does not run is a mistake that must show, so it is delivered at once.
    if (ms === 0 || ms === "update") this.#zero.push(timeout);
    else port.start(timeout, ms);
  }

  #cancel(key: TimeoutKey, port: TimeoutPort<T>): void {
    const timeout = this.timeouts.get(key);
    if (timeout === undefined) return;
    this.expire(timeout);
    port.cancel(timeout);
  }
}
