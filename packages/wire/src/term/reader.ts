/**
 * External terms to values, by offset over one buffer. Owns the mapping of the natural and the exact profile on the way
 * in (docs/wire-values.md). Whatever the bytes: nothing but WireError is thrown, and what they claim is compared with
 * what is left before anything is allocated. The numbers are the tags of erl_ext_dist, as literals: a switch over them
 * stays a jump table. Hot file: `bench` rows etf_decode_*.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist
 */
import { isUtf8 } from "node:buffer";

import { WireError } from "../errors.ts";
import { type Atom, atom, isAtomName, isKnownAtom } from "./atom.ts";
import { ByteCache, MOST_CACHED_BYTES } from "./byte-cache.ts";
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
import { readBig } from "./integer.ts";
import { defaultLimits, overLimit, type TermLimits } from "./limits.ts";
import { MARK, readMarked } from "./marks.ts";
import { type Profile, TermWriter } from "./writer.ts";

export interface ReaderOptions {
  readonly profile: Profile;
  readonly identities?: Identities | undefined;
  /** Whether the writer is an Interlock node that has agreed to marks. Only with the natural profile. */
  readonly marks?: boolean | undefined;
  readonly limits?: Partial<TermLimits> | undefined;
  /** From so many bytes on a binary is a view of the bytes that were read instead of a copy. */
  readonly viewFromBytes?: number | undefined;
}

const VIEW_FROM_BYTES = 4_096;
/** From here on `slice` is quicker than the constructor, by up to a half. */
const SLICED_FROM_BYTES = 512;
/** More than so many elements are not allocated on a claim; the list grows as they come. */
const MOST_ALLOCATED = 1_024;

const TRUE = atom("true");
const FALSE = atom("false");
const UNDEFINED = atom("undefined");
const NIL = atom("nil");

const knownAtoms = new ByteCache<Atom>();
const knownTexts = new ByteCache<string>();

const noBytes = Buffer.alloc(0);

// One for all readers: what follows mostly lies in the same buffer, and no more than one of a usual size is kept alive.
const MOST_KEPT_BYTES = 1_048_576;
let lastView: DataView = new DataView(noBytes.buffer);
let lastBuffer: ArrayBufferLike = noBytes.buffer;

function viewOf(buffer: ArrayBufferLike): DataView {
  if (buffer === lastBuffer) return lastView;
  const view = new DataView(buffer);
  if (buffer.byteLength <= MOST_KEPT_BYTES) {
    lastView = view;
    lastBuffer = buffer;
  }
  return view;
}
const noView: DataView = lastView;

