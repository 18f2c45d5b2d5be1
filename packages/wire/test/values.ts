/** Arbitrary values: what each profile, and marks, must carry unharmed. */
import fc from "fast-check";

import {
  type Atom,
  atom,
  Binary,
  BitString,
  Charlist,
  ErlangPid,
  ErlangReference,
  Float,
  ImproperList,
  NativeRecord,
  Port,
  Tuple,
  tuple,
} from "../src/index.ts";

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

const atomNames = fc.oneof(
  fc.constantFrom("ok", "error", "$gen_call", "nonode@nohost", "", "null", "$interlock"),
  fc.string({ maxLength: 20 }),
  fc.string({ maxLength: 255, unit: "binary" }).filter((name) => Array.from(name).length <= 255),
);

const special = new Set(["true", "false", "undefined", "nil"]);
const anyAtom: fc.Arbitrary<Atom> = atomNames.map((name) => atom(name));
const plainAtom = anyAtom.filter(({ name }) => !special.has(name));

/** Not the oracle's own name: it makes three words of every reference of its own. */
const node = anyAtom.filter(({ name }) => name !== "nonode@nohost");

const integers = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.integer({ min: -1, max: 256 }),
  fc.constantFrom(2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 48, Number.MAX_SAFE_INTEGER),
);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

const longBigint = fc
  .oneof(
    fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }),
    fc.bigInt({ min: -(1n << 2_100n), max: 1n << 2_100n }),
    fc.constantFrom(1n << 53n, -(1n << 53n), (1n << 64n) - 1n, 1n << 64n, (1n << 2_040n) - 1n, 1n << 2_040n),
  )
  .filter((value) => value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER);

const text = fc.oneof(fc.string({ unit: "binary", maxLength: 80 }), fc.string({ maxLength: 60 }));
const bytes = fc.uint8Array({ maxLength: 100 });
/** 0xff is in no UTF-8. */
const noText = fc.tuple(bytes, bytes).map(([left, right]) => Uint8Array.of(...left, 0xff, ...right));

const bitString = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 7 }))
  .map(([whole, bits]) => {
    whole[whole.length - 1] = (whole.at(-1) as number) & (0xff << (8 - bits));
    return new BitString(whole, bits);
  });
const pid = fc.tuple(node, uint32, uint32, uint32).map((parts) => new ErlangPid(...parts));
const reference = fc
  .tuple(node, fc.array(uint32, { minLength: 1, maxLength: 5 }), uint32)
  .map((parts) => new ErlangReference(...parts));
const port = fc.tuple(node, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), uint32).map((parts) => new Port(...parts));

const identifiers = [bitString, pid, reference, port];

function containers(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown>[] {
  const few = { maxLength: 4 } as const;
  return [
    fc.array(value, few),
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 }),
    fc.array(fc.integer(), { maxLength: 20 }),
    fc.array(value, few).map((elements) => tuple(...elements)),
    fc
      .tuple(fc.array(value, { minLength: 1, maxLength: 4 }), value)
      .filter(([, tail]) => !Array.isArray(tail) && !(tail instanceof ImproperList) && !(tail instanceof Charlist))
      .map(([elements, tail]) => new ImproperList(elements, tail)),
  ];
}

const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toString", "10", "9", "key_1"));

/** What the natural profile gives back as it was. */
export const naturalValue: fc.Arbitrary<unknown> = fc.letrec((again) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small", withCrossShrink: true },
    fc.oneof(fc.constantFrom(null, undefined, true, false), integers, finite, longBigint, text, noText, plainAtom),
    fc.oneof(...identifiers),
    ...containers(again("value")),
    fc.array(fc.tuple(key, again("value")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    fc
      .array(fc.tuple(fc.oneof(plainAtom, integers, text), again("value")), { minLength: 1, maxLength: 4 })
      .map((entries) => new Map<unknown, unknown>([...entries, [atom("k"), 1]])),
  ),
})).value;

const viewClasses = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
  DataView,
] as const;

