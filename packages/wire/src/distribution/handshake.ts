/**
 * The handshake of two nodes, version 6, as a state machine: bytes in, events and bytes out. The messages are drawn in
 * handshake-message.ts.
 *
 *     dialer     name sent → status → (alive → confirm) → challenge → acknowledgement → established
 *     acceptor   name → question to the shell → (alive → status) → (complement) → reply → established
 *
 * What only the shell knows it is asked for by an event, and says by `decide` or `confirm`. Every refusal is an event
 * `refused` with a WireError, the last event there is; nothing is thrown, whatever the peer sends.
 */
import { WireError } from "../errors.ts";
import { HANDSHAKE_23, INTERLOCK, meantFlags, missingFlags, NAME_ME, PUBLISHED, SPAWN } from "./flags.ts";
import {
  badMessage,
  decodeAcknowledgement,
  decodeChallenge,
  decodeComplement,
  decodeName,
  decodeReply,
  decodeStatus,
  digestOf,
  encodeAcknowledgement,
  encodeChallenge,
  encodeName,
  encodeReply,
  encodeStatus,
  type Introduction,
  isDigestOf,
  MOST_MESSAGE_BYTES,
  refusal,
} from "./handshake-message.ts";

export interface HandshakeOptions {
  readonly role: "dialer" | "acceptor";
  /** Our own name, `name@host`. */
  readonly name: string;
  /** For a dialer the name that it dials: another node that answers is refused. */
  readonly peer?: string | undefined;
  readonly cookie: string;
  /** Other cookies that an acceptor takes, while nodes change from one to another. */
  readonly accepted?: readonly string[];
  readonly flags: bigint;
  readonly creation: number;
  /** 32 bits that nobody can guess, fresh for every handshake. */
  readonly challenge: number;
  /** Of the length before each message: OTP has 4 over TLS (`inet_tls_dist`), where the official page says 2. Default 2. */
  readonly lengthBytes?: 2 | 4;
}

/** What the shell has with a node that dials it. */
export type Standing =
  /** Nothing. */
  | "none"
  /** It is dialing that node itself. */
  | "pending"
  /** There is a connection. */
  | "established"
  /** It wants nothing of that node. */
  | "not_allowed";

export interface Established {
  readonly peer: string;
  readonly creation: number;
  /** What both sides can do. */
  readonly flags: bigint;
  /** Whether the peer is to be seen by `nodes()`. */
  readonly visible: boolean;
  /** Whether the peer is an Interlock node: values keep their marks. */
  readonly interlock: boolean;
  /** Whether the peer starts processes on request. */
  readonly spawns: boolean;
  /** Bytes behind the handshake: the first of the connection. */
  readonly rest: Uint8Array;
}

export type HandshakeEvent =
  /** To an acceptor: who dials. The shell calls `decide`. */
  | { readonly type: "asked"; readonly peer: string }
  /** To a dialer: the peer believes that the two are connected. The shell calls `confirm`. */
  | { readonly type: "alive"; readonly peer: string }
  /** To an acceptor: this handshake goes on in place of the shell's own dialing, or of the connection, which it closes. */
  | { readonly type: "supersedes"; readonly standing: "pending" | "established" }
  | ({ readonly type: "established" } & Established)
  | { readonly type: "refused"; readonly error: WireError<"INTERLOCK_WIRE_HANDSHAKE"> };

export interface HandshakeStep {
  readonly events: readonly HandshakeEvent[];
  /** To be written, even when the last event is `refused`: the peer learns why. */
  readonly output: readonly Uint8Array[];
}

type State = "name" | "asked" | "alive" | "status" | "challenge" | "complement" | "reply" | "acknowledgement" | "over";

const noBytes = Buffer.alloc(0);

/**
 * Begins a handshake; `output` is the dialer's first message.
 *
 * **Errors** `INTERLOCK_WIRE_HANDSHAKE` when our own name or cookie is none.
 */
export function startHandshake(options: HandshakeOptions): {
  readonly handshake: Handshake;
  readonly output: readonly Uint8Array[];
} {
  const introduction = encodeName(options);
  // The names of the two decide between them, so ours must be whole.
  if (!options.name.includes("@")) throw refusal("bad_name", `${options.name} has no host`, undefined);
  if (/[^\0-\xff]/.test([options.cookie, ...(options.accepted ?? [])].join("")))
    throw refusal("bad_cookie", "a cookie has only Latin-1 characters", undefined);
  const handshake = new Handshake(options);
  return { handshake, output: options.role === "dialer" ? [framedFor(options, introduction)] : [] };
}

/** A message with two bytes of length, with as many as the transport has. */
function framedFor({ lengthBytes = 2 }: HandshakeOptions, message: Uint8Array): Uint8Array {
  return lengthBytes === 2 ? message : Buffer.concat([Buffer.alloc(lengthBytes - 2), message]);
}

