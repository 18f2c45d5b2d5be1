/**
 * What lets a value arrive as it left between two Interlock nodes that agreed to it: a tuple `{'$interlock', Kind, …}`
 * in the place of whatever no term stands for alone. A tuple of the user's that begins with the same atom is written as
 * `{'$interlock', tuple, …}` with all its elements, so nothing but this file's own writing reads as a mark. On any other
 * link none is written and none is looked for.
 */
import { type Atom, atom } from "./atom.ts";
import type { TermReader } from "./reader.ts";
import { isText } from "./utf8.ts";
import type { TermWriter } from "./writer.ts";

export const MARK: Atom = atom("$interlock");

const kinds = {
  tuple: atom("tuple"),
  number: atom("number"),
  bigint: atom("bigint"),
  map: atom("map"),
  set: atom("set"),
  date: atom("date"),
  regexp: atom("regexp"),
  error: atom("error"),
} as const;

const NAN = atom("nan");
const INFINITE = atom("infinity");
const MINUS_INFINITE = atom("-infinity");

type View = new (buffer: ArrayBuffer) => ArrayBufferView;

/** By name, which is the kind of the mark. Float16Array is not in every Node.js that is supported. */
const views: ReadonlyMap<string, View> = new Map(
  [
    "Int8Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
    "BigInt64Array",
    "BigUint64Array",
    "Float16Array",
    "Float32Array",
    "Float64Array",
    "DataView",
  ].flatMap((name) => {
    const view = (globalThis as Record<string, unknown>)[name] as View | undefined;
    return view === undefined ? [] : [[name, view] as const];
  }),
);

/** The last that an error is an instance of is its class. */
const errorClasses: ReadonlyMap<string, () => Error> = new Map<string, () => Error>([
  ["Error", () => new Error()],
  ["EvalError", () => new EvalError()],
  ["RangeError", () => new RangeError()],
  ["ReferenceError", () => new ReferenceError()],
  ["SyntaxError", () => new SyntaxError()],
  ["TypeError", () => new TypeError()],
  ["URIError", () => new URIError()],
  ["AggregateError", () => new AggregateError([])],
]);

function classOf(error: Error): string {
  for (let at: unknown = error; at !== null; at = Object.getPrototypeOf(at)) {
    const name = (at as { readonly constructor?: { readonly name?: unknown } }).constructor?.name;
    if (typeof name === "string" && errorClasses.has(name)) return name;
  }
  return "Error";
}

function mark(writer: TermWriter, kind: Atom, parts: number): void {
  writer.tupleHeader(2 + parts);
  writer.atom(MARK);
  writer.atom(kind);
}

/** The header of a user's tuple that begins with the atom of marks. */
export function markTuple(writer: TermWriter, arity: number): void {
  mark(writer, kinds.tuple, arity);
}

/** NaN and the infinities. */
export function markNumber(writer: TermWriter, value: number): void {
  mark(writer, kinds.number, 1);
  writer.atom(value > 0 ? INFINITE : value < 0 ? MINUS_INFINITE : NAN);
}

/** A bigint that would arrive as a number. */
export function markBigint(writer: TermWriter, value: bigint): void {
  mark(writer, kinds.bigint, 1);
  writer.integer(Number(value));
}

/** Whether the map would arrive as a plain object. */
export function needsMark(map: ReadonlyMap<unknown, unknown>): boolean {
  for (const key of map.keys()) if (typeof key !== "string") return false;
  return true;
}

export function markMap(writer: TermWriter, map: ReadonlyMap<unknown, unknown>): void {
  mark(writer, kinds.map, 1);
  writer.map(map);
}

/** Bytes that are UTF-8 by chance would arrive as a string. */
export function markBytes(writer: TermWriter, bytes: Uint8Array): void {
  if (isText(bytes)) mark(writer, atom("Uint8Array"), 1);
  writer.binary(bytes);
}

