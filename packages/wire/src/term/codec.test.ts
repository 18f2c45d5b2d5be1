import { deflateSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { type Atom, atom } from "./atom.ts";
import { decode, encode } from "./codec.ts";
import { BitString, Float, Fun, type Identities, ImproperList, NativeRecord, Tuple, tuple } from "./erlang.ts";
import { TermReader } from "./reader.ts";
import { TermWriter } from "./writer.ts";

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
const exact = { profile: "exact" } as const;
const marks = { marks: true } as const;

function refused(code: string, details: Record<string, unknown> = {}): unknown {
  return expect.objectContaining({ code, details: expect.objectContaining(details) });
}

describe("what has no external form", () => {
  class Account {
    readonly balance = 1;
  }
  const cycle: Record<string, unknown> = {};
  cycle["list"] = [1, { again: cycle }];
  const tangle: unknown[] = [];
  tangle.push(tangle);

  test.each<[string, unknown, string, RegExp]>([
    ["a function", [1, 2, { name: () => 1 }], "[2].name", /the function name/],
    ["a symbol", Symbol("s"), "", /a symbol/],
    ["a promise", { a: Promise.resolve() }, ".a", /class Promise/],
    ["an object of a class", tuple(0, new Account()), "[1]", /class Account/],
    ["NaN", new Map([["x", Number.NaN]]), '.get("x")', /the number NaN/],
    ["an infinity", new Map([[atom("x"), Number.POSITIVE_INFINITY]]), ".get(x)", /the number Infinity/],
    ["half a character", { "a b": "\udc00" }, '["a b"]', /lone surrogate/],
    ["half a character in a key", { "\ud800": 1 }, '["\\ud800"]', /lone surrogate/],
    ["a date", { at: [new Date(0)] }, ".at[0]", /toISOString/],
    ["a set", new ImproperList([1], new Set()), ".tail", /send an array/],
    ["an error", new Error("no"), "", /an Error/],
    ["a float that is none", new Float(Number.NaN), "", /NaN/],
    ["no bits", new BitString(new Uint8Array(), 3), "", /BitString/],
    ["a cycle", cycle, ".list[1].again", /a cycle/],
    ["a cycle of one", tangle, "[0]", /a cycle/],
  ])("%s is refused with its path", (_what, value, path, got) => {
    expect(() => encode(value)).toThrow(
      refused("INTERLOCK_WIRE_UNENCODABLE", { path, got: expect.stringMatching(got) }),
    );
  });

  test("a value that stands in two places is no cycle, however deep", () => {
    let value: unknown = { deep: 1 };
    for (let level = 0; level < 12; level++) value = [value, value];
    for (let level = 0; level < 100; level++) value = [value];
    expect(decode(encode(value))).toEqual(value);
  });

  test("a refused value leaves the writer as it was", () => {
    const writer = new TermWriter({ profile: "natural" });
    writer.term("kept");
    const before = Buffer.from(writer.bytes);
    expect(() => writer.term([1, { deep: [Symbol("s")] }])).toThrow(refused("INTERLOCK_WIRE_UNENCODABLE"));
    expect(Buffer.from(writer.bytes)).toEqual(before);
  });

  test("a getter that encodes does not disturb what is being encoded", () => {
    const value = {
      first: 1,
      get second(): number {
        return encode("inner").length;
      },
    };
    expect(decode(encode(value))).toEqual({ first: 1, second: 11 });
  });
});

describe("data from outside", () => {
  test("a string is a binary and never an atom", () => {
    for (const text of ["true", "undefined", "nil", "ok", ""]) expect(encode(text)[1]).toBe(109);
  });

  test.each([{}, marks])("a key called __proto__ is a property of its own (%o)", (options) => {
    const bytes = hex(
      `83 74 00000001 6d 00000009 ${Buffer.from("__proto__").toString("hex")} 74 00000001 6d 00000005 61646d696e 7704 74727565`,
    );
    const value = decode(bytes, options) as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.hasOwn(value, "__proto__")).toBe(true);
    expect(value["admin"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    expect(Buffer.from(encode(value, options))).toEqual(Buffer.from(bytes));
  });

  test("an error's property called __proto__ is a property of its own", () => {
    const error = new Error("x");
    Object.defineProperty(error, "__proto__", { value: { admin: true }, enumerable: true });
    const read = decode(encode(error, marks), marks) as Error;
    expect(Object.getPrototypeOf(read)).toBe(Error.prototype);
    expect(Object.hasOwn(read, "__proto__")).toBe(true);
  });

  test("a mark is a tuple like any other unless marks were agreed on", () => {
    const bytes = encode(new Date(5), marks);
    expect(decode(bytes)).toEqual(tuple(atom("$interlock"), atom("date"), 5));
    expect(decode(bytes, { ...exact, marks: true })).toBeInstanceOf(Tuple);
    expect(decode(bytes, marks)).toEqual(new Date(5));
  });

  test("a tuple that looks like a mark is no mark", () => {
    const pose = tuple(atom("$interlock"), atom("date"), 5);
    expect(decode(encode(pose, marks), marks)).toEqual(pose);
    expect(decode(encode([tuple(), pose, [pose]], marks), marks)).toEqual([tuple(), pose, [pose]]);
  });

  test.each([
    ["of no kind", tuple(atom("$interlock"))],
    ["of an unknown kind", tuple(atom("$interlock"), atom("file"), 1)],
    ["of too many parts", tuple(atom("$interlock"), atom("date"), 1, 2)],
    ["with a pattern that is none", tuple(atom("$interlock"), atom("regexp"), "(", "")],
    ["with bytes that are no elements", tuple(atom("$interlock"), atom("Uint16Array"), "abc")],
    ["with properties no error hides", tuple(atom("$interlock"), atom("error"), "Error", { toString: 1 }, {})],
  ])("a mark %s is refused", (_what, value) => {
    expect(() => decode(encode(value), marks)).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
  });
});

describe("marks", () => {
  test("an error's property without a form stays behind, and the error gets through", () => {
    class Refused extends RangeError {
      override get name(): string {
        return "Refused";
      }
    }
    const error = Object.assign(new Refused("full", { cause: () => 1 }), { code: "E_FULL", socket: () => 1 });
    const read = decode(encode([error, 1], marks), marks) as [Error & { code: string }, number];
    expect(read[1]).toBe(1);
    expect(read[0]).toBeInstanceOf(RangeError);
    expect(Object.keys(read[0])).toEqual(["code"]);
    expect(read[0]).toMatchObject({ message: "full", name: "Refused", code: "E_FULL", stack: error.stack });
    expect("cause" in read[0]).toBe(false);
  });

  test("an error without a stack does not get that of whoever reads it", () => {
    const error = new Error("x");
    delete error.stack;
    expect((decode(encode(error, marks), marks) as Error).stack).toBeUndefined();
  });

  test("a hole of a sparse array arrives as undefined", () => {
    const sparse: unknown[] = [1];
    sparse[2] = 3;
    expect(decode(encode(sparse, marks), marks)).toStrictEqual([1, undefined, 3]);
    expect(decode(encode(sparse))).toStrictEqual([1, undefined, 3]);
  });
});

describe("limits", () => {
  const limit = (name: string): unknown => refused("INTERLOCK_WIRE_LIMIT", { limit: name });

  test("the default depth is read and written, one more is not", () => {
    const nested = (levels: number): Uint8Array =>
      Buffer.concat([hex("83"), Buffer.alloc(levels * 2, "6801", "hex"), hex("6a")]);
    const deepest = decode(nested(1_024));
    expect(Buffer.from(encode(deepest))).toEqual(nested(1_024));
    expect(() => decode(nested(1_025))).toThrow(limit("depth"));
    expect(() => encode(tuple(deepest))).toThrow(limit("depth"));
  });

  test("a stack that is too small for the depth allowed is that limit, not a crash", () => {
    const limits = { depth: 10_000_000 };
    const bytes = Buffer.concat([hex("83"), Buffer.alloc(2_000_000, "6801", "hex"), hex("6a")]);
    expect(() => decode(bytes, { limits })).toThrow(limit("depth"));
    let deep: unknown = [];
    for (let level = 0; level < 1_000_000; level++) deep = [deep];
    expect(() => encode(deep, { limits })).toThrow(limit("depth"));
  });

  test.each([
    ["list", "83 6c ffffffff 6161"],
    ["tuple", "83 69 ffffffff 6161"],
    ["map", "83 74 ffffffff 61616161"],
    ["binary", "83 6d ffffffff 6161"],
    ["bit string", "83 4d ffffffff 07 61"],
    ["integer", "83 6f 0000ffff 00 61"],
    ["fun", "83 75 ffffffff 5877016100000000000000000000000077016d61016101"],
    ["tail", "83 6c 00000001 6101 6c ffffffff 6101"],
  ])("a %s that claims more than there are bytes is refused before anything is made", (_what, bytes) => {
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decode(hex(bytes))).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  test("what is claimed is compared with what is left before any of it is read", () => {
    const pid = "58 770161 00000001 00000002 00000003";
    const read: number[] = [];
    const identities: Identities = {
      pid: (_node, id) => read.push(id) as never,
      reference: () => ({}),
      parts: () => undefined,
    };
    for (const head of ["6c 000000ff", "69 000000ff", "74 000000ff"])
      expect(() => decode(hex(`83 ${head} ${pid} ${pid}`), { identities })).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
    expect(read).toEqual([]);
  });

  test("the size of a term, both ways", () => {
    const limits = { sizeBytes: 1_000 };
    expect(decode(encode("x".repeat(990), { limits }), { limits })).toHaveLength(990);
    expect(() => encode("x".repeat(1_000), { limits })).toThrow(limit("sizeBytes"));
    expect(() => decode(encode("x".repeat(1_000)), { limits })).toThrow(limit("sizeBytes"));
    expect(() => encode(new Uint8Array(300_000_000))).toThrow(limit("sizeBytes"));
  });

  test("the bytes of an integer, both ways", () => {
    const limits = { integerBytes: 100 };
    const most = (1n << 800n) - 1n;
    expect(decode(encode(most, { limits }), { limits })).toBe(most);
    expect(() => encode(most + 1n, { limits })).toThrow(limit("integerBytes"));
    expect(() => decode(encode(most + 1n), { limits })).toThrow(limit("integerBytes"));
  });

  test("new atoms in a term; those that are known cost nothing", () => {
    const limits = { atoms: 10 };
    const made = (first: number): Uint8Array =>
      encode(Array.from({ length: 11 }, (_, at) => new Fun(hex(`7704${(first + at).toString(16).padStart(8, "0")}`))));
    expect(() => decode(made(0x1010_1010), { limits })).toThrow(limit("atoms"));
    const held = Array.from({ length: 11 }, (_, at) => atom(`\u0020\u0020\u0020${String.fromCharCode(33 + at)}`));
    expect(decode(made(0x2020_2021), { limits })).toEqual(held);
  });

  test("a compressed term may be as large as it claims, and no larger than allowed", () => {
    const compressed = (size: number, content: Uint8Array): Uint8Array => {
      const head = Buffer.from("835000000000", "hex");
      head.writeUInt32BE(size, 2);
      return Buffer.concat([head, deflateSync(content)]);
    };
    const term = Buffer.concat([hex("6d 00100000"), Buffer.alloc(0x10_0000, "x")]);
    expect(decode(compressed(term.length, term))).toBe("x".repeat(0x10_0000));
    expect(() => decode(compressed(term.length - 1, term))).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
    expect(() => decode(compressed(term.length + 1, term))).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
    expect(() => decode(compressed(0, term))).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
    expect(() => decode(compressed(term.length, term), { limits: { sizeBytes: 1_000 } })).toThrow(limit("sizeBytes"));
    const behind = Buffer.concat([compressed(term.length, term), hex("00")]);
    expect(() => decode(behind)).toThrow(refused("INTERLOCK_WIRE_BAD_TERM"));
  });
});

describe("forms that others write", () => {
  test.each([
    ["FLOAT_EXT", "83 63 312e3530303030303030303030303030303030303030652b30300000000000", 1.5],
    ["FLOAT_EXT in the exact profile", "83 63 312e3530303030303030303030303030303030303030652b30300000000000", 1.5],
    ["ATOM_EXT", "83 64 0001 e9", atom("é")],
    ["SMALL_ATOM_EXT", "83 73 01 e9", atom("é")],
    ["a list of no elements as its tail", "83 6c 00000000 6105", 5],
    ["a list whose tail is a list", "83 6c 00000001 6101 6c 00000001 6102 6b 0002 0304", [1, 2, 3, 4]],
    ["a bit string of whole bytes", "83 4d 00000001 08 ff", Uint8Array.of(255)],
    ["minus zero as an integer", "83 6e 01 01 00", 0],
    ["an integer with bytes in vain", "83 6e 0a 01 01000000000000000000", -1],
    [
      "RECORD_EXT, as OTP 29 writes it",
      "83 43 00000002 01 77026e72 77027074 770178 770179 6101 6c00000001 43 00000000 00 77026e72 77046e6f6e65 6a",
      new NativeRecord(
        atom("nr"),
        atom("pt"),
        true,
        new Map<Atom, unknown>([
          [atom("x"), 1],
          [atom("y"), [new NativeRecord(atom("nr"), atom("none"), false, new Map())]],
        ]),
      ),
    ],
  ])("%s is read", (_what, bytes, value) => {
    expect(decode(hex(bytes))).toEqual(value);
  });

  test.each([
    ["a tag that is none", "83 00", 1],
    ["LOCAL_EXT", "83 79 00", 1],
    ["a float that is infinite", "83 46 7ff0000000000000", 2],
    ["a float in words", "83 63 6e616e00000000000000000000000000000000000000000000000000000000", 2],
    ["an atom that is no UTF-8", "83 77 01 ff", 3],
    ["a reference of no words", "83 5a 0000 770161 00000000", 2],
    ["a reference of six words", "83 5a 0006 770161 00000000", 2],
    ["nine bits in a byte", "83 4d 00000001 09 ff", 6],
    ["a node that is no atom", "83 58 6101", 2],
    ["a fun of another size", `83 70 000000ff 00 ${"00".repeat(24)} 77016d 6101 6101 58 770161 ${"00".repeat(12)}`, 2],
    ["an atom of no table", "83 52 00", 2],
    ["a record with more than a flag", "83 43 00000000 02 770161 770162", 6],
    ["a record with a field twice", "83 43 00000002 01 770161 770162 770178 770178 6101 6102", 2],
    ["a record without all its fields", "83 43 000000ff 01 770161 770162 770178", 16],
    ["no version", "82 6a", 0],
    ["nothing", "", 0],
  ])("%s is refused where it stands", (_what, bytes, offset) => {
    expect(() => decode(hex(bytes))).toThrow(refused("INTERLOCK_WIRE_BAD_TERM", { offset }));
  });

  test("a fun that refers to the message's atoms is kept with its atoms written out", () => {
    const table = [atom("m"), atom("a@b")];
    const part = "01 0102030405060708090a0b0c0d0e0f10 00000000 00000001";
    const alone = `${part} 77016d 6101 6202000000 58 770361 4062 00000001 00000000 00000000 77016d`;
    const referring = `${part} 5200 6101 6202000000 58 5201 00000001 00000000 00000000 5200`;
    const sized = (text: string): string => `70 ${(hex(text).length + 4).toString(16).padStart(8, "0")} ${text}`;
    const reader = new TermReader({ profile: "natural" });
    reader.atomTable = table;
    expect(reader.read(hex(sized(referring)), 0)).toEqual(new Fun(Uint8Array.from(hex(sized(alone)))));
    expect(reader.read(hex(sized(alone)), 0)).toEqual(new Fun(Uint8Array.from(hex(sized(alone)))));
    expect(reader.read(hex("71 5200 5201 6102"), 0)).toEqual(
      new Fun(Uint8Array.from(hex("71 77016d 7703614062 6102"))),
    );
  });
});

describe("bytes and strings", () => {
  test("the bits of a bit string that do not count are written as zeros", () => {
    expect(Buffer.from(encode(new BitString(Uint8Array.of(255), 3)))).toEqual(Buffer.from(hex("83 4d 00000001 03 e0")));
  });

  test("a binary that is no UTF-8 is bytes: small ones a copy, large ones a view of what was read", () => {
    for (const [length, view] of [
      [100, false],
      [4_095, false],
      [4_096, true],
    ] as const) {
      const source = encode(new Uint8Array(length).fill(255));
      const read = decode(source) as Uint8Array;
      expect(read).toHaveLength(length);
      expect(read.buffer === source.buffer).toBe(view);
      expect((decode(source, { viewFromBytes: Number.POSITIVE_INFINITY }) as Uint8Array).buffer).not.toBe(
        source.buffer,
      );
    }
  });

  test("bytes that are UTF-8 are a string of any length, and nearly UTF-8 is not", () => {
    for (const text of ["é", "a".repeat(31), "é".repeat(16), "é".repeat(17), "🙂".repeat(3_000), "\ufffd", "\ufeffa"]) {
      expect(decode(encode(text))).toBe(text);
      const broken = Buffer.from(text);
      broken[broken.length - 1] = 0xc3;
      expect(decode(encode(broken))).toEqual(Uint8Array.from(broken));
    }
  });

  test("the same short text is read right whatever was read before it", () => {
    for (let at = 0; at < 5_000; at++) {
      const text = `${at % 7}-key-${at}`;
      for (let turn = 0; turn < 3; turn++)
        expect(decode(encode({ [text]: atom(text) }))).toEqual({ [text]: atom(text) });
    }
  });

  test("what was taken from a writer stays as it is", () => {
    const writer = new TermWriter({ profile: "natural" });
    const taken = Array.from({ length: 3_000 }, (_, at) => {
      writer.term([at, "x".repeat(at % 90)]);
      return writer.take();
    });
    const reader = new TermReader({ profile: "natural" });
    for (const [at, bytes] of taken.entries()) expect(reader.read(bytes, 0)).toEqual([at, "x".repeat(at % 90)]);
  });
});
