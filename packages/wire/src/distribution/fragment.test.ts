import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { read, received, send } from "../../test/messages.ts";
import { WireError } from "../errors.ts";
import { type Atom, atom } from "../term/atom.ts";
import { Binary, type Tuple, tuple } from "../term/erlang.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { INTERLOCK, VISIBLE_NODE_FLAGS } from "./flags.ts";
import { FRAGMENT_BYTES } from "./fragment.ts";

describe("fragments", () => {
  const flags = VISIBLE_NODE_FLAGS & ~INTERLOCK;

  /** The frames of one large message, as its sender would write them with that sequence id. */
  function framesOf(payload: unknown, sequence: bigint): Buffer[] {
    const bytes = Buffer.concat(new Connection({ flags }).send(send, payload, "exact"));
    const frames = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32BE(at);
      const frame = Buffer.from(bytes.subarray(at, end));
      frame.writeBigUInt64BE(sequence, 6);
      frames.push(frame);
      at = end;
    }
    return frames;
  }

  const letters = ["a", "b", "c", "d", "e"];
  const payloads = letters.map((letter) => tuple(atom(letter), new Binary(Buffer.alloc(3 * FRAGMENT_BYTES, letter))));

  /** The letter that it is called, and whether it is made of nothing else. */
  function contentOf(payload: unknown): string {
    const [name, blob] = (payload as Tuple).elements as [Atom, Binary];
    const whole = Buffer.alloc(3 * FRAGMENT_BYTES, name.name);
    return `${name.name} ${whole.equals(blob.bytes)}`;
  }

  const reads = [
    { bytes: 30_000, toRoom: true },
    { bytes: 7, toRoom: false },
  ];

  test("of several messages pass between each other, read into a chunk or to where they belong", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 40 }), (order) => {
        const queues = payloads.map((payload, index) => framesOf(payload, BigInt(index) + (1n << 63n)));
        const turns = [...order, ...letters.flatMap((_, index) => [index, index, index, index, index])];
        const chunks = turns.flatMap((index) => queues[index]?.shift() ?? []);
        for (const got of [received({ flags }, chunks), read({ flags }, Buffer.concat(chunks), reads)]) {
          expect(got).toHaveLength(5);
          const contents = got.map(([, payload]) => contentOf(payload));
          expect(new Set(contents)).toEqual(new Set(payloads.map(contentOf)));
        }
      }),
      { numRuns: 20 },
    );
  });

  const whole = framesOf(new Binary(Buffer.alloc(4 * FRAGMENT_BYTES)), 1n);
  const [first, second, third] = whole as [Buffer, Buffer, Buffer];

  test.each([
    ["without a beginning", [second]],
    ["with two beginnings", [first, first]],
    ["with one left out", [first, third]],
    ["with one twice", [first, second, second]],
  ])("%s are refused", (_, chunks) => {
    expect(() => received({ flags }, chunks)).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_PROTOCOL" }));
  });

  test("are limited in number, and in bytes together", () => {
    const firsts = letters.map((_, index) => framesOf(new Binary(Buffer.alloc(4 * FRAGMENT_BYTES)), BigInt(index))[0]);
    const chunks = firsts as Buffer[];
    const limited = (limits: NonNullable<ConnectionOptions["limits"]>) => () => received({ flags, limits }, chunks);
    expect(limited({ sequences: 4 })).toThrow(expect.objectContaining({ details: { limit: "sequences", most: 4 } }));
    const most = 4 * FRAGMENT_BYTES;
    expect(limited({ reassemblyBytes: most })).toThrow(
      expect.objectContaining({ details: { limit: "reassemblyBytes", most } }),
    );
    expect(() => received({ flags, limits: { messageBytes: most } }, whole)).toThrow(
      expect.objectContaining({ details: { limit: "messageBytes", most } }),
    );
    expect(limited({})()).toEqual([]);
  });

  test("with any beginning are refused or taken, and leave nothing but a WireError", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(40), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const frames = whole.map((frame) => Buffer.from(frame));
        for (const [frame, at, value] of changes) (frames[frame] as Buffer)[at] = value;
        try {
          read({ flags }, Buffer.concat(frames), reads);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
