import { isDeepStrictEqual } from "node:util";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type Message, messages, read, received, send, terms, written } from "../../test/messages.ts";
import { WireError } from "../errors.ts";
import { atom } from "../term/atom.ts";
import { Binary, ErlangPid, tuple } from "../term/erlang.ts";
import { Connection } from "./connection.ts";
import { hasPayload } from "./control-message.ts";
import { ALTACT_SIG, DIST_HDR_ATOM_CACHE, FRAGMENTS, INTERLOCK, VISIBLE_NODE_FLAGS } from "./flags.ts";

/** Bytes of which no two parts are alike. */
function pattern(length: number): Binary {
  const words = new Uint32Array(Math.ceil(length / 4)).map((_, index) => Math.imul(index, 0x9e37_79b1));
  return new Binary(new Uint8Array(words.buffer, 0, length));
}

const forms: readonly (readonly [string, bigint])[] = [
  ["plain", VISIBLE_NODE_FLAGS & ~FRAGMENTS & ~DIST_HDR_ATOM_CACHE],
  ["with an atom cache", VISIBLE_NODE_FLAGS & ~FRAGMENTS],
  ["with an atom cache and OTP's fragments", VISIBLE_NODE_FLAGS & ~INTERLOCK],
  ["with an atom cache and larger fragments", VISIBLE_NODE_FLAGS],
  ["to OTP 27", VISIBLE_NODE_FLAGS & ~INTERLOCK & ~ALTACT_SIG],
];

for (const [form, flags] of forms) {
  describe(form, () => {
    // For the rest there is no form that such a peer would know.
    const known = messages.filter(([{ type }]) => type !== "ALIAS_EXIT2" || (flags & ALTACT_SIG) !== 0n);

    test("every control message comes as it was sent, with its token and its payload", () => {
      fc.assert(
        fc.property(fc.array(known, { maxLength: 6 }), (some) => {
          expect(received({ flags }, [written(flags, some)])).toEqual(some);
        }),
        { numRuns: 300 },
      );
    });

    test("the messages are the same wherever the bytes were cut, ticks between them", () => {
      fc.assert(
        fc.property(fc.array(known, { minLength: 1, maxLength: 3 }), (some) => {
          const tick = Buffer.alloc(4);
          const bytes = Buffer.concat([tick, written(flags, some), tick, tick]);
          for (let cut = 0; cut <= bytes.length; cut++)
            expect(received({ flags }, [bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(some);
          const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
          expect(received({ flags }, single)).toEqual(some);
        }),
        { numRuns: 30 },
      );
    });

    test("large binaries come as they were sent, however many of what size stand among other values", () => {
      const large = fc
        .integer({ min: 10_000, max: 150_000 })
        .map((length) => new Binary(new Uint8Array(length).fill(length)));
      fc.assert(
        fc.property(fc.array(fc.oneof(large, fc.integer({ min: 256 })), { maxLength: 5 }), (payload) => {
          const control = { type: "REG_SEND", from: new ErlangPid(atom("a@b"), 1, 0, 1), to: atom("x") } as const;
          const connection = new Connection({ flags });
          const chunks = [...connection.send(control, payload, "exact"), ...connection.send(control, payload, "exact")];
          expect(received({ flags }, chunks)).toEqual([
            [control, payload],
            [control, payload],
          ]);
        }),
        { numRuns: 50 },
      );
    });

    test("large messages are the same whether their bytes were read into a chunk or to where they belong", () => {
      const length = fc.oneof(
        fc.integer({ min: 10_000, max: 150_000 }),
        fc.integer({ min: 2_000_000, max: 5_000_000 }),
      );
      // No list of bytes: in the exact profile it comes back as a text.
      const payload = fc.array(fc.oneof(length.map(pattern), fc.integer({ min: 256 })), { maxLength: 4 });
      const bytes = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1_000, max: 100_000 }));
      const reads = fc.array(fc.record({ bytes, toRoom: fc.boolean() }), { minLength: 1 });
      fc.assert(
        fc.property(fc.array(payload, { minLength: 1, maxLength: 3 }), reads, (payloads, some) => {
          const sent = payloads.map((one): Message => [send, one]);
          // Not toEqual: it looks at each of the millions of bytes by itself.
          expect(isDeepStrictEqual(read({ flags }, written(flags, sent), some), sent)).toBe(true);
        }),
        { numRuns: 40 },
      );
    });

    test("whatever the bytes, nothing but a WireError is thrown", () => {
      fc.assert(
        fc.property(
          fc.array(known, { minLength: 1, maxLength: 3 }),
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }),
          (some, changes) => {
            const bytes = written(flags, some);
            for (const [at, value] of changes) bytes[at % bytes.length] = value;
            try {
              received({ flags }, [bytes]);
            } catch (error) {
              expect(error).toBeInstanceOf(WireError);
            }
          },
        ),
        { numRuns: 1_000 },
      );
    });

    test("megabytes come in chunks of a socket's size, between small messages", () => {
      const large = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251));
      const some: Message[] = [
        [send, atom("before")],
        [send, new Binary(large)],
        [send, atom("after")],
      ];
      const bytes = written(flags, some);
      const chunks = [];
      for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
      const got = received({ flags }, chunks).map(([, payload]) => payload);
      expect([got[0], got[2]]).toEqual([atom("before"), atom("after")]);
      expect(large.equals((got[1] as Binary).bytes)).toBe(true);
    });

    test("what could not be encoded leaves no trace: the next messages arrive, with the atoms that it had used first", () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(known, fc.boolean(), terms), { maxLength: 12 }), (plan) => {
          const sender = new Connection({ flags });
          const receiver = new Connection({ flags });
          const sent: Message[] = [];
          const got: Message[] = [];
          for (const [[control, payload], fails, extra] of plan) {
            if (fails && hasPayload(control)) {
              const bad = tuple(payload, extra, () => undefined);
              expect(() => sender.write(control, bad, "exact")).toThrow(
                expect.objectContaining({ code: "INTERLOCK_WIRE_UNENCODABLE" }),
              );
            } else {
              sender.write(control, payload, "exact");
              sent.push([control, payload]);
            }
            got.push(...received(receiver, sender.take()));
          }
          expect(got).toEqual(sent);
        }),
        { numRuns: 200 },
      );
    });
  });
}
