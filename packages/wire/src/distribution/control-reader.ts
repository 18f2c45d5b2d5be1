/**
 * Terms to control messages; the tuples are drawn in control-message.ts. They are read element by element, so that a pid
 * stands where a pid must and no tuple is allocated. Hot file: `bench` rows dist_*.
 */
import type { Atom } from "../term/atom.ts";
import type { TermReader } from "../term/reader.ts";
import type { ControlMessage } from "./control-message.ts";
import { protocolError } from "./protocol-error.ts";

/** Of ALTACT_SIG_SEND; 1, priority, means nothing here. */
const WITH_TOKEN = 2;
const TO_ALIAS = 4;
const TO_NAME = 8;
const TO_EXIT = 16;

const MOST_ID = 0xffff_ffff_ffff_ffffn;

export class ControlReader {
  readonly #reader: TermReader;
  #bytes: Uint8Array = new Uint8Array();
  #arity = 0;

  /** A reader in the exact profile. */
  constructor(reader: TermReader) {
    this.#reader = reader;
  }

  /**
   * Reads the control message at `offset`; the reader's `offset` is behind it then.
   *
   * **Errors** `INTERLOCK_WIRE_PROTOCOL`, `INTERLOCK_WIRE_BAD_TERM`, `INTERLOCK_WIRE_LIMIT`.
   */
  read(bytes: Uint8Array, offset: number): ControlMessage {
    // SMALL_TUPLE_EXT whose first element is a SMALL_INTEGER_EXT: no node writes it otherwise.
    if (bytes[offset] !== 104 || bytes[offset + 2] !== 97) throw protocolError("a control message that is no tuple");
    this.#bytes = bytes;
    this.#arity = bytes[offset + 1] as number;
    this.#reader.offset = offset + 4;
    return this.#message(bytes[offset + 3] as number);
  }

  #message(number: number): ControlMessage {
    switch (number) {
      case 2:
      case 12:
        return this.#send(number === 12);
      case 22:
      case 23:
        return this.#signal("SEND_SENDER", number === 23);
      case 6:
      case 16:
        return this.#regSend(number === 16);
      case 33:
      case 34:
        return this.#aliasSend(number === 34);
      case 37:
        return this.#alternative();
      case 1:
        return this.#between("LINK");
      case 35:
        return this.#unlink("UNLINK_ID");
      case 36:
        return this.#unlink("UNLINK_ID_ACK");
      case 19:
        return this.#monitor("MONITOR_P");
      case 20:
        return this.#monitor("DEMONITOR_P");
      case 28:
        this.#elements(3);
        return { type: "PAYLOAD_MONITOR_P_EXIT", from: this.#process(), to: this.#pid(), ref: this.#reference() };
      case 24:
      case 25:
        return this.#signal("PAYLOAD_EXIT", number === 25);
      case 26:
      case 27:
        return this.#signal("PAYLOAD_EXIT2", number === 27);
      default:
        return this.#rare(number);
    }
  }

