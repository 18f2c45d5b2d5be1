import fc from "fast-check";
import { expect, test } from "vitest";

import { WeakTable } from "./weak-table.ts";

test("gives what was last set for a key, whichever others were asked for between", () => {
  const key = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.nat(2 ** 40), fc.string({ maxLength: 2 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 300 }), (steps) => {
      const table = new WeakTable<number | string, object>();
      const held = new Map<number | string, object>();
      for (const [one, sets] of steps) {
        if (sets) {
          const value = {};
          held.set(one, value);
          table.set(one, value);
        }
        expect(table.get(one)).toBe(held.get(one));
      }
    }),
  );
});
