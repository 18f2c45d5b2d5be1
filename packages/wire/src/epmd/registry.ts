/**
 * The server of an embedded EPMD as a value: bytes of its connections in, replies out. Owns which name belongs to which
 * connection and for how long: a node is registered while the connection that registered it is open. KILL and STOP are
 * refused, whoever asks; EPMD itself, started without `-relaxed_command_check`, does the same while it has nodes.
 */
import { type EpmdNode, type EpmdRequest, EpmdRequestReader } from "./request.ts";
import { encodeAlive2Response, encodeDumpResponse, encodeNamesResponse, encodePort2Response } from "./response.ts";

export interface EpmdReply {
  readonly output: Uint8Array | undefined;
  /** Whether the connection is to be closed once that is written. */
  readonly close: boolean;
}

export interface EpmdRegistryOptions {
  /** Where the server listens; it says so in its lists. */
  readonly port: number;
  /** The creation before the first that is given out: random, so that it differs from those of the last EPMD. */
  readonly creation: number;
}

const MOST_CREATION = 0xffff_ffff;
/** 0 stands for "any", and 1 to 3 are those of nodes with two bits for it. */
const FIRST_CREATION = 4;

const waiting: EpmdReply = { output: undefined, close: false };
const refused: EpmdReply = { output: undefined, close: true };

export class EpmdRegistry {
  readonly #port: number;
  readonly #nodes = new Map<string, EpmdNode>();
  #creation: number;

  constructor({ port, creation }: EpmdRegistryOptions) {
    this.#port = port;
    this.#creation = creation;
  }

  /** The nodes that are registered now, by name. */
  get nodes(): ReadonlyMap<string, EpmdNode> {
    return this.#nodes;
  }

  connect(): EpmdConnection {
    return new EpmdConnection(this);
  }

  /** The creation of this registration, or undefined: the name is taken. */
  register(node: EpmdNode): number | undefined {
    if (this.#nodes.has(node.name)) return undefined;
    this.#nodes.set(node.name, node);
    this.#creation = this.#creation >= MOST_CREATION ? FIRST_CREATION : Math.max(this.#creation + 1, FIRST_CREATION);
    return this.#creation;
  }

  unregister(node: EpmdNode): void {
    if (this.#nodes.get(node.name) === node) this.#nodes.delete(node.name);
  }

  /** The reply to every request but ALIVE2_REQ, which belongs to its connection. */
  reply(request: Exclude<EpmdRequest, { type: "ALIVE2_REQ" }>): EpmdReply {
    switch (request.type) {
      case "PORT_PLEASE2_REQ":
        return { output: encodePort2Response(this.#nodes.get(request.name)), close: true };
      case "NAMES_REQ":
        return { output: encodeNamesResponse(this.#port, this.#nodes.values()), close: true };
      case "DUMP_REQ":
        return { output: encodeDumpResponse(this.#port, this.#nodes.values()), close: true };
      case "KILL_REQ":
        return { output: Buffer.from("NO"), close: true };
      case "STOP_REQ":
        return refused;
    }
  }
}

/** One connection to the server. */
export class EpmdConnection {
  readonly #registry: EpmdRegistry;
  readonly #reader = new EpmdRequestReader();
  #node: EpmdNode | undefined;
  #answered = false;

  constructor(registry: EpmdRegistry) {
    this.#registry = registry;
  }

  /** **Errors** `INTERLOCK_WIRE_PROTOCOL`: then the connection is to be closed. */
  receive(chunk: Uint8Array): EpmdReply {
    // Once a node is registered nothing more is said: only the end of the connection means something.
    if (this.#answered) return waiting;
    const request = this.#reader.receive(chunk);
    if (request === undefined) return waiting;
    this.#answered = true;
    if (request.type !== "ALIVE2_REQ") return this.#registry.reply(request);
    const creation = this.#registry.register(request.node);
    if (creation !== undefined) this.#node = request.node;
    return {
      output: encodeAlive2Response(request.node.highestVersion, { creation }),
      close: creation === undefined,
    };
  }

  /** The connection has ended, and with it what it had registered. */
  closed(): void {
    if (this.#node !== undefined) this.#registry.unregister(this.#node);
    this.#node = undefined;
  }
}