  #rare(number: number): ControlMessage {
    switch (number) {
      case 29:
      case 30:
        return this.#spawnRequest(number === 30);
      case 31:
      case 32:
        return this.#spawnReply(number === 32);
      case 3:
      case 13:
        return this.#exit("EXIT", number === 13);
      case 8:
      case 18:
        return this.#exit("EXIT2", number === 18);
      case 21:
        this.#elements(4);
        return {
          type: "MONITOR_P_EXIT",
          from: this.#process(),
          to: this.#pid(),
          ref: this.#reference(),
          reason: this.#term(),
        };
      case 4:
        return this.#between("UNLINK");
      case 7:
        return this.#between("GROUP_LEADER");
      case 5:
        this.#elements(0);
        return { type: "NODE_LINK" };
      default:
        throw protocolError(`no control message has the number ${number}`);
    }
  }

  #send(traced: boolean): ControlMessage {
    this.#elements(traced ? 3 : 2);
    this.#term();
    const to = this.#pid();
    return traced ? { type: "SEND", to, token: this.#term() } : { type: "SEND", to };
  }

  #signal(type: "SEND_SENDER" | "PAYLOAD_EXIT" | "PAYLOAD_EXIT2", traced: boolean): ControlMessage {
    this.#elements(traced ? 3 : 2);
    const from = this.#pid();
    const to = this.#pid();
    return traced ? { type, from, to, token: this.#term() } : { type, from, to };
  }

  #aliasSend(traced: boolean): ControlMessage {
    this.#elements(traced ? 3 : 2);
    const from = this.#pid();
    const to = this.#reference();
    return traced ? { type: "ALIAS_SEND", from, to, token: this.#term() } : { type: "ALIAS_SEND", from, to };
  }

  /** ALTACT_SIG_SEND, as the message that it stands for. */
  #alternative(): ControlMessage {
    const flags = this.#term();
    if (typeof flags !== "number") throw protocolError("flags that are no integer");
    const isTraced = (flags & WITH_TOKEN) !== 0;
    const known = isTraced ? 5 : 4;
    if (this.#arity < known) throw protocolError(`a control message of ${this.#arity} elements`);
    const from = this.#pid();
    const message = this.#alternativeTo(from, flags);
    const traced = isTraced ? { ...message, token: this.#term() } : message;
    // Newer nodes may have more to say.
    for (let index = known; index < this.#arity; index++) this.#term();
    return traced;
  }

  #alternativeTo(from: object, flags: number): ControlMessage {
    const isExit = (flags & TO_EXIT) !== 0;
    if ((flags & TO_ALIAS) !== 0) return { type: isExit ? "ALIAS_EXIT2" : "ALIAS_SEND", from, to: this.#reference() };
    if ((flags & TO_NAME) === 0) return { type: isExit ? "PAYLOAD_EXIT2" : "SEND_SENDER", from, to: this.#pid() };
    if (isExit) throw protocolError("an exit signal to a name");
    return { type: "REG_SEND", from, to: this.#atom() };
  }

  #regSend(traced: boolean): ControlMessage {
    this.#elements(traced ? 4 : 3);
    const from = this.#pid();
    this.#term();
    const to = this.#atom();
    return traced ? { type: "REG_SEND", from, to, token: this.#term() } : { type: "REG_SEND", from, to };
  }

  #between(type: "LINK" | "UNLINK" | "GROUP_LEADER"): ControlMessage {
    this.#elements(2);
    return { type, from: this.#pid(), to: this.#pid() };
  }

  #unlink(type: "UNLINK_ID" | "UNLINK_ID_ACK"): ControlMessage {
    this.#elements(3);
    const id = this.#integer();
    if (id < 1n || id > MOST_ID) throw protocolError(`an unlink with the id ${id}`);
    return { type, id, from: this.#pid(), to: this.#pid() };
  }

  #exit(type: "EXIT" | "EXIT2", traced: boolean): ControlMessage {
    this.#elements(traced ? 4 : 3);
    const from = this.#pid();
    const to = this.#pid();
    return traced
      ? { type, from, to, token: this.#term(), reason: this.#term() }
      : { type, from, to, reason: this.#term() };
  }

  #monitor(type: "MONITOR_P" | "DEMONITOR_P"): ControlMessage {
    this.#elements(3);
    return { type, from: this.#pid(), to: this.#process(), ref: this.#reference() };
  }

  #spawnRequest(traced: boolean): ControlMessage {
    this.#elements(traced ? 6 : 5);
    const ref = this.#reference();
    const from = this.#pid();
    const groupLeader = this.#pid();
    const at = this.#reader.offset;
    if (this.#bytes[at] !== 104 || this.#bytes[at + 1] !== 3) throw protocolError("a spawn request without {M, F, A}");
    this.#reader.offset = at + 2;
    const module = this.#atom();
    const name = this.#atom();
    const arity = this.#small("arity");
    const options = this.#term();
    const request = { type: "SPAWN_REQUEST", ref, from, groupLeader, module, function: name, arity, options } as const;
    return traced ? { ...request, token: this.#term() } : request;
  }

  #spawnReply(traced: boolean): ControlMessage {
    this.#elements(traced ? 5 : 4);
    const ref = this.#reference();
    const to = this.#pid();
    const flags = this.#small("flags");
    const result = this.#process();
    return traced
      ? { type: "SPAWN_REPLY", ref, to, flags, result, token: this.#term() }
      : { type: "SPAWN_REPLY", ref, to, flags, result };
  }

  /** Checks that the tuple has so many elements besides its number. */
  #elements(count: number): void {
    if (this.#arity !== count + 1) throw protocolError(`a control message of ${this.#arity} elements`);
  }

  #term(): unknown {
    return this.#reader.read(this.#bytes, this.#reader.offset);
  }

  #pid(): object {
    const tag = this.#bytes[this.#reader.offset];
    if (tag !== 88 && tag !== 103) throw protocolError(`tag ${tag} in the place of a pid`);
    return this.#term() as object;
  }

  #reference(): object {
    const tag = this.#bytes[this.#reader.offset];
    if (tag !== 90 && tag !== 114 && tag !== 101) throw protocolError(`tag ${tag} in the place of a reference`);
    return this.#term() as object;
  }

  #atom(): Atom {
    const tag = this.#bytes[this.#reader.offset];
    if (!isAtomTag(tag)) throw protocolError(`tag ${tag} in the place of an atom`);
    return this.#term() as Atom;
  }

  /** A pid, or an atom. */
  #process(): object {
    return isAtomTag(this.#bytes[this.#reader.offset]) ? this.#atom() : this.#pid();
  }

  #integer(): bigint {
    const value = this.#term();
    if (typeof value !== "number" && typeof value !== "bigint") throw protocolError("an id that is no integer");
    return BigInt(value);
  }

  #small(what: string): number {
    const value = this.#term();
    if (typeof value !== "number" || value < 0 || value > 255) throw protocolError(`${what} that are no small integer`);
    return value;
  }
}

function isAtomTag(tag: number | undefined): boolean {
  return tag === 119 || tag === 82 || tag === 118 || tag === 100 || tag === 115;
}
