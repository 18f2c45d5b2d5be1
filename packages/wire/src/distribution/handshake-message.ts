/**
 * The messages of the handshake, version 6, both ways. Each stands behind its length in two bytes:
 *
 *     dialer   → acceptor   N flags:64 creation:32 nlen:16 name           who I am
 *     acceptor → dialer     s text                                        status; after `alive` the dialer answers one
 *     acceptor → dialer     N flags:64 challenge:32 creation:32 nlen:16 name
 *     dialer   → acceptor   r challenge:32 md5(cookie ++ decimal(acceptor's challenge))
 *     acceptor → dialer     a md5(cookie ++ decimal(dialer's challenge))
 *
 * OTP 23 and 24, dialing without EPMD, do not know that the acceptor speaks version 6. They say
 *
 *     dialer   → acceptor   n version:16 flags:32 name                    with HANDSHAKE_23 among the flags
 *     dialer   → acceptor   c flags' upper half:32 creation:32            before the `r`
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#distribution-handshake
 */
import { createHash, timingSafeEqual } from "node:crypto";

import { type HandshakeProblem, WireError } from "../errors.ts";

/** What one node says of itself. */
export interface Introduction {
  readonly flags: bigint;
  readonly creation: number;
  readonly name: string;
}

export type Status = "ok" | "ok_simultaneous" | "nok" | "not_allowed" | "alive" | "true" | "false";

export interface Complement {
  readonly upperFlags: bigint;
  readonly creation: number;
}

const MOST_NAME_BYTES = 255;
/** The longest message is a challenge; what a later OTP adds behind the name is let pass. */
export const MOST_MESSAGE_BYTES = 512;

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function encodeName({ flags, creation, name }: Introduction): Buffer {
  const text = nameBytes(name);
  const bytes = Buffer.allocUnsafe(15 + text.length);
  bytes[0] = 78; // N
  bytes.writeBigUInt64BE(flags, 1);
  bytes.writeUInt32BE(creation, 9);
  bytes.writeUInt16BE(text.length, 13);
  text.copy(bytes, 15);
  return framed(bytes);
}

export function encodeChallenge({ flags, creation, name }: Introduction, challenge: number): Buffer {
  const text = nameBytes(name);
  const bytes = Buffer.allocUnsafe(19 + text.length);
  bytes[0] = 78; // N
  bytes.writeBigUInt64BE(flags, 1);
  bytes.writeUInt32BE(challenge, 9);
  bytes.writeUInt32BE(creation, 13);
  bytes.writeUInt16BE(text.length, 17);
  text.copy(bytes, 19);
  return framed(bytes);
}

export function encodeStatus(status: Status): Buffer {
  return framed(Buffer.from(`s${status}`));
}

export function encodeReply(challenge: number, digest: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(21);
  bytes[0] = 114; // r
  bytes.writeUInt32BE(challenge, 1);
  bytes.set(digest, 5);
  return framed(bytes);
}

export function encodeAcknowledgement(digest: Uint8Array): Buffer {
  return framed(Buffer.concat([Buffer.from("a"), digest]));
}

function framed(body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(2 + body.length);
  bytes.writeUInt16BE(body.length);
  body.copy(bytes, 2);
  return bytes;
}

/** The dialer's name, in either form; `old` is the one of OTP 23 and 24 without EPMD, which has only half of it. */
export function decodeName(body: Buffer): Introduction & { readonly old: boolean } {
  if (body[0] === 110) {
    if (body.length < 7) throw badMessage("a name that ends too early");
    return { flags: BigInt(body.readUInt32BE(3)), creation: 0, name: nameFrom(body.subarray(7)), old: true };
  }
  expectTag(body, 78, "a name");
  const name = nameFrom(counted(body, 13));
  return { flags: body.readBigUInt64BE(1), creation: body.readUInt32BE(9), name, old: false };
}

