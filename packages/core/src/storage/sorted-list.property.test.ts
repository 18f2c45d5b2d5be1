/** The list against a sorted array, with chunks so short that they split all the time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedList } from "./sorted-list.ts";

interface Item {
  readonly key: number;
  readonly n: number;
}

const step = fc.record({
  what: fc.constantFrom("set", "set", "set", "delete", "clear"),
  key: fc.nat({ max: 60 }),
});

test("a sorted list is a sorted array", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), fc.constantFrom(1, 2, 4, 512), (steps, longest) => {
      const list = new SortedList<number, Item>(
        (item) => item.key,
        (left, right) => left - right,
        longest,
      );
      let model: Item[] = [];
      for (const [n, { what, key }] of steps.entries()) {
        const there = model.find((item) => item.key === key);
        if (what === "set") {
          expect(list.set({ key, n })).toEqual(there);
          model = [...model.filter((item) => item !== there), { key, n }].sort((left, right) => left.key - right.key);
        } else if (what === "delete") {
          expect(list.delete(key)).toEqual(there);
          model = model.filter((item) => item !== there);
        } else if (n % 10 === 0) {
          list.clear();
          model = [];
        }
        expect(list.size).toBe(model.length);
        expect([...list]).toEqual(model);
        expect(list.first()).toEqual(model[0]);
        expect(list.last()).toEqual(model.at(-1));
        for (const around of [key - 1, key, key + 1, -1, 61]) {
          expect(list.get(around)).toEqual(model.find((item) => item.key === around));
          expect(list.after(around)).toEqual(model.find((item) => item.key > around));
          expect(list.before(around)).toEqual(model.findLast((item) => item.key < around));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a walk meets what is still there, whatever is deleted and added on the way", () => {
  const change = fc.record({ at: fc.nat({ max: 30 }), key: fc.nat({ max: 40 }), add: fc.boolean() });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 40 }), { maxLength: 30 }),
      fc.array(change, { maxLength: 20 }),
      (keys, changes) => {
        const list = new SortedList<number, Item>(
          (item) => item.key,
          (left, right) => left - right,
          3,
        );
        for (const key of keys) list.set({ key, n: 0 });
        const there = new Set(keys);
        const met: number[] = [];
        for (const { key } of list) {
          expect(there.has(key)).toBe(true);
          met.push(key);
          for (const one of changes.filter(({ at }) => at === met.length)) {
            if (one.add) {
              list.set({ key: one.key, n: 1 });
              there.add(one.key);
            } else {
              list.delete(one.key);
              there.delete(one.key);
            }
          }
        }
        expect(met).toEqual([...new Set(met)].sort((left, right) => left - right));
        // What was there all the time is met.
        const touched = new Set(changes.map(({ key }) => key));
        expect(met).toEqual(expect.arrayContaining(keys.filter((key) => !touched.has(key))));
      },
    ),
  );
});
