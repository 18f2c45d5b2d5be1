/**
 * Frames to messages. Owns the receiver's atom cache, the fragments of messages that are not whole yet, and where the
 * payload of the message at hand stands until its receiver says in which profile it wants it. The frames are drawn in
 * connection.ts. Hot file: `bench` rows dist_*.
 */
import type { Atom } from "../term/atom.ts";
import type { Identities } from "../term/erlang.ts";
import { defaultLimits, type TermLimits } from "../term/limits.ts";
import { TermReader } from "../term/reader.ts";
import type { Profile } from "../term/writer.ts";
import { type ControlMessage, hasPayload } from "./control-message.ts";
import { ControlReader } from "./control-reader.ts";
import { INTERLOCK } from "./flags.ts";
import { FRAGMENT_HEAD_BYTES, Reassembly, type ReassemblyLimits, type Sequence } from "./fragment.ts";
import { FrameReader, type Placement } from "./frame.ts";
import { HeaderReader, MOST_HEADER_BYTES } from "./header.ts";
import { protocolError } from "./protocol-error.ts";

/**
 * The payload of the message at hand, in the profile that its receiver wants. It is read when it is asked for, and only
 * until the sink that got it returns.
 *
 * **Errors** `INTERLOCK_WIRE_BAD_TERM`, `INTERLOCK_WIRE_LIMIT`, `INTERLOCK_WIRE_PROTOCOL`.
 */
export type Payload = (profile: Profile) => unknown;

export type MessageSink = (control: ControlMessage, payload: Payload) => void;

const PASS_THROUGH = 112;
const VERSION = 131;
const HEADER = 68;
const FIRST_FRAGMENT = 69;
const FRAGMENT = 70;

/** What may stand before a payload that is as large as allowed: a header and a control message. */
const OVERHEAD_BYTES = MOST_HEADER_BYTES + 1_048_576;

const noBytes = Buffer.alloc(0);
const noAtoms: readonly Atom[] = [];

export class MessageReader implements Placement {
  readonly openingBytes: number = FRAGMENT_HEAD_BYTES;
  readonly #frames: FrameReader;
  readonly #header = new HeaderReader();
  readonly #reassembly: Reassembly;
  readonly #controls: ControlReader;
  readonly #controlTerms: TermReader;
  readonly #readers: Record<Profile, TermReader>;
  /** For bytes that are ours: large binaries are views of them. */
  readonly #ownedReaders: Record<Profile, TermReader>;
  #sink: MessageSink | undefined;
  #bytes: Buffer = noBytes;
  #at = 0;
  #end = 0;
  #owned = false;
  #atoms: readonly Atom[] = noAtoms;

