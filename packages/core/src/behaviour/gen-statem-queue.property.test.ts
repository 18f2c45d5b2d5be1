/** The queue of gen_statem against a model of arrays that follows the words of OTP's manual. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { EVENT_TIMEOUT, EventQueue, STATE_TIMEOUT, type TimeoutChange, type TimeoutKey } from "./gen-statem-queue.ts";

/** What a handler decides about the event that it gets. */
interface Decision {
  readonly stateChanged: boolean;
  readonly postpone: boolean;
  readonly inserted: number;
  readonly changes: readonly { readonly key: TimeoutKey; readonly ms: number | "update" }[];
}

type Action = { readonly arrive: true } | { readonly passMs: number } | { readonly handle: Decision };

/** A machine reduced to its order of events: each of its methods tells the names of the events it has handled. */
interface Subject {
  arrive(name: string): void;
  pass(ms: number): void;
  handle(decision: Decision, fresh: () => string): string | undefined;
  left(): number;
}

class Event {
  next: Event | undefined = undefined;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

class TimeoutEvent extends Event {
  live = true;
  readonly key: TimeoutKey;
  content: unknown;
  due = 0;
  constructor(key: TimeoutKey, content: unknown) {
    super("");
    this.key = key;
    this.content = content;
  }
}

class Real implements Subject {
  readonly #queue = new EventQueue<Event, TimeoutEvent>();
  readonly #mailbox: Event[] = [];
  readonly #timers: TimeoutEvent[] = [];
  #now = 0;

  readonly make = (key: TimeoutKey, content: unknown): TimeoutEvent => new TimeoutEvent(key, content);
  readonly start = (timeout: TimeoutEvent, ms: number): void => {
    timeout.due = this.#now + ms;
    this.#timers.push(timeout);
  };
  readonly cancel = (timeout: TimeoutEvent): void => {
    const at = this.#timers.indexOf(timeout);
    if (at >= 0) this.#timers.splice(at, 1);
  };

  arrive(name: string): void {
    this.#mailbox.push(new Event(name));
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.due <= this.#now).sort((one, other) => one.due - other.due);
    for (const timer of due) {
      this.cancel(timer);
      this.#mailbox.push(timer);
    }
  }

  handle(decision: Decision, fresh: () => string): string | undefined {
    const event = this.#next();
    if (event === undefined) return undefined;
    const inserted = Array.from({ length: decision.inserted }, () => new Event(fresh()));
    const changes: TimeoutChange[] = decision.changes.map((change) => ({ ...change, content: fresh() }));
    this.#queue.settle(decision.postpone ? event : undefined, decision.stateChanged, changes, inserted, this);
    return event instanceof TimeoutEvent ? `${String(event.key)} ${String(event.content)}` : event.name;
  }

  left(): number {
    return [...this.#queue.queued].length + [...this.#queue.postponed].length + this.#queue.timeouts.size;
  }

  #next(): Event | undefined {
    const own = this.#queue.take();
    if (own !== undefined) return own;
    for (;;) {
      const event = this.#mailbox.shift();
      if (!(event instanceof TimeoutEvent) || this.#queue.expire(event)) return event;
    }
  }
}

interface Timer {
  readonly id: number;
  readonly key: TimeoutKey;
  content: string;
}

/** As the manual says it: arrays, and one table of timers in which only the latest of each kind counts. */
class Model implements Subject {
  #queue: (string | Timer)[] = [];
  #postponed: (string | Timer)[] = [];
  #zero: Timer[] = [];
  #mailbox: (string | Timer)[] = [];
  #running: { timer: Timer; due: number }[] = [];
  #current = new Map<TimeoutKey, Timer>();
  #now = 0;
  #ids = 0;

  arrive(name: string): void {
    this.#mailbox = [...this.#mailbox, name];
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#running.filter((one) => one.due <= this.#now).sort((one, other) => one.due - other.due);
    this.#running = this.#running.filter((one) => one.due > this.#now);
    this.#mailbox = [...this.#mailbox, ...due.map(({ timer }) => timer)];
  }

