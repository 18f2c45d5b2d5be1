import fc from "fast-check";
import { expect, test } from "vitest";
import { choose, type Upstream } from "./choose.ts";

const ids = ["a-1", "a-2", "a-3", "a-4"];
const some = fc.subarray(ids);
const one = fc.option(fc.constantFrom(...ids), { nil: undefined });
const loads = fc.record(Object.fromEntries(ids.map((id) => [id, fc.nat(3)])));
const upstreamsOf = (names: readonly string[]): Upstream[] => names.map((id) => ({ id, url: `http://${id}` }));

test("the chosen node is there, was not tried, is the one named if one is, and has no more to do than the others", () => {
  fc.assert(
    fc.property(some, loads, one, some, one, one, (there, load, last, tried, only, rather) => {
      const openAt = (id: string): number => load[id] ?? 0;
      const got = choose(upstreamsOf(there), openAt, last, new Set(tried), { only, rather })?.id;
      const possible = there.filter((id) => !tried.includes(id) && (only === undefined || only === id));
      if (got === undefined) {
        expect(possible).toEqual([]);
        return;
      }
      expect(possible).toContain(got);
      if (rather !== undefined && possible.includes(rather)) expect(got).toBe(rather);
      else expect(openAt(got)).toBe(Math.min(...possible.map(openAt)));
    }),
  );
});

test("nodes with as little to do are chosen in turn", () => {
  fc.assert(
    fc.property(some, (there) => {
      let last: string | undefined;
      const chosen = there.map(() => {
        last = choose(upstreamsOf(there), () => 0, last, new Set())?.id;
        return last;
      });
      expect(chosen).toEqual(there);
    }),
  );
});
