/** Integers over 32 bits: SMALL_BIG_EXT and LARGE_BIG_EXT, a sign and the magnitude with its least significant byte first. */

/** The integer whose magnitude stands at `at`: a number while it is safe, else a bigint. */
export function readBig(bytes: Buffer, at: number, length: number, negative: boolean): number | bigint {
  if (length <= 6) {
    const magnitude = length === 0 ? 0 : bytes.readUIntLE(at, length);
    return negative && magnitude !== 0 ? -magnitude : magnitude;
  }
  // Hexadecimal is the one base whose parsing is linear, so a long integer costs no more than its bytes.
  const digits = Buffer.from(new Uint8Array(bytes.buffer, bytes.byteOffset + at, length))
    .reverse()
    .toString("hex");
  const magnitude = BigInt(`0x${digits}`);
  const value = negative ? -magnitude : magnitude;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The bytes of the magnitude, the least significant first and none of them in vain. */
export function magnitudeBytes(value: bigint): Uint8Array {
  const digits = (value < 0n ? -value : value).toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex").reverse();
}
