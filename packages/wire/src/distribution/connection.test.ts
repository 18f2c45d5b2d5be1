import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { WireError } from "../errors.ts";
import { Atom, atom } from "../term/atom.ts";
import { Binary, Charlist, ErlangPid, ErlangReference, type Tuple, tuple } from "../term/erlang.ts";
import { AtomCacheSender, CACHE_SLOTS } from "./atom-cache.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { type ControlMessage, hasPayload } from "./control-message.ts";
import { DIST_HDR_ATOM_CACHE, EXIT_PAYLOAD, FRAGMENTS, SEND_SENDER, VISIBLE_NODE_FLAGS } from "./flags.ts";
import { FRAGMENT_BYTES } from "./fragment.ts";

const forms: readonly (readonly [string, bigint])[] = [
  ["plain", VISIBLE_NODE_FLAGS & ~FRAGMENTS & ~DIST_HDR_ATOM_CACHE],
  ["with an atom cache", VISIBLE_NODE_FLAGS & ~FRAGMENTS],
  ["with an atom cache and fragments", VISIBLE_NODE_FLAGS],
];

type Message = readonly [control: ControlMessage, payload: unknown];

const words = fc.nat(0xffff_ffff);
const names = fc.oneof(
  fc.constantFrom("ok", "", "a@b", "true", "ä".repeat(200), "x".repeat(255)),
  fc.string({ maxLength: 20 }),
);
const atoms: fc.Arbitrary<Atom> = names.map((name) => atom(name));
const pids = fc.tuple(atoms, words, words, words).map((parts) => new ErlangPid(...parts));
const references = fc
  .tuple(atoms, fc.array(words, { minLength: 1, maxLength: 5 }), words)
  .map((parts) => new ErlangReference(...parts));
const processes = fc.oneof(pids, atoms);
const terms = fc.letrec<{ term: unknown }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 3 },
    atoms,
    pids,
    references,
    fc.integer(),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => new Binary(bytes)),
    fc.constant(new Charlist("bytes")),
    fc.array(tie("term"), { maxLength: 4 }).map((elements) => tuple(...elements)),
  ),
})).term;

/** The same with and without a token. */
function traced<Control extends object>(control: fc.Arbitrary<Control>): fc.Arbitrary<Control> {
  return fc.oneof(
    control,
    fc.tuple(control, terms).map(([plain, token]) => ({ ...plain, token })),
  );
}

function between<const Type extends string>(...types: Type[]) {
  return fc.record({ type: fc.constantFrom(...types), from: pids, to: pids });
}

const controls = fc.oneof(
  traced(fc.record({ type: fc.constant("SEND"), to: pids })),
  traced(between("SEND_SENDER", "PAYLOAD_EXIT", "PAYLOAD_EXIT2")),
  traced(fc.record({ type: fc.constant("ALIAS_SEND"), from: pids, to: references })),
  traced(fc.record({ type: fc.constant("REG_SEND"), from: pids, to: atoms })),
  between("LINK", "UNLINK", "GROUP_LEADER"),
  fc.record({
    type: fc.constantFrom("UNLINK_ID", "UNLINK_ID_ACK"),
    id: fc.bigInt(1n, 0xffff_ffff_ffff_ffffn),
    from: pids,
    to: pids,
  }),
  traced(fc.record({ type: fc.constantFrom("EXIT", "EXIT2"), from: pids, to: pids, reason: terms })),
  fc.record({ type: fc.constantFrom("MONITOR_P", "DEMONITOR_P"), from: pids, to: processes, ref: references }),
  fc.record({ type: fc.constant("MONITOR_P_EXIT"), from: processes, to: pids, ref: references, reason: terms }),
  fc.record({ type: fc.constant("PAYLOAD_MONITOR_P_EXIT"), from: processes, to: pids, ref: references }),
  traced(
    fc.record({
      type: fc.constant("SPAWN_REQUEST"),
      ref: references,
      from: pids,
      groupLeader: pids,
      module: atoms,
      function: atoms,
      arity: fc.nat(255),
      options: terms,
    }),
  ),
  traced(
    fc.record({ type: fc.constant("SPAWN_REPLY"), ref: references, to: pids, flags: fc.nat(3), result: processes }),
  ),
  fc.record({ type: fc.constant("NODE_LINK") }),
) as fc.Arbitrary<ControlMessage>;

