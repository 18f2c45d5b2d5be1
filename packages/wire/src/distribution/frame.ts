/**
 * Cuts the stream of an established connection into its frames: a length in four bytes, and so many bytes. A frame of no
 * bytes is a tick and says only that the peer lives. A frame within one chunk is handed out where it lies. One that is
 * spread over several is gathered: in memory that is used again and again, or if it is large in a buffer of its own,
 * which grows with what came and not with what was claimed.
 * Hot file: `bench` rows dist_*.
 */
import { WireError } from "../errors.ts";

/**
 * Takes the frame in `bytes` from `start` to `end`. `owned`: nobody else uses those bytes any more, so that values may be
 * views of them; otherwise they are the chunk's.
 */
export type FrameSink = (bytes: Buffer, start: number, end: number, owned: boolean) => void;

/** Frames of no more bytes are gathered in the same memory: those of OTP's fragments are among them. */
const MOST_SCRATCH_BYTES = 131_072;
/** What a larger frame is given at first. */
const FIRST_BYTES = 1_048_576;

export class FrameReader {
  readonly #most: number;
  /** The bytes of the length that have come, while it is not whole. */
  readonly #head: Buffer = Buffer.alloc(4);
  #headBytes = 0;
  #scratch: Buffer = Buffer.alloc(0);
  /** The frame that is being gathered, and how much of it is there. */
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #length = 0;

  constructor(mostBytes: number) {
    this.#most = mostBytes;
  }

  /** **Errors** `INTERLOCK_WIRE_LIMIT` for a frame over the limit, and whatever `sink` throws; both end the stream. */
  receive(chunk: Buffer, sink: FrameSink): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#body !== undefined) {
        at = this.#gather(chunk, at, sink);
        continue;
      }
      let length: number;
      if (this.#headBytes === 0 && end - at >= 4) {
        length = readUInt32(chunk, at);
        at += 4;
      } else {
        const copied = chunk.copy(this.#head, this.#headBytes, at);
        at += copied;
        this.#headBytes += copied;
        if (this.#headBytes < 4) return;
        this.#headBytes = 0;
        length = readUInt32(this.#head, 0);
      }
      if (length === 0) continue;
      if (length > this.#most) throw this.#tooLong();
      if (length <= end - at) {
        sink(chunk, at, at + length, false);
        at += length;
      } else {
        this.#length = length;
        this.#bodyBytes = 0;
        this.#body = length > MOST_SCRATCH_BYTES ? Buffer.allocUnsafeSlow(Math.min(length, FIRST_BYTES)) : this.#room();
      }
    }
  }

  /** The scratch, at least so large that the frame fits. */
  #room(): Buffer {
    if (this.#scratch.length < this.#length)
      this.#scratch = Buffer.allocUnsafeSlow(Math.min(MOST_SCRATCH_BYTES, this.#length * 2));
    return this.#scratch;
  }

  #gather(chunk: Buffer, at: number, sink: FrameSink): number {
    const take = Math.min(chunk.length - at, this.#length - this.#bodyBytes);
    let body = this.#body as Buffer;
    if (this.#bodyBytes + take > body.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(body.length * 2, this.#bodyBytes + take)));
      body.copy(grown, 0, 0, this.#bodyBytes);
      this.#body = body = grown;
    }
    chunk.copy(body, this.#bodyBytes, at, at + take);
    this.#bodyBytes += take;
    if (this.#bodyBytes === this.#length) {
      this.#body = undefined;
      sink(body, 0, this.#length, body !== this.#scratch);
    }
    return at + take;
  }

  #tooLong(): WireError<"INTERLOCK_WIRE_LIMIT"> {
    const most = this.#most;
    return new WireError("INTERLOCK_WIRE_LIMIT", `A frame has at most ${most} bytes (limit frameBytes).`, {
      limit: "frameBytes",
      most,
    });
  }
}

function readUInt32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
