/**
 * Short names that were read before, found by their bytes: no decoding, no string that is thrown away, no WeakRef.
 * Direct-mapped and of a fixed size: a newcomer takes the place of whoever had it, so peers cannot make it grow.
 * Hot file: `bench` rows etf_decode_gen_call, etf_decode_map20.
 */

const SLOTS = 1_024;

/** Longer names are rarely asked for twice. */
export const MOST_CACHED_BYTES = 32;

export class ByteCache<Value> {
  /** The bytes of each slot, side by side in one array: what is compared then lies together. */
  readonly #names = new Uint8Array(SLOTS * MOST_CACHED_BYTES);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #values: (Value | undefined)[] = new Array<Value | undefined>(SLOTS).fill(undefined);

  /** `length` is at most MOST_CACHED_BYTES. */
  find(bytes: Uint8Array, at: number, length: number): Value | undefined {
    const slot = slotOf(bytes, at, length);
    if (this.#lengths[slot] !== length) return undefined;
    const names = this.#names;
    const name = slot * MOST_CACHED_BYTES;
    for (let index = 0; index < length; index++) {
      if (names[name + index] !== bytes[at + index]) return undefined;
    }
    return this.#values[slot];
  }

  add(bytes: Uint8Array, at: number, length: number, value: Value): void {
    const slot = slotOf(bytes, at, length);
    for (let index = 0; index < length; index++)
      this.#names[slot * MOST_CACHED_BYTES + index] = bytes[at + index] as number;
    this.#lengths[slot] = length;
    this.#values[slot] = value;
  }
}

/** From some of the bytes only: names that share them take each other's place, no more. */
function slotOf(bytes: Uint8Array, at: number, length: number): number {
  if (length === 0) return 0;
  const last = at + length - 1;
  const ends = ((bytes[last] as number) << 5) ^ ((bytes[last - (length > 1 ? 1 : 0)] as number) << 2);
  const rest = (bytes[at] as number) ^ ((bytes[at + (length >> 1)] as number) << 3) ^ (length << 6);
  return (ends ^ rest) & (SLOTS - 1);
}
