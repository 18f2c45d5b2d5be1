import { deepStrictEqual } from "node:assert/strict";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decode, encode, type ReaderOptions, WireError } from "../src/index.ts";
import { exactTerm, markedValue, naturalValue, withRecords } from "./values.ts";

const profiles = [
  { name: "natural", options: { profile: "natural" }, values: withRecords(naturalValue) },
  { name: "natural with marks", options: { profile: "natural", marks: true }, values: withRecords(markedValue) },
  { name: "exact", options: { profile: "exact" }, values: withRecords(exactTerm) },
] as const;

/** The value, or the package's own refusal; anything else that is thrown is a mistake. */
function tryDecode(bytes: Uint8Array, options: Partial<ReaderOptions>): unknown {
  try {
    return decode(bytes, options);
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

/** Every length there is, or of a long term some. */
function cuts(length: number): number[] {
  const step = Math.max(1, Math.floor(length / 200));
  return Array.from({ length: Math.ceil(length / step) }, (_, at) => at * step);
}

describe.each(profiles)("in the profile $name", ({ options, values }) => {
  test("every value comes back as it was", () => {
    fc.assert(
      fc.property(values, (value) => {
        deepStrictEqual(decode(encode(value, options), options), value);
      }),
      { numRuns: 3_000 },
    );
  });

  test("what comes back is written with the same bytes", () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value, options);
        deepStrictEqual(encode(decode(bytes, options), options), bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a term that ends early is refused as no term, wherever it is cut", () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value, options);
        for (const length of cuts(bytes.length)) {
          const refused = tryDecode(bytes.subarray(0, length), options);
          if ((refused as { code?: unknown }).code !== "INTERLOCK_WIRE_BAD_TERM") expect(refused).toBe("refused");
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a term with bytes behind it is refused as no term", () => {
    fc.assert(
      fc.property(values, fc.uint8Array({ minLength: 1 }), (value, more) => {
        const refused = tryDecode(Buffer.concat([encode(value, options), more]), options);
        expect(refused).toMatchObject({ code: "INTERLOCK_WIRE_BAD_TERM" });
      }),
      { numRuns: 300 },
    );
  });

  test("changed bytes are refused, or are another term that stays what it is", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(values, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
        const bytes = Uint8Array.from(encode(value, options));
        for (const [at, byte] of changes) bytes[1 + (at % (bytes.length - 1))] = byte;
        const read = tryDecode(bytes, options);
        if (read instanceof WireError) return;
        const again = encode(read, options);
        deepStrictEqual(encode(decode(again, options), options), again);
      }),
      { numRuns: 10_000 },
    );
  });

  test("any bytes at all are refused or are a term", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        tryDecode(Uint8Array.of(131, ...bytes), options);
      }),
      { numRuns: 20_000 },
    );
  });
});
