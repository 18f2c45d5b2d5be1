/**
 * Terms that hold no others: numbers, texts, bytes, atoms; and what stands before the elements of those that do. Hot file:
 * `bench` rows etf_encode_*.
 */
import type { Atom } from "./atom.ts";
import { ByteWriter } from "./byte-writer.ts";
import { magnitudeBytes } from "./integer.ts";
import { defaultLimits, overLimit, type TermLimits } from "./limits.ts";
import { TextCache } from "./text-cache.ts";

/** Shorter strings are cheaper to write character by character than by a call into Node.js. */
const SHORT_STRING = 48;
/** A copy of fewer bytes is cheaper than one more part of a write. */
const GATHER_FROM_BYTES = 16_384;

const knownTexts = new TextCache();

export interface ScalarWriterOptions {
  readonly limits?: Partial<TermLimits> | undefined;
  /** The atom's index in the message's atom table (ATOM_CACHE_REF), or -1 to write it out. */
  readonly atomReference?: ((atom: Atom) => number) | undefined;
  /** Whether large binaries stay where they are instead of being copied: `takeParts` then has them as parts. */
  readonly gather?: boolean | undefined;
}

export abstract class ScalarWriter extends ByteWriter {
  readonly #atomReference: ((atom: Atom) => number) | undefined;
  readonly #gather: boolean;

  constructor(options: ScalarWriterOptions) {
    super({ ...defaultLimits, ...options.limits });
    this.#atomReference = options.atomReference;
    this.#gather = options.gather === true;
  }

  /** **Errors** `INTERLOCK_WIRE_UNENCODABLE` */
  abstract refuse(value: unknown, got?: string): never;

  integer(value: number | bigint): void {
    if (typeof value === "bigint") {
      if (value < -0x8000_0000n || value > 0x7fff_ffffn) return this.#big(value);
      this.integer(Number(value));
      return;
    }
    if (value >= 0 && value <= 255) {
      this.reserve(2);
      this.buffer[this.at++] = 97; // SMALL_INTEGER_EXT
      this.buffer[this.at++] = value;
    } else if (value === (value | 0)) {
      this.reserve(5);
      const at = this.at;
      this.buffer[at] = 98; // INTEGER_EXT
      this.view.setInt32(at + 1, value);
      this.at = at + 5;
    } else this.#long(value);
  }

  /** A safe integer over 32 bits: SMALL_BIG_EXT without a bigint. */
  #long(value: number): void {
    this.reserve(10);
    const buffer = this.buffer;
    const start = this.at;
    let at = start + 3;
    for (let left = Math.abs(value); left > 0; left = Math.floor(left / 256)) buffer[at++] = left % 256;
    buffer[start] = 110;
    buffer[start + 1] = at - start - 3;
    buffer[start + 2] = value < 0 ? 1 : 0;
    this.at = at;
  }

  #big(value: bigint): void {
    const bytes = magnitudeBytes(value);
    if (bytes.length > this.limits.integerBytes) throw overLimit("integerBytes", this.limits);
    if (bytes.length <= 255) {
      this.byte(110); // SMALL_BIG_EXT
      this.byte(bytes.length);
    } else {
      this.byte(111); // LARGE_BIG_EXT
      this.uint32(bytes.length);
    }
    this.byte(value < 0n ? 1 : 0);
    this.raw(bytes);
  }

  float(value: number): void {
    this.reserve(9);
    const at = this.at;
    this.buffer[at] = 70; // NEW_FLOAT_EXT
    this.view.setFloat64(at + 1, value);
    this.at = at + 9;
  }

  /** A string as a binary of its UTF-8. */
  string(text: string): void {
    const { length } = text;
    if (length >= SHORT_STRING) return this.#longString(text);
    const words = knownTexts.find(text);
    if (words !== undefined) return this.#words(words, 5 + length);
    this.reserve(5 + length);
    const buffer = this.buffer;
    const start = this.at;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 127) return this.#longString(text);
      buffer[start + 5 + index] = code;
    }
    buffer[start] = 109; // BINARY_EXT
    this.view.setInt32(start + 1, length);
    this.at = start + 5 + length;
  }

  #longString(text: string): void {
    if (!text.isWellFormed()) this.refuse(text, "a string with a lone surrogate, which has no UTF-8");
    const most = text.length <= 1_024 ? text.length * 3 : Buffer.byteLength(text);
    this.reserve(5 + most);
    const length = this.buffer.write(text, this.at + 5, "utf8");
    this.buffer[this.at++] = 109; // BINARY_EXT
    this.uint32(length);
    this.at += length;
  }

  binary(bytes: Uint8Array): void {
    const { length } = bytes;
    if (this.#gather && length >= GATHER_FROM_BYTES) {
      this.byte(109); // BINARY_EXT
      this.uint32(length);
      return this.part(bytes);
    }
    this.reserve(5 + length);
    this.buffer[this.at++] = 109; // BINARY_EXT
    this.uint32(length);
    this.buffer.set(bytes, this.at);
    this.at += length;
  }

  atom(atom: Atom): void {
    if (this.#atomReference !== undefined) {
      const index = this.#atomReference(atom);
      if (index >= 0) {
        this.byte(82); // ATOM_CACHE_REF
        this.byte(index);
        return;
      }
    }
    const words = atom["~words"];
    const { length } = words;
    if (length === 0) return this.#longAtom(atom.name);
    this.#words(words, 2 + (((words[0] as number) >>> 16) & 0xff));
  }

  /** Writes `bytes` bytes out of words that hold them. */
  #words(words: readonly number[], bytes: number): void {
    const { length } = words;
    this.reserve(length * 4);
    const view = this.view;
    const at = this.at;
    for (let word = 0; word < length; word++) view.setInt32(at + word * 4, words[word] as number);
    this.at = at + bytes;
  }

  #longAtom(name: string): void {
    if (!name.isWellFormed()) this.refuse(name, "an atom with a lone surrogate, which has no UTF-8");
    const length = Buffer.byteLength(name);
    if (length <= 255) {
      this.byte(119); // SMALL_ATOM_UTF8_EXT
      this.byte(length);
    } else {
      this.byte(118); // ATOM_UTF8_EXT
      this.uint16(length);
    }
    this.reserve(length);
    this.at += this.buffer.write(name, this.at, "utf8");
  }

  tupleHeader(arity: number): void {
    if (arity <= 255) {
      this.reserve(2);
      this.buffer[this.at++] = 104; // SMALL_TUPLE_EXT
      this.buffer[this.at++] = arity;
    } else {
      this.byte(105); // LARGE_TUPLE_EXT
      this.uint32(arity);
    }
  }

  /** LIST_EXT; the elements and the tail follow. */
  listHeader(elements: number): void {
    this.byte(108);
    this.uint32(elements);
  }

  /** NIL_EXT, the empty list. */
  nil(): void {
    this.byte(106);
  }

  /** MAP_EXT; the pairs follow. */
  mapHeader(pairs: number): void {
    this.byte(116);
    this.uint32(pairs);
  }
}
