/**
 * The atom caches of a connection: 2048 slots at the sender and the same at the receiver, one pair a direction. The
 * sender decides which atom has which slot and says so in the header of the message that first uses it; so a message
 * that could not be written whole must leave no trace in the sender's table (`rollback`). Hot file: `bench` rows dist_*.
 */
import type { Atom } from "../term/atom.ts";

export const CACHE_SLOTS = 2_048;
/** The index of a message's atom is one byte, and OTP never uses 255. */
const MOST_REFERENCES = 255;

/** The sender's table, and which atoms the message at hand refers to. */
export class AtomCacheSender {
  readonly #slots = new Map<Atom, number>();
  readonly #atoms: (Atom | undefined)[] = new Array<Atom | undefined>(CACHE_SLOTS).fill(undefined);
  /** The number of the last message that used the slot, and its index in that message. */
  readonly #usedBy = new Float64Array(CACHE_SLOTS);
  readonly #indexes = new Uint8Array(CACHE_SLOTS);
  #message = 1;
  /** Where the search for a slot goes on: the oldest entries go first. */
  #next = 0;
  /** The slots that the message refers to, in order, and for each the atom if the receiver does not have it yet. */
  readonly references: Uint16Array = new Uint16Array(MOST_REFERENCES);
  readonly added: (Atom | undefined)[] = new Array<Atom | undefined>(MOST_REFERENCES).fill(undefined);
  count = 0;
  /** Of what was added: how many, the bytes of their names, and whether one of them has more than 255. */
  addedCount = 0;
  addedBytes = 0;
  long = false;

  /** The atom's index in the message, or -1 to write it out. */
  reference(atom: Atom): number {
    const known = this.#slots.get(atom);
    if (known !== undefined && this.#usedBy[known] === this.#message) return this.#indexes[known] as number;
    const index = this.count;
    if (index === MOST_REFERENCES) return -1;
    // An atom that has no UTF-8 is left to the writer, which refuses it with its path.
    if (known === undefined && !atom.name.isWellFormed()) return -1;
    const slot = known ?? this.#add(atom);
    this.added[index] = known === undefined ? atom : undefined;
    this.references[index] = slot;
    this.#usedBy[slot] = this.#message;
    this.#indexes[slot] = index;
    this.count = index + 1;
    return index;
  }

  #add(atom: Atom): number {
    const bytes = Buffer.byteLength(atom.name);
    this.addedCount++;
    this.addedBytes += bytes;
    this.long ||= bytes > 255;
    // A slot that this message refers to stays: there are more slots than references.
    while (this.#usedBy[this.#next] === this.#message) this.#next = (this.#next + 1) % CACHE_SLOTS;
    const slot = this.#next;
    this.#next = (slot + 1) % CACHE_SLOTS;
    const evicted = this.#atoms[slot];
    if (evicted !== undefined) this.#slots.delete(evicted);
    this.#atoms[slot] = atom;
    this.#slots.set(atom, slot);
    return slot;
  }

  /** The message is written; the receiver will know what was added. */
  commit(): void {
    this.#message++;
    this.count = this.addedCount = this.addedBytes = 0;
    this.long = false;
  }

  /** The message will not be sent: what was added is unknown to the receiver, and is told anew when it is next used. */
  rollback(): void {
    for (let index = 0; index < this.count; index++) {
      const atom = this.added[index];
      if (atom === undefined) continue;
      this.#slots.delete(atom);
      this.#atoms[this.references[index] as number] = undefined;
    }
    this.commit();
  }
}
