import fc from "fast-check";
import { expect, test } from "vitest";

import { partitionOf } from "./partition-supervisor.ts";

test("a whole number goes to its remainder, without its sign", () => {
  expect([0, 1, 7, 8, -1, -9, -0].map((key) => partitionOf(key, 8))).toEqual([0, 1, 7, 0, 1, 1, 0]);
});

test("every key has one partition, whatever it is", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.double(),
        fc.integer(),
        fc.bigInt(),
        fc.boolean(),
        fc.constant(undefined),
      ),
      fc.integer({ min: 1, max: 64 }),
      (key, count) => {
        const partition = partitionOf(key, count);
        expect(Number.isInteger(partition) && partition >= 0 && partition < count).toBe(true);
        expect(partitionOf(key, count)).toBe(partition);
      },
    ),
  );
});

test("keys are spread: of ten thousand none of 16 partitions has less than half its share or more than twice it", () => {
  const counts = new Array<number>(16).fill(0);
  for (let user = 0; user < 10_000; user++) {
    const partition = partitionOf(`user-${user}`, 16);
    counts[partition] = (counts[partition] as number) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(10_000 / 16 / 2);
  expect(Math.max(...counts)).toBeLessThan((10_000 / 16) * 2);
});

test("the spread is FNV-1a of the text: it stays the same from version to version", () => {
  // The offset basis itself, and the published value of "a".
  expect(partitionOf("", 2 ** 31)).toBe(0x811c9dc5 % 2 ** 31);
  expect(partitionOf("a", 2 ** 31)).toBe(0xe40c292c % 2 ** 31);
});
