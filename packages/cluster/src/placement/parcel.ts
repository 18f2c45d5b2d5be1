/**
 * What a process is made of, for the journey to another node: encoded where it is packed, so that what cannot travel shows
 * before anything has left, and is no worse for a second heir. Callers that still wait for an answer (`from`s in the state)
 * become addresses that any node can answer.
 */
import { type LocalPid, OpenCall } from "@interlock/core/distribution";
import { atom, type Identities, TermReader, TermWriter, Tuple, tuple } from "@interlock/wire";
import { answer, type CallerAddress } from "../node/incoming.ts";
import { replaced } from "./replaced.ts";

/** How the next process begins: with this state, with what `restore` makes of this snapshot, or afresh. */
export interface Parcel {
  readonly mode: "move" | "snapshot" | "restart";
  /** Of the module that it was packed by. */
  readonly version: string;
  readonly bytes: Uint8Array;
}

const FROM = atom("$interlock_from");

/** A `from` that has travelled: `ctx.reply(from, value)` answers it as any other. */
class TravelledFrom {
  readonly address: CallerAddress;
  readonly #by: LocalPid;

  constructor(address: CallerAddress, by: LocalPid) {
    this.address = address;
    this.#by = by;
  }

  reply(value: unknown): void {
    answer(this.#by, this.address, value);
  }
}

export interface Packing {
  readonly mode: "move" | "snapshot";
  readonly version: string;
  readonly identities: Identities;
  /** Where `call` is answered when another node does. */
  readonly addressOf: (call: OpenCall) => CallerAddress;
}

/** **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT` */
export function packed(value: unknown, { addressOf, identities, mode, version }: Packing): Parcel {
  const travelling = replaced(value, (one) => {
    const address = one instanceof TravelledFrom ? one.address : one instanceof OpenCall ? addressOf(one) : undefined;
    return address && tuple(FROM, address.pid, address.tag);
  });
  const writer = new TermWriter({ profile: "natural", identities, marks: true });
  writer.term(travelling);
  return { mode, version, bytes: writer.take() };
}

/** `by` gives the answers to those who still wait. */
export function unpacked({ bytes }: Parcel, identities: Identities, by: LocalPid): unknown {
  const value = new TermReader({ profile: "natural", identities, marks: true }).read(bytes, 0);
  return replaced(value, (one) => {
    if (!(one instanceof Tuple) || one.elements[0] !== FROM) return undefined;
    const [, pid, tag] = one.elements;
    return new TravelledFrom({ pid, tag }, by);
  });
}
