/**
 * Bytes into memory that grows: what terms are written with. Owns the slab that they are cut from, one after the other, and
 * the large binaries among them that stay where they are. Hot file: `bench` rows etf_encode_*.
 */
import { overLimit, type TermLimits } from "./limits.ts";

/**
 * Terms are cut one after the other from a slab, as Node.js does with its own pool. The first slab of a writer is small,
 * for one that writes a single term.
 */
const FIRST_SLAB_BYTES = 1_024;
const SLAB_BYTES = 64 * 1_024;
const noBytes = Buffer.alloc(0);
const noView = new DataView(noBytes.buffer, 0, 0);

export class ByteWriter {
  readonly limits: TermLimits;
  protected buffer: Buffer = noBytes;
  /** The same bytes: numbers of many bytes go through it in one instruction. */
  protected view: DataView = noView;
  #capacity = 0;
  /** Where what is being written begins. */
  protected start = 0;
  protected at = 0;
  /** Large binaries that are not copied, each with how many bytes of the buffer stand before it. */
  protected parts: { readonly before: number; readonly bytes: Uint8Array }[] = [];
  #partBytes = 0;

  constructor(limits: TermLimits) {
    this.limits = limits;
  }

  /** How many bytes have been written since the last `take` or `reset`. */
  get length(): number {
    return this.at - this.start + this.#partBytes;
  }

  /** What has been written, as a view that the next write may overwrite. Not of a writer that gathers. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(this.start, this.at);
  }

  /** As `take`, with the large binaries as parts of their own. */
  takeParts(): Uint8Array[] {
    const own = this.take();
    if (this.parts.length === 0) return [own];
    const taken: Uint8Array[] = [];
    let at = 0;
    for (const { before, bytes } of this.parts) {
      if (before > at) taken.push(own.subarray(at, before));
      taken.push(bytes);
      at = before;
    }
    if (own.length > at) taken.push(own.subarray(at));
    this.#dropParts(0);
    return taken;
  }

  #dropParts(from: number): void {
    if (this.parts.length === from) return;
    for (const { bytes } of this.parts.splice(from)) this.#partBytes -= bytes.length;
  }

  /** Hands out what has been written; the writer never touches those bytes again. */
  take(): Uint8Array {
    const taken = this.buffer.subarray(this.start, this.at);
    this.start = this.at;
    return taken;
  }

  /** Throws away what has been written. */
  reset(): void {
    this.at = this.start;
    this.#dropParts(0);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  uint16(value: number): void {
    this.reserve(2);
    this.view.setInt16(this.at, value);
    this.at += 2;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  uint64(value: bigint): void {
    this.uint32(Number((value >> 32n) & 0xffff_ffffn));
    this.uint32(Number(value & 0xffff_ffffn));
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Writes over four bytes that are there already, `offset` bytes after the beginning: lengths known only afterwards. */
  setUint32(offset: number, value: number): void {
    this.buffer.writeUInt32BE(value >>> 0, this.start + offset);
  }

  /** Bytes that are no part of the slab: they leave as they are. */
  protected part(bytes: Uint8Array): void {
    this.parts.push({ before: this.at - this.start, bytes });
    this.#partBytes += bytes.length;
  }

  /** What has been written since there were so many bytes and parts is gone. */
  protected rewind(bytes: number, parts: number): void {
    this.at = this.start + bytes;
    this.#dropParts(parts);
  }

  protected reserve(bytes: number): void {
    if (this.at + bytes > this.#capacity) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const length = this.at - this.start;
    if (length + bytes > this.limits.sizeBytes * 2 + SLAB_BYTES) throw overLimit("sizeBytes", this.limits);
    const slab = Math.min(Math.max(this.#capacity * 4, FIRST_SLAB_BYTES), SLAB_BYTES);
    const grown = Buffer.allocUnsafeSlow(Math.max(slab, (length + bytes) * 2));
    grown.set(this.buffer.subarray(this.start, this.at));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
    this.#capacity = grown.length;
    this.start = 0;
    this.at = length;
  }
}
