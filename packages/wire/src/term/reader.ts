/**
 * External terms to values, by offset over one buffer. Owns the mapping of the natural and the exact profile on the way
 * in (docs/wire-values.md). Whatever the bytes: nothing but WireError is thrown, and what they claim is compared with
 * what is left before anything is allocated. The numbers are the tags of erl_ext_dist, as literals: a switch over them
 * stays a jump table. Hot file: `bench` rows etf_decode_*.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist
 */
import { type Atom, atom } from "./atom.ts";
import {
  Binary,
  BitString,
  Charlist,
  ErlangPid,
  ErlangReference,
  Float,
  type Identities,
  ImproperList,
  NativeRecord,
  Port,
  Tuple,
} from "./erlang.ts";
import { readFun } from "./fun-reader.ts";
import { readBig } from "./integer.ts";
import { overLimit, type TermLimits } from "./limits.ts";
import { MARK, readMarked } from "./marks.ts";
import { NameReader } from "./name-reader.ts";
import type { Profile } from "./writer.ts";

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

export class TermReader extends NameReader {
  readonly #options: ReaderOptions;
  readonly #viewFrom: number;
  #exact: boolean;
  #identities: Identities | undefined;
  #marks = false;
  #depth = 0;

  constructor(options: ReaderOptions) {
    super(options.limits);
    this.#options = options;
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
    this.open(bytes, offset);
    this.#depth = this.newAtoms = this.references = 0;
    this.#exact = this.#options.profile === "exact";
    this.#identities = this.#options.identities;
    this.#marks = this.#options.marks === true && !this.#exact;
    try {
      const value = this.#term();
      if (this.offset - offset > this.limits.sizeBytes) throw overLimit("sizeBytes", this.limits);
      return value;
    } catch (error) {
      if (error instanceof RangeError) throw overLimit("depth", this.limits);
      throw error;
    } finally {
      this.release();
    }
  }

