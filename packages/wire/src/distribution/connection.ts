/**
 * An established connection as a value: bytes in, control messages with their payloads out, and the other way round. No
 * socket, no clock. What is thrown while receiving ends the connection; what is thrown while sending leaves it as it was.
 * message-writer.ts and message-reader.ts do the work.
 *
 *     length:32 | 112 131 control (131 payload)                                             without an atom cache
 *               | 131 68 header control (payload)                                           with it
 *               | 131 69 sequence:64 fragment:64 header control (payload…                   in fragments
 *               | 131 70 sequence:64 fragment:64 …payload)
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#protocol-between-connected-nodes
 */
import type { Identities } from "../term/erlang.ts";
import type { TermLimits } from "../term/limits.ts";
import type { Profile } from "../term/writer.ts";
import type { ControlMessage } from "./control-message.ts";
import type { ReassemblyLimits } from "./fragment.ts";
import { MessageReader, type MessageSink } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";

export interface ConnectionOptions {
  /** What both sides can do, as the handshake has found. */
  readonly flags: bigint;
  readonly identities?: Identities | undefined;
  readonly limits?: Partial<TermLimits & ReassemblyLimits> | undefined;
}

const tickBytes = Buffer.alloc(4);

export class Connection {
  readonly #writer: MessageWriter;
  readonly #reader: MessageReader;

  constructor({ flags, identities, limits }: ConnectionOptions) {
    this.#writer = new MessageWriter(flags, identities, limits);
    this.#reader = new MessageReader(flags, identities, limits);
  }

  /** Bytes that are written and not taken yet. */
  get pendingBytes(): number {
    return this.#writer.pendingBytes;
  }

  /**
   * Writes a message; `take` hands it out together with all that was written since the last time.
   *
   * **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT`; then nothing of it will be sent.
   */
  write(control: ControlMessage, payload?: unknown, profile: Profile = "natural"): void {
    this.#writer.write(control, payload, profile);
  }

  /** What was written since the last time, in as few chunks as go without copying what is large. */
  take(): Uint8Array[] {
    return this.#writer.take();
  }

  /** `write` and `take` in one: the bytes of one message. */
  send(control: ControlMessage, payload?: unknown, profile: Profile = "natural"): Uint8Array[] {
    this.#writer.write(control, payload, profile);
    return this.#writer.take();
  }

  /** What is sent when there is nothing to send. */
  tick(): Uint8Array {
    return tickBytes;
  }

  /**
   * Where the next bytes of the peer belong, when a large message is coming: whoever reads them straight into this memory and
   * then calls `receive` with them, at once and before any others, saves their copying. Undefined: anywhere.
   */
  get room(): Uint8Array | undefined {
    return this.#reader.room;
  }

  /**
   * Takes bytes of the peer, and calls `sink` for every message that they complete. They may be written over once this
   * returns.
   *
   * **Errors** WireError for bytes that are no protocol, and whatever `sink` throws. Either is the end of the connection.
   */
  receive(chunk: Uint8Array, sink: MessageSink): void {
    this.#reader.receive(chunk, sink);
  }
}
