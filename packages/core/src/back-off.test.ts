import { expect, test } from "vitest";
import { backOffMs } from "./back-off.ts";

test("the pause after failures doubles up to half a minute, or as far as is said, and is never less than half of it", () => {
  const pauses = (random: number) =>
    [1, 2, 3, 6, 7, 1_000].map((failures) => backOffMs(failures, { firstMs: 1_000 }, () => random));
  expect(pauses(0)).toEqual([500, 1_000, 2_000, 15_000, 15_000, 15_000]);
  expect(pauses(1)).toEqual([1_000, 2_000, 4_000, 30_000, 30_000, 30_000]);
  expect(backOffMs(1, { firstMs: 60_000 }, () => 1)).toBe(60_000);
  expect(backOffMs(9, { firstMs: 200, longestMs: 60_000 }, () => 1)).toBe(51_200);
  expect(backOffMs(10, { firstMs: 200, longestMs: 60_000 }, () => 1)).toBe(60_000);
});