/** Writes what only a mark can stand for; false for what has none either. */
export function markObject(writer: TermWriter, value: object): boolean {
  if (value instanceof Date) {
    mark(writer, kinds.date, 1);
    writer.value(value.getTime());
  } else if (value instanceof Set) {
    mark(writer, kinds.set, 1);
    writer.value([...value]);
  } else if (value instanceof Error) markError(writer, value);
  else if (value instanceof RegExp) {
    mark(writer, kinds.regexp, 2);
    writer.string(value.source);
    writer.string(value.flags);
  } else if (value instanceof ArrayBuffer) {
    mark(writer, atom("ArrayBuffer"), 1);
    writer.binary(new Uint8Array(value));
  } else if (ArrayBuffer.isView(value) && views.has(value[Symbol.toStringTag as never])) {
    mark(writer, atom(value[Symbol.toStringTag as never] as string), 1);
    writer.binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else return false;
  return true;
}

/** What an error has that its keys do not show. */
const unlisted: readonly string[] = ["message", "name", "stack", "cause", "errors"];

/**
 * `{'$interlock', error, Class, Hidden, Shown}`: the built-in class it is of, the properties that do not show in a
 * listing, and those that do. A property without a form (a socket, say) stays behind: an error must get through.
 */
function markError(writer: TermWriter, error: Error): void {
  const name = classOf(error);
  mark(writer, kinds.error, 3);
  writer.string(name);
  const shown = new Set(Object.keys(error));
  const hidden = unlisted.filter((key) => {
    if (shown.has(key)) return false;
    if (key === "name") return error.name !== name;
    return key === "message" || Object.hasOwn(error, key);
  });
  writer.enter(error);
  writer.properties(error, hidden);
  writer.properties(error, [...shown]);
  writer.leave(error);
}

/** What stands behind `{'$interlock', Kind`: `parts` more elements. */
export function readMarked(reader: TermReader, kind: Atom, parts: number): unknown {
  if (kind === kinds.tuple && parts >= 1) return reader.tuple(parts);
  if (kind === kinds.error && parts === 3) return readError(reader);
  if (kind === kinds.regexp && parts === 2) return readRegExp(reader);
  if (parts !== 1) return reader.refuse(`a mark ${kind} of ${parts} parts`);
  switch (kind) {
    case kinds.map:
      return reader.forcedMap();
    case kinds.number: {
      const name = reader.value();
      if (name === NAN) return Number.NaN;
      if (name === INFINITE) return Number.POSITIVE_INFINITY;
      if (name === MINUS_INFINITE) return Number.NEGATIVE_INFINITY;
      return reader.refuse("a number that is neither nan nor infinite");
    }
    case kinds.bigint: {
      const value = reader.value();
      return Number.isSafeInteger(value) ? BigInt(value as number) : reader.refuse("a bigint that is no integer");
    }
    case kinds.date: {
      const time = reader.value();
      return typeof time === "number" ? new Date(time) : reader.refuse("a date without a time");
    }
    case kinds.set: {
      const list = reader.value();
      return Array.isArray(list) ? new Set(list) : reader.refuse("a set that is no list");
    }
    default:
      return readBytes(reader, kind.name);
  }
}

function readBytes(reader: TermReader, name: string): unknown {
  const View = views.get(name);
  if (View === undefined && name !== "ArrayBuffer") return reader.refuse(`no mark is called ${name}`);
  const bytes = reader.bytes();
  if (name === "Uint8Array") return bytes;
  // The elements of a typed array begin at a multiple of their size: in a buffer of their own.
  const { buffer } = new Uint8Array(bytes);
  if (View === undefined) return buffer;
  try {
    return new View(buffer);
  } catch {
    return reader.refuse(`${bytes.length} bytes in a ${name}`);
  }
}

function readRegExp(reader: TermReader): RegExp {
  const source = reader.value();
  const flags = reader.value();
  try {
    return new RegExp(source as string, flags as string);
  } catch {
    return reader.refuse("a regular expression that is none");
  }
}

function readError(reader: TermReader): Error {
  const make = errorClasses.get(String(reader.value()));
  const hidden = reader.value();
  const shown = reader.value();
  if (make === undefined || !isPlain(hidden) || !isPlain(shown)) return reader.refuse("an error of no known form");
  if (!Object.keys(hidden).every((key) => unlisted.includes(key))) return reader.refuse("an error of no known form");
  const error = make();
  // It was made elsewhere: where it was read says nothing.
  delete error.stack;
  const common = { writable: true, configurable: true };
  for (const [key, value] of Object.entries(hidden))
    Object.defineProperty(error, key, { ...common, value, enumerable: false });
  for (const [key, value] of Object.entries(shown))
    Object.defineProperty(error, key, { ...common, value, enumerable: true });
  return error;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