export class Handshake {
  readonly #options: HandshakeOptions;
  #state: State;
  #bytes: Buffer = noBytes;
  #peer: Introduction | undefined;
  #sentOldName = false;
  #events: HandshakeEvent[] = [];
  #output: Uint8Array[] = [];

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#state = options.role === "dialer" ? "status" : "name";
  }

  /** Whether there is nothing more to come: established or refused. */
  get over(): boolean {
    return this.#state === "over";
  }

  receive(chunk: Uint8Array): HandshakeStep {
    if (this.#state === "over") return this.#step();
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    return this.#try(() => this.#messages());
  }

  /** An acceptor's answer to `asked`. */
  decide(standing: Standing): HandshakeStep {
    if (this.#state !== "asked") return this.#step();
    return this.#try(() => {
      this.#decide(standing);
      this.#messages();
    });
  }

  /** A dialer's answer to `alive`: whether it wants a new connection, as it knows of none. */
  confirm(wanted: boolean): HandshakeStep {
    if (this.#state !== "alive") return this.#step();
    return this.#try(() => {
      this.#output.push(encodeStatus(wanted ? "true" : "false"));
      if (!wanted) throw refusal("already_connected", "there is a connection already", this.#name);
      this.#state = "challenge";
      this.#messages();
    });
  }

  get #name(): string | undefined {
    return this.#peer?.name ?? this.#options.peer;
  }

  #try(act: () => void): HandshakeStep {
    try {
      act();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#state = "over";
      this.#bytes = noBytes;
      this.#events.push({ type: "refused", error: error.details.peer === undefined ? this.#of(error) : error });
    }
    return this.#step();
  }

  /** The same refusal with the peer's name, once that is known. */
  #of(error: WireError<"INTERLOCK_WIRE_HANDSHAKE">): WireError<"INTERLOCK_WIRE_HANDSHAKE"> {
    const details = { problem: error.details.problem, peer: this.#name };
    return new WireError("INTERLOCK_WIRE_HANDSHAKE", error.message, details, { cause: error });
  }

  #step(): HandshakeStep {
    const output = this.#output.map((message) => framedFor(this.#options, message));
    const step = { events: this.#events, output };
    this.#events = [];
    this.#output = [];
    return step;
  }

  #messages(): void {
    const { lengthBytes = 2 } = this.#options;
    while (this.#state !== "asked" && this.#state !== "alive" && this.#state !== "over") {
      const bytes = this.#bytes;
      if (bytes.length < lengthBytes) break;
      const length = bytes.readUIntBE(0, lengthBytes);
      if (length > MOST_MESSAGE_BYTES) throw badMessage(`a message of ${length} bytes`);
      const end = lengthBytes + length;
      if (bytes.length < end) break;
      this.#bytes = bytes.subarray(end);
      this.#message(bytes.subarray(lengthBytes, end));
    }
    // While the shell is asked nothing may pile up: the peer has nothing to say before it has its answer.
    if (this.#bytes.length > 2 * MOST_MESSAGE_BYTES) throw badMessage("more than was asked for");
  }

  #message(body: Buffer): void {
    switch (this.#state) {
      case "name":
        return this.#onName(body);
      case "status":
        return this.#options.role === "dialer" ? this.#onStatus(body) : this.#onConfirmation(body);
      case "challenge":
        return this.#onChallenge(body);
      case "complement":
        return this.#onComplement(body);
      case "reply":
        return this.#onReply(body);
      case "acknowledgement":
        return this.#onAcknowledgement(body);
    }
  }

  // The acceptor

  #onName(body: Buffer): void {
    const { old, ...peer } = decodeName(body);
    if (old && (peer.flags & HANDSHAKE_23) === 0n) throw refusal("version", "the peer is older than OTP 23", peer.name);
    this.#peer = peer;
    this.#sentOldName = old;
    // A peer without a name of its own would have to be given one; that is not implemented.
    if ((peer.flags & NAME_ME) !== 0n) return this.#refuse("not_allowed", "nodes without a name are not taken");
    if (!peer.name.includes("@")) throw refusal("bad_name", `${peer.name} has no host`, peer.name);
    if (peer.name === this.#options.name) return this.#refuse("not_allowed", "the peer has our own name");
    if (!old) this.#expectFlags();
    this.#state = "asked";
    this.#events.push({ type: "asked", peer: peer.name });
  }

  #decide(standing: Standing): void {
    switch (standing) {
      case "not_allowed":
        return this.#refuse("not_allowed", "the node may not connect");
      case "pending":
        // OTP: of two that dial each other the one with the greater name goes on with what it has begun.
        if (isGreater(this.#options.name, this.#name ?? "")) return this.#refuse("nok", "we are dialing that node");
        this.#events.push({ type: "supersedes", standing });
        this.#output.push(encodeStatus("ok_simultaneous"));
        return this.#challenge();
      case "established":
        this.#output.push(encodeStatus("alive"));
        this.#state = "status";
        return;
      case "none":
        this.#output.push(encodeStatus("ok"));
        return this.#challenge();
    }
  }

  /** Tells the peer and ends. */
  #refuse(problem: "nok" | "not_allowed", text: string): never {
    this.#output.push(encodeStatus(problem));
    throw refusal(problem, text, this.#name);
  }

  /** The peer's answer to `alive`. */
  #onConfirmation(body: Buffer): void {
    const status = decodeStatus(body);
    if (status === "false") throw refusal("already_connected", "there is a connection already", this.#name);
    if (status !== "true") throw badMessage(`the status ${status} in the place of true or false`);
    this.#events.push({ type: "supersedes", standing: "established" });
    this.#challenge();
  }

  #challenge(): void {
    this.#output.push(encodeChallenge(this.#options, this.#options.challenge));
    this.#state = this.#sentOldName ? "complement" : "reply";
  }

  #onComplement(body: Buffer): void {
    const peer = this.#peer as Introduction;
    const { upperFlags, creation } = decodeComplement(body);
    this.#peer = { name: peer.name, flags: peer.flags | upperFlags, creation };
    this.#expectFlags();
    this.#state = "reply";
  }

  #onReply(body: Buffer): void {
    const { challenge, digest } = decodeReply(body);
    const { accepted = [], cookie } = this.#options;
    // The peer is shown the one that it has itself.
    const theirs = this.#expectCookie(digest, [cookie, ...accepted]);
    this.#output.push(encodeAcknowledgement(digestOf(theirs, challenge)));
    this.#established();
  }

  // The dialer

  #onStatus(body: Buffer): void {
    const status = decodeStatus(body);
    switch (status) {
      case "ok":
      case "ok_simultaneous":
        this.#state = "challenge";
        return;
      case "alive":
        this.#state = "alive";
        this.#events.push({ type: "alive", peer: this.#name ?? "" });
        return;
      case "nok":
        throw refusal("nok", "the peer is dialing us and goes on with that", this.#name);
      case "not_allowed":
        throw refusal("not_allowed", "the peer does not allow it", this.#name);
      default:
        throw badMessage(`the status ${status}`);
    }
  }

  #onChallenge(body: Buffer): void {
    const { challenge, ...peer } = decodeChallenge(body);
    const { peer: dialed, cookie } = this.#options;
    if (dialed !== undefined && dialed !== peer.name)
      throw refusal("bad_name", `the node that answers is ${peer.name}`, dialed);
    if (!peer.name.includes("@")) throw refusal("bad_name", `${peer.name} has no host`, peer.name);
    this.#peer = peer;
    this.#expectFlags();
    this.#output.push(encodeReply(this.#options.challenge, digestOf(cookie, challenge)));
    this.#state = "acknowledgement";
  }

  #onAcknowledgement(body: Buffer): void {
    this.#expectCookie(decodeAcknowledgement(body), [this.#options.cookie]);
    this.#established();
  }

  // Both

  #expectFlags(): void {
    const peer = this.#peer as Introduction;
    const flags = meantFlags(peer.flags);
    this.#peer = { ...peer, flags };
    const missing = missingFlags(flags);
    if (missing.length > 0) throw refusal("missing_flags", `the peer lacks ${missing.join(", ")}`, peer.name);
  }

  #expectCookie(digest: Uint8Array, cookies: readonly string[]): string {
    const theirs = cookies.find((cookie) => isDigestOf(digest, cookie, this.#options.challenge));
    if (theirs === undefined) throw refusal("bad_cookie", "the peer has another cookie", this.#name);
    return theirs;
  }

  #established(): void {
    const { name: peer, creation, flags: theirs } = this.#peer as Introduction;
    const flags = theirs & meantFlags(this.#options.flags);
    const rest = new Uint8Array(this.#bytes);
    this.#state = "over";
    this.#bytes = noBytes;
    this.#events.push({
      type: "established",
      peer,
      creation,
      flags,
      visible: (theirs & PUBLISHED) !== 0n,
      interlock: (flags & INTERLOCK) !== 0n,
      spawns: (flags & SPAWN) !== 0n,
      rest,
    });
  }
}

/** Erlang's order of atoms: by code points, which is the order of the UTF-8 bytes. */
function isGreater(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0;
}

function isRefusal(error: unknown): error is WireError<"INTERLOCK_WIRE_HANDSHAKE"> {
  return error instanceof WireError && error.code === "INTERLOCK_WIRE_HANDSHAKE";
}
