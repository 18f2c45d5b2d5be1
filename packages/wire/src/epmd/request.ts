/**
 * What a node or a tool asks of EPMD, both ways. Every request stands behind its length in two bytes:
 *
 *     length:16 | 120 port:16 type:8 protocol:8 highest:16 lowest:16 nlen:16 name elen:16 extra     ALIVE2_REQ
 *               | 122 name                                                                          PORT_PLEASE2_REQ
 *               | 110 | 100 | 107                                                                   NAMES, DUMP, KILL
 *               | 115 name                                                                          STOP
 *
 * A name here is the part of a node's name before the `@`.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#epmd-protocol
 */
import { WireError } from "../errors.ts";

export interface EpmdNode {
  readonly name: string;
  readonly port: number;
  readonly type: "visible" | "hidden";
  /** The versions of the handshake that the node speaks. 6 is that of OTP 23 and all after it. */
  readonly highestVersion: number;
  readonly lowestVersion: number;
  readonly extra: Uint8Array;
}

export type EpmdRequest =
  | { readonly type: "ALIVE2_REQ"; readonly node: EpmdNode }
  | { readonly type: "PORT_PLEASE2_REQ"; readonly name: string }
  | { readonly type: "NAMES_REQ" }
  | { readonly type: "DUMP_REQ" }
  | { readonly type: "KILL_REQ" }
  | { readonly type: "STOP_REQ"; readonly name: string };

const MOST_NAME_BYTES = 255;
/** No request is longer: the largest is ALIVE2_REQ, and no node sends much as its `extra`. */
const MOST_REQUEST_BYTES = 2_048;

const noBytes = Buffer.alloc(0);

/** **Errors** `INTERLOCK_WIRE_PROTOCOL` for a name that EPMD does not take. */
export function encodeEpmdRequest(request: EpmdRequest): Uint8Array {
  switch (request.type) {
    case "ALIVE2_REQ":
      return framed(120, nodeBytes(request.node));
    case "PORT_PLEASE2_REQ":
      return framed(122, nameBytes(request.name));
    case "NAMES_REQ":
      return framed(110, noBytes);
    case "DUMP_REQ":
      return framed(100, noBytes);
    case "KILL_REQ":
      return framed(107, noBytes);
    case "STOP_REQ":
      return framed(115, nameBytes(request.name));
  }
}

function framed(tag: number, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(3 + body.length);
  bytes.writeUInt16BE(1 + body.length, 0);
  bytes[2] = tag;
  body.copy(bytes, 3);
  return bytes;
}

/** What ALIVE2_REQ and PORT2_RESP say of a node in the same form, but for where the name stands. */
export function nodeBytes(node: EpmdNode): Buffer {
  const name = nameBytes(node.name);
  const bytes = Buffer.allocUnsafe(12 + name.length + node.extra.length);
  bytes.writeUInt16BE(node.port, 0);
  bytes[2] = node.type === "visible" ? 77 : 72;
  bytes[3] = 0; // TCP over IPv4; the address itself is never said.
  bytes.writeUInt16BE(node.highestVersion, 4);
  bytes.writeUInt16BE(node.lowestVersion, 6);
  bytes.writeUInt16BE(name.length, 8);
  name.copy(bytes, 10);
  bytes.writeUInt16BE(node.extra.length, 10 + name.length);
  bytes.set(node.extra, 12 + name.length);
  return bytes;
}

/** The node that `nodeBytes` wrote from `at` on; undefined while bytes are missing. */
export function readNode(bytes: Buffer, at: number): EpmdNode | undefined {
  if (bytes.length < at + 10) return undefined;
  const extraAt = at + 10 + bytes.readUInt16BE(at + 8);
  if (bytes.length < extraAt + 2) return undefined;
  const end = extraAt + 2 + bytes.readUInt16BE(extraAt);
  if (bytes.length < end) return undefined;
  const type = bytes[at + 2];
  if (type !== 77 && type !== 72) throw protocolError(`a node of type ${type}`);
  return {
    name: nameFrom(bytes.subarray(at + 10, extraAt)),
    port: bytes.readUInt16BE(at),
    type: type === 77 ? "visible" : "hidden",
    highestVersion: bytes.readUInt16BE(at + 4),
    lowestVersion: bytes.readUInt16BE(at + 6),
    extra: new Uint8Array(bytes.subarray(extraAt + 2, end)),
  };
}

function nameBytes(name: string): Buffer {
  const bytes = Buffer.from(name);
  nameFrom(bytes);
  return bytes;
}

function nameFrom(bytes: Buffer): string {
  const name = bytes.toString();
  if (bytes.length === 0 || bytes.length > MOST_NAME_BYTES || !/^[^@\s\p{Cc}\ufffd]+$/u.test(name))
    throw protocolError(`${JSON.stringify(name)} is no name of a node without its host`);
  return name;
}

function decodeRequest(body: Buffer): EpmdRequest {
  const rest = body.subarray(1);
  switch (body[0]) {
    case 120: {
      const node = readNode(rest, 0);
      if (node === undefined) throw protocolError("an ALIVE2_REQ that ends too early");
      return { type: "ALIVE2_REQ", node };
    }
    case 122:
      return { type: "PORT_PLEASE2_REQ", name: nameFrom(rest) };
    case 110:
      return { type: "NAMES_REQ" };
    case 100:
      return { type: "DUMP_REQ" };
    case 107:
      return { type: "KILL_REQ" };
    case 115:
      return { type: "STOP_REQ", name: nameFrom(rest) };
    default:
      throw protocolError(`no request has the tag ${body[0]}`);
  }
}

/** The server's side of one connection: bytes in, cut anywhere, and the request once it is whole. */
export class EpmdRequestReader {
  #bytes: Buffer = noBytes;

  /** **Errors** `INTERLOCK_WIRE_PROTOCOL` */
  receive(chunk: Uint8Array): EpmdRequest | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < 2) return undefined;
    const length = this.#bytes.readUInt16BE(0);
    if (length === 0 || length > MOST_REQUEST_BYTES) throw protocolError(`a request of ${length} bytes`);
    if (this.#bytes.length < 2 + length) return undefined;
    const body = this.#bytes.subarray(2, 2 + length);
    this.#bytes = this.#bytes.subarray(2 + length);
    return decodeRequest(body);
  }
}

export function protocolError(problem: string): WireError<"INTERLOCK_WIRE_PROTOCOL"> {
  return new WireError("INTERLOCK_WIRE_PROTOCOL", `EPMD: ${problem}.`, { problem });
}
