import { expect, test } from "vitest";
import { counters } from "./counters.ts";

test("counters begin at 0 and are added to, taken from and set one by one", () => {
  const numbers = counters(3);
  numbers.add(0, 5);
  numbers.sub(0, 7);
  numbers.put(2, Number.MAX_SAFE_INTEGER);
  expect([0, 1, 2].map((index) => numbers.get(index))).toEqual([-2, 0, Number.MAX_SAFE_INTEGER]);
  expect(numbers.size).toBe(3);
});

test("what is no counter and no whole number is refused", () => {
  const numbers = counters(1);
  for (const index of [-1, 1, 0.5, Number.NaN]) {
    expect(() => numbers.get(index)).toThrow(/index/);
    expect(() => numbers.add(index, 1)).toThrow(/index/);
    expect(() => numbers.put(index, 1)).toThrow(/index/);
  }
  expect(() => numbers.add(0, 0.5)).toThrow(/whole number/);
  expect(() => numbers.put(0, Number.NaN)).toThrow(/whole number/);
  expect(numbers.get(0)).toBe(0);
  expect(() => counters(0)).toThrow(/size/);
});
