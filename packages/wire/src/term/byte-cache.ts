/**
 * Short names that were read before, found by their bytes: no decoding, no string that is thrown away, no WeakRef.
 * Of a fixed size, two places for a name: a newcomer takes one from whoever had it, so peers cannot make it grow.
 * Compared in words of four bytes; the last word overlaps the one before it, so nothing behind the name is looked at.
 * Hot file: `bench` rows etf_decode_gen_call, etf_decode_map20.
 */

const SLOTS = 1_024;
const WORDS = 8;

/** Longer names are rarely asked for twice. */
export const MOST_CACHED_BYTES: number = WORDS * 4;

export class ByteCache<Value> {
  readonly #words = new Int32Array(SLOTS * WORDS);
  readonly #lastWords = new Int32Array(SLOTS);
  /** -1 where nothing is. */
  readonly #lengths = new Int8Array(SLOTS).fill(-1);
  readonly #values: (Value | undefined)[] = new Array<Value | undefined>(SLOTS).fill(undefined);

  /** `length` is at most MOST_CACHED_BYTES. */
  find(view: DataView, at: number, length: number): Value | undefined {
    const first = length < 4 ? shortWord(view, at, length) : view.getInt32(at);
    const last = length < 4 ? first : view.getInt32(at + length - 4);
    const slot = slotOf(first, last, length);
    if (this.#isAt(slot, first, last, view, at, length)) return this.#values[slot];
    return this.#isAt(slot ^ 1, first, last, view, at, length) ? this.#values[slot ^ 1] : undefined;
  }

  #isAt(slot: number, first: number, last: number, view: DataView, at: number, length: number): boolean {
    const words = this.#words;
    const from = slot * WORDS;
    if (words[from] !== first || this.#lastWords[slot] !== last || this.#lengths[slot] !== length) return false;
    for (let done = 4; done < length - 4; done += 4) {
      if (words[from + (done >> 2)] !== view.getInt32(at + done)) return false;
    }
    return true;
  }

  /** Into its own slot if that is free, else into the one beside it: two names that meet there do not oust each other. */
  add(view: DataView, at: number, length: number, value: Value): void {
    const first = length < 4 ? shortWord(view, at, length) : view.getInt32(at);
    const last = length < 4 ? first : view.getInt32(at + length - 4);
    const own = slotOf(first, last, length);
    const slot = this.#lengths[own] === -1 ? own : own ^ 1;
    this.#words[slot * WORDS] = first;
    for (let done = 4; done < length - 4; done += 4) this.#words[slot * WORDS + (done >> 2)] = view.getInt32(at + done);
    this.#lastWords[slot] = last;
    this.#lengths[slot] = length;
    this.#values[slot] = value;
  }
}

function shortWord(view: DataView, at: number, length: number): number {
  let word = 0;
  for (let index = 0; index < length; index++) word = (word << 8) | view.getUint8(at + index);
  return word;
}

/** From some of the bytes only: names that share them take each other's place, no more. */
function slotOf(first: number, last: number, length: number): number {
  let hash = Math.imul(last ^ length, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ first, 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}