const views = fc
  .tuple(
    fc.constantFrom(...viewClasses),
    fc.integer({ min: 0, max: 4 }),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
  )
  .map(([View, length, content]) => {
    const buffer = Uint8Array.from(content).buffer.slice(0, length * 8);
    return new (View as new (from: ArrayBuffer) => ArrayBufferView)(buffer);
  });

function errorOf(name: string, message: string, cause: unknown, code: unknown): Error {
  const Class = { Error, TypeError, RangeError, SyntaxError }[name] ?? Error;
  return Object.assign(new Class(message, { cause }), { code });
}

/** What marks carry besides: everything structured clone can, and everything the natural profile takes for something else. */
export const markedValue: fc.Arbitrary<unknown> = fc.letrec((again) => ({
  value: fc.oneof(
    { maxDepth: 2, depthSize: "small", withCrossShrink: true },
    naturalValue,
    fc.oneof(
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      fc.bigInt({ min: -300n, max: 300n }),
      fc.date({ noInvalidDate: false }),
      fc.constantFrom(/a/g, /[é-ü]+/iu, /(?:)/),
      bytes,
      fc.uint8Array({ maxLength: 10 }).map((content) => content.buffer.slice()),
      views,
    ),
    fc.array(again("value"), { maxLength: 5 }).map((elements) => new Set(elements)),
    fc.array(fc.tuple(key, again("value")), { maxLength: 5 }).map((entries) => new Map(entries)),
    fc.array(fc.tuple(bytes, again("value")), { maxLength: 5 }).map((entries) => new Map(entries)),
    fc.array(again("value"), { maxLength: 4 }).map((elements) => tuple(atom("$interlock"), ...elements)),
    fc
      .tuple(fc.constantFrom("Error", "TypeError", "RangeError", "SyntaxError"), text, again("value"), again("value"))
      .map((parts) => errorOf(...parts)),
    fc.tuple(fc.array(again("value"), { maxLength: 3 }), text).map(([errors, why]) => new AggregateError(errors, why)),
    fc.array(again("value"), { maxLength: 5 }),
    fc.array(fc.tuple(key, again("value")), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value;

const notOnlyBytes = (list: unknown): boolean => {
  if (!Array.isArray(list)) return true;
  return list.length === 0 || !list.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
};

/** Every term, each as the exact profile has it. */
export const exactTerm: fc.Arbitrary<unknown> = fc.letrec((again) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small", withCrossShrink: true },
    fc.oneof(
      integers,
      longBigint,
      finite.map((value) => new Float(value)),
      bytes.map((content) => new Binary(content)),
      anyAtom,
      fc.constantFrom(atom("true"), atom("undefined"), atom("nil")),
      fc
        .uint8Array({ minLength: 1, maxLength: 30 })
        .map((content) => new Charlist(Buffer.from(content).toString("latin1"))),
    ),
    fc.oneof(...identifiers),
    ...containers(again("value")).map((container) => container.filter(notOnlyBytes)),
    fc
      .array(fc.tuple(fc.oneof(anyAtom, integers), again("value")), { maxLength: 4 })
      .map((entries) => new Map<unknown, unknown>(entries)),
  ),
})).value;

/** No term has these. */
export const withoutForm: readonly unknown[] = [
  () => 1,
  Symbol("s"),
  Promise.resolve(),
  new WeakMap(),
  new (class Account {})(),
  Number.NaN,
  Number.POSITIVE_INFINITY,
  "\ud800",
  atom("\udc00"),
  new Date(0),
  new Set([1]),
  /a/,
  new Error("no"),
  new Tuple([() => 1]),
];

/** Some of the values, and native records of them: of OTP 29, so that not every Erlang can read them. */
export function withRecords(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const record = fc
    .tuple(anyAtom, anyAtom, fc.boolean(), fc.array(fc.tuple(anyAtom, values), { maxLength: 4 }))
    .map(([module, name, exported, fields]) => new NativeRecord(module, name, exported, new Map(fields)));
  return fc.oneof({ arbitrary: values, weight: 9 }, record, fc.tuple(values, record));
}
