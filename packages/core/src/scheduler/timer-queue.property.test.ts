import fc from "fast-check";
import { expect, test } from "vitest";

import { IDLE, type Timed, TimerQueue } from "./timer-queue.ts";

/** A timer that writes down when it fired, and then does what its step says. */
class Entry implements Timed {
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly id: number;
  readonly fire: () => void;

  constructor(id: number, fire: (id: number) => void) {
    this.id = id;
    this.fire = () => fire(id);
  }
}

/** The event loop: a clock that stands still, one alarm as Node.js keeps them, and turns that somebody must end. */
class Loop {
  nowMs = 0;
  turnOpen = false;
  #alarm: { readonly due: number; readonly callback: () => void } | undefined = undefined;
  readonly queue: TimerQueue = new TimerQueue(
    { now: () => this.nowMs, wallTime: () => this.nowMs },
    {
      set: (callback, delayMs) => {
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(2 ** 31);
        expect(this.#alarm).toBeUndefined();
        this.#alarm = { due: this.nowMs + delayMs, callback };
        return this.#alarm;
      },
      clear: (alarm) => {
        expect(alarm).toBe(this.#alarm);
        this.#alarm = undefined;
      },
    },
    () => {
      this.turnOpen = true;
    },
  );

  endTurn(): void {
    this.turnOpen = false;
    this.queue.endTurn();
  }

  advance(byMs: number): void {
    const until = this.nowMs + byMs;
    for (;;) {
      while (this.turnOpen) this.endTurn();
      const alarm = this.#alarm;
      if (alarm === undefined || alarm.due > until) break;
      this.nowMs = Math.max(this.nowMs, alarm.due);
      this.#alarm = undefined;
      alarm.callback();
    }
    this.nowMs = until;
  }
}

const delay = fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 33 + 7));
const start = fc.record({
  do: fc.constantFrom("start" as const, "startFresh" as const),
  delay,
  /** When it fires it starts another, or cancels one. */
  next: fc.option(fc.oneof(fc.record({ start: delay }), fc.record({ cancel: fc.nat() })), { nil: undefined, freq: 3 }),
});
const step = fc.oneof(
  { weight: 4, arbitrary: start },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat() }) },
  fc.record({ do: fc.constant("endTurn" as const) }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      byMs: fc.oneof(fc.nat({ max: 30 }), fc.constant(2 ** 31)),
    }),
  },
);

type Next = { readonly start: number } | { readonly cancel: number } | undefined;

/** A list that is searched for the earliest: by due time, then by start. */
class Model {
  readonly waiting: { readonly id: number; readonly due: number; readonly next: Next }[] = [];
  readonly fired: string[] = [];
  nowMs = 0;
  started = 0;

  start(delayMs: number, next: Next): void {
    this.waiting.push({ id: this.started++, due: this.nowMs + delayMs, next });
  }

  cancel(id: number): void {
    const at = this.waiting.findIndex((one) => one.id === id);
    if (at !== -1) this.waiting.splice(at, 1);
  }

  advance(byMs: number): void {
    const until = this.nowMs + byMs;
    for (;;) {
      const first = this.waiting.toSorted((a, b) => a.due - b.due || a.id - b.id)[0];
      if (first === undefined || first.due > until) break;
      this.nowMs = Math.max(this.nowMs, first.due);
      this.cancel(first.id);
      this.fired.push(`${first.id} at ${this.nowMs}`);
      if (first.next === undefined) continue;
      if ("start" in first.next) this.start(first.next.start, undefined);
      else this.cancel(first.next.cancel % this.started);
    }
    this.nowMs = until;
  }
}

test("timers fire as a sorted list would have them: in order, never early, never after a cancel", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const loop = new Loop();
      const model = new Model();
      const entries: Entry[] = [];
      const fired: string[] = [];
      const begin = (how: "start" | "startFresh", delayMs: number, next: Next): void => {
        const entry = new Entry(entries.length, (id) => {
          fired.push(`${id} at ${loop.nowMs}`);
          if (next === undefined) return;
          if ("start" in next) begin("start", next.start, undefined);
          else loop.queue.cancel(entries[next.cancel % entries.length] as Entry);
        });
        entries.push(entry);
        loop.queue[how](entry, delayMs);
        expect(loop.queue.left(entry)).toBe(delayMs);
      };
      for (const one of steps) {
        if (one.do === "advance") {
          loop.advance(one.byMs);
          model.advance(one.byMs);
        } else if (one.do === "endTurn") {
          loop.endTurn();
          model.advance(0);
        } else if (one.do === "cancel") {
          if (entries.length === 0) continue;
          loop.queue.cancel(entries[one.which % entries.length] as Entry);
          model.cancel(one.which % entries.length);
        } else {
          begin(one.do, one.delay, one.next);
          model.start(one.delay, one.next);
        }
        expect(fired).toEqual(model.fired);
        expect(loop.queue.size).toBe(model.waiting.length);
      }
      loop.advance(2 ** 35);
      model.advance(2 ** 35);
      expect(fired).toEqual(model.fired);
      expect(loop.queue.size).toBe(0);
    }),
    { numRuns: 1_000 },
  );
});