  #term(): unknown {
    const tag = this.byte();
    switch (tag) {
      case 97: // SMALL_INTEGER_EXT
        return this.byte();
      case 98: // INTEGER_EXT
        return this.uint32() | 0;
      case 119: // SMALL_ATOM_UTF8_EXT
        return this.#atomValue(this.utf8Atom(this.byte()));
      case 118: // ATOM_UTF8_EXT
        return this.#atomValue(this.utf8Atom(this.uint16()));
      case 82: // ATOM_CACHE_REF
        return this.#atomValue(this.referredAtom());
      case 109: // BINARY_EXT
        return this.#binary();
      case 104: // SMALL_TUPLE_EXT
        return this.#tuple(this.byte());
      case 105: // LARGE_TUPLE_EXT
        return this.#tuple(this.uint32());
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
        return this.#reference(this.uint16(), 4);
      default:
        return this.#rare(tag);
    }
  }

  #rare(tag: number): unknown {
    switch (tag) {
      case 110: // SMALL_BIG_EXT
        return this.#big(this.byte());
      case 111: // LARGE_BIG_EXT
        return this.#big(this.uint32());
      case 99: // FLOAT_EXT
        return this.#oldFloat();
      case 100: // ATOM_EXT
        return this.#atomValue(this.latin1Atom(this.uint16()));
      case 115: // SMALL_ATOM_EXT
        return this.#atomValue(this.latin1Atom(this.byte()));
      case 77: // BIT_BINARY_EXT
        return this.#bitString();
      case 103: // PID_EXT
        return this.#pid(1);
      case 101: // REFERENCE_EXT
        return this.#oldReference();
      case 114: // NEW_REFERENCE_EXT
        return this.#reference(this.uint16(), 1);
      case 102: // PORT_EXT
        return this.#port(4, 1);
      case 89: // NEW_PORT_EXT
        return this.#port(4, 4);
      case 120: // V4_PORT_EXT
        return this.#port(8, 4);
      case 112: // NEW_FUN_EXT
      case 113: // EXPORT_EXT
      case 117: // FUN_EXT
        return readFun(this, tag);
      case 67: // RECORD_EXT
        return this.#record();
      case 121:
        return this.refuse("LOCAL_EXT, which only the node that wrote it can read", this.offset - 1);
      default:
        return this.refuse(`no term has the tag ${tag}`, this.offset - 1);
    }
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

  #binary(): unknown {
    const length = this.uint32();
    const at = this.skip(length);
    if (this.#exact) return new Binary(this.#copy(at, length));
    return this.text(at, length) ?? this.#copy(at, length);
  }

  /** A small binary is copied, or it would keep the whole of what was read in memory. */
  #copy(at: number, length: number): Uint8Array {
    const view = this.slice(at, length);
    if (length >= this.#viewFrom) return view;
    return length < SLICED_FROM_BYTES ? new Uint8Array(view) : view.slice();
  }

  #tuple(arity: number): unknown {
    return this.#marks && arity > 0 && this.#atMark() ? this.#mark(arity) : new Tuple(this.#elements(arity));
  }

  /** Whether the tuple whose elements begin here begins with the atom of marks. */
  #atMark(): boolean {
    const before = this.offset;
    switch (this.source[before]) {
      case 119:
      case 82:
        if (this.atom() === MARK) return true;
        this.offset = before;
        return false;
      default:
        return false;
    }
  }

  #mark(arity: number): unknown {
    if (arity < 2) this.refuse("a mark of no kind");
    this.claim(arity);
    this.#enter();
    const value = readMarked(this, this.atom(), arity - 2);
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
    if (this.byte() !== 116) this.refuse("no map in the place of one");
    const pairs = this.uint32();
    this.claim(pairs * 2);
    return this.#pairs(new Map(), pairs);
  }

  /** For marks: the next term, which is a binary, as its bytes. */
  bytes(): Uint8Array {
    if (this.byte() !== 109) this.refuse("no binary in the place of one");
    const length = this.uint32();
    return this.#copy(this.skip(length), length);
  }

  #elements(count: number): unknown[] {
    this.claim(count);
    this.#enter();
    const elements = new Array<unknown>(Math.min(count, MOST_ALLOCATED));
    for (let index = 0; index < count; index++) {
      const tag = this.source[this.offset];
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
    const bytes = this.source;
    const end = this.end - 5;
    let at = this.offset;
    let index = from;
    for (; index < count && at <= end; index++) {
      const tag = bytes[at];
      if (tag === 98) {
        elements[index] = this.int32(at + 1);
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
    const count = this.uint32();
    // OTP reads a list of no elements as its tail.
    if (count === 0) return this.#deeper();
    const elements = this.#elements(count);
    for (;;) {
      // A tail that is a list goes on with this one; by a loop, as there may be many.
      const tag = this.byte();
      if (tag === 106) return elements;
      if (tag === 108) {
        const more = this.uint32();
        this.claim(more);
        this.#enter();
        for (let index = 0; index < more; index++) elements.push(this.#term());
        this.#depth--;
      } else if (tag === 107) {
        const length = this.uint16();
        const at = this.skip(length);
        for (let index = 0; index < length; index++) elements.push(this.source[at + index]);
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
    const length = this.uint16();
    const at = this.skip(length);
    if (this.#exact) return length === 0 ? [] : new Charlist(this.source.toString("latin1", at, at + length));
    const list = new Array<number>(length);
    for (let index = 0; index < length; index++) list[index] = this.source[at + index] as number;
    return list;
  }

  #map(): unknown {
    const pairs = this.uint32();
    this.claim(pairs * 2);
    this.#enter();
    const map = this.#exact ? this.#pairs(new Map(), pairs) : this.#object(pairs);
    this.#depth--;
    return map;
  }

  #pairs(map: Map<unknown, unknown>, pairs: number): Map<unknown, unknown> {
    for (let index = 0; index < pairs; index++) {
      const atom = this.knownAtom();
      const key = atom === undefined ? this.#term() : this.#atomValue(atom);
      map.set(key, this.#term());
    }
    return map;
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
    const at = this.skip(8);
    const value = this.view.getFloat64(this.base + at);
    if (!Number.isFinite(value)) this.refuse("a float that is no finite number", at);
    return this.#exact ? new Float(value) : value;
  }

  /** FLOAT_EXT: 31 bytes of text, filled up with zeros. */
  #oldFloat(): unknown {
    const at = this.skip(31);
    const text = this.source.toString("latin1", at, at + 31).replace(/\0.*$/s, "");
    const value = /^[+-]?\d+\.\d+(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) this.refuse("a float that is no finite number", at);
    return this.#exact ? new Float(value) : value;
  }

  #big(length: number): number | bigint {
    if (length > this.limits.integerBytes) throw overLimit("integerBytes", this.limits);
    const sign = this.byte();
    const at = this.skip(length);
    return readBig(this.source, at, length, sign !== 0);
  }

  #bitString(): unknown {
    const length = this.uint32();
    const bits = this.byte();
    const at = this.skip(length);
    if (length === 0 ? bits !== 0 : bits < 1 || bits > 8) this.refuse(`${bits} bits in the last byte`, at - 1);
    const bytes = this.#copy(at, length);
    if (bits === 8 || bits === 0) return this.#exact ? new Binary(bytes) : bytes;
    return new BitString(bytes, bits);
  }

  #pid(creationBytes: 1 | 4): object {
    const node = this.atom();
    const id = this.uint32();
    const serial = this.uint32();
    const creation = creationBytes === 4 ? this.uint32() : this.byte();
    return this.#identities?.pid(node, id, serial, creation) ?? new ErlangPid(node, id, serial, creation);
  }

  #reference(count: number, creationBytes: 1 | 4): object {
    if (count < 1 || count > 5) this.refuse(`a reference of ${count} words`, this.offset - 2);
    const node = this.atom();
    const creation = creationBytes === 4 ? this.uint32() : this.byte();
    const words: number[] = [];
    for (let index = 0; index < count; index++) words.push(this.uint32());
    return this.#identities?.reference(node, words, creation) ?? new ErlangReference(node, words, creation);
  }

  #oldReference(): object {
    const node = this.atom();
    const words = [this.uint32()];
    const creation = this.byte();
    return this.#identities?.reference(node, words, creation) ?? new ErlangReference(node, words, creation);
  }

  #port(idBytes: 4 | 8, creationBytes: 1 | 4): Port {
    const node = this.atom();
    const high = idBytes === 8 ? BigInt(this.uint32()) << 32n : 0n;
    const id = high | BigInt(this.uint32());
    return new Port(node, id, creationBytes === 4 ? this.uint32() : this.byte());
  }

  /** The number of fields, whether it is exported, its names, those of the fields, and their values. */
  #record(): NativeRecord {
    const at = this.offset;
    const count = this.uint32();
    const exported = this.byte();
    if (exported > 1) this.refuse(`a record with the flags ${exported}`, at + 4);
    const module = this.atom();
    const name = this.atom();
    this.claim(count * 2);
    this.#enter();
    const names: Atom[] = [];
    for (let index = 0; index < count; index++) names.push(this.atom());
    const fields = new Map<Atom, unknown>();
    for (const field of names) fields.set(field, this.#term());
    if (fields.size !== count) this.refuse("a record with a field that is there twice", at);
    this.#depth--;
    return new NativeRecord(module, name, exported === 1, fields);
  }

  /** For funs: what `read` reads is in the exact profile, and nobody's identity or mark. */
  exactly(read: () => void): void {
    const [exact, identities, marks] = [this.#exact, this.#identities, this.#marks];
    this.#exact = true;
    this.#identities = undefined;
    this.#marks = false;
    this.#enter();
    read();
    this.#depth--;
    this.#exact = exact;
    this.#identities = identities;
    this.#marks = marks;
  }
}

function beginsWithDigit(text: string): boolean {
  const code = text.charCodeAt(0);
  return code >= 48 && code <= 57;
}
