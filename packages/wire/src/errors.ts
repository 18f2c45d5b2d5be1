/**
 * Every coded error of this package, in one table: the code, what its details hold, and what to try. The same form and
 * the same brand as the core's, so that `isError` of @interlock/core knows them; nothing is imported for it.
 */

/** What each code's `details` holds. `path` tells where in the value: `[2].name`. */
export interface WireErrorDetails {
  /** A value that has no external form. */
  readonly INTERLOCK_WIRE_UNENCODABLE: { readonly path: string; readonly got: string };
  /** A term or message over one of the limits, while encoding or decoding. */
  readonly INTERLOCK_WIRE_LIMIT: { readonly limit: string; readonly most: number };
  /** Bytes that are no external term. */
  readonly INTERLOCK_WIRE_BAD_TERM: { readonly offset: number; readonly problem: string };
  /** Bytes that are no frame, message or control message of the protocol. */
  readonly INTERLOCK_WIRE_PROTOCOL: { readonly problem: string };
  /** A handshake that may not go on. */
  readonly INTERLOCK_WIRE_HANDSHAKE: { readonly problem: HandshakeProblem; readonly peer: string | undefined };
}

export type HandshakeProblem =
  | "bad_message"
  | "bad_name"
  | "missing_flags"
  | "bad_cookie"
  | "not_allowed"
  | "nok"
  | "already_connected"
  | "version";

export type WireErrorCode = keyof WireErrorDetails;

/** What to try, by code. */
export const wireHints: { readonly [Code in WireErrorCode]: string } = {
  INTERLOCK_WIRE_UNENCODABLE:
    "Send data: what structured clone can carry, pids, references and Erlang's terms. Functions, symbols and promises stay at home; a cycle has no external form.",
  INTERLOCK_WIRE_LIMIT: "Send less at once, or raise the limit in the node's options on both sides.",
  INTERLOCK_WIRE_BAD_TERM: "The peer is no Erlang-compatible node, or something between changed the bytes.",
  INTERLOCK_WIRE_PROTOCOL: "The peer is no Erlang-compatible node, or something between changed the bytes.",
  INTERLOCK_WIRE_HANDSHAKE:
    "Check that both nodes have the same cookie, full names (name@host) on both sides, and OTP 25 or newer.",
};

/** A refusal of this package. `code` is stable, `details` is typed by it, `hint` says what to try. */
export class WireError<Code extends WireErrorCode = WireErrorCode> extends Error {
  readonly code: Code;
  readonly details: WireErrorDetails[Code];

  constructor(code: Code, message: string, details: WireErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  override get name(): string {
    return "WireError";
  }

  get hint(): string {
    return wireHints[this.code];
  }
}
Object.defineProperty(WireError.prototype, Symbol.for("interlock.error"), { value: true });
