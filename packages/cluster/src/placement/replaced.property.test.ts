import { Tuple, tuple } from "@interlock/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replaced } from "./replaced.ts";

class Mark {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const mark = fc.string({ maxLength: 3 }).map((name) => new Mark(name));
const key = fc.string({ maxLength: 3 }).filter((name) => name !== "__proto__");
const value = (leaf: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.integer(), fc.string(), fc.date(), tie("inner")),
    inner: fc.oneof(
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(key, tie("value"), { maxKeys: 4 }),
      fc.array(tie("value"), { maxLength: 4 }).map((members) => new Set(members)),
      fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.array(tie("value"), { maxLength: 4 }).map((elements) => new Tuple(elements)),
    ),
  })).value;

describe("replaced", () => {
  test("puts something else in the place of every mark, wherever it is, and finds it again there", () => {
    fc.assert(
      fc.property(value(mark), (given) => {
        const away = replaced(given, (one) => (one instanceof Mark ? tuple("mark", one.name) : undefined));
        const found: string[] = [];
        replaced(given, (one) => void (one instanceof Mark && found.push(one.name)));
        const left: string[] = [];
        replaced(away, (one) => void (one instanceof Mark && left.push(one.name)));
        expect(left).toEqual([]);
        const back = replaced(away, (one) =>
          one instanceof Tuple && one.elements[0] === "mark" ? new Mark(one.elements[1] as string) : undefined,
        );
        expect(back).toEqual(given);
        const again: string[] = [];
        replaced(back, (one) => void (one instanceof Mark && again.push(one.name)));
        expect(again).toEqual(found);
      }),
    );
  });

  test("gives the very value when there is nothing in it to be replaced, and never changes it", () => {
    fc.assert(
      fc.property(value(fc.constant(null)), (given) => {
        expect(replaced(given, () => undefined)).toBe(given);
      }),
    );
    const given = Object.freeze({ list: Object.freeze([new Mark("a"), 1]) });
    expect(replaced(given, (one) => (one instanceof Mark ? "b" : undefined))).toEqual({ list: ["b", 1] });
    expect(given.list[0]).toEqual(new Mark("a"));
  });

  test("comes to an end with a value that contains itself", () => {
    const given: { own?: unknown } = {};
    given.own = given;
    expect(replaced(given, () => undefined)).toBe(given);
  });
});
