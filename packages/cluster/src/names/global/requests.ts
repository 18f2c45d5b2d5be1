/** What is asked of a global name server by gen_server calls, as Erlang's terms. */
import type { NodeName } from "@interlock/core";
import { Atom, atom, tuple } from "@interlock/wire";
import type { GroupName as Term } from "../../groups/group-name.ts";
import type { LockId } from "./locks.ts";
import type { GlobalEntry } from "./name-table.ts";
import { lockTerm, nodeAtom, read } from "./terms.ts";

export type GlobalRequest =
  | { readonly type: "set_lock" | "del_lock"; readonly lock: LockId }
  | { readonly type: "register"; readonly entry: GlobalEntry }
  | { readonly type: "unregister"; readonly name: Term }
  | { readonly type: "sync"; readonly nodes: readonly NodeName[] }
  | { readonly type: "get_known" | "get_synced" | "get_protocol_version" | "get_names_ext" };

export function requestTerm(request: GlobalRequest): unknown {
  const type = atom(request.type);
  switch (request.type) {
    case "set_lock":
    case "del_lock":
      return tuple(type, lockTerm(request.lock));
    case "register": {
      const { method, name, pid, via } = request.entry;
      if (via !== undefined) return tuple(atom("register_ext"), name.term, pid, method, nodeAtom(via));
      return tuple(type, name.term, pid, method);
    }
    case "unregister":
      return tuple(type, request.name.term);
    case "sync":
      return tuple(type, request.nodes.map(nodeAtom));
    default:
      return type;
  }
}

/** Throws a TypeError for what is no request of global's. */
export function requestFrom(term: unknown): GlobalRequest {
  const [type, ...rest] = term instanceof Atom ? [term] : read.elements(term);
  const name = type instanceof Atom ? type.name : "";
  switch (`${name}/${rest.length}`) {
    case "get_known/0":
    case "get_synced/0":
    case "get_protocol_version/0":
    case "get_names_ext/0":
      return { type: name as "get_known" };
    case "set_lock/1":
    case "del_lock/1":
      return { type: name as "set_lock" | "del_lock", lock: read.lock(rest[0]) };
    case "register/3":
      return { type: "register", entry: read.entry(tuple(...rest)) };
    case "register_ext/4":
      return { type: "register", entry: { ...read.entry(tuple(...rest.slice(0, 3))), via: read.node(rest[3]) } };
    case "unregister/1":
      return { type: "unregister", name: read.term(rest[0]) };
    case "sync/1":
      return { type: "sync", nodes: read.list(rest[0]).map(read.node) };
    default:
      throw new TypeError("an unknown request");
  }
}
