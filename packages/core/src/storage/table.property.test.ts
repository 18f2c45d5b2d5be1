/** Tables of each kind against a Map of arrays. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Table, table } from "./table.ts";

type Row = readonly [key: number, n: number];

const row = fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 3 }));
const step = fc.oneof(
  fc.record({ what: fc.constant("insert" as const), rows: fc.array(row, { maxLength: 3 }) }),
  fc.record({ what: fc.constant("insertNew" as const), rows: fc.array(row, { maxLength: 3 }) }),
  fc.record({
    what: fc.constantFrom("delete", "take", "deleteObject", "count", "matchDelete", "replace", "deleteAll"),
    rows: fc.tuple(row),
  }),
);

test.each(["set", "ordered_set", "bag"] as const)("a %s is a map of rows", (kind) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rows = table<number, Row>({ kind: kind as "bag" }) as Table<number, Row, unknown>;
      const model = new Map<number, Row[]>();
      const put = (one: Row): void => {
        const [key] = one;
        const there = model.get(key) ?? [];
        if (kind !== "bag") model.set(key, [one]);
        else if (!there.some(([, n]) => n === one[1])) model.set(key, [...there, one]);
      };
      const found = (key: number): unknown => (kind === "bag" ? (model.get(key) ?? []) : model.get(key)?.[0]);
      for (const [at, { rows: given, what }] of steps.entries()) {
        const [first] = given;
        if (what === "insert") {
          rows.insert(...given);
          for (const one of given) put(one);
        } else if (what === "insertNew") {
          const free = given.every(([key]) => !model.has(key));
          expect(rows.insertNew(...given)).toBe(free);
          if (free) for (const one of given) put(one);
        } else if (first === undefined) continue;
        else if (what === "delete") {
          rows.delete(first[0]);
          model.delete(first[0]);
        } else if (what === "take") {
          expect(rows.take(first[0])).toEqual(found(first[0]));
          model.delete(first[0]);
        } else if (what === "deleteObject") {
          rows.deleteObject(first);
          const left = (model.get(first[0]) ?? []).filter(([, n]) => n !== first[1]);
          if (left.length === 0) model.delete(first[0]);
          else model.set(first[0], left);
        } else if (what === "count" && kind !== "bag") {
          const before = model.get(first[0])?.[0]?.[1] ?? 10;
          expect(rows.updateCounter(first[0], first[1], [first[0], 10])).toBe(before + first[1]);
          model.set(first[0], [[first[0], before + first[1]]]);
        } else if (what === "matchDelete") {
          const gone = [...model.values()].flat().filter(([, n]) => n === first[1]);
          expect(rows.matchDelete(([, n]) => n === first[1])).toBe(gone.length);
          for (const [key, held] of model) {
            const left = held.filter(([, n]) => n !== first[1]);
            if (left.length === 0) model.delete(key);
            else model.set(key, left);
          }
        } else if (what === "replace" && kind !== "bag") {
          rows.selectReplace(([key, n]) => (n === first[1] ? [key, n + 1] : undefined));
          for (const [key, held] of model)
            model.set(
              key,
              held.map(([, n]) => [key, n === first[1] ? n + 1 : n] as const),
            );
        } else if (what === "deleteAll" && at % 7 === 0) {
          rows.deleteAll();
          model.clear();
        }
        const keys = [...model.keys()];
        if (kind === "ordered_set") keys.sort((left, right) => left - right);
        const all = keys.flatMap((key) => model.get(key) ?? []);
        expect(rows.size).toBe(all.length);
        expect([...rows]).toEqual(all);
        expect(rows.match(([, n]) => n > 1)).toEqual(all.filter(([, n]) => n > 1));
        for (let key = 0; key <= 6; key++) {
          expect(rows.lookup(key)).toEqual(found(key));
          expect(rows.member(key)).toBe(model.has(key));
        }
        const forth: unknown[] = [];
        for (let key = rows.first(); key !== undefined; key = rows.next(key)) forth.push(key);
        expect(forth).toEqual(keys);
        const back: unknown[] = [];
        for (let key = rows.last(); key !== undefined; key = rows.prev(key)) back.push(key);
        expect(back).toEqual(keys.reverse());
      }
    }),
    { numRuns: 150 },
  );
});