export class TermReader {
  /** After `read`: just behind the term. */
  offset = 0;
  /** What ATOM_CACHE_REF refers to: the atoms of the message at hand. */
  atomTable: readonly Atom[] = [];
  readonly limits: TermLimits;
  readonly #options: ReaderOptions;
  readonly #viewFrom: number;
  #exact: boolean;
  #identities: Identities | undefined;
  #marks = false;
  #bytes: Buffer = noBytes;
  /** Of the whole buffer that the bytes lie in, from `#base` on. */
  #view: DataView = noView;
  #base = 0;
  #end = 0;
  #depth = 0;
  #newAtoms = 0;
  /** How many ATOM_CACHE_REFs were read. */
  #references = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.limits = { ...defaultLimits, ...options.limits };
    this.#viewFrom = options.viewFromBytes ?? VIEW_FROM_BYTES;
    this.#exact = options.profile === "exact";
    this.#identities = options.identities;
  }

  /**
   * Reads the term at `offset`, which has no leading 131. Large binaries in it are views of `bytes`.
   *
   * **Errors** `INTERLOCK_WIRE_BAD_TERM`, `INTERLOCK_WIRE_LIMIT`.
   */
  read(bytes: Uint8Array, offset: number): unknown {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = bytes.byteOffset;
    this.#view = viewOf(bytes.buffer);
    this.#end = bytes.length;
    this.#depth = this.#newAtoms = this.#references = 0;
    this.#exact = this.#options.profile === "exact";
    this.#identities = this.#options.identities;
    this.#marks = this.#options.marks === true && !this.#exact;
    this.offset = offset;
    try {
      const value = this.#term();
      if (this.offset - offset > this.limits.sizeBytes) throw overLimit("sizeBytes", this.limits);
      return value;
    } catch (error) {
      if (error instanceof RangeError) throw overLimit("depth", this.limits);
      throw error;
    } finally {
      this.#bytes = noBytes;
      this.#view = noView;
    }
  }

  #term(): unknown {
    const tag = this.#byte();
    switch (tag) {
      case 97: // SMALL_INTEGER_EXT
        return this.#byte();
      case 98: // INTEGER_EXT
        return this.#uint32() | 0;
      case 119: // SMALL_ATOM_UTF8_EXT
        return this.#atomValue(this.#utf8Atom(this.#byte()));
      case 118: // ATOM_UTF8_EXT
        return this.#atomValue(this.#utf8Atom(this.#uint16()));
      case 82: // ATOM_CACHE_REF
        return this.#atomValue(this.#referredAtom());
      case 109: // BINARY_EXT
        return this.#binary();
      case 104: // SMALL_TUPLE_EXT
        return this.#tuple(this.#byte());
      case 105: // LARGE_TUPLE_EXT
        return this.#tuple(this.#uint32());
      case 106: // NIL_EXT
        return [];
      case 107: // STRING_EXT
        return this.#string();
      case 108: // LIST_EXT
        return this.#list();
      case 116: // MAP_EXT
        return this.#map();
      case 70: // NEW_FLOAT_EXT
        return this.#float();
      case 88: // NEW_PID_EXT
        return this.#pid(4);
      case 90: // NEWER_REFERENCE_EXT
        return this.#reference(this.#uint16(), 4);
      default:
        return this.#rare(tag);
    }
  }

  #rare(tag: number): unknown {
    switch (tag) {
      case 110: // SMALL_BIG_EXT
        return this.#big(this.#byte());
      case 111: // LARGE_BIG_EXT
        return this.#big(this.#uint32());
      case 99: // FLOAT_EXT
        return this.#oldFloat();
      case 100: // ATOM_EXT
        return this.#atomValue(this.#latin1Atom(this.#uint16()));
      case 115: // SMALL_ATOM_EXT
        return this.#atomValue(this.#latin1Atom(this.#byte()));
      case 77: // BIT_BINARY_EXT
        return this.#bitString();
      case 103: // PID_EXT
        return this.#pid(1);
      case 101: // REFERENCE_EXT
        return this.#oldReference();
      case 114: // NEW_REFERENCE_EXT
        return this.#reference(this.#uint16(), 1);
      case 102: // PORT_EXT
        return this.#port(4, 1);
      case 89: // NEW_PORT_EXT
        return this.#port(4, 4);
      case 120: // V4_PORT_EXT
        return this.#port(8, 4);
      case 112: // NEW_FUN_EXT
      case 113: // EXPORT_EXT
      case 117: // FUN_EXT
        return this.#fun(tag);
      case 67: // RECORD_EXT
        return this.#record();
      case 121:
        return this.#bad("LOCAL_EXT, which only the node that wrote it can read", this.offset - 1);
      default:
        return this.#bad(`no term has the tag ${tag}`, this.offset - 1);
    }
  }

  #byte(): number {
    const at = this.offset;
    if (at >= this.#end) this.#truncated();
    this.offset = at + 1;
    return this.#bytes[at] as number;
  }

  #uint16(): number {
    const at = this.#skip(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  #uint32(): number {
    return this.#int32(this.#skip(4)) >>> 0;
  }

  /** The four bytes at `at`, which are there. */
  #int32(at: number): number {
    return this.#view.getInt32(this.#base + at);
  }

  /** Steps over so many bytes and tells where they begin. */
  #skip(length: number): number {
    const at = this.offset;
    if (length > this.#end - at) this.#truncated();
    this.offset = at + length;
    return at;
  }

  #enter(): void {
    if (++this.#depth > this.limits.depth) throw overLimit("depth", this.limits);
  }

  #atomValue(atom: Atom): unknown {
    if (this.#exact) return atom;
    if (atom === TRUE) return true;
    if (atom === FALSE) return false;
    if (atom === UNDEFINED) return undefined;
    if (atom === NIL) return null;
    return atom;
  }

  #utf8Atom(length: number): Atom {
    const at = this.#skip(length);
    const cached = length <= MOST_CACHED_BYTES;
    if (cached) {
      const known = knownAtoms.find(this.#view, this.#base + at, length);
      if (known !== undefined) return known;
    }
    if (!isUtf8(this.#slice(at, length))) this.#bad("an atom that is not UTF-8", at);
    const found = this.#internAtom(this.#bytes.toString("utf8", at, at + length), at);
    if (cached) knownAtoms.add(this.#view, this.#base + at, length, found);
    return found;
  }

  #latin1Atom(length: number): Atom {
    const at = this.#skip(length);
    return this.#internAtom(this.#bytes.toString("latin1", at, at + length), at);
  }

  #internAtom(name: string, at: number): Atom {
    if (!isAtomName(name)) this.#bad("an atom of more than 255 characters", at);
    if (!isKnownAtom(name) && ++this.#newAtoms > this.limits.atoms) throw overLimit("atoms", this.limits);
    return atom(name);
  }

  #referredAtom(): Atom {
    const index = this.#byte();
    this.#references++;
    return this.atomTable[index] ?? this.#bad(`no atom ${index} in the message's table`, this.offset - 1);
  }

  /** An atom where the format allows nothing else. */
  #atom(): Atom {
    const tag = this.#byte();
    switch (tag) {
      case 119:
        return this.#utf8Atom(this.#byte());
      case 118:
        return this.#utf8Atom(this.#uint16());
      case 82:
        return this.#referredAtom();
      case 100:
        return this.#latin1Atom(this.#uint16());
      case 115:
        return this.#latin1Atom(this.#byte());
      default:
        return this.#bad(`tag ${tag} in the place of an atom`, this.offset - 1);
    }
  }

  #binary(): unknown {
    const length = this.#uint32();
    const at = this.#skip(length);
    if (this.#exact) return new Binary(this.#copy(at, length));
    return this.#text(at, length) ?? this.#copy(at, length);
  }

  /** The string that the bytes are the UTF-8 of, or undefined. */
  #text(at: number, length: number): string | undefined {
    const bytes = this.#bytes;
    if (length > MOST_CACHED_BYTES) {
      if (!beginsAsUtf8(bytes, at)) return undefined;
      return isUtf8(this.#slice(at, length)) ? bytes.toString("utf8", at, at + length) : undefined;
    }
    const known = knownTexts.find(this.#view, this.#base + at, length);
    if (known !== undefined) return known;
    let all = 0;
    for (let index = at; index < at + length; index++) all |= bytes[index] as number;
    if (all > 127 && !isUtf8(this.#slice(at, length))) return undefined;
    const text = bytes.toString(all > 127 ? "utf8" : "latin1", at, at + length);
    knownTexts.add(this.#view, this.#base + at, length, text);
    return text;
  }

  #slice(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#base + at, length);
  }

  /** A small binary is copied, or it would keep the whole of what was read in memory. */
  #copy(at: number, length: number): Uint8Array {
    const view = this.#slice(at, length);
    if (length >= this.#viewFrom) return view;
    return length < SLICED_FROM_BYTES ? new Uint8Array(view) : view.slice();
  }

  #tuple(arity: number): unknown {
    return this.#marks && arity > 0 && this.#atMark() ? this.#mark(arity) : new Tuple(this.#elements(arity));
  }

  /** Whether the tuple whose elements begin here begins with the atom of marks. */
  #atMark(): boolean {
    const before = this.offset;
    switch (this.#bytes[before]) {
      case 119:
      case 82:
        if (this.#atom() === MARK) return true;
        this.offset = before;
        return false;
      default:
        return false;
    }
  }

  #mark(arity: number): unknown {
    if (arity < 2) this.refuse("a mark of no kind");
    if (arity > this.#end - this.offset) this.#truncated();
    this.#enter();
    const value = readMarked(this, this.#atom(), arity - 2);
    this.#depth--;
    return value;
  }

  /** For marks: the next term of those that belong to one. */
  value(): unknown {
    return this.#term();
  }

  /** For marks: a tuple whose elements, so many, come next. */
  tuple(arity: number): Tuple {
    return new Tuple(this.#elements(arity));
  }

  /** For marks: the next term, which is a map, as a Map whatever its keys. */
  forcedMap(): Map<unknown, unknown> {
    if (this.#byte() !== 116) this.refuse("no map in the place of one");
    const pairs = this.#uint32();
    if (pairs > (this.#end - this.offset) / 2) this.#truncated();
    return this.#pairs(new Map(), pairs);
  }

  /** For marks: the next term, which is a binary, as its bytes. */
  bytes(): Uint8Array {
    if (this.#byte() !== 109) this.refuse("no binary in the place of one");
    const length = this.#uint32();
    return this.#copy(this.#skip(length), length);
  }

  refuse(problem: string): never {
    return this.#bad(problem, this.offset);
  }

  #elements(count: number): unknown[] {
    if (count > this.#end - this.offset) this.#truncated();
    this.#enter();
    const elements = new Array<unknown>(Math.min(count, MOST_ALLOCATED));
    for (let index = 0; index < count; index++) {
      const tag = this.#bytes[this.offset];
      if (tag === 98 || tag === 97) {
        index = this.#integers(elements, index, count);
        if (index === count) break;
      }
      elements[index] = this.#term();
    }
    this.#depth--;
    return elements;
  }

  /** Reads the run of small integers that is to begin at element `index`, and tells where it ended. */
  #integers(elements: unknown[], from: number, count: number): number {
    const bytes = this.#bytes;
    const end = this.#end - 5;
    let at = this.offset;
    let index = from;
    for (; index < count && at <= end; index++) {
      const tag = bytes[at];
      if (tag === 98) {
        elements[index] = this.#int32(at + 1);
        at += 5;
      } else if (tag === 97) {
        elements[index] = bytes[at + 1];
        at += 2;
      } else break;
    }
    this.offset = at;
    return index;
  }

  #list(): unknown {
    const count = this.#uint32();
    // OTP reads a list of no elements as its tail.
    if (count === 0) return this.#deeper();
    const elements = this.#elements(count);
    for (;;) {
      // A tail that is a list goes on with this one; by a loop, as there may be many.
      const tag = this.#byte();
      if (tag === 106) return elements;
      if (tag === 108) {
        const more = this.#uint32();
        if (more > this.#end - this.offset) this.#truncated();
        this.#enter();
        for (let index = 0; index < more; index++) elements.push(this.#term());
        this.#depth--;
      } else if (tag === 107) {
        const length = this.#uint16();
        const at = this.#skip(length);
        for (let index = 0; index < length; index++) elements.push(this.#bytes[at + index]);
        return elements;
      } else {
        this.offset--;
        const tail = this.#deeper();
        return new ImproperList(elements, tail);
      }
    }
  }

  #deeper(): unknown {
    this.#enter();
    const value = this.#term();
    this.#depth--;
    return value;
  }

  #string(): unknown {
    const length = this.#uint16();
    const at = this.#skip(length);
    if (this.#exact) return length === 0 ? [] : new Charlist(this.#bytes.toString("latin1", at, at + length));
    const list = new Array<number>(length);
    for (let index = 0; index < length; index++) list[index] = this.#bytes[at + index] as number;
    return list;
  }

  #map(): unknown {
    const pairs = this.#uint32();
    if (pairs > (this.#end - this.offset) / 2) this.#truncated();
    this.#enter();
    const map = this.#exact ? this.#pairs(new Map(), pairs) : this.#object(pairs);
    this.#depth--;
    return map;
  }

  #pairs(map: Map<unknown, unknown>, pairs: number): Map<unknown, unknown> {
    for (let index = 0; index < pairs; index++) {
      const atom = this.#shortAtom();
      const key = atom === undefined ? this.#term() : this.#atomValue(atom);
      map.set(key, this.#term());
    }
    return map;
  }

  /** The atom that comes next, if one that is well known does: most keys of Erlang's maps. */
  #shortAtom(): Atom | undefined {
    const bytes = this.#bytes;
    const at = this.offset;
    if (bytes[at] !== 119 || at + 2 > this.#end) return undefined;
    const length = bytes[at + 1] as number;
    if (length > MOST_CACHED_BYTES || length > this.#end - at - 2) return undefined;
    const known = knownAtoms.find(this.#view, this.#base + at + 2, length);
    if (known !== undefined) this.offset = at + 2 + length;
    return known;
  }

  /** A plain object while every key is a string, and a Map from the first that is none. */
  #object(pairs: number): object {
    const object: Record<string, unknown> = {};
    // An object puts keys like "10" first; a Map that it turns into keeps the order of arrival.
    let order: string[] | undefined;
    for (let index = 0; index < pairs; index++) {
      const key = this.#term();
      if (typeof key !== "string") {
        const known = order ?? Object.keys(object);
        const map = new Map<unknown, unknown>(known.map((name) => [name, object[name]]));
        map.set(key, this.#term());
        return this.#pairs(map, pairs - index - 1);
      }
      const value = this.#term();
      if (order !== undefined) order.push(key);
      else if (beginsWithDigit(key)) order = [...Object.keys(object), key];
      if (key === "__proto__")
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
      else object[key] = value;
    }
    return object;
  }

  #float(): unknown {
    const at = this.#skip(8);
    const value = this.#view.getFloat64(this.#base + at);
    if (!Number.isFinite(value)) this.#bad("a float that is no finite number", at);
    return this.#exact ? new Float(value) : value;
  }

  /** FLOAT_EXT: 31 bytes of text, filled up with zeros. */
  #oldFloat(): unknown {
    const at = this.#skip(31);
    const text = this.#bytes.toString("latin1", at, at + 31).replace(/\0.*$/s, "");
    const value = /^[+-]?\d+\.\d+(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) this.#bad("a float that is no finite number", at);
    return this.#exact ? new Float(value) : value;
  }

  #big(length: number): number | bigint {
    if (length > this.limits.integerBytes) throw overLimit("integerBytes", this.limits);
    const sign = this.#byte();
    const at = this.#skip(length);
    return readBig(this.#bytes, at, length, sign !== 0);
  }

  #bitString(): unknown {
    const length = this.#uint32();
    const bits = this.#byte();
    const at = this.#skip(length);
    if (length === 0 ? bits !== 0 : bits < 1 || bits > 8) this.#bad(`${bits} bits in the last byte`, at - 1);
    const bytes = this.#copy(at, length);
    if (bits === 8 || bits === 0) return this.#exact ? new Binary(bytes) : bytes;
    return new BitString(bytes, bits);
  }

  #pid(creationBytes: 1 | 4): object {
    const node = this.#atom();
    const id = this.#uint32();
    const serial = this.#uint32();
    const creation = creationBytes === 4 ? this.#uint32() : this.#byte();
    return this.#identities?.pid(node, id, serial, creation) ?? new ErlangPid(node, id, serial, creation);
  }

  #reference(count: number, creationBytes: 1 | 4): object {
    if (count < 1 || count > 5) this.#bad(`a reference of ${count} words`, this.offset - 2);
    const node = this.#atom();
    const creation = creationBytes === 4 ? this.#uint32() : this.#byte();
    const words: number[] = [];
    for (let index = 0; index < count; index++) words.push(this.#uint32());
    return this.#identities?.reference(node, words, creation) ?? new ErlangReference(node, words, creation);
  }

  #oldReference(): object {
    const node = this.#atom();
    const words = [this.#uint32()];
    const creation = this.#byte();
    return this.#identities?.reference(node, words, creation) ?? new ErlangReference(node, words, creation);
  }

  #port(idBytes: 4 | 8, creationBytes: 1 | 4): Port {
    const node = this.#atom();
    const high = idBytes === 8 ? BigInt(this.#uint32()) << 32n : 0n;
    const id = high | BigInt(this.#uint32());
    return new Port(node, id, creationBytes === 4 ? this.#uint32() : this.#byte());
  }

  /** The number of fields, whether it is exported, its names, those of the fields, and their values. */
  #record(): NativeRecord {
    const at = this.offset;
    const count = this.#uint32();
    const exported = this.#byte();
    if (exported > 1) this.#bad(`a record with the flags ${exported}`, at + 4);
    const module = this.#atom();
    const name = this.#atom();
    if (count > (this.#end - this.offset) / 2) this.#truncated();
    this.#enter();
    const names: Atom[] = [];
    for (let index = 0; index < count; index++) names.push(this.#atom());
    const fields = new Map<Atom, unknown>();
    for (const field of names) fields.set(field, this.#term());
    if (fields.size !== count) this.#bad("a record with a field that is there twice", at);
    this.#depth--;
    return new NativeRecord(module, name, exported === 1, fields);
  }

  /** A fun stays bytes; only where it refers to the message's atom table it is written anew, to stand alone. */
  #fun(tag: number): Fun {
    const start = this.offset - 1;
    const before = this.#references;
    const exact = this.#exact;
    const identities = this.#identities;
    const marks = this.#marks;
    this.#exact = true;
    this.#identities = undefined;
    this.#marks = false;
    this.#enter();
    const writer = new TermWriter({ profile: "exact", limits: this.limits });
    if (tag === 113) this.#exportParts(writer);
    else if (tag === 112) this.#newFunParts(writer);
    else this.#oldFunParts(writer);
    this.#depth--;
    this.#exact = exact;
    this.#identities = identities;
    this.#marks = marks;
    const alone = this.#references === before ? this.#slice(start, this.offset - start) : writer.take();
    return new Fun(new Uint8Array(alone));
  }

  #exportParts(writer: TermWriter): void {
    writer.byte(113);
    writer.atom(this.#atom());
    writer.atom(this.#atom());
    const at = this.offset;
    const arity = this.#term();
    if (typeof arity !== "number" || arity < 0 || arity > 255) this.#bad("an external fun without an arity", at);
    writer.integer(arity);
  }

  #newFunParts(writer: TermWriter): void {
    const start = this.offset;
    const size = this.#uint32();
    writer.byte(112);
    writer.uint32(0);
    const at = this.#skip(1 + 16 + 4);
    writer.raw(this.#slice(at, 1 + 16 + 4));
    const free = this.#uint32();
    writer.uint32(free);
    writer.atom(this.#atom());
    this.#terms(writer, 3, free);
    if (this.offset - start !== size) this.#bad(`a fun of ${this.offset - start} bytes that claims ${size}`, start);
    writer.setUint32(1, writer.length - 1);
  }

  #oldFunParts(writer: TermWriter): void {
    const free = this.#uint32();
    writer.byte(117);
    writer.uint32(free);
    this.#terms(writer, 4, free);
  }

  #terms(writer: TermWriter, some: number, more: number): void {
    if (more > this.#end - this.offset) this.#truncated();
    for (let index = 0; index < some + more; index++) writer.value(this.#term());
  }

  #truncated(): never {
    return this.#bad("the bytes end within the term", this.#end);
  }

  #bad(problem: string, offset: number): never {
    throw new WireError("INTERLOCK_WIRE_BAD_TERM", `No external term at byte ${offset}: ${problem}.`, {
      offset,
      problem,
    });
  }
}

/** Looks at the first bytes only: what is no text shows it there nearly always, and need not be handed to Node.js. */
function beginsAsUtf8(bytes: Uint8Array, from: number): boolean {
  let following = 0;
  for (let at = from; at < from + MOST_CACHED_BYTES; at++) {
    const byte = bytes[at] as number;
    if (following > 0) {
      if ((byte & 0xc0) !== 0x80) return false;
      following--;
    } else if (byte > 127) {
      if (byte < 0xc2 || byte > 0xf4) return false;
      following = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
  }
  return true;
}

function beginsWithDigit(text: string): boolean {
  const code = text.charCodeAt(0);
  return code >= 48 && code <= 57;
}
