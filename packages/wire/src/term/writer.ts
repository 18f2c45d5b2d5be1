/**
 * Values to external terms, into one growing buffer. Owns the mapping of the natural and the exact profile on the way
 * out (docs/wire-values.md); what has no form is refused with its path, and the writer then stands where it stood
 * before the term. The numbers are the tags of erl_ext_dist, as literals: a switch over them stays a jump table.
 * Hot file: `bench` rows etf_encode_*.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist
 */
import { WireError } from "../errors.ts";
import { Atom, atom } from "./atom.ts";
import {
  Binary,
  BitString,
  Charlist,
  ErlangPid,
  ErlangReference,
  Float,
  Fun,
  type Identities,
  ImproperList,
  NativeRecord,
  Port,
  Tuple,
} from "./erlang.ts";
import { overLimit } from "./limits.ts";
import { MARK, markBigint, markBytes, markMap, markNumber, markObject, markTuple, needsMark } from "./marks.ts";
import { describe, pathTo } from "./path.ts";
import { ScalarWriter, type ScalarWriterOptions } from "./scalar-writer.ts";

/** `natural`: JavaScript's values as Erlang and Elixir know them. `exact`: every term has its own class. */
export type Profile = "natural" | "exact";

export interface WriterOptions extends ScalarWriterOptions {
  readonly profile: Profile;
  readonly identities?: Identities | undefined;
  /** Whether the reader is an Interlock node that has agreed to marks. Only with the natural profile. */
  readonly marks?: boolean | undefined;
  /** Whether the reader knows native records. Default: true. */
  readonly records?: boolean | undefined;
}

const TRUE = atom("true");
const FALSE = atom("false");
const UNDEFINED = atom("undefined");
const NIL = atom("nil");

/** Room is made for so many integers of a list in one go. */
const MOST_AT_ONCE = 1_024;
/** From this depth on, the containers around a value are remembered, to tell a cycle from depth. */
const CYCLES_FROM = 64;
/** Of a reference, as OTP has it since its release 24. */
const MOST_REFERENCE_WORDS = 5;

export class TermWriter extends ScalarWriter {
  readonly marks: boolean;
  readonly #identities: Identities | undefined;
  readonly #records: boolean;
  #depth = 0;
  /** Which element of each container around is being written, by depth. */
  readonly #path: number[] = [];
  #root: unknown;
  /** The containers around, from CYCLES_FROM on, and how deep each is. */
  readonly #ancestors = new Map<object, number>();

  constructor(options: WriterOptions) {
    super(options);
    this.marks = options.marks === true && options.profile === "natural";
    this.#identities = options.identities;
    this.#records = options.records !== false;
  }

  /**
   * Writes a value as a term, without the leading 131.
   *
   * **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT`; then nothing of it has been written.
   */
  term(value: unknown): void {
    const before = this.length;
    const at = this.at - this.start;
    const parts = this.parts.length;
    this.#depth = 0;
    this.#root = value;
    try {
      this.value(value);
      if (this.length - before > this.limits.sizeBytes) throw overLimit("sizeBytes", this.limits);
    } catch (error) {
      this.rewind(at, parts);
      this.#ancestors.clear();
      if (error instanceof RangeError) throw overLimit("depth", this.limits);
      throw error;
    } finally {
      this.#root = undefined;
    }
  }

  /** A value within a term: the parts that write terms of their own form call it for what they hold. */
  value(value: unknown): void {
    switch (typeof value) {
      case "number":
        return this.#number(value);
      case "string":
        return this.string(value);
      case "object":
        return value === null ? this.atom(NIL) : this.#object(value);
      case "boolean":
        return this.atom(value ? TRUE : FALSE);
      case "undefined":
        return this.atom(UNDEFINED);
      case "bigint":
        return this.marks && isSafe(value) ? markBigint(this, value) : this.integer(value);
      default:
        return this.refuse(value);
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && (value !== 0 || !Object.is(value, -0))) this.integer(value);
    else if (Number.isFinite(value)) this.float(value);
    else if (this.marks) markNumber(this, value);
    else this.refuse(value);
  }

