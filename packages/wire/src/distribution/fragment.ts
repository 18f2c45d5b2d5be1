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
/** A message is given room for all its pieces at once, up to so many bytes; from there on it grows as they come. */
const MOST_CLAIMED_BYTES = 1_048_576;
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

/** A message whose pieces are coming. */
export interface Sequence {
  readonly atoms: readonly Atom[];
  bytes: Buffer;
  length: number;
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

/** The receiver's side: pieces in, and the sequence when its last piece has come. */
export class Reassembly {
  readonly #limits: ReassemblyLimits;
  readonly #open = new Map<bigint, Sequence>();
  #bytes = 0;

  constructor(limits: ReassemblyLimits) {
    this.#limits = limits;
  }

  /** A first piece, whose data is in `bytes` from `start` to `end`. **Errors** as `add`. */
  begin(id: bigint, fragment: bigint, atoms: readonly Atom[], data: Uint8Array): Sequence | undefined {
    if (fragment === 0n) throw protocolError("a fragment with the number 0");
    if (this.#open.has(id)) throw protocolError(`a second beginning of the sequence ${id}`);
    if (this.#open.size >= this.#limits.sequences) throw this.#overLimit("sequences");
    const claimed = data.length + (Number(fragment) - 1) * FRAGMENT_BYTES;
    const bytes = Buffer.allocUnsafeSlow(Math.min(claimed, MOST_CLAIMED_BYTES));
    const sequence: Sequence = { atoms, bytes, length: 0, fragment };
    this.#open.set(id, sequence);
    return this.#append(id, sequence, data);
  }

  /** **Errors** `INTERLOCK_WIRE_PROTOCOL`, `INTERLOCK_WIRE_LIMIT`. */
  add(id: bigint, fragment: bigint, data: Uint8Array): Sequence | undefined {
    const sequence = this.#open.get(id);
    if (sequence === undefined) throw protocolError(`a fragment of the sequence ${id}, which has no beginning`);
    if (fragment !== sequence.fragment - 1n)
      throw protocolError(`fragment ${fragment} after ${sequence.fragment} of the sequence ${id}`);
    sequence.fragment = fragment;
    return this.#append(id, sequence, data);
  }

  #append(id: bigint, sequence: Sequence, data: Uint8Array): Sequence | undefined {
    const length = sequence.length + data.length;
    this.#bytes += data.length;
    if (length > this.#limits.messageBytes) throw this.#overLimit("messageBytes");
    if (this.#bytes > this.#limits.reassemblyBytes) throw this.#overLimit("reassemblyBytes");
    if (length > sequence.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, sequence.bytes.length * 2));
      sequence.bytes.copy(grown, 0, 0, sequence.length);
      sequence.bytes = grown;
    }
    sequence.bytes.set(data, sequence.length);
    sequence.length = length;
    if (sequence.fragment > 1n) return undefined;
    this.#open.delete(id);
    this.#bytes -= length;
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
