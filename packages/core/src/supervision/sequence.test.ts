import { describe, expect, test } from "vitest";

import { after, inSequence } from "./sequence.ts";

describe("inSequence", () => {
  test("without promises all is done at once, in order", () => {
    const seen: number[] = [];
    const done = inSequence([1, 2, 3], (item) => {
      seen.push(item);
      return true;
    });
    expect(done).toBe(true);
    expect(seen).toEqual([1, 2, 3]);
    expect(inSequence([], () => false)).toBe(true);
  });

  test("the first false ends it", () => {
    const seen: number[] = [];
    const done = inSequence([1, 2, 3], (item) => {
      seen.push(item);
      return item < 2;
    });
    expect(done).toBe(false);
    expect(seen).toEqual([1, 2]);
  });

  test.each([0, 1, 2, 3])("with a promise at step %i no step begins before the one before it has ended", async (at) => {
    const seen: string[] = [];
    const done = inSequence([0, 1, 2, 3], (item) => {
      seen.push(`begin ${item}`);
      const end = (): boolean => {
        seen.push(`end ${item}`);
        return true;
      };
      return item >= at ? Promise.resolve().then(end) : end();
    });
    expect(done).toBeInstanceOf(Promise);
    expect(await done).toBe(true);
    expect(seen).toEqual([0, 1, 2, 3].flatMap((item) => [`begin ${item}`, `end ${item}`]));
  });

  test.each([0, 1, 2])("a promise of false at step %i ends it", async (at) => {
    const seen: number[] = [];
    const done = inSequence([0, 1, 2, 3], (item) => {
      seen.push(item);
      return Promise.resolve(item !== at);
    });
    expect(await done).toBe(false);
    expect(seen).toEqual([0, 1, 2, 3].slice(0, at + 1));
  });

  test("what a step throws or rejects with is the caller's", async () => {
    const boom = new Error("boom");
    const fail = (): never => {
      throw boom;
    };
    expect(() => inSequence([1], fail)).toThrow(boom);
    await expect(inSequence([1, 2], (item) => (item === 1 ? Promise.resolve(true) : fail()))).rejects.toBe(boom);
  });
});

describe("after", () => {
  test("makes no promise where there is none", async () => {
    expect(after(1, (value) => value + 1)).toBe(2);
    expect(await after(Promise.resolve(1), (value) => value + 1)).toBe(2);
    expect(await after(1, (value) => Promise.resolve(value + 1))).toBe(2);
  });
});