const messages: fc.Arbitrary<Message> = fc
  .tuple(controls, terms)
  .map(([control, payload]) => [control, hasPayload(control) ? payload : undefined] as const);

function written(flags: bigint, some: readonly Message[]): Buffer {
  const sender = new Connection({ flags });
  for (const [control, payload] of some) sender.write(control, payload, "exact");
  return Buffer.concat(sender.take());
}

/** What a receiver makes of the chunks. Every chunk is overwritten once it was received. */
function received(options: ConnectionOptions | Connection, chunks: readonly Uint8Array[]): Message[] {
  const receiver = options instanceof Connection ? options : new Connection(options);
  const got: Message[] = [];
  for (const chunk of chunks) {
    const lent = new Uint8Array(chunk);
    receiver.receive(lent, (control, payload) => {
      got.push([control, hasPayload(control) ? payload("exact") : undefined]);
    });
    lent.fill(0);
  }
  return got;
}

const me = new ErlangPid(atom("me@h"), 1, 0, 1);
const you = new ErlangPid(atom("you@h"), 2, 0, 1);
const send: ControlMessage = { type: "SEND_SENDER", from: me, to: you };

for (const [form, flags] of forms) {
  describe(form, () => {
    test("every control message comes as it was sent, with its token and its payload", () => {
      fc.assert(
        fc.property(fc.array(messages, { maxLength: 6 }), (some) => {
          expect(received({ flags }, [written(flags, some)])).toEqual(some);
        }),
        { numRuns: 300 },
      );
    });

    test("the messages are the same wherever the bytes were cut, ticks between them", () => {
      fc.assert(
        fc.property(fc.array(messages, { minLength: 1, maxLength: 3 }), (some) => {
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

    test("whatever the bytes, nothing but a WireError is thrown", () => {
      fc.assert(
        fc.property(
          fc.array(messages, { minLength: 1, maxLength: 3 }),
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
        fc.property(fc.array(fc.tuple(messages, fc.boolean(), terms), { maxLength: 12 }), (plan) => {
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

test("a getter that throws, and one that sends itself, leave the connection as it was", () => {
  const sender = new Connection({ flags: VISIBLE_NODE_FLAGS });
  const thrown = new Error("of the getter");
  const throwing = {
    first: atom("new_1"),
    get second(): never {
      throw thrown;
    },
  };
  expect(() => sender.write(send, throwing)).toThrow(thrown);
  const nested = {
    first: atom("new_2"),
    get second(): number {
      sender.write(send, atom("within"));
      return 1;
    },
  };
  expect(() => sender.write(send, nested)).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_UNENCODABLE" }));
  sender.write(send, tuple(atom("new_1"), atom("new_2")), "exact");
  expect(received({ flags: VISIBLE_NODE_FLAGS }, sender.take())).toEqual([[send, tuple(atom("new_1"), atom("new_2"))]]);
});

test("the atoms of thousands of messages are right although they evict each other", () => {
  const sender = new Connection({ flags: VISIBLE_NODE_FLAGS });
  const receiver = new Connection({ flags: VISIBLE_NODE_FLAGS });
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed >>> 8;
  };
  for (let round = 0; round < 3_000; round++) {
    // Now and then more than one message can refer to; the rest is written out.
    const count = round % 100 === 0 ? 400 : random() % 20;
    const list = Array.from({ length: count }, () => atom(`cached_${random() % 6_000}`));
    if (round % 7 === 0) expect(() => sender.write(send, [...list, Symbol("none")])).toThrow(WireError);
    sender.write(send, list, "exact");
    expect(received(receiver, sender.take())).toEqual([[send, list]]);
  }
});

test("what was received stays when its chunk is written over", () => {
  const blob = new Binary(new Uint8Array(10_000).fill(7));
  const flags = VISIBLE_NODE_FLAGS;
  expect(received({ flags }, [written(flags, [[send, blob]])])).toEqual([[send, blob]]);
});

test("an atom that a message refers to keeps its slot while the message adds others", () => {
  const cache = new AtomCacheSender();
  for (let index = 0; index < CACHE_SLOTS; index++) {
    cache.reference(atom(`slot_${index}`));
    cache.commit();
  }
  cache.reference(atom("slot_1"));
  for (const name of ["new_a", "new_b", "new_c"]) cache.reference(atom(name));
  expect([...cache.references.subarray(0, cache.count)]).toEqual([1, 0, 2, 3]);
});

test("an atom is written out once, and then referred to", () => {
  const sender = new Connection({ flags: VISIBLE_NODE_FLAGS });
  const name = "an_atom_with_a_long_name".repeat(8);
  const first = sender.send(send, atom(name))[0]?.length ?? 0;
  const second = sender.send(send, atom(name))[0]?.length ?? 0;
  expect(first - second).toBe("me@h".length + "you@h".length + name.length + 3);
});

test("a message of the wire is one contiguous chunk when it is small, and many written together are too", () => {
  const sender = new Connection({ flags: VISIBLE_NODE_FLAGS });
  expect(sender.send(send, "text")).toHaveLength(1);
  for (let index = 0; index < 100; index++) sender.write(send, "text");
  const { pendingBytes } = sender;
  const chunks = sender.take();
  expect(chunks).toHaveLength(1);
  expect(chunks[0]).toHaveLength(pendingBytes);
  expect(sender.pendingBytes).toBe(0);
});

describe("fragments", () => {
  const flags = VISIBLE_NODE_FLAGS;

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

  const letters = [..."abcde"];
  const payloads = letters.map((letter) => tuple(atom(letter), new Binary(Buffer.alloc(3 * FRAGMENT_BYTES, letter))));

  /** The letter that it is called, and whether it is made of nothing else. */
  function contentOf(payload: unknown): string {
    const [name, blob] = (payload as Tuple).elements as [Atom, Binary];
    const whole = Buffer.alloc(3 * FRAGMENT_BYTES, name.name);
    return `${name.name} ${whole.equals(blob.bytes)}`;
  }

  test("of several messages pass between each other", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 40 }), (order) => {
        const queues = payloads.map((payload, index) => framesOf(payload, BigInt(index) + (1n << 63n)));
        const turns = [...order, ...letters.flatMap((_, index) => [index, index, index, index, index])];
        const chunks = turns.flatMap((index) => queues[index]?.shift() ?? []);
        const got = received({ flags }, chunks);
        expect(got).toHaveLength(5);
        const digests = got.map(([, payload]) => contentOf(payload)).sort((one, other) => (one < other ? -1 : 1));
        expect(digests).toEqual(payloads.map(contentOf));
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
});

test("a frame over the limit is refused by its length alone", () => {
  const limits = { messageBytes: 1_000 };
  expect(() => received({ flags: VISIBLE_NODE_FLAGS, limits }, [Uint8Array.of(0, 0, 4, 0)])).toThrow(
    expect.objectContaining({ code: "INTERLOCK_WIRE_LIMIT", details: { limit: "frameBytes", most: 1_000 } }),
  );
});

test("a reference to an atom that was never sent is refused", () => {
  const sender = new Connection({ flags: VISIBLE_NODE_FLAGS });
  sender.send(send, atom("known"));
  expect(() => received({ flags: VISIBLE_NODE_FLAGS }, sender.send(send, atom("known")))).toThrow(
    expect.objectContaining({ code: "INTERLOCK_WIRE_PROTOCOL" }),
  );
});

test("a payload that does not fill its frame, or goes on behind it, is refused", () => {
  const [bytes] = new Connection({ flags: VISIBLE_NODE_FLAGS }).send(send, "some text");
  for (const change of [-1, 1]) {
    const changed = Buffer.concat([bytes as Uint8Array, Buffer.of(0)]);
    changed.writeUInt32BE(changed.readUInt32BE(0) + change);
    expect(() => received({ flags: VISIBLE_NODE_FLAGS }, [changed])).toThrow(WireError);
  }
});

test("a control message without its payload, or with one that it does not have, is refused", () => {
  const flags = VISIBLE_NODE_FLAGS & ~FRAGMENTS & ~DIST_HDR_ATOM_CACHE;
  for (const flagsOfForm of [flags, VISIBLE_NODE_FLAGS]) {
    const without = written(flagsOfForm, [[send, 42]]).subarray(0, flagsOfForm === flags ? -3 : -2);
    without.writeUInt32BE(without.length - 4);
    const link: ControlMessage = { type: "LINK", from: me, to: you };
    const more = Buffer.concat([written(flagsOfForm, [[link, undefined]]), Buffer.of(131, 97, 42)]);
    more.writeUInt32BE(more.length - 4);
    for (const bytes of [without, more]) {
      const receiver = new Connection({ flags: flagsOfForm });
      expect(() => receiver.receive(bytes, () => undefined)).toThrow(
        expect.objectContaining({ code: "INTERLOCK_WIRE_PROTOCOL" }),
      );
    }
  }
});

test("a peer without SEND_SENDER or EXIT_PAYLOAD gets the older forms", () => {
  const flags = VISIBLE_NODE_FLAGS & ~SEND_SENDER & ~EXIT_PAYLOAD;
  const ref = new ErlangReference(atom("me@h"), [1], 1);
  const some: Message[] = [
    [send, atom("hello")],
    [{ type: "PAYLOAD_EXIT", from: me, to: you }, atom("why")],
    [{ type: "PAYLOAD_EXIT2", from: me, to: you }, atom("why")],
    [{ type: "PAYLOAD_MONITOR_P_EXIT", from: me, to: you, ref }, atom("why")],
  ];
  expect(received({ flags }, [written(flags, some)])).toEqual([
    [{ type: "SEND", to: you }, atom("hello")],
    [{ type: "EXIT", from: me, to: you, reason: atom("why") }, undefined],
    [{ type: "EXIT2", from: me, to: you, reason: atom("why") }, undefined],
    [{ type: "MONITOR_P_EXIT", from: me, to: you, ref, reason: atom("why") }, undefined],
  ]);
});

test("a payload is read in the profile that is asked for, or not at all", () => {
  const [bytes] = new Connection({ flags: VISIBLE_NODE_FLAGS }).send(send, "text");
  const receiver = new Connection({ flags: VISIBLE_NODE_FLAGS });
  const got: unknown[] = [];
  receiver.receive(bytes as Uint8Array, (_, payload) => got.push(payload("natural"), payload("exact")));
  expect(got).toEqual(["text", new Binary(new Uint8Array(Buffer.from("text")))]);
});

test("two Interlock nodes keep what Erlang has no form for", () => {
  const value = { at: new Date(0), names: new Set(["a"]) };
  const [bytes] = new Connection({ flags: VISIBLE_NODE_FLAGS }).send(send, value);
  let got: unknown;
  new Connection({ flags: VISIBLE_NODE_FLAGS }).receive(bytes as Uint8Array, (_, payload) => {
    got = payload("natural");
  });
  expect(got).toEqual(value);
});

test("atoms with names of more than 255 bytes and shorter ones stand in one header", () => {
  const list = [atom("é".repeat(200)), atom("short"), atom("🙂".repeat(255)), atom("")];
  const flags = VISIBLE_NODE_FLAGS;
  expect(received({ flags }, [written(flags, [[send, list]])])).toEqual([[send, list]]);
  expect(list[0]).toBeInstanceOf(Atom);
});
