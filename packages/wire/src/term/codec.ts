/** Whole external terms, as `term_to_binary` and `binary_to_term` have them: a leading 131, perhaps compressed. */
import { inflateSync } from "node:zlib";

import { WireError } from "../errors.ts";
import { overLimit } from "./limits.ts";
import { type ReaderOptions, TermReader } from "./reader.ts";
import { TermWriter, type WriterOptions } from "./writer.ts";

const VERSION = 131;
const COMPRESSED = 80;

/**
 * The external term of a value, in the natural profile unless `options` say otherwise.
 *
 * **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT`.
 *
 * @see erlang:term_to_binary/1
 */
export function encode(value: unknown, options?: Partial<WriterOptions>): Uint8Array {
  const writer = options === undefined ? borrowed() : new TermWriter({ profile: "natural", ...options });
  try {
    writer.byte(VERSION);
    writer.term(value);
    return writer.take();
  } finally {
    if (options === undefined) giveBack(writer);
  }
}

/**
 * The value of an external term, which must be the whole of `bytes`.
 *
 * **Errors** `INTERLOCK_WIRE_BAD_TERM`, `INTERLOCK_WIRE_LIMIT`.
 *
 * @see erlang:binary_to_term/1
 */
export function decode(bytes: Uint8Array, options?: Partial<ReaderOptions>): unknown {
  const reader = options === undefined ? plainReader : new TermReader({ profile: "natural", ...options });
  if (bytes[0] !== VERSION) throw bad(0, "no version 131 at its beginning");
  const compressed = bytes[1] === COMPRESSED;
  const plain = compressed ? inflate(bytes, reader.limits.sizeBytes, reader) : bytes;
  const value = reader.read(plain, compressed ? 0 : 1);
  if (reader.offset !== plain.length) throw bad(reader.offset, "bytes behind the end of the term");
  return value;
}

// A writer that nobody uses right now: a getter in the value that is encoded may itself encode.
let idleWriter: TermWriter | undefined;

function borrowed(): TermWriter {
  const writer = idleWriter ?? new TermWriter({ profile: "natural" });
  idleWriter = undefined;
  return writer;
}

function giveBack(writer: TermWriter): void {
  writer.reset();
  idleWriter = writer;
}

// With no identities no code of others runs while a term is read, so one reader is enough.
const plainReader = new TermReader({ profile: "natural" });

/** What zlib gives with `info`, which its types do not know. */
interface Inflated {
  readonly buffer: Buffer;
  /** How much of the input it took. */
  readonly engine: { readonly bytesWritten: number };
}

/** The term within: 131, 80, its size in four bytes, and the zlib stream, which may give no more than that. */
function inflate(bytes: Uint8Array, most: number, { limits }: TermReader): Uint8Array {
  if (bytes.length < 6) throw bad(bytes.length, "the bytes end within the term");
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2);
  if (size > most) throw overLimit("sizeBytes", limits);
  try {
    const options = { maxOutputLength: Math.max(size, 1), info: true };
    const { buffer, engine } = inflateSync(bytes.subarray(6), options) as unknown as Inflated;
    if (buffer.length === size && engine.bytesWritten === bytes.length - 6) return buffer;
  } catch (cause) {
    throw bad(6, "the compressed part is no zlib stream of the claimed size", cause);
  }
  throw bad(6, "the compressed part is no zlib stream of the claimed size");
}

function bad(offset: number, problem: string, cause?: unknown): WireError {
  const message = `No external term at byte ${offset}: ${problem}.`;
  return new WireError("INTERLOCK_WIRE_BAD_TERM", message, { offset, problem }, cause === undefined ? {} : { cause });
}
