/**
 * The 64-bit hash of placement, in two halves of 32 bits so that no BigInt is made: FNV-1a over the UTF-8 bytes, then the
 * finalizer of MurmurHash3 (fmix64), because FNV-1a alone hardly changes its high bits for a change at the end of a text.
 *
 * Every node of a cluster must come to the same numbers, whatever version it runs: this never changes.
 * @see https://datatracker.ietf.org/doc/html/draft-eastlake-fnv (FNV-1a, 64 bits)
 */

export interface Hash64 {
  /** Both unsigned, of 32 bits. */
  readonly high: number;
  readonly low: number;
}

const utf8 = new TextEncoder();

/** FNV-1a: offset basis cbf29ce484222325, prime 00000100000001b3. */
export function fnv1a64(text: string): Hash64 {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of utf8.encode(text)) {
    low = (low ^ byte) >>> 0;
    // The prime is 2^40 + 0x1b3: what is shifted by 40 bits falls into the high half alone.
    const product = low * 0x1b3; // Below 2^41: exact.
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return { high, low };
}

/** A bijection in which every bit of the input changes about half the bits of the output. */
export function mix64(hash: Hash64): Hash64 {
  const once = multiply(shiftedXor(hash), 0xff51afd7, 0xed558ccd);
  return shiftedXor(multiply(shiftedXor(once), 0xc4ceb9fe, 0x1a85ec53));
}

/** `x ^ (x >>> 33)` */
function shiftedXor({ high, low }: Hash64): Hash64 {
  return { high, low: (low ^ (high >>> 1)) >>> 0 };
}

/** Modulo 2^64. */
function multiply({ high, low }: Hash64, byHigh: number, byLow: number): Hash64 {
  const carried = highOfProduct(low, byLow);
  return {
    high: (carried + Math.imul(high, byLow) + Math.imul(low, byHigh)) >>> 0,
    low: Math.imul(low, byLow) >>> 0,
  };
}

/** The high 32 bits of the product of two unsigned numbers of 32 bits, by halves of 16. */
function highOfProduct(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const cross = aHigh * bLow + ((aLow * bLow) >>> 16); // Below 2^32: exact, as is the next.
  const other = aLow * bHigh + (cross & 0xffff);
  return aHigh * bHigh + Math.floor(cross / 0x10000) + Math.floor(other / 0x10000);
}
