import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { fnv1a64, type Hash64, mix64 } from "./hash64.ts";

const hex = ({ high, low }: Hash64): string => [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
const big = ({ high, low }: Hash64): bigint => (BigInt(high) << 32n) | BigInt(low);
const half = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 0xffff, 0x10000, 0xffffffff));
const numRuns = 2_000;

describe("fnv1a64", () => {
  // From the test vectors of the FNV draft.
  test.each([
    ["", "cbf29ce484222325"],
    ["a", "af63dc4c8601ec8c"],
    ["b", "af63df4c8601f1a5"],
    ["foobar", "85944171f73967e8"],
  ])("of %j is %s, as published", (text, expected) => {
    expect(hex(fnv1a64(text))).toBe(expected);
  });

  test("is FNV-1a computed in whole numbers of 64 bits, over UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        let hash = 0xcbf29ce484222325n;
        for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
        expect(big(fnv1a64(text))).toBe(hash);
      }),
      { numRuns },
    );
  });
});

describe("mix64", () => {
  test.each([
    ["", "efd01f60ba992926"],
    ["bank@10.0.0.1", "b6e5d903c34c617c"],
  ])("of the hash of %j stays what it was when clusters began to rely on it", (text, expected) => {
    expect(hex(mix64(fnv1a64(text)))).toBe(expected);
  });

  test("is fmix64 computed in whole numbers of 64 bits", () => {
    fc.assert(
      fc.property(half, half, (high, low) => {
        const mask = 0xffffffffffffffffn;
        let x = big({ high, low });
        x ^= x >> 33n;
        x = (x * 0xff51afd7ed558ccdn) & mask;
        x ^= x >> 33n;
        x = (x * 0xc4ceb9fe1a85ec53n) & mask;
        x ^= x >> 33n;
        expect(big(mix64({ high, low }))).toBe(x);
      }),
      { numRuns },
    );
  });
});
