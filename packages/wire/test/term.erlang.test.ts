import { deepStrictEqual } from "node:assert/strict";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { atom, Binary, decode, ErlangPid, encode, Float, ImproperList, Port, tuple } from "../src/index.ts";
import { Erlang, erlangMissing } from "./erlang.ts";
import { exactTerm, naturalValue } from "./values.ts";

const missing = erlangMissing();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

const exact = { profile: "exact" } as const;
const TERMS = 4_000;

describe.skipIf(missing !== undefined)("beside real Erlang", () => {
  let erlang: Erlang;
  beforeAll(() => {
    erlang = new Erlang();
  });
  afterAll(() => erlang[Symbol.asyncDispose]());

  test("terms made by Erlang go through the exact profile with the same bytes, however Erlang wrote them", async () => {
    const first = Math.floor(Math.random() * 2 ** 31);
    for (let at = 0; at < TERMS; at++) {
      const { canonical, variants } = await erlang.random(first + at);
      for (const bytes of [canonical, ...variants]) {
        const written = encode(decode(bytes, exact), exact);
        if (Buffer.compare(written, canonical) === 0) continue;
        // A fun stays the bytes it came as, and minor version 1 wrote its atoms in Latin-1: the same to Erlang.
        const heard = bytes === canonical ? written : (await erlang.read(written)).canonical;
        if (Buffer.compare(heard, canonical) !== 0)
          expect(`of seed ${first + at}: ${shown(written)}`).toBe(shown(canonical));
      }
    }
  });

  test("terms made by Erlang are read in the natural profile, and Erlang reads what is written of them", async () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const { canonical } = await erlang.random(seed);
      const value = decode(canonical);
      const { canonical: heard } = await erlang.read(encode(value));
      deepStrictEqual(sortedMaps(decode(heard)), sortedMaps(value));
    }
  });

  test.each([
    ["natural", naturalValue],
    ["exact", exactTerm],
  ] as const)("values of the %s profile are read by Erlang and come back equal", async (profile, values) => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const { canonical } = await erlang.read(encode(value, { profile }));
        deepStrictEqual(sortedMaps(decode(canonical, { profile })), sortedMaps(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    [{ a: 1, b: "x" }, '#{<<"a">> => 1,<<"b">> => <<"x">>}'],
    [[1, 2.5, 2.0, -0], "[1,2.5,2,-0.0]"],
    [[104, 105], '"hi"'],
    [null, "nil"],
    [undefined, "undefined"],
    [[true, false], "[true,false]"],
    [tuple(atom("reply"), new ImproperList([atom("alias")], 7)), "{reply,[alias|7]}"],
    [2 ** 53 - 1, "9007199254740991"],
    [10n ** 30n, "1000000000000000000000000000000"],
    [1e23, "1.0e23"],
    [new Map([[1, "one"]]), '#{1 => <<"one">>}'],
    [Uint8Array.of(1, 255), "<<1,255>>"],
    [new Float(2), "2.0"],
    [new Binary(Uint8Array.of(1)), "<<1>>"],
    [[], "[]"],
    [{}, "#{}"],
    ["é", '<<"é"/utf8>>'],
    [new Port(atom("a@b"), 5n, 6), /^#Port<\d+\.5>$/],
    [new ErlangPid(atom("a@b"), 1, 2, 3), /^<\d+\.1\.2>$/],
  ])("%o is what Erlang prints as %s", async (value, printed) => {
    const heard = await erlang.read(encode(value));
    if (typeof printed === "string") expect(heard.printed).toBe(printed);
    else expect(heard.printed).toMatch(printed);
  });
});

/** Not the whole: the difference of two large terms would take minutes. */
function shown(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 1_000)).toString("hex");
}

/** Erlang has its own order of a map's keys: both sides in the order of their bytes. */
function sortedMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedMaps);
  if (value instanceof Map) {
    const entries = [...value].map(([key, held]) => [sortedMaps(key), sortedMaps(held)] as const);
    return new Map(entries.sort(([left], [right]) => Buffer.compare(encode(left, exact), encode(right, exact))));
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Object.create(
    prototype as object,
    Object.fromEntries(
      Object.entries(Object.getOwnPropertyDescriptors(value)).map(([key, descriptor]) => [
        key,
        "value" in descriptor ? { ...descriptor, value: sortedMaps(descriptor.value) } : descriptor,
      ]),
    ),
  );
}
