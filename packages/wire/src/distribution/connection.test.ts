import { describe, expect, test } from "vitest";

import { type Message, me, received, send, written, you } from "../../test/messages.ts";
import { WireError } from "../errors.ts";
import { atom } from "../term/atom.ts";
import { encode } from "../term/codec.ts";
import { Binary, ErlangReference, NativeRecord, type Tuple, tuple } from "../term/erlang.ts";
import { AtomCacheSender, CACHE_SLOTS } from "./atom-cache.ts";
import { Connection } from "./connection.ts";
import type { ControlMessage } from "./control-message.ts";
import {
  ALTACT_SIG,
  DIST_HDR_ATOM_CACHE,
  EXIT_PAYLOAD,
  FRAGMENTS,
  NATIVE_RECORDS,
  SEND_SENDER,
  VISIBLE_NODE_FLAGS,
} from "./flags.ts";

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
});

describe("alternative signals of OTP 28", () => {
  const alias = new ErlangReference(atom("me@h"), [1, 2, 3], 1);
  const plain = VISIBLE_NODE_FLAGS & ~DIST_HDR_ATOM_CACHE;
  const name = atom("registered");
  const framed = (control: Tuple, payload: unknown): Buffer => {
    const body = Buffer.concat([Uint8Array.of(112), encode(control), encode(payload)]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, body]);
  };

  test.each([
    ["a message to an alias", tuple(37, 4, me, alias), { type: "ALIAS_SEND", from: me, to: alias }],
    ["one with priority", tuple(37, 5, me, alias), { type: "ALIAS_SEND", from: me, to: alias }],
    ["one to a name", tuple(37, 9, me, name), { type: "REG_SEND", from: me, to: name }],
    ["one to a pid", tuple(37, 1, me, you), { type: "SEND_SENDER", from: me, to: you }],
    ["one with a token", tuple(37, 6, me, alias, 7), { type: "ALIAS_SEND", from: me, to: alias, token: 7 }],
    ["an exit signal with priority", tuple(37, 17, me, you), { type: "PAYLOAD_EXIT2", from: me, to: you }],
    ["an exit signal to an alias", tuple(37, 20, me, alias), { type: "ALIAS_EXIT2", from: me, to: alias }],
    [
      "one with more to it than is known",
      tuple(37, 36, me, alias, name, [you]),
      { type: "ALIAS_SEND", from: me, to: alias },
    ],
  ] as const)("%s is read", (_what, control, expected) => {
    expect(received({ flags: plain }, [framed(control, 5)])).toEqual([[expected, 5]]);
  });

  test.each([
    ["a pid in the place of an alias", tuple(37, 4, me, you)],
    ["an alias in the place of a pid", tuple(37, 1, me, alias)],
    ["a pid in the place of a name", tuple(37, 9, me, you)],
    ["an exit signal to a name", tuple(37, 24, me, name)],
    ["no flags", tuple(37, name, me, you)],
    ["a token that is missing", tuple(37, 6, me, alias)],
    ["nobody to send to", tuple(37, 4, me)],
  ])("%s is refused", (_what, control) => {
    expect(() => received({ flags: plain }, [framed(control, 5)])).toThrow(
      expect.objectContaining({ code: "INTERLOCK_WIRE_PROTOCOL" }),
    );
  });

  test("messages to an alias are written in the form that the peer knows", () => {
    const control: ControlMessage = { type: "ALIAS_SEND", from: me, to: alias };
    expect(written(plain, [[control, 5]])).toEqual(framed(tuple(37, 4, me, alias), 5));
    expect(written(plain & ~ALTACT_SIG, [[control, 5]])).toEqual(framed(tuple(33, me, alias), 5));
    const traced: ControlMessage = { ...control, token: 7 };
    expect(written(plain, [[traced, 5]])).toEqual(framed(tuple(37, 6, me, alias, 7), 5));
    const exit: ControlMessage = { type: "ALIAS_EXIT2", from: me, to: alias };
    expect(written(plain, [[exit, 5]])).toEqual(framed(tuple(37, 20, me, alias), 5));
  });

  test("an exit signal to an alias does not go to a peer that knows no form of it; what comes after it does", () => {
    const exit: ControlMessage = { type: "ALIAS_EXIT2", from: me, to: alias };
    const flags = VISIBLE_NODE_FLAGS & ~ALTACT_SIG;
    const sender = new Connection({ flags });
    expect(sender.send(exit, 5)).toEqual([]);
    expect(received({ flags }, sender.send(send, 6))).toEqual([[send, 6]]);
  });
});

test("a native record goes only to those who know what it is", () => {
  const record = new NativeRecord(atom("m"), atom("point"), true, new Map([[atom("x"), 1]]));
  expect(received({ flags: VISIBLE_NODE_FLAGS }, [written(VISIBLE_NODE_FLAGS, [[send, [record]]])])).toEqual([
    [send, [record]],
  ]);
  expect(() => written(VISIBLE_NODE_FLAGS & ~NATIVE_RECORDS, [[send, [record]]])).toThrow(
    expect.objectContaining({
      code: "INTERLOCK_WIRE_UNENCODABLE",
      details: expect.objectContaining({ path: "[0]" }) as unknown,
    }),
  );
});
