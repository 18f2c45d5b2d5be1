/**
 * Cuts the stream of an established connection into its frames: a length in four bytes, and so many bytes. A frame of no
 * bytes is a tick and says only that the peer lives. A frame within one chunk is handed out where it lies. One that is
 * spread over several is gathered: in memory that is used again and again, or if it is large where its bytes will stay, which
 * grows with what came and not with what was claimed. Whoever reads from a socket can read straight into that memory.
 * Hot file: `bench` rows dist_*.
 */
import { WireError } from "../errors.ts";

/**
 * Takes the frame in `bytes` from `start` to `end`. `owned`: nobody else uses those bytes any more, so that values may be
 * views of them; otherwise they are the chunk's.
 */
export type FrameSink = (bytes: Buffer, start: number, end: number, owned: boolean) => void;

/** Where the bytes of large frames belong. */
export interface Placement {
  /** How many of a frame's first bytes tell that. */
  readonly openingBytes: number;
  /** The memory for all of it but its opening, `restBytes` long, or undefined: as any other frame. */
  place(opening: Buffer, restBytes: number): Buffer | undefined;
  /** They are there. */
  placed(opening: Buffer, rest: Buffer): void;
}

/** Frames of no more bytes are gathered in the same memory. */
const MOST_SCRATCH_BYTES = 16_384;
/** What a larger frame is given at first. */
const FIRST_BYTES = 4_194_304;
/** Fewer bytes are not worth a read of their own. */
const FEWEST_READ_BYTES = 16_384;

const noBytes = Buffer.alloc(0);

export class FrameReader {
  readonly #most: number;
  readonly #placement: Placement | undefined;
  /** The bytes of the length that have come, while it is not whole. */
  readonly #head: Buffer = Buffer.alloc(4);
  #headBytes = 0;
  #length = 0;
  /** What is being gathered: a frame, the opening of one, or the rest behind that. */
  #stage: "nothing" | "opening" | "rest" | "frame" = "nothing";
  #body: Buffer = noBytes;
  /** How much of it is there, and how much belongs there. */
  #bytes = 0;
  #wanted = 0;
  readonly #opening: Buffer;
  #scratch: Buffer = noBytes;

  constructor(mostBytes: number, placement?: Placement) {
    this.#most = mostBytes;
    this.#placement = placement;
    this.#opening = Buffer.alloc(placement?.openingBytes ?? 0);
  }

  /** Where the next bytes belong, if that is worth a read of their own; `receive` finds them there. */
  get room(): Buffer | undefined {
    if (this.#stage === "nothing" || this.#stage === "opening") return undefined;
    const end = Math.min(this.#wanted, this.#body.length);
    return end - this.#bytes < FEWEST_READ_BYTES ? undefined : this.#body.subarray(this.#bytes, end);
  }

  /** **Errors** `INTERLOCK_WIRE_LIMIT` for a frame over the limit, and whatever `sink` throws; both end the stream. */
  receive(chunk: Buffer, sink: FrameSink): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#stage !== "nothing") {
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
      } else this.#begin(length);
    }
  }

  #begin(length: number): void {
    this.#length = length;
    if (length <= MOST_SCRATCH_BYTES) {
      if (this.#scratch.length < length)
        this.#scratch = Buffer.allocUnsafeSlow(Math.min(MOST_SCRATCH_BYTES, length * 2));
      this.#expect("frame", this.#scratch, length);
    } else if (this.#opening.length > 0) this.#expect("opening", this.#opening, this.#opening.length);
    else this.#beginLarge();
  }

  #beginLarge(): void {
    this.#expect("frame", Buffer.allocUnsafeSlow(Math.min(this.#length, FIRST_BYTES)), this.#length);
  }

  #expect(stage: "opening" | "rest" | "frame", body: Buffer, wanted: number): void {
    this.#stage = stage;
    this.#body = body;
    this.#bytes = 0;
    this.#wanted = wanted;
  }

  #gather(chunk: Buffer, at: number, sink: FrameSink): number {
    const bytes = Math.min(chunk.length - at, this.#wanted - this.#bytes);
    this.#put(chunk, at, bytes);
    if (this.#bytes === this.#wanted) this.#gathered(sink);
    return at + bytes;
  }

  #put(chunk: Buffer, at: number, bytes: number): void {
    let body = this.#body;
    const end = this.#bytes + bytes;
    if (end > body.length) {
      body = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(body.length * 2, end)));
      this.#body.copy(body, 0, 0, this.#bytes);
      this.#body = body;
    }
    // Unless they were read into the room that they were given.
    if (chunk.buffer !== body.buffer || chunk.byteOffset + at !== body.byteOffset + this.#bytes)
      chunk.copy(body, this.#bytes, at, at + bytes);
    this.#bytes = end;
  }

  #gathered(sink: FrameSink): void {
    const body = this.#body;
    const stage = this.#stage;
    this.#stage = "nothing";
    this.#body = noBytes;
    switch (stage) {
      case "opening": {
        const restBytes = this.#length - body.length;
        const rest = this.#placement?.place(body, restBytes);
        if (rest !== undefined) return this.#expect("rest", rest, restBytes);
        this.#beginLarge();
        return this.#put(body, 0, body.length);
      }
      case "rest":
        return this.#placement?.placed(this.#opening, body);
      case "frame":
        return sink(body, 0, this.#length, body !== this.#scratch);
    }
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
