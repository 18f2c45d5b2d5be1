/**
 * What EPMD answers, both ways. Responses have no length in front; NAMES and DUMP end with the connection.
 *
 *     118 result:8 creation:32                                                     ALIVE2_X_RESP, highest version ≥ 6
 *     121 result:8 creation:16                                                     ALIVE2_RESP, before that
 *     119 result:8 port:16 type:8 protocol:8 highest:16 lowest:16 nlen:16 name elen:16 extra     PORT2_RESP
 *     119 result:8                                                                 PORT2_RESP, result > 0
 *     epmd's port:32 `name NAME at port PORT\n`…                                   NAMES
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#epmd-protocol
 */
import { type EpmdNode, nodeBytes, protocolError, readNode } from "./request.ts";

/** A refused registration says `creation: undefined`: the name is taken. */
export interface EpmdRegistered {
  readonly creation: number | undefined;
}

export interface EpmdName {
  readonly name: string;
  readonly port: number;
}

/** More than any EPMD says: thousands of nodes on one host. */
const MOST_RESPONSE_BYTES = 1_048_576;

export function encodeAlive2Response(version: number, { creation }: EpmdRegistered): Uint8Array {
  const extended = version >= 6;
  const bytes = Buffer.alloc(extended ? 6 : 4);
  bytes[0] = extended ? 118 : 121;
  bytes[1] = creation === undefined ? 1 : 0;
  if (extended) bytes.writeUInt32BE(creation ?? 0, 2);
  // Two bits are all that such a node keeps of it, and 0 means none.
  else bytes.writeUInt16BE(creation === undefined ? 0 : (creation % 3) + 1, 2);
  return bytes;
}

export function encodePort2Response(node: EpmdNode | undefined): Uint8Array {
  if (node === undefined) return Uint8Array.of(119, 1);
  return Buffer.concat([Buffer.of(119, 0), nodeBytes(node)]);
}

export function encodeNamesResponse(epmdPort: number, nodes: Iterable<EpmdName>): Uint8Array {
  return listing(epmdPort, nodes, ({ name, port }) => `name ${name} at port ${port}\n`);
}

export function encodeDumpResponse(epmdPort: number, nodes: Iterable<EpmdName>): Uint8Array {
  return listing(epmdPort, nodes, ({ name, port }) => `active name     <${name}> at port ${port}, fd = 0\n`);
}

function listing(epmdPort: number, nodes: Iterable<EpmdName>, line: (node: EpmdName) => string): Buffer {
  const port = Buffer.alloc(4);
  port.writeUInt32BE(epmdPort);
  return Buffer.concat([port, Buffer.from(Array.from(nodes, line).join(""))]);
}

/** How one kind of response is read: undefined while bytes are missing, `closed` once there will be no more. */
export type EpmdResponse<Value> = (bytes: Buffer, closed: boolean) => Value | undefined;

export const readAlive2Response: EpmdResponse<EpmdRegistered> = (bytes) => {
  const tag = bytes[0];
  if (tag === undefined) return undefined;
  if (tag !== 118 && tag !== 121) throw protocolError(`tag ${tag} in the place of ALIVE2_X_RESP`);
  if (bytes.length < (tag === 118 ? 6 : 4)) return undefined;
  if (bytes[1] !== 0) return { creation: undefined };
  return { creation: tag === 118 ? bytes.readUInt32BE(2) : bytes.readUInt16BE(2) };
};

/** `node: undefined`: nobody has that name. */
export const readPort2Response: EpmdResponse<{ readonly node: EpmdNode | undefined }> = (bytes) => {
  const [tag, result] = bytes;
  if (tag === undefined) return undefined;
  if (tag !== 119) throw protocolError(`tag ${tag} in the place of PORT2_RESP`);
  if (result === undefined) return undefined;
  if (result !== 0) return { node: undefined };
  const node = readNode(bytes, 2);
  return node === undefined ? undefined : { node };
};

export const readNamesResponse: EpmdResponse<readonly EpmdName[]> = (bytes, closed) => {
  if (!closed) return undefined;
  if (bytes.length < 4) throw protocolError("a list of names that ends too early");
  const lines = bytes.toString("utf8", 4).split("\n");
  if (lines.pop() !== "") throw protocolError("a list of names that ends too early");
  return lines.map((line) => {
    const [, name, port] = /^name (\S+) at port (\d{1,5})$/.exec(line) ?? [];
    if (name === undefined) throw protocolError(`${JSON.stringify(line.slice(0, 80))} in a list of names`);
    return { name, port: Number(port) };
  });
};

/** The client's side of one connection: bytes in, cut anywhere, and the response once it is whole. */
export class EpmdResponseReader<Value> {
  readonly #read: EpmdResponse<Value>;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(read: EpmdResponse<Value>) {
    this.#read = read;
  }

  /** **Errors** `INTERLOCK_WIRE_PROTOCOL` */
  receive(chunk: Uint8Array): Value | undefined {
    this.#length += chunk.length;
    if (this.#length > MOST_RESPONSE_BYTES) throw protocolError(`a response of more than ${MOST_RESPONSE_BYTES} bytes`);
    this.#chunks.push(new Uint8Array(chunk));
    return this.#read(Buffer.concat(this.#chunks), false);
  }

  /** The connection has ended. **Errors** `INTERLOCK_WIRE_PROTOCOL` when the response was not whole. */
  closed(): Value {
    const value = this.#read(Buffer.concat(this.#chunks), true);
    if (value === undefined) throw protocolError("a response that ends too early");
    return value;
  }
}