export function decodeChallenge(body: Buffer): Introduction & { readonly challenge: number } {
  if (body[0] === 110) throw refusal("version", "the peer speaks the handshake of before OTP 23", undefined);
  expectTag(body, 78, "a challenge");
  const name = nameFrom(counted(body, 17));
  return {
    flags: body.readBigUInt64BE(1),
    challenge: body.readUInt32BE(9),
    creation: body.readUInt32BE(13),
    name,
  };
}

export function decodeStatus(body: Buffer): Status {
  expectTag(body, 115, "a status");
  const text = body.toString("latin1", 1);
  switch (text) {
    case "ok":
    case "ok_simultaneous":
    case "nok":
    case "not_allowed":
    case "alive":
    case "true":
    case "false":
      return text;
    default:
      // `named:` too, which only a node without a name may get.
      throw badMessage(`the status ${JSON.stringify(text.slice(0, 40))}`);
  }
}

export function decodeComplement(body: Buffer): Complement {
  expectTag(body, 99, "a complement");
  if (body.length < 9) throw badMessage("a complement that ends too early");
  return { upperFlags: BigInt(body.readUInt32BE(1)) << 32n, creation: body.readUInt32BE(5) };
}

export function decodeReply(body: Buffer): { readonly challenge: number; readonly digest: Buffer } {
  expectTag(body, 114, "the answer to a challenge");
  if (body.length !== 21) throw badMessage("the answer to a challenge of a wrong length");
  return { challenge: body.readUInt32BE(1), digest: body.subarray(5) };
}

export function decodeAcknowledgement(body: Buffer): Buffer {
  expectTag(body, 97, "the answer to a challenge");
  if (body.length !== 17) throw badMessage("the answer to a challenge of a wrong length");
  return body.subarray(1);
}

/** The proof that its writer has the cookie. */
export function digestOf(cookie: string, challenge: number): Buffer {
  return createHash("md5").update(cookie, "latin1").update(String(challenge), "latin1").digest();
}

export function isDigestOf(digest: Uint8Array, cookie: string, challenge: number): boolean {
  return timingSafeEqual(digest, digestOf(cookie, challenge));
}

function expectTag(body: Buffer, tag: number, what: string): void {
  if (body[0] === tag) return;
  throw badMessage(`${body.length === 0 ? "nothing" : `the tag ${body[0]}`} in the place of ${what}`);
}

/** The bytes behind their length at `at`; whatever follows is of a later version and means nothing yet. */
function counted(body: Buffer, at: number): Buffer {
  const end = body.length < at + 2 ? Number.POSITIVE_INFINITY : at + 2 + body.readUInt16BE(at);
  if (body.length < end) throw badMessage("a name that ends too early");
  return body.subarray(at + 2, end);
}

function nameBytes(name: string): Buffer {
  const bytes = Buffer.from(name);
  nameFrom(bytes);
  return bytes;
}

function nameFrom(bytes: Buffer): string {
  let name: string;
  try {
    name = utf8.decode(bytes);
  } catch (cause) {
    throw refusal("bad_name", "the name is not UTF-8", undefined, cause);
  }
  if (bytes.length > MOST_NAME_BYTES || !/^[^@\s\p{Cc}]+(@[^@\s\p{Cc}]+)?$/u.test(name))
    throw refusal("bad_name", `${JSON.stringify(name.slice(0, 80))} is no name of a node`, undefined);
  return name;
}

export function badMessage(problem: string): WireError<"INTERLOCK_WIRE_HANDSHAKE"> {
  return refusal("bad_message", `got ${problem}`, undefined);
}

export function refusal(
  problem: HandshakeProblem,
  text: string,
  peer: string | undefined,
  cause?: unknown,
): WireError<"INTERLOCK_WIRE_HANDSHAKE"> {
  const message = `The handshake${peer === undefined ? "" : ` with ${peer}`} failed: ${text}.`;
  const options = cause === undefined ? {} : { cause };
  return new WireError("INTERLOCK_WIRE_HANDSHAKE", message, { problem, peer }, options);
}
