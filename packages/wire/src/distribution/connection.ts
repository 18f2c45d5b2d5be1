/**
 * An established connection as a value: bytes in, control messages with their payloads out, and the other way round. Owns
 * the two atom caches, the fragments and what is written and not yet taken; no socket, no clock. What is thrown while
 * receiving ends the connection; what is thrown while sending leaves it as it was. Hot file: `bench` rows dist_*.
 *
 *     length:32 | 112 131 control (131 payload)                                             without an atom cache
 *               | 131 68 header control (payload)                                           with it
 *               | 131 69 sequence:64 fragment:64 header control (payload…                   in fragments
 *               | 131 70 sequence:64 fragment:64 …payload)
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#protocol-between-connected-nodes
 */
import { WireError } from "../errors.ts";
import type { Atom } from "../term/atom.ts";
import type { Identities } from "../term/erlang.ts";
import { defaultLimits, type TermLimits } from "../term/limits.ts";
import { TermReader } from "../term/reader.ts";
import { type Profile, TermWriter } from "../term/writer.ts";
import { AtomCacheSender } from "./atom-cache.ts";
import { type ControlMessage, hasPayload } from "./control-message.ts";
import { ControlReader } from "./control-reader.ts";
import { writeControl } from "./control-writer.ts";
import { DIST_HDR_ATOM_CACHE, EXIT_PAYLOAD, FRAGMENTS, INTERLOCK, SEND_SENDER } from "./flags.ts";
import {
  FRAGMENT_BYTES,
  FRAGMENT_HEAD_BYTES,
  Reassembly,
  type ReassemblyLimits,
  writeFragmentHead,
} from "./fragment.ts";
import { FrameReader } from "./frame.ts";
import { HeaderReader, headerBytes, MOST_HEADER_BYTES, writeHeader } from "./header.ts";
import { protocolError } from "./protocol-error.ts";

export interface ConnectionOptions {
  /** What both sides can do, as the handshake has found. */
  readonly flags: bigint;
  readonly identities?: Identities | undefined;
  readonly limits?: Partial<TermLimits & ReassemblyLimits> | undefined;
}

/**
 * The payload of the message at hand, in the profile that its receiver wants. It is read when it is asked for, and only
 * until the sink that got it returns.
 *
 * **Errors** `INTERLOCK_WIRE_BAD_TERM`, `INTERLOCK_WIRE_LIMIT`, `INTERLOCK_WIRE_PROTOCOL`.
 */
export type Payload = (profile: Profile) => unknown;

export type MessageSink = (control: ControlMessage, payload: Payload) => void;

/** Two terms, one of them as large as allowed, and what stands before them. */
const FRAME_OVERHEAD_BYTES = MOST_HEADER_BYTES + 1_048_576;

const PASS_THROUGH = 112;
const VERSION = 131;
const HEADER = 68;
const FIRST_FRAGMENT = 69;
const FRAGMENT = 70;

const SLAB_BYTES = 65_536;
/** Terms of more bytes leave as they are; fewer are copied together with their neighbours. */
const MOST_COPIED_BYTES = 16_384;

const noBytes = Buffer.alloc(0);
const tickBytes = Buffer.alloc(4);
const noAtoms: readonly Atom[] = [];

export class Connection {
  readonly #flags: bigint;
  readonly #oldForms: boolean;

  // Sending
  readonly #cache: AtomCacheSender | undefined;
  readonly #fragments: boolean;
  readonly #natural: TermWriter;
  readonly #exact: TermWriter;
  #encoding = false;
  #sequence = 0;
  #chunks: Uint8Array[] = [];
  #out: Buffer = noBytes;
  #outStart = 0;
  #outEnd = 0;
  #outBytes = 0;

  // Receiving
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

