import fc from "fast-check";
import { expect, test } from "vitest";

import { RunQueue } from "./run-queue.ts";

const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant("push" as const) },
  { weight: 2, arbitrary: fc.constant("shift" as const) },
  fc.nat().map((index) => ({ take: index })),
);

test("a run queue gives what an array gives, through growth and around its end", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 64 }),
      fc.nat({ max: 64 }),
      fc.nat({ max: 300 }),
      fc.array(step),
      (first, away, more, steps) => {
        const queue = new RunQueue<{ readonly n: number }>();
        const array: { readonly n: number }[] = [];
        let pushed = 0;
        const push = (): void => {
          const item = { n: pushed++ };
          queue.push(item);
          array.push(item);
        };
        // Most often it grows with its head away from 0.
        for (let count = 0; count < first; count++) push();
        for (let count = 0; count < Math.min(first, away); count++) expect(queue.shift()).toBe(array.shift());
        for (let count = 0; count < more; count++) push();
        for (const one of steps) {
          if (one === "push") push();
          else if (one === "shift") expect(queue.shift()).toBe(array.shift());
          else if (array.length > 0) {
            const index = one.take % array.length;
            expect(queue.take(index)).toBe(array.splice(index, 1)[0]);
          }
          expect(queue.length).toBe(array.length);
        }
        while (array.length > 0) expect(queue.shift()).toBe(array.shift());
        expect(queue.shift()).toBeUndefined();
      },
    ),
  );
});
