/**
 * The distribution header: which atoms a message refers to by their index, and how they stand in the atom cache.
 *
 *     count:8 | flags: (count/2 + 1) bytes | references               nothing but the count when it is 0
 *     flags: four bits a reference, the first in the low half of the first byte: new:1 segment:3;
 *            behind the last reference's: unused:3 long atoms:1
 *     reference: slot:8, and if it is new length:8 (16 with long atoms) name in UTF-8
 *
 * A slot's number is its segment and those eight bits. Hot file: `bench` rows dist_*.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist#distribution-header
 */
import { isUtf8 } from "node:buffer";

import type { WireError } from "../errors.ts";
import { type Atom, atom } from "../term/atom.ts";
import { type AtomCacheSender, CACHE_SLOTS } from "./atom-cache.ts";
import { protocolError } from "./protocol-error.ts";

/** No header is longer: 255 new atoms of 255 characters with four bytes each. */
export const MOST_HEADER_BYTES: number = 1 + 128 + 255 * (3 + 255 * 4);

/** The bytes that `writeHeader` will write. */
export function headerBytes({ count, addedCount, addedBytes, long }: AtomCacheSender): number {
  if (count === 0) return 1;
  return 2 + (count >> 1) + count + addedBytes + (long ? 2 * addedCount : addedCount);
}

/** Writes the header of the message at hand; returns where it ends. */
export function writeHeader(cache: AtomCacheSender, bytes: Buffer, start: number): number {
  const { count, references, added, long } = cache;
  bytes[start] = count;
  if (count === 0) return start + 1;
  const flags = start + 1;
  let at = flags + (count >> 1) + 1;
  for (let index = flags; index < at; index++) bytes[index] = 0;
  for (let index = 0; index < count; index++) {
    const slot = references[index] as number;
    const atom = added[index];
    setFlags(bytes, flags, index, (slot >> 8) | (atom === undefined ? 0 : 8));
    bytes[at++] = slot;
    if (atom !== undefined) at = writeName(atom.name, bytes, at, long);
  }
  if (long) setFlags(bytes, flags, count, 1);
  return at;
}

function setFlags(bytes: Buffer, flags: number, index: number, value: number): void {
  const at = flags + (index >> 1);
  bytes[at] = (bytes[at] as number) | (index % 2 === 0 ? value : value << 4);
}

function writeName(name: string, bytes: Buffer, at: number, long: boolean): number {
  const from = long ? at + 2 : at + 1;
  const length = bytes.write(name, from, "utf8");
  if (long) bytes.writeUInt16BE(length, at);
  else bytes[at] = length;
  return from + length;
}

/** The receiver's table, and the atoms of the message at hand in the order of their indexes. */
export class HeaderReader {
  readonly #slots: (Atom | undefined)[] = new Array<Atom | undefined>(CACHE_SLOTS).fill(undefined);
  atoms: Atom[] = [];

  /**
   * Reads a header into `atoms`; returns where it ends.
   *
   * **Errors** `INTERLOCK_WIRE_PROTOCOL`, `INTERLOCK_WIRE_LIMIT`.
   */
  read(bytes: Buffer, start: number, end: number): number {
    if (start >= end) throw truncated();
    const count = bytes[start] as number;
    this.atoms.length = 0;
    if (count === 0) return start + 1;
    const flags = start + 1;
    let at = flags + (count >> 1) + 1;
    if (at > end) throw truncated();
    const long = (flagsOf(bytes, flags, count) & 1) !== 0;
    for (let index = 0; index < count; index++) {
      if (at >= end) throw truncated();
      const flag = flagsOf(bytes, flags, index);
      const slot = ((flag & 7) << 8) | (bytes[at++] as number);
      let referred: Atom | undefined;
      if ((flag & 8) === 0) referred = this.#slots[slot];
      else {
        const from = long ? at + 2 : at + 1;
        if (from > end) throw truncated();
        const to = from + (long ? bytes.readUInt16BE(at) : (bytes[at] as number));
        if (to > end) throw truncated();
        this.#slots[slot] = referred = atomIn(bytes, from, to);
        at = to;
      }
      if (referred === undefined) throw protocolError(`a reference to slot ${slot} of the atom cache, which is empty`);
      this.atoms.push(referred);
    }
    return at;
  }

  /** Keeps the atoms of the message at hand for later, when it is not whole yet. */
  takeAtoms(): readonly Atom[] {
    const { atoms } = this;
    this.atoms = [];
    return atoms;
  }
}

function flagsOf(bytes: Buffer, flags: number, index: number): number {
  const both = bytes[flags + (index >> 1)] as number;
  return index % 2 === 0 ? both & 15 : both >> 4;
}

function atomIn(bytes: Buffer, from: number, to: number): Atom {
  if (!isUtf8(bytes.subarray(from, to))) throw protocolError("an atom that is not UTF-8");
  return atom(bytes.toString("utf8", from, to));
}

function truncated(): WireError<"INTERLOCK_WIRE_PROTOCOL"> {
  return protocolError("a distribution header that ends too early");
}