  #object(value: object): void {
    if (Array.isArray(value)) return this.#list(value);
    if (value instanceof Tuple) return this.#tuple(value);
    if (value instanceof Atom) return this.atom(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.#plainObject(value);
    if (value instanceof Map) return this.marks && needsMark(value) ? markMap(this, value) : this.map(value);
    if (value instanceof Uint8Array) return this.marks ? markBytes(this, value) : this.binary(value);
    if (value instanceof ErlangPid) return this.#pid(value);
    if (value instanceof ErlangReference) return this.#reference(value);
    const parts = this.#identities?.parts(value);
    if (parts !== undefined) return parts instanceof ErlangPid ? this.#pid(parts) : this.#reference(parts);
    this.#rare(value);
  }

  #rare(value: object): void {
    if (value instanceof Binary) return this.binary(value.bytes);
    if (value instanceof Float) {
      if (!Number.isFinite(value.value)) this.refuse(value, `a Float of ${value.value}`);
      return this.float(value.value);
    }
    if (value instanceof Charlist) return this.#list(Array.from(value.text, (character) => character.codePointAt(0)));
    if (value instanceof ImproperList) return this.#improperList(value);
    if (value instanceof BitString) return this.#bitString(value);
    if (value instanceof Fun) return this.raw(value.bytes);
    if (value instanceof Port) return this.#port(value);
    if (value instanceof NativeRecord) return this.#record(value);
    if (this.marks && markObject(this, value)) return;
    if (value instanceof ArrayBuffer) return this.binary(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) return this.binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    this.refuse(value);
  }

  #list(list: readonly unknown[]): void {
    const { length } = list;
    if (length === 0) return this.nil();
    if (length <= 65_535 && isByte(list[0]) && areBytes(list)) return this.#byteList(list as readonly number[]);
    this.enter(list);
    this.listHeader(length);
    this.#elements(list);
    this.leave(list);
    this.nil();
  }

  /** OTP writes a list of bytes as STRING_EXT whenever its length fits. */
  #byteList(list: readonly number[]): void {
    const { length } = list;
    this.reserve(3 + length);
    const buffer = this.buffer;
    let at = this.at;
    buffer[at++] = 107;
    buffer[at++] = length >>> 8;
    buffer[at++] = length;
    for (let index = 0; index < length; index++) buffer[at++] = list[index] as number;
    this.at = at;
  }

  #tuple(tuple: Tuple): void {
    this.enter(tuple);
    if (this.marks && tuple.elements[0] === MARK) markTuple(this, tuple.elements.length);
    else this.tupleHeader(tuple.elements.length);
    this.#elements(tuple.elements);
    this.leave(tuple);
  }

  #elements(elements: readonly unknown[]): void {
    const { length } = elements;
    for (let index = 0; index < length; index++) {
      const element = elements[index];
      if (typeof element === "number" && element === (element | 0)) {
        index = this.#integers(elements, index);
        if (index === length) return;
      }
      this.#path[this.#depth] = index;
      this.value(elements[index]);
    }
  }

  /** Writes the run of small integers that begins at `from`, and tells where it ended. */
  #integers(elements: readonly unknown[], from: number): number {
    const end = Math.min(elements.length, from + MOST_AT_ONCE);
    this.reserve((end - from) * 5);
    const buffer = this.buffer;
    const view = this.view;
    let at = this.at;
    let index = from;
    for (; index < end; index++) {
      const element = elements[index];
      if (typeof element !== "number" || element !== (element | 0)) break;
      if (element >= 0 && element <= 255) {
        if (Object.is(element, -0)) break;
        buffer[at] = 97; // SMALL_INTEGER_EXT
        buffer[at + 1] = element;
        at += 2;
      } else {
        buffer[at] = 98; // INTEGER_EXT
        view.setInt32(at + 1, element);
        at += 5;
      }
    }
    this.at = at;
    return index;
  }

  #improperList(list: ImproperList): void {
    if (list.elements.length === 0) this.refuse(list, "an ImproperList without elements");
    this.enter(list);
    this.listHeader(list.elements.length);
    this.#elements(list.elements);
    this.#path[this.#depth] = list.elements.length;
    this.value(list.tail);
    this.leave(list);
  }

  #plainObject(object: object): void {
    const keys = Object.keys(object);
    this.enter(object);
    this.mapHeader(keys.length);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      this.#path[this.#depth] = index;
      this.string(key);
      this.value((object as Record<string, unknown>)[key]);
    }
    this.leave(object);
  }

  /** A map of the named properties, without those whose values have no form. */
  properties(object: object, keys: readonly string[]): void {
    const start = this.at - this.start;
    const depth = this.#depth;
    this.mapHeader(0);
    let written = 0;
    for (const key of keys) {
      const at = this.at - this.start;
      const parts = this.parts.length;
      try {
        this.string(key);
        this.value((object as Record<string, unknown>)[key]);
        written++;
      } catch (error) {
        if ((error as { readonly code?: unknown } | null)?.code !== "INTERLOCK_WIRE_UNENCODABLE") throw error;
        this.rewind(at, parts);
        this.#depth = depth;
      }
    }
    this.setUint32(start + 1, written);
  }

  map(map: ReadonlyMap<unknown, unknown>): void {
    this.enter(map);
    this.mapHeader(map.size);
    let index = 0;
    for (const [key, value] of map) {
      this.#path[this.#depth] = index++;
      if (key instanceof Atom) this.atom(key);
      else this.value(key);
      this.value(value);
    }
    this.leave(map);
  }

  #bitString({ bytes, bits }: BitString): void {
    if (bytes.length === 0 || !(bits >= 1 && bits <= 7))
      this.refuse(bytes, "a BitString of no bits, or of whole bytes");
    this.byte(77); // BIT_BINARY_EXT
    this.uint32(bytes.length);
    this.byte(bits);
    this.raw(bytes);
    // The bits that do not count are zero, as OTP writes them.
    this.buffer[this.at - 1] = (this.buffer[this.at - 1] as number) & (0xff << (8 - bits));
  }

  #pid({ node, id, serial, creation }: ErlangPid): void {
    this.byte(88); // NEW_PID_EXT
    this.atom(node);
    this.uint32(id);
    this.uint32(serial);
    this.uint32(creation);
  }

  #reference(reference: ErlangReference): void {
    const { node, words, creation } = reference;
    // Whoever reads more, or none, closes the connection.
    if (words.length < 1 || words.length > MOST_REFERENCE_WORDS)
      this.refuse(reference, `a reference of ${words.length} words`);
    this.byte(90); // NEWER_REFERENCE_EXT
    this.uint16(words.length);
    this.atom(node);
    this.uint32(creation);
    for (let index = 0; index < words.length; index++) this.uint32(words[index] as number);
  }

  #port({ node, id, creation }: Port): void {
    // As OTP does: the old form for the ids that it could always carry.
    const old = id < 1n << 28n;
    this.byte(old ? 89 : 120); // NEW_PORT_EXT, V4_PORT_EXT
    this.atom(node);
    if (old) this.uint32(Number(id));
    else this.uint64(id);
    this.uint32(creation);
  }

  #record(record: NativeRecord): void {
    // Whoever does not know them closes the connection.
    if (!this.#records) this.refuse(record, "a NativeRecord, which only OTP 29 and newer know");
    this.enter(record);
    this.byte(67); // RECORD_EXT
    this.uint32(record.fields.size);
    this.byte(record.exported ? 1 : 0);
    this.atom(record.module);
    this.atom(record.name);
    for (const field of record.fields.keys()) this.atom(field);
    this.#elements([...record.fields.values()]);
    this.leave(record);
  }

  enter(container: object): void {
    if (++this.#depth <= CYCLES_FROM) return;
    const known = this.#ancestors.get(container);
    if (known !== undefined) this.#refuseCycle(this.#depth - known);
    if (this.#depth > this.limits.depth) throw overLimit("depth", this.limits);
    this.#ancestors.set(container, this.#depth);
  }

  leave(container: object): void {
    if (this.#depth-- > CYCLES_FROM) this.#ancestors.delete(container);
  }

  refuse(value: unknown, got: string = describe(value)): never {
    const path = this.#where();
    throw new WireError(
      "INTERLOCK_WIRE_UNENCODABLE",
      `No external form${path === "" ? "" : ` at ${path}`}: got ${got}.`,
      { path, got },
    );
  }

  /** The cycle was seen many turns late; its path is that of the first turn. */
  #refuseCycle(period: number): never {
    let first = this.#depth - 1 - period;
    while (first > 0 && this.#path[first] === this.#path[first + period]) first--;
    this.#depth = first + period;
    this.refuse(undefined, "a cycle: a value that holds itself");
  }

  #where(): string {
    return pathTo(this.#root, this.#path.slice(1, this.#depth + 1));
  }
}

/** By index, as `every` passes over holes. */
function areBytes(list: readonly unknown[]): boolean {
  for (let index = 0; index < list.length; index++) if (!isByte(list[index])) return false;
  return true;
}

function isByte(value: unknown): boolean {
  return typeof value === "number" && value === (value & 255) && !Object.is(value, -0);
}

function isSafe(value: bigint): boolean {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
}
