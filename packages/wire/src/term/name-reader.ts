/**
 * Atoms and texts out of bytes. Those that are short and were read before are found by their bytes. Owns the limit on new
 * atoms. Hot file: `bench` rows etf_decode_gen_call, etf_decode_map20.
 */
import { isUtf8 } from "node:buffer";

import { type Atom, atom, isAtomName, isKnownAtom } from "./atom.ts";
import { ByteCache, MOST_CACHED_BYTES } from "./byte-cache.ts";
import { ByteReader } from "./byte-reader.ts";
import { defaultLimits, overLimit, type TermLimits } from "./limits.ts";
import { isText } from "./utf8.ts";

const knownAtoms = new ByteCache<Atom>();
const knownTexts = new ByteCache<string>();

export class NameReader extends ByteReader {
  readonly limits: TermLimits;
  /** What ATOM_CACHE_REF refers to: the atoms of the message at hand. */
  atomTable: readonly Atom[] = [];
  /** How many atoms of the term at hand nobody here held before. */
  protected newAtoms = 0;
  /** How many ATOM_CACHE_REFs have been read of it. */
  references = 0;

  constructor(limits: Partial<TermLimits> | undefined) {
    super();
    this.limits = { ...defaultLimits, ...limits };
  }

  protected utf8Atom(length: number): Atom {
    const at = this.skip(length);
    const cached = length <= MOST_CACHED_BYTES;
    if (cached) {
      const known = knownAtoms.find(this.view, this.base + at, length);
      if (known !== undefined) return known;
    }
    if (!isUtf8(this.slice(at, length))) this.refuse("an atom that is not UTF-8", at);
    const found = this.#internAtom(this.source.toString("utf8", at, at + length), at);
    if (cached) knownAtoms.add(this.view, this.base + at, length, found);
    return found;
  }

  protected latin1Atom(length: number): Atom {
    const at = this.skip(length);
    return this.#internAtom(this.source.toString("latin1", at, at + length), at);
  }

  #internAtom(name: string, at: number): Atom {
    if (!isAtomName(name)) this.refuse("an atom of more than 255 characters", at);
    if (!isKnownAtom(name) && ++this.newAtoms > this.limits.atoms) throw overLimit("atoms", this.limits);
    return atom(name);
  }

  protected referredAtom(): Atom {
    const index = this.byte();
    this.references++;
    return this.atomTable[index] ?? this.refuse(`no atom ${index} in the message's table`, this.offset - 1);
  }

  /** An atom where the format allows nothing else. */
  atom(): Atom {
    const tag = this.byte();
    switch (tag) {
      case 119:
        return this.utf8Atom(this.byte());
      case 118:
        return this.utf8Atom(this.uint16());
      case 82:
        return this.referredAtom();
      case 100:
        return this.latin1Atom(this.uint16());
      case 115:
        return this.latin1Atom(this.byte());
      default:
        return this.refuse(`tag ${tag} in the place of an atom`, this.offset - 1);
    }
  }

  /** The atom that comes next, if one that is well known does: most keys of Erlang's maps. */
  protected knownAtom(): Atom | undefined {
    const bytes = this.source;
    const at = this.offset;
    if (bytes[at] !== 119 || at + 2 > this.end) return undefined;
    const length = bytes[at + 1] as number;
    if (length > MOST_CACHED_BYTES || length > this.end - at - 2) return undefined;
    const known = knownAtoms.find(this.view, this.base + at + 2, length);
    if (known !== undefined) this.offset = at + 2 + length;
    return known;
  }

  /** The string that the bytes are the UTF-8 of, or undefined. */
  protected text(at: number, length: number): string | undefined {
    const bytes = this.source;
    if (length > MOST_CACHED_BYTES) {
      return isText(this.slice(at, length)) ? bytes.toString("utf8", at, at + length) : undefined;
    }
    const known = knownTexts.find(this.view, this.base + at, length);
    if (known !== undefined) return known;
    let all = 0;
    for (let index = at; index < at + length; index++) all |= bytes[index] as number;
    if (all > 127 && !isUtf8(this.slice(at, length))) return undefined;
    const text = bytes.toString(all > 127 ? "utf8" : "latin1", at, at + length);
    knownTexts.add(this.view, this.base + at, length, text);
    return text;
  }
}