  constructor({ flags, identities, limits }: ConnectionOptions) {
    this.#flags = flags;
    this.#oldForms = (flags & SEND_SENDER) === 0n || (flags & EXIT_PAYLOAD) === 0n;
    this.#cache = (flags & DIST_HDR_ATOM_CACHE) === 0n ? undefined : new AtomCacheSender();
    this.#fragments = this.#cache !== undefined && (flags & FRAGMENTS) !== 0n;

    const cache = this.#cache;
    const atomReference = cache === undefined ? undefined : (atom: Atom): number => cache.reference(atom);
    const marks = (flags & INTERLOCK) !== 0n;
    this.#exact = new TermWriter({ profile: "exact", identities, limits, atomReference });
    this.#natural = marks
      ? new TermWriter({ profile: "natural", identities, limits, atomReference, marks })
      : this.#exact;

    const messageBytes = limits?.messageBytes ?? (limits?.sizeBytes ?? defaultLimits.sizeBytes) + FRAME_OVERHEAD_BYTES;
    this.#frames = new FrameReader(messageBytes);
    this.#reassembly = new Reassembly({
      messageBytes,
      sequences: limits?.sequences ?? 4_096,
      reassemblyBytes: limits?.reassemblyBytes ?? messageBytes * 4,
    });
    const reader = (profile: Profile, viewFromBytes?: number): TermReader =>
      new TermReader({ profile, identities, limits, marks: marks && profile === "natural", viewFromBytes });
    this.#controlTerms = reader("exact", Number.POSITIVE_INFINITY);
    this.#controls = new ControlReader(this.#controlTerms);
    this.#readers = {
      natural: reader("natural", Number.POSITIVE_INFINITY),
      exact: reader("exact", Number.POSITIVE_INFINITY),
    };
    this.#ownedReaders = { natural: reader("natural"), exact: reader("exact") };
  }

  /** Bytes that are written and not taken yet. */
  get pendingBytes(): number {
    return this.#outBytes;
  }

  /**
   * Writes a message; `take` hands it out together with all that was written since the last time.
   *
   * **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT`; then nothing of it will be sent.
   */
  write(control: ControlMessage, payload?: unknown, profile: Profile = "natural"): void {
    if (this.#encoding) throw sendsWhileSending();
    if (this.#oldForms) return this.#writeOldForm(control, payload, profile);
    this.#write(control, payload, profile);
  }

  /** What was written since the last time, in as few chunks as go without copying what is large. */
  take(): Uint8Array[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#outBytes = 0;
    return chunks;
  }

  /** `write` and `take` in one: the bytes of one message. */
  send(control: ControlMessage, payload?: unknown, profile: Profile = "natural"): Uint8Array[] {
    this.write(control, payload, profile);
    return this.take();
  }

  /** What is sent when there is nothing to send. */
  tick(): Uint8Array {
    return tickBytes;
  }

  /**
   * Takes bytes of the peer, and calls `sink` for every message that they complete. They may be written over once this
   * returns.
   *
   * **Errors** WireError for bytes that are no protocol, and whatever `sink` throws. Either is the end of the connection.
   */
  receive(chunk: Uint8Array, sink: MessageSink): void {
    this.#sink = sink;
    try {
      this.#frames.receive(asBuffer(chunk), this.#onFrame);
    } finally {
      this.#sink = undefined;
      this.#bytes = noBytes;
    }
  }

  // Sending

  /** For a peer that does not know SEND_SENDER, or reasons behind the tuple. */
  #writeOldForm(control: ControlMessage, payload: unknown, profile: Profile): void {
    if ((this.#flags & SEND_SENDER) === 0n && control.type === "SEND_SENDER")
      return this.#write({ type: "SEND", to: control.to, token: control.token }, payload, profile);
    if ((this.#flags & EXIT_PAYLOAD) === 0n) {
      switch (control.type) {
        case "PAYLOAD_EXIT":
          return this.#write({ ...control, type: "EXIT", reason: payload }, undefined, profile);
        case "PAYLOAD_EXIT2":
          return this.#write({ ...control, type: "EXIT2", reason: payload }, undefined, profile);
        case "PAYLOAD_MONITOR_P_EXIT":
          return this.#write({ ...control, type: "MONITOR_P_EXIT", reason: payload }, undefined, profile);
      }
    }
    this.#write(control, payload, profile);
  }

  #write(control: ControlMessage, payload: unknown, profile: Profile): void {
    const writer = profile === "natural" ? this.#natural : this.#exact;
    const cache = this.#cache;
    this.#encoding = true;
    let controlBytes: number;
    try {
      if (cache === undefined) writer.byte(VERSION);
      writeControl(writer, control);
      controlBytes = writer.length;
      if (hasPayload(control)) {
        if (cache === undefined) writer.byte(VERSION);
        writer.term(payload);
      }
    } catch (error) {
      writer.reset();
      cache?.rollback();
      throw error;
    } finally {
      this.#encoding = false;
    }
    if (cache === undefined) {
      this.#begin(1 + writer.length);
      this.#out[this.#outEnd++] = PASS_THROUGH;
      this.#append(writer);
      return;
    }
    // Without a payload all of it is the control message, which fits into the first fragment whatever its size.
    if (this.#fragments && writer.length > Math.max(FRAGMENT_BYTES, controlBytes))
      this.#writeFragments(cache, writer, Math.max(FRAGMENT_BYTES, controlBytes));
    else {
      const head = headerBytes(cache);
      this.#begin(2 + head + writer.length, 2 + head);
      const out = this.#out;
      out[this.#outEnd] = VERSION;
      out[this.#outEnd + 1] = HEADER;
      this.#outEnd = writeHeader(cache, out, this.#outEnd + 2);
      this.#append(writer);
    }
    cache.commit();
  }

  #writeFragments(cache: AtomCacheSender, writer: TermWriter, firstBytes: number): void {
    const bytes = writer.take();
    const sequence = ++this.#sequence;
    let fragment = 1 + Math.ceil((bytes.length - firstBytes) / FRAGMENT_BYTES);
    let at = 0;
    while (fragment > 0) {
      const data = bytes.subarray(at, at + (at === 0 ? firstBytes : FRAGMENT_BYTES));
      const head = FRAGMENT_HEAD_BYTES + (at === 0 ? headerBytes(cache) : 0);
      this.#begin(head + data.length, head);
      this.#outEnd = writeFragmentHead(this.#out, this.#outEnd, at === 0, sequence, fragment);
      if (at === 0) this.#outEnd = writeHeader(cache, this.#out, this.#outEnd);
      this.#push(data);
      at += data.length;
      fragment--;
    }
  }

  /** Begins a frame of so many bytes, of which `here` are going to be written into the slab. */
  #begin(length: number, here = 1): void {
    const room = 4 + here + MOST_COPIED_BYTES;
    if (this.#outEnd + room > this.#out.length) {
      this.#cut();
      this.#out = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, room));
      this.#outStart = this.#outEnd = 0;
    }
    const out = this.#out;
    const at = this.#outEnd;
    out[at] = length >>> 24;
    out[at + 1] = length >>> 16;
    out[at + 2] = length >>> 8;
    out[at + 3] = length;
    this.#outEnd = at + 4;
    this.#outBytes += 4 + length;
  }

  /** The terms: copied behind the rest when they are small, else as they are. */
  #append(writer: TermWriter): void {
    if (writer.length > MOST_COPIED_BYTES) return this.#push(writer.take());
    const { bytes } = writer;
    this.#out.set(bytes, this.#outEnd);
    this.#outEnd += bytes.length;
    writer.reset();
  }

  #push(bytes: Uint8Array): void {
    this.#cut();
    this.#chunks.push(bytes);
  }

  /** What stands in the slab is a chunk now; nothing writes there again. */
  #cut(): void {
    if (this.#outEnd > this.#outStart) this.#chunks.push(this.#out.subarray(this.#outStart, this.#outEnd));
    this.#outStart = this.#outEnd;
  }

  // Receiving

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
    const control = this.#control(bytes, start + 1, end, noAtoms);
    const at = this.#controlTerms.offset;
    if (!hasPayload(control)) return this.#deliver(control, bytes, at, end, owned, noAtoms);
    if (at >= end || bytes[at] !== VERSION) throw protocolError("a message without the version 131");
    this.#deliver(control, bytes, at + 1, end, owned, noAtoms);
  }

  #onTerms(bytes: Buffer, start: number, end: number, owned: boolean, atoms: readonly Atom[]): void {
    const control = this.#control(bytes, start, end, atoms);
    this.#deliver(control, bytes, this.#controlTerms.offset, end, owned, atoms);
  }

  #onFragment(bytes: Buffer, start: number, end: number): void {
    const at = start + FRAGMENT_HEAD_BYTES;
    if (at > end) throw protocolError("a fragment that ends too early");
    const id = bytes.readBigUInt64BE(start + 2);
    const fragment = bytes.readBigUInt64BE(start + 10);
    let sequence: ReturnType<Reassembly["add"]>;
    if (bytes[start + 1] === FIRST_FRAGMENT) {
      // The next message may change the slots: what this one means by its references is settled now.
      const data = this.#header.read(bytes, at, end);
      sequence = this.#reassembly.begin(id, fragment, this.#header.takeAtoms(), bytes.subarray(data, end));
    } else sequence = this.#reassembly.add(id, fragment, bytes.subarray(at, end));
    if (sequence !== undefined) this.#onTerms(sequence.bytes, 0, sequence.length, true, sequence.atoms);
  }

  #control(bytes: Buffer, start: number, end: number, atoms: readonly Atom[]): ControlMessage {
    this.#controlTerms.atomTable = atoms;
    const control = this.#controls.read(bytes, start);
    // The buffer may go on behind the frame; what was read from there is nobody's.
    if (this.#controlTerms.offset > end) throw protocolError("a control message that ends too early");
    return control;
  }

  #deliver(
    control: ControlMessage,
    bytes: Buffer,
    at: number,
    end: number,
    owned: boolean,
    atoms: readonly Atom[],
  ): void {
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

function sendsWhileSending(): WireError<"INTERLOCK_WIRE_UNENCODABLE"> {
  const got = "a getter that sends to the node that its object is being sent to";
  return new WireError("INTERLOCK_WIRE_UNENCODABLE", `No external form: got ${got}.`, { path: "", got });
}
