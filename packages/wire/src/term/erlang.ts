/**
 * Erlang's terms that JavaScript has no value for, each a small immutable class. The natural profile uses Tuple,
 * ImproperList, BitString, Fun, Port, NativeRecord, ErlangPid and ErlangReference; the exact profile uses all, so that every term
 * goes through unharmed.
 */
import type { Atom } from "./atom.ts";

/** `{A, B, …}` */
export class Tuple<const Elements extends readonly unknown[] = readonly unknown[]> {
  readonly elements: Elements;

  constructor(elements: Elements) {
    this.elements = elements;
  }

  [Symbol.iterator](): IterableIterator<Elements[number]> {
    return this.elements[Symbol.iterator]();
  }
}

/** @example tuple(atom("deposit"), 50) // {deposit, 50} */
export function tuple<const Elements extends readonly unknown[]>(...elements: Elements): Tuple<Elements> {
  return new Tuple(elements);
}

/** `[A, B | Tail]`, where the tail is no list. */
export class ImproperList {
  readonly elements: readonly unknown[];
  readonly tail: unknown;

  constructor(elements: readonly unknown[], tail: unknown) {
    this.elements = elements;
    this.tail = tail;
  }
}

/** `<<…:N>>` whose last byte uses only its `bits` (1 to 7) most significant bits. */
export class BitString {
  readonly bytes: Uint8Array;
  readonly bits: number;

  constructor(bytes: Uint8Array, bits: number) {
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** A fun of a real Erlang node: opaque, kept as its external bytes, and the same bytes when it travels back. */
export class Fun {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A port of a real Erlang node (64 bits of id). */
export class Port {
  readonly node: Atom;
  readonly id: bigint;
  readonly creation: number;

  constructor(node: Atom, id: bigint, creation: number) {
    this.node = node;
    this.id = id;
    this.creation = creation;
  }
}

/** `#module:name{field = Value, …}`: a native record of OTP 29, which knows the names of its fields. */
export class NativeRecord {
  readonly module: Atom;
  readonly name: Atom;
  /** Whether code of other modules may look into it. */
  readonly exported: boolean;
  /** In the order of the record's definition. */
  readonly fields: ReadonlyMap<Atom, unknown>;

  constructor(module: Atom, name: Atom, exported: boolean, fields: ReadonlyMap<Atom, unknown>) {
    this.module = module;
    this.name = name;
    this.exported = exported;
    this.fields = fields;
  }
}

/** A pid by its parts, where no {@link Identities} gives it a better object. */
export class ErlangPid {
  readonly node: Atom;
  readonly id: number;
  readonly serial: number;
  readonly creation: number;

  constructor(node: Atom, id: number, serial: number, creation: number) {
    this.node = node;
    this.id = id;
    this.serial = serial;
    this.creation = creation;
  }
}

/** A reference by its parts: one to five words of 32 bits, the least significant first. */
export class ErlangReference {
  readonly node: Atom;
  readonly words: readonly number[];
  readonly creation: number;

  constructor(node: Atom, words: readonly number[], creation: number) {
    this.node = node;
    this.words = words;
    this.creation = creation;
  }
}

/** A binary in the exact profile. */
export class Binary {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A float in the exact profile: 1.0 is not 1, -0.0 is not 0.0. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A list of bytes that came as one (`"abc"` in Erlang) in the exact profile. */
export class Charlist {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** How pids and references become a program's own objects, and back. */
export interface Identities {
  pid(node: Atom, id: number, serial: number, creation: number): object;
  reference(node: Atom, words: readonly number[], creation: number): object;
  /** The parts of an object that is a pid or a reference of the program; undefined for every other object. */
  parts(value: object): ErlangPid | ErlangReference | undefined;
}
