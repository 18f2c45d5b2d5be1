/**
 * Large messages in pieces, so that others may pass between them. The atoms and the control message are wholly in the
 * first; the pieces count down to 1; several sequences may be open at once, each with an id of its sender's choice.
 *
 *     131 69 sequence:64 fragment:64 header data       the first
 *     131 70 sequence:64 fragment:64 data              all others
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist#distribution-header-for-fragmented-messages
 */
import { WireError } from "../errors.ts";
import type { Atom } from "../term/atom.ts";
import { protocolError } from "./protocol-error.ts";

/** OTP's own: a message of more bytes is cut into pieces of so many. */
export const FRAGMENT_BYTES = 65_536;
/** Between Interlock nodes: a piece is read straight to its place, and the larger it is the more that is worth. */
export const OWN_FRAGMENT_BYTES = 2_097_152;
/** A message is given room at once for so many pieces like its first, and so many bytes; then it grows as they come. */
const MOST_CLAIMED_FRAGMENTS = 64;
const MOST_CLAIMED_BYTES = 16_777_216;
/** 131, 69 or 70, and the two numbers. */
export const FRAGMENT_HEAD_BYTES = 18;

export interface ReassemblyLimits {
  /** Of one message. */
  readonly messageBytes: number;
  /** Messages that have begun and not ended. */
  readonly sequences: number;
  /** Of all of them together. */
  readonly reassemblyBytes: number;
}

/** A message whose pieces are coming: in `bytes` from `start` to `end`. */
export interface Sequence {
  readonly atoms: readonly Atom[];
  bytes: Buffer;
  start: number;
  end: number;
  /** The number of the piece that came last. */
  fragment: bigint;
}

/** Writes what a piece begins with; returns where it ends. */
export function writeFragmentHead(
  bytes: Buffer,
  at: number,
  first: boolean,
  sequence: number,
  fragment: number,
): number {
  bytes[at] = 131;
  bytes[at + 1] = first ? 69 : 70;
  writeUInt64(bytes, at + 2, sequence);
  writeUInt64(bytes, at + 10, fragment);
  return at + FRAGMENT_HEAD_BYTES;
}

function writeUInt64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

/**
 * The receiver's side: pieces in, and the sequence when its last piece has come. Pieces may be read into memory that they
 * were given (`roomForFirst`, `roomForNext`); others are copied.
 */
export class Reassembly {
  readonly #limits: ReassemblyLimits;
  readonly #open = new Map<bigint, Sequence>();
  #bytes = 0;
  /** What the first piece of a message is being read into, with room for the others. */
  #begun: Buffer | undefined;

  constructor(limits: ReassemblyLimits) {
    this.#limits = limits;
  }

  /** Memory for so many bytes, the atoms among them, of a first piece. */
  roomForFirst(fragment: bigint, bytes: number): Buffer | undefined {
    if (bytes > MOST_CLAIMED_BYTES) return undefined;
    this.#begun = Buffer.allocUnsafeSlow(claimedBytes(fragment, bytes));
    return this.#begun.subarray(0, bytes);
  }

  /** Memory for so many bytes of the next piece of a message. What is wrong with it, `add` will say. */
  roomForNext(id: bigint, bytes: number): Buffer | undefined {
    const sequence = this.#open.get(id);
    if (sequence === undefined || bytes > MOST_CLAIMED_BYTES) return undefined;
    const end = sequence.end + bytes;
    if (end - sequence.start > this.#limits.messageBytes) return undefined;
    if (end > sequence.bytes.length) grow(sequence, end);
    return sequence.bytes.subarray(sequence.end, end);
  }

  /** A first piece. **Errors** as `add`. */
  begin(id: bigint, fragment: bigint, atoms: readonly Atom[], data: Buffer): Sequence | undefined {
    const begun = this.#begun;
    this.#begun = undefined;
    if (fragment === 0n) throw protocolError("a fragment with the number 0");
    if (this.#open.has(id)) throw protocolError(`a second beginning of the sequence ${id}`);
    if (this.#open.size >= this.#limits.sequences) throw this.#overLimit("sequences");
    const isThere = begun?.buffer === data.buffer;
    const bytes = isThere ? begun : Buffer.allocUnsafeSlow(claimedBytes(fragment, data.length));
    const start = isThere ? data.byteOffset - begun.byteOffset : 0;
    const sequence: Sequence = { atoms, bytes, start, end: start, fragment };
    this.#open.set(id, sequence);
    return this.#append(id, sequence, data);
  }

  /** **Errors** `INTERLOCK_WIRE_PROTOCOL`, `INTERLOCK_WIRE_LIMIT`. */
  add(id: bigint, fragment: bigint, data: Buffer): Sequence | undefined {
    const sequence = this.#open.get(id);
    if (sequence === undefined) throw protocolError(`a fragment of the sequence ${id}, which has no beginning`);
    if (fragment !== sequence.fragment - 1n)
      throw protocolError(`fragment ${fragment} after ${sequence.fragment} of the sequence ${id}`);
    sequence.fragment = fragment;
    return this.#append(id, sequence, data);
  }

  #append(id: bigint, sequence: Sequence, data: Buffer): Sequence | undefined {
    const end = sequence.end + data.length;
    this.#bytes += data.length;
    if (end - sequence.start > this.#limits.messageBytes) throw this.#overLimit("messageBytes");
    if (this.#bytes > this.#limits.reassemblyBytes) throw this.#overLimit("reassemblyBytes");
    if (end > sequence.bytes.length) grow(sequence, end);
    const { bytes } = sequence;
    if (data.buffer !== bytes.buffer || data.byteOffset !== bytes.byteOffset + sequence.end)
      bytes.set(data, sequence.end);
    sequence.end = end;
    if (sequence.fragment > 1n) return undefined;
    this.#open.delete(id);
    this.#bytes -= end - sequence.start;
    return sequence;
  }

  #overLimit(limit: keyof ReassemblyLimits): WireError<"INTERLOCK_WIRE_LIMIT"> {
    const most = this.#limits[limit];
    return new WireError(
      "INTERLOCK_WIRE_LIMIT",
      `The fragments of a connection are over its limit ${limit} (${most}).`,
      {
        limit,
        most,
      },
    );
  }
}

/** Room for a message with a first piece of so many bytes: in proportion to what has come. */
function claimedBytes(fragment: bigint, firstBytes: number): number {
  const fragments = Math.min(Number(fragment), MOST_CLAIMED_FRAGMENTS);
  return Math.max(firstBytes, Math.min(firstBytes * fragments, MOST_CLAIMED_BYTES));
}

function grow(sequence: Sequence, end: number): void {
  const grown = Buffer.allocUnsafeSlow(Math.max(end, sequence.bytes.length * 2));
  sequence.bytes.copy(grown, 0, 0, sequence.end);
  sequence.bytes = grown;
}
