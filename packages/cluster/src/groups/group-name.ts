/**
 * What a group is called: any Erlang term, compared as Erlang compares terms. `"rooms"` here is `<<"rooms">>` there, and
 * `atom("rooms")` is `rooms`.
 */
import { LocalPid, Reference, RemotePid, RemoteReference } from "@interlock/core/distribution";
import { type Atom, atom, decode, ErlangPid, ErlangReference, encode, type Identities } from "@interlock/wire";

/** Identifiers within names, each written as something that no other one of this node is written as. */
class NamedIdentities implements Identities {
  readonly #objects = new Map<string, object>();

  parts(value: object): ErlangPid | ErlangReference | undefined {
    if (!(value instanceof LocalPid || value instanceof Reference)) return undefined;
    const away = value instanceof RemotePid || value instanceof RemoteReference;
    // A node's lives are numbered; 0 is this one, whatever it is called just now.
    const home = value instanceof LocalPid ? value.home : away ? value.home : undefined;
    const node = atom(String(home?.index ?? 0));
    const made =
      value instanceof LocalPid
        ? new ErlangPid(node, value.id, value instanceof RemotePid ? value.serial : 0, 0)
        : new ErlangReference(node, away ? (value as RemoteReference).words : [value.id], 0);
    this.#objects.set(made instanceof ErlangPid ? pidKey(node, made.id, made.serial) : refKey(node, made.words), value);
    return made;
  }

  pid(node: Atom, id: number, serial: number): object {
    return this.#objects.get(pidKey(node, id, serial)) as object;
  }

  reference(node: Atom, words: readonly number[]): object {
    return this.#objects.get(refKey(node, words)) as object;
  }
}

function pidKey(node: Atom, id: number, serial: number): string {
  return `${node.name}.${id}.${serial}`;
}

function refKey(node: Atom, words: readonly number[]): string {
  return `${node.name}#${words.join(".")}`;
}

export class GroupName {
  /** Equal for equal terms. The order of a map's keys counts: it is not sorted as Erlang would. */
  readonly key: string;
  readonly #bytes: Uint8Array;
  readonly #identities: Identities;

  /** **Errors** `INTERLOCK_WIRE_UNENCODABLE` for what is no Erlang term. */
  constructor(value: unknown) {
    this.#identities = new NamedIdentities();
    this.#bytes = encode(value, { profile: "exact", identities: this.#identities });
    this.key = Buffer.from(this.#bytes).toString("latin1");
  }

  /** The name as it goes to other nodes: the same bytes on a link to Erlang and on one to Interlock. */
  get term(): unknown {
    return decode(this.#bytes, { profile: "exact", identities: this.#identities });
  }

  /** The name as this program writes it. */
  get value(): unknown {
    return decode(this.#bytes, { profile: "natural", identities: this.#identities });
  }

  toString(): string {
    return String(this.value);
  }
}
