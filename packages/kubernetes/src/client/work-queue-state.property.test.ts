import fc from "fast-check";
import { expect, test } from "vitest";

import { QueueState } from "./work-queue-state.ts";

const keys = ["a", "b", "c", "d"];
const backOff = { firstMs: 200, longestMs: 60_000 };
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("add" as const), key: fc.constantFrom(...keys) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("addAfter" as const),
      key: fc.constantFrom(...keys),
      ms: fc.constantFrom(0, 50, 5_000, 90_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      which: fc.nat(3),
      isWell: fc.boolean(),
      random: fc.nat(99),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.constantFrom(1, 30, 1_000, 100_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("recover" as const) }) },
);
const rules = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  rate: fc.option(fc.record({ perSecond: fc.constantFrom(1, 10), burst: fc.constantFrom(1, 5) }), { nil: undefined }),
});

test("whatever was added is worked on after that, by one worker at a time, within the limits, until it has succeeded", () => {
  let tried = 0;
  fc.assert(
    fc.property(rules, fc.array(operation, { maxLength: 100, size: "max" }), ({ rate, workers }, all) => {
      const queue = new QueueState({ workers, rate, backOff });
      let nowMs = 0;
      let count = 0;
      /** When a key was added last, and when work on it began, of work that succeeded; counted, since the clock may stand. */
      const added = new Map<string, number>();
      const running = new Map<string, number>();
      const worked = new Map<string, number>();
      const begun: number[] = [];
      const start = (): void => {
        for (const { key } of queue.start(nowMs)) {
          expect(running.has(key)).toBe(false);
          running.set(key, ++count);
          begun.push(nowMs);
          tried++;
        }
        expect(running.size).toBeLessThanOrEqual(workers);
        expect(queue.sizes.running).toBe(running.size);
      };
      const end = (key: string, isWell: boolean, random: number): void => {
        if (isWell) {
          queue.done(key);
          worked.set(key, running.get(key) ?? 0);
        } else queue.failed(key, "broken", nowMs, random);
        running.delete(key);
      };
      for (const one of all) {
        if (one.type === "add" || one.type === "addAfter") {
          added.set(one.key, ++count);
          expect(one.type === "add" ? queue.add(one.key, nowMs) : queue.addAfter(one.key, one.ms, nowMs)).toBe(true);
        } else if (one.type === "end") {
          const key = [...running.keys()][one.which];
          if (key !== undefined) end(key, one.isWell, one.random / 100);
        } else if (one.type === "pass") nowMs += one.ms;
        else {
          queue.recover();
          running.clear();
        }
        start();
      }
      // And now all succeeds.
      for (let turn = 0; turn < 1_000; turn++) {
        start();
        for (const key of [...running.keys()]) end(key, true, 0);
        const wakeMs = queue.wakeMs(nowMs);
        if (queue.isIdle && wakeMs === undefined) break;
        // Never in the past: it would be woken forever.
        if (queue.sizes.ready === 0) expect(wakeMs).toBeGreaterThan(nowMs);
        nowMs = Math.max(nowMs, wakeMs ?? nowMs);
      }
      expect(queue.isIdle).toBe(true);
      expect(queue.sizes).toEqual({ ready: 0, running: 0, later: 0 });
      expect(queue.failing).toEqual([]);
      for (const [key, at] of added) expect(worked.get(key) ?? 0, key).toBeGreaterThan(at);
      if (rate === undefined) return;
      // No more than the burst and what the time since then allows.
      for (const [at, beginMs] of begun.entries())
        for (const [index, ms] of begun.slice(at).entries())
          expect(index + 1).toBeLessThanOrEqual(rate.burst + ((ms - beginMs) * rate.perSecond) / 1_000 + 1e-6);
    }),
    { numRuns: 500 },
  );
  expect(tried).toBeGreaterThan(5_000);
});
