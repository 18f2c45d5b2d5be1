/**
 * Bytes by offset: what a term is read with. Whatever is asked for is compared with what is left, and what is not there is
 * refused as WireError. Hot file: `bench` rows etf_decode_*.
 */
import { WireError } from "../errors.ts";

const noBytes = Buffer.alloc(0);

// One for all readers: what follows mostly lies in the same buffer, and no more than one of a usual size is kept alive.
const MOST_KEPT_BYTES = 1_048_576;
let lastView: DataView = new DataView(noBytes.buffer);
let lastBuffer: ArrayBufferLike = noBytes.buffer;

function viewOf(buffer: ArrayBufferLike): DataView {
  if (buffer === lastBuffer) return lastView;
  const view = new DataView(buffer);
  if (buffer.byteLength <= MOST_KEPT_BYTES) {
    lastView = view;
    lastBuffer = buffer;
  }
  return view;
}

const noView: DataView = lastView;

export class ByteReader {
  /** After reading: just behind it. */
  offset = 0;
  protected source: Buffer = noBytes;
  /** Of the whole buffer that the bytes lie in, from `base` on. */
  protected view: DataView = noView;
  protected base = 0;
  protected end = 0;

  /** From now on these bytes are read. */
  protected open(bytes: Uint8Array, offset: number): void {
    this.source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.base = bytes.byteOffset;
    this.view = viewOf(bytes.buffer);
    this.end = bytes.length;
    this.offset = offset;
  }

  /** They are kept alive no longer. */
  protected release(): void {
    this.source = noBytes;
    this.view = noView;
  }

  byte(): number {
    const at = this.offset;
    if (at >= this.end) this.truncated();
    this.offset = at + 1;
    return this.source[at] as number;
  }

  uint16(): number {
    const at = this.skip(2);
    return ((this.source[at] as number) << 8) | (this.source[at + 1] as number);
  }

  uint32(): number {
    return this.int32(this.skip(4)) >>> 0;
  }

  /** The four bytes at `at`, which are there. */
  protected int32(at: number): number {
    return this.view.getInt32(this.base + at);
  }

  /** Steps over so many bytes and tells where they begin. */
  skip(length: number): number {
    const at = this.offset;
    if (length > this.end - at) this.truncated();
    this.offset = at + length;
    return at;
  }

  /** The bytes at `at`, which are there, where they lie. */
  slice(at: number, length: number): Uint8Array {
    return new Uint8Array(this.source.buffer, this.base + at, length);
  }

  /** Refuses so many bytes at least that are still to come, and do not. */
  claim(bytes: number): void {
    if (bytes > this.end - this.offset) this.truncated();
  }

  protected truncated(): never {
    return this.refuse("the bytes end within the term", this.end);
  }

  /** **Errors** `INTERLOCK_WIRE_BAD_TERM` */
  refuse(problem: string, offset: number = this.offset): never {
    throw new WireError("INTERLOCK_WIRE_BAD_TERM", `No external term at byte ${offset}: ${problem}.`, {
      offset,
      problem,
    });
  }
}