  handle(decision: Decision, fresh: () => string): string | undefined {
    const event = this.#next();
    if (event === undefined) return undefined;
    const inserted = Array.from({ length: decision.inserted }, fresh);
    const changes = decision.changes.map((change) => ({ ...change, content: fresh() }));
    if (decision.postpone) this.#postponed = [...this.#postponed, event];
    if (decision.stateChanged) {
      this.#queue = [...this.#postponed, ...this.#queue];
      this.#postponed = [];
      this.#forget(STATE_TIMEOUT);
    }
    this.#forget(EVENT_TIMEOUT);
    for (const { content, key, ms } of changes) {
      const current = this.#current.get(key);
      if (ms === "update" && current !== undefined) {
        current.content = content;
        continue;
      }
      this.#forget(key);
      if (ms === Number.POSITIVE_INFINITY) continue;
      const timer: Timer = { id: ++this.#ids, key, content };
      this.#current.set(key, timer);
      if (ms === 0 || ms === "update") this.#zero = [...this.#zero, timer];
      else this.#running = [...this.#running, { timer, due: this.#now + ms }];
    }
    this.#queue = [...inserted, ...this.#queue];
    return typeof event === "string" ? event : `${String(event.key)} ${event.content}`;
  }

  left(): number {
    return this.#queue.length + this.#postponed.length + this.#current.size;
  }

  #forget(key: TimeoutKey): void {
    const timer = this.#current.get(key);
    this.#current.delete(key);
    this.#running = this.#running.filter((one) => one.timer !== timer);
  }

  #next(): string | Timer | undefined {
    const [queued] = this.#queue;
    if (queued !== undefined) {
      this.#queue = this.#queue.slice(1);
      return queued;
    }
    for (const list of ["zero", "mailbox"] as const) {
      for (;;) {
        const from = list === "zero" ? this.#zero : this.#mailbox;
        const [event] = from;
        if (event === undefined) break;
        if (list === "zero") this.#zero = this.#zero.slice(1);
        else this.#mailbox = this.#mailbox.slice(1);
        if (typeof event === "string") return event;
        if (this.#current.get(event.key) !== event) continue;
        this.#current.delete(event.key);
        return event;
      }
    }
    return undefined;
  }
}

const decision: fc.Arbitrary<Decision> = fc.record({
  stateChanged: fc.boolean(),
  postpone: fc.boolean(),
  inserted: fc.nat({ max: 2 }),
  changes: fc.array(
    fc.record({
      key: fc.constantFrom<TimeoutKey>(STATE_TIMEOUT, EVENT_TIMEOUT, "one", "two"),
      ms: fc.constantFrom<number | "update">(0, 0, 1, 2, 5, Number.POSITIVE_INFINITY, "update"),
    }),
    { maxLength: 3 },
  ),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ arrive: fc.constant(true as const) }),
  fc.record({ passMs: fc.integer({ min: 1, max: 4 }) }),
  { weight: 3, arbitrary: fc.record({ handle: decision }) },
);

function trace(subject: Subject, actions: readonly Action[]): readonly unknown[] {
  let names = 0;
  const fresh = (): string => `event ${++names}`;
  const handled = actions.map((one) => {
    if ("arrive" in one) return subject.arrive(fresh());
    if ("passMs" in one) return subject.pass(one.passMs);
    return [subject.handle(one.handle, fresh), subject.left()];
  });
  // What is left comes out in its order as well: first in the state as it is, then in another.
  const quiet: Decision = { stateChanged: false, postpone: false, inserted: 0, changes: [] };
  for (const stateChanged of [false, true]) {
    for (let event = subject.handle({ ...quiet, stateChanged }, fresh); event !== undefined; ) {
      handled.push([event, subject.left()]);
      event = subject.handle(quiet, fresh);
    }
    subject.arrive(fresh());
  }
  return handled;
}

test("whatever handlers postpone, insert and time, events come in the order of OTP's manual", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      expect(trace(new Real(), actions)).toEqual(trace(new Model(), actions));
    }),
    { numRuns: 2_000 },
  );
});

test("a postponed event comes before what waited behind it, an inserted one before that", () => {
  const queue = new EventQueue<Event, TimeoutEvent>();
  const port = new Real();
  const first = new Event("first");
  queue.queued.push(new Event("second"));
  queue.settle(first, false, [], [], port);
  queue.settle(undefined, true, [{ key: "zero", ms: 0, content: "content" }], [new Event("inserted")], port);
  expect([queue.take()?.name, queue.take()?.name, queue.take()?.name]).toEqual(["inserted", "first", "second"]);
  expect((queue.take() as TimeoutEvent).content).toBe("content");
  expect(queue.idle).toBe(true);
});
