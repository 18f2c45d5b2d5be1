/**
 * Messages to frames, in the form that both sides can read. What is small gathers in a slab, what is large leaves as it
 * is; a message that could not be written whole leaves no trace, neither there nor in the atom cache. The frames are drawn
 * in connection.ts. Hot file: `bench` rows dist_*.
 */
import { WireError } from "../errors.ts";
import type { Atom } from "../term/atom.ts";
import type { Identities } from "../term/erlang.ts";
import type { TermLimits } from "../term/limits.ts";
import { type Profile, TermWriter } from "../term/writer.ts";
import { AtomCacheSender } from "./atom-cache.ts";
import { type ControlMessage, hasPayload } from "./control-message.ts";
import { writeControl } from "./control-writer.ts";
import {
  ALTACT_SIG,
  DIST_HDR_ATOM_CACHE,
  EXIT_PAYLOAD,
  FRAGMENTS,
  INTERLOCK,
  NATIVE_RECORDS,
  SEND_SENDER,
} from "./flags.ts";
import { FRAGMENT_BYTES, FRAGMENT_HEAD_BYTES, OWN_FRAGMENT_BYTES, writeFragmentHead } from "./fragment.ts";
import { headerBytes, writeHeader } from "./header.ts";

const PASS_THROUGH = 112;
const VERSION = 131;
const HEADER = 68;

const SLAB_BYTES = 65_536;
/** Terms of more bytes leave as they are; fewer are copied together with their neighbours. */
const MOST_COPIED_BYTES = 16_384;

const noBytes = Buffer.alloc(0);

export class MessageWriter {
  readonly #flags: bigint;
  readonly #oldForms: boolean;
  readonly #alternative: boolean;
  readonly #cache: AtomCacheSender | undefined;
  /** A message of more bytes goes in fragments of so many. */
  readonly #fragmentBytes: number;
  readonly #natural: TermWriter;
  readonly #exact: TermWriter;
  #encoding = false;
  #sequence = 0;
  #chunks: Uint8Array[] = [];
  #slab: Buffer = noBytes;
  /** What stands in the slab from here to `#end` is in no chunk yet. */
  #start = 0;
  #end = 0;
  /** Bytes that are written and not taken yet. */
  pendingBytes = 0;

  constructor(flags: bigint, identities: Identities | undefined, limits: Partial<TermLimits> | undefined) {
    this.#flags = flags;
    this.#alternative = (flags & ALTACT_SIG) !== 0n;
    this.#oldForms = (flags & SEND_SENDER) === 0n || (flags & EXIT_PAYLOAD) === 0n || !this.#alternative;
    const cache = (flags & DIST_HDR_ATOM_CACHE) === 0n ? undefined : new AtomCacheSender();
    this.#cache = cache;
    const own = (flags & INTERLOCK) !== 0n;
    if (cache === undefined || (flags & FRAGMENTS) === 0n) this.#fragmentBytes = Number.POSITIVE_INFINITY;
    else this.#fragmentBytes = own ? OWN_FRAGMENT_BYTES : FRAGMENT_BYTES;
    const options = {
      identities,
      limits,
      atomReference: cache === undefined ? undefined : (atom: Atom): number => cache.reference(atom),
      gather: true,
      records: (flags & NATIVE_RECORDS) !== 0n,
    };
    this.#exact = new TermWriter({ profile: "exact", ...options });
    this.#natural = own ? new TermWriter({ profile: "natural", marks: true, ...options }) : this.#exact;
  }

  /** **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT`; then nothing of it will be sent. */
  write(control: ControlMessage, payload: unknown, profile: Profile): void {
    if (this.#encoding) throw sendsWhileSending();
    if (this.#oldForms) this.#writeOldForm(control, payload, profile);
    else this.#write(control, payload, profile);
  }

  take(): Uint8Array[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.pendingBytes = 0;
    return chunks;
  }

  /** For a peer that does not know SEND_SENDER, reasons behind the tuple, or ALTACT_SIG_SEND. */
  #writeOldForm(control: ControlMessage, payload: unknown, profile: Profile): void {
    // It has no older form: OTP lets it fall as well.
    if (control.type === "ALIAS_EXIT2" && !this.#alternative) return;
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
      writeControl(writer, control, this.#alternative);
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
      this.#slab[this.#end++] = PASS_THROUGH;
      this.#append(writer);
      return;
    }
    // Without a payload all of it is the control message, which fits into the first fragment whatever its size.
    const firstBytes = Math.max(this.#fragmentBytes, controlBytes);
    if (writer.length > firstBytes) this.#writeFragments(cache, writer, firstBytes);
    else {
      const head = headerBytes(cache);
      this.#begin(2 + head + writer.length, 2 + head);
      const slab = this.#slab;
      slab[this.#end] = VERSION;
      slab[this.#end + 1] = HEADER;
      this.#end = writeHeader(cache, slab, this.#end + 2);
      this.#append(writer);
    }
    cache.commit();
  }

  #writeFragments(cache: AtomCacheSender, writer: TermWriter, firstBytes: number): void {
    const { length } = writer;
    const most = this.#fragmentBytes;
    const parts = writer.takeParts();
    const sequence = ++this.#sequence;
    let fragment = 1 + Math.ceil((length - firstBytes) / most);
    let left = length;
    while (fragment > 0) {
      const isFirst = left === length;
      const bytes = Math.min(isFirst ? firstBytes : most, left);
      const head = FRAGMENT_HEAD_BYTES + (isFirst ? headerBytes(cache) : 0);
      this.#begin(head + bytes, head);
      this.#end = writeFragmentHead(this.#slab, this.#end, isFirst, sequence, fragment);
      if (isFirst) this.#end = writeHeader(cache, this.#slab, this.#end);
      this.#pushFirst(parts, bytes);
      left -= bytes;
      fragment--;
    }
  }

  /** Moves so many bytes from the beginning of `parts` into the chunks. */
  #pushFirst(parts: Uint8Array[], bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const [part] = parts as [Uint8Array];
      const data = part.length <= left ? part : part.subarray(0, left);
      this.#push(data);
      left -= data.length;
      if (data === part) parts.shift();
      else parts[0] = part.subarray(data.length);
    }
  }

  /** Begins a frame of so many bytes, of which `here` are going to be written into the slab. */
  #begin(length: number, here = 1): void {
    const room = 4 + here + MOST_COPIED_BYTES;
    if (this.#end + room > this.#slab.length) {
      this.#cut();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, room));
      this.#start = this.#end = 0;
    }
    const slab = this.#slab;
    const at = this.#end;
    slab[at] = length >>> 24;
    slab[at + 1] = length >>> 16;
    slab[at + 2] = length >>> 8;
    slab[at + 3] = length;
    this.#end = at + 4;
    this.pendingBytes += 4 + length;
  }

  /** The terms: copied behind the rest when they are small, else as they are. */
  #append(writer: TermWriter): void {
    if (writer.length > MOST_COPIED_BYTES) {
      for (const part of writer.takeParts()) this.#push(part);
      return;
    }
    const { bytes } = writer;
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
    writer.reset();
  }

  #push(bytes: Uint8Array): void {
    this.#cut();
    this.#chunks.push(bytes);
  }

  /** What stands in the slab is a chunk now; nothing writes there again. */
  #cut(): void {
    if (this.#end > this.#start) this.#chunks.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

function sendsWhileSending(): WireError<"INTERLOCK_WIRE_UNENCODABLE"> {
  const got = "a getter that sends to the node that its object is being sent to";
  return new WireError("INTERLOCK_WIRE_UNENCODABLE", `No external form: got ${got}.`, { path: "", got });
}
