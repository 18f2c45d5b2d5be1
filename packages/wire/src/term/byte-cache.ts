/**
 * Short ASCII names that were read before, found by their bytes: no decoding, no string that is thrown away, no WeakRef.
 * Direct-mapped and of a fixed size: a newcomer takes the place of whoever had it, so peers cannot make it grow.
 * Hot file: `bench` rows etf_decode_gen_call, etf_decode_map20.
 */

const SLOTS = 1_024;

/** Longer names are rarely asked for twice. */
export const MOST_CACHED_BYTES = 32;

export class ByteCache<Value> {
  readonly #names: string[] = new Array<string>(SLOTS).fill("");
  readonly #values: (Value | undefined)[] = new Array<Value | undefined>(SLOTS).fill(undefined);

  find(bytes: Uint8Array, at: number, length: number): Value | undefined {
    const slot = slotOf(bytes, at, length);
    const name = this.#names[slot] as string;
    if (name.length !== length) return undefined;
    for (let index = 0; index < length; index++) {
      if (name.charCodeAt(index) !== bytes[at + index]) return undefined;
    }
    return this.#values[slot];
  }

  /** `name` is what the bytes say, in ASCII. */
  add(bytes: Uint8Array, at: number, length: number, name: string, value: Value): void {
    const slot = slotOf(bytes, at, length);
    this.#names[slot] = name;
    this.#values[slot] = value;
  }
}

function slotOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = length;
  for (let index = at; index < at + length; index++) hash = (Math.imul(hash, 31) + (bytes[index] as number)) | 0;
  return (hash ^ (hash >>> 10)) & (SLOTS - 1);
}