  constructor(
    flags: bigint,
    identities: Identities | undefined,
    limits: Partial<TermLimits & ReassemblyLimits> | undefined,
  ) {
    const messageBytes = limits?.messageBytes ?? (limits?.sizeBytes ?? defaultLimits.sizeBytes) + OVERHEAD_BYTES;
    this.#frames = new FrameReader(messageBytes, this);
    this.#reassembly = new Reassembly({
      messageBytes,
      sequences: limits?.sequences ?? 4_096,
      reassemblyBytes: limits?.reassemblyBytes ?? messageBytes * 4,
    });
    const marks = (flags & INTERLOCK) !== 0n;
    const reader = (profile: Profile, viewFromBytes?: number): TermReader =>
      new TermReader({ profile, identities, limits, marks: marks && profile === "natural", viewFromBytes });
    const copying = Number.POSITIVE_INFINITY;
    this.#controlTerms = reader("exact", copying);
    this.#controls = new ControlReader(this.#controlTerms);
    this.#readers = { natural: reader("natural", copying), exact: reader("exact", copying) };
    this.#ownedReaders = { natural: reader("natural"), exact: reader("exact") };
  }

  get room(): Uint8Array | undefined {
    return this.#frames.room;
  }

  receive(chunk: Uint8Array, sink: MessageSink): void {
    this.#sink = sink;
    try {
      this.#frames.receive(asBuffer(chunk), this.#onFrame);
    } finally {
      this.#sink = undefined;
      this.#bytes = noBytes;
    }
  }

  readonly #onFrame = (bytes: Buffer, start: number, end: number, owned: boolean): void => {
    const tag = bytes[start];
    if (tag === PASS_THROUGH) return this.#onPlain(bytes, start + 1, end, owned);
    if (tag !== VERSION || end - start < 2) throw protocolError(`a frame that begins with ${tag}`);
    switch (bytes[start + 1]) {
      case HEADER: {
        const at = this.#header.read(bytes, start + 2, end);
        return this.#onTerms(bytes, at, end, owned, this.#header.atoms);
      }
      case FIRST_FRAGMENT:
      case FRAGMENT:
        return this.#onFragment(bytes, start, end);
      default:
        throw protocolError(`a frame that begins with 131, ${bytes[start + 1]}`);
    }
  };

  #onPlain(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (start >= end || bytes[start] !== VERSION) throw protocolError("a control message without the version 131");
    const control = this.#control(bytes, start + 1, noAtoms);
    const at = this.#controlTerms.offset;
    if (!hasPayload(control)) return this.#deliver(control, bytes, at, end, owned, noAtoms);
    if (at >= end || bytes[at] !== VERSION) throw protocolError("a message without the version 131");
    this.#deliver(control, bytes, at + 1, end, owned, noAtoms);
  }

  #onTerms(bytes: Buffer, start: number, end: number, owned: boolean, atoms: readonly Atom[]): void {
    const control = this.#control(bytes, start, atoms);
    this.#deliver(control, bytes, this.#controlTerms.offset, end, owned, atoms);
  }

  #onFragment(bytes: Buffer, start: number, end: number): void {
    const at = start + FRAGMENT_HEAD_BYTES;
    if (at > end) throw protocolError("a fragment that ends too early");
    this.#onPiece(bytes, start, bytes.subarray(at, end));
  }

  /** The pieces of large messages are read straight to where the message is put together. */
  place(opening: Buffer, restBytes: number): Buffer | undefined {
    if (opening[0] !== VERSION) return undefined;
    if (opening[1] === FRAGMENT) return this.#reassembly.roomForNext(opening.readBigUInt64BE(2), restBytes);
    if (opening[1] !== FIRST_FRAGMENT) return undefined;
    return this.#reassembly.roomForFirst(opening.readBigUInt64BE(10), restBytes);
  }

  placed(opening: Buffer, rest: Buffer): void {
    this.#onPiece(opening, 0, rest);
  }

  /** A fragment: what it begins with stands in `head` from `start` on, and the rest in `body`. */
  #onPiece(head: Buffer, start: number, body: Buffer): void {
    const id = head.readBigUInt64BE(start + 2);
    const fragment = head.readBigUInt64BE(start + 10);
    let sequence: Sequence | undefined;
    if (head[start + 1] === FIRST_FRAGMENT) {
      // The next message may change the slots: what this one means by its references is settled now.
      const data = this.#header.read(body, 0, body.length);
      sequence = this.#reassembly.begin(id, fragment, this.#header.takeAtoms(), body.subarray(data));
    } else sequence = this.#reassembly.add(id, fragment, body);
    if (sequence !== undefined) this.#onTerms(sequence.bytes, sequence.start, sequence.end, true, sequence.atoms);
  }

  #control(bytes: Buffer, start: number, atoms: readonly Atom[]): ControlMessage {
    this.#controlTerms.atomTable = atoms;
    return this.#controls.read(bytes, start);
  }

  #deliver(
    control: ControlMessage,
    bytes: Buffer,
    at: number,
    end: number,
    owned: boolean,
    atoms: readonly Atom[],
  ): void {
    // The buffer may go on behind the frame: a control message that did so ends behind the end.
    if (hasPayload(control)) {
      if (at >= end) throw protocolError(`${control.type} without its payload`);
    } else if (at !== end) throw protocolError(`bytes behind the end of ${control.type}`);
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#owned = owned;
    this.#atoms = atoms;
    this.#sink?.(control, this.#payload);
    this.#bytes = noBytes;
  }

  readonly #payload: Payload = (profile) => {
    const reader = (this.#owned ? this.#ownedReaders : this.#readers)[profile];
    const end = this.#end;
    reader.atomTable = this.#atoms;
    const value = reader.read(this.#bytes, this.#at);
    if (reader.offset !== end) throw protocolError("bytes behind the end of a message, or too few of them");
    return value;
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
