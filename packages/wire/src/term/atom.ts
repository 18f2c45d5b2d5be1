/** Atoms: interned, so that `===` compares them. @see https://www.erlang.org/doc/apps/erts/erl_ext_dist#atoms */
import { WireError } from "../errors.ts";

/** Erlang's limit, in characters (code points), not bytes. */
const MAX_ATOM_CHARACTERS = 255;

/** An Erlang atom. Two atoms of one name are one object; get them by {@link atom}. */
export class Atom<out Name extends string = string> {
  readonly name: Name;
  /**
   * For the writer: its SMALL_ATOM_UTF8_EXT in words of 32 bits, the last filled up with zeros, which are written in the
   * time of as many characters. Empty for a long one, which is spelled out.
   */
  declare readonly "~words": readonly number[];

  constructor(name: Name) {
    this.name = name;
    Object.defineProperty(this, "~words", { value: externalWords(name) });
  }

  toString(): Name {
    return this.name;
  }
}

// Weak, because peers send atoms too: what nobody holds any more goes, so that a peer cannot fill the memory with names.
const interned = new Map<string, WeakRef<Atom>>();
const collected = new FinalizationRegistry<string>((name) => {
  if (interned.get(name)?.deref() === undefined) interned.delete(name);
});

/**
 * The atom of that name.
 *
 * **Errors** `INTERLOCK_WIRE_LIMIT` for a name of more than 255 characters.
 *
 * @example
 * atom("ok") === atom("ok"); // true
 */
export function atom<const Name extends string>(name: Name): Atom<Name> {
  const known = interned.get(name)?.deref();
  if (known !== undefined) return known as Atom<Name>;
  if (!isAtomName(name))
    throw new WireError("INTERLOCK_WIRE_LIMIT", `An atom has at most ${MAX_ATOM_CHARACTERS} characters.`, {
      limit: "atomCharacters",
      most: MAX_ATOM_CHARACTERS,
    });
  const made = new Atom(name);
  interned.set(name, new WeakRef(made));
  collected.register(made, name);
  return made;
}

/** Whether an atom may be as long. */
export function isAtomName(name: string): boolean {
  return name.length <= MAX_ATOM_CHARACTERS || characters(name) <= MAX_ATOM_CHARACTERS;
}

/** Whether somebody holds the atom of that name, so that it costs nothing more. */
export function isKnownAtom(name: string): boolean {
  return interned.get(name)?.deref() !== undefined;
}

const MOST_BYTES_IN_WORDS = 62;

function externalWords(name: string): readonly number[] {
  const bytes = Buffer.from(name, "utf8");
  if (bytes.length > MOST_BYTES_IN_WORDS || !name.isWellFormed()) return [];
  const external = Buffer.concat([Buffer.of(119, bytes.length), bytes, Buffer.alloc(3)]);
  return Array.from({ length: Math.ceil((bytes.length + 2) / 4) }, (_, word) => external.readInt32BE(word * 4));
}

function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
