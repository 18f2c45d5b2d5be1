/**
 * What the global name servers of two nodes say to each other, as Erlang's terms in the exact profile. Versions 7 (OTP 25.0) and
 * 8 of the protocol; where they differ, a message without a tag is one of version 7.
 *
 *     {'$gen_cast', {init_connect, {Version, Tag}, Node, {locker, no_longer_a_pid, #{Node => Version}, Locker}}}
 *     {init_connect_ack, Node, YourTag, MyTag}                    {cancel_connect, Node, YourTag}
 *     {'$gen_cast', {lock_set, Locker, IsSet, [Node], YourTag}}   version 7: without the tag
 *     {'$gen_cast', {exchange, Node, [{Name, Pid, Method}], [], YourTag}}
 *     {'$gen_cast', {resolved, Node, [Operation], [{Node, Version}], unused, [{Name, Pid, Node}], YourTag}}
 *     {'$gen_cast', {new_nodes, Node, [Operation], [{Name, Pid, Node}], [{Node, Version}], [{vsn, V}, {lock, LockId}]}}
 *     {'$gen_cast', {in_sync, Node, true}}
 *     {lost_connection, Node, Creation, Number, LostNode}         {remove_connection, Node}
 *
 * with Operation = {insert, {Name, Pid, Method}} | {delete, Name} and LockId = {Resource, Requester}.
 *
 * @see https://github.com/erlang/otp/blob/master/lib/kernel/src/global.erl
 */
import type { NodeName } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { type Atom, atom, type Tuple, tuple } from "@interlock/wire";
import type { GroupName as Term } from "../../groups/group-name.ts";
import type { LockId } from "./locks.ts";
import type { GlobalEntry } from "./name-table.ts";
import { entryTerm, lockTerm, nodeAtom, read } from "./terms.ts";

/**
 * Tells two attempts of the same nodes to connect apart. A bigint only where no number would be exact: others are marked on the
 * wire, and no integers to whoever reads them.
 */
export type Tag = number | bigint;

/** Nodes and the versions they speak; 0 is one that is not known. */
export type Versions = ReadonlyMap<NodeName, number>;

export type NameOperation =
  | { readonly type: "insert"; readonly entry: GlobalEntry }
  | { readonly type: "delete"; readonly name: Term };

/** A name of a process that runs no Erlang, and the node that registered it. */
export interface ExternalName {
  readonly name: Term;
  readonly pid: LocalPid;
  readonly via: NodeName;
}

export interface LockSet {
  readonly type: "lock_set";
  readonly locker: LocalPid;
  readonly isSet: boolean;
  readonly known: readonly NodeName[];
  readonly tag: Tag | undefined;
}

export type GlobalMessage =
  | {
      readonly type: "init_connect";
      readonly version: number;
      readonly tag: Tag;
      readonly node: NodeName;
      readonly known: Versions;
      readonly locker: LocalPid;
    }
  | { readonly type: "init_connect_ack"; readonly node: NodeName; readonly yours: Tag; readonly mine: Tag }
  | { readonly type: "cancel_connect"; readonly node: NodeName; readonly tag: Tag }
  | LockSet
  | {
      readonly type: "exchange";
      readonly node: NodeName;
      readonly names: readonly GlobalEntry[];
      readonly tag: Tag;
    }
  | {
      readonly type: "resolved";
      readonly node: NodeName;
      readonly operations: readonly NameOperation[];
      /** Those of the sender's names. */
      readonly external: readonly ExternalName[];
      readonly known: Versions;
      readonly tag: Tag;
    }
  | {
      readonly type: "new_nodes";
      readonly node: NodeName;
      readonly operations: readonly NameOperation[];
      readonly external: readonly ExternalName[];
      readonly nodes: Versions;
      readonly version: number;
      /** Under which the operations were agreed upon. */
      readonly lock: LockId | undefined;
    }
  | { readonly type: "in_sync"; readonly node: NodeName }
  | {
      readonly type: "lost_connection";
      readonly node: NodeName;
      /** Of the node that lost it; `number` grows within one creation. */
      readonly creation: Tag;
      readonly number: Tag;
      readonly lost: NodeName;
    }
  | { readonly type: "remove_connection"; readonly node: NodeName };

const GEN_CAST = atom("$gen_cast");

export function toTerm(message: GlobalMessage): Tuple {
  const type = atom(message.type);
  if (message.type === "lock_set") {
    const { isSet, known, locker, tag } = message;
    const nodes = known.map(nodeAtom);
    const said = [type, locker, atom(String(isSet)), nodes] as const;
    return cast(tag === undefined ? tuple(...said) : tuple(...said, tag));
  }
  const node = nodeAtom(message.node);
  switch (message.type) {
    case "init_connect": {
      const { known, locker, tag, version } = message;
      const nodes = new Map([...known].map(([name, one]) => [nodeAtom(name), one]));
      return cast(
        tuple(type, tuple(version, tag), node, tuple(atom("locker"), atom("no_longer_a_pid"), nodes, locker)),
      );
    }
    case "init_connect_ack":
      return tuple(type, node, message.yours, message.mine);
    case "cancel_connect":
      return tuple(type, node, message.tag);
    case "exchange":
      return cast(tuple(type, node, message.names.map(entryTerm), [], message.tag));
    case "resolved": {
      const { external, known, operations, tag } = message;
      const names = external.map(externalTerm);
      return cast(tuple(type, node, operations.map(operationTerm), versionTerms(known), atom("unused"), names, tag));
    }
    case "new_nodes": {
      const { external, lock, nodes, operations, version } = message;
      const held = lock === undefined ? [] : [tuple(atom("lock"), lockTerm(lock))];
      const extra = [tuple(atom("vsn"), version), ...held];
      const done = operations.map(operationTerm);
      return cast(tuple(type, node, done, external.map(externalTerm), versionTerms(nodes), extra));
    }
    case "in_sync":
      return cast(tuple(type, node, atom("true")));
    case "lost_connection":
      return tuple(type, node, message.creation, message.number, nodeAtom(message.lost));
    case "remove_connection":
      return tuple(type, node);
  }
}

function cast(message: Tuple): Tuple {
  return tuple(GEN_CAST, message);
}

function versionTerms(versions: Versions): readonly Tuple[] {
  return [...versions].map(([name, version]) => tuple(nodeAtom(name), version));
}

function operationTerm(one: NameOperation): Tuple {
  return one.type === "insert" ? tuple(atom("insert"), entryTerm(one.entry)) : tuple(atom("delete"), one.name.term);
}

export function externalTerm({ name, pid, via }: ExternalName): Tuple {
  return tuple(name.term, pid, nodeAtom(via));
}

/** Undefined for what older nodes say and nobody needs any more; throws a TypeError for what is no message of global's. */
export function fromTerm(term: unknown): GlobalMessage | undefined {
  const said = read.elements(term);
  const [type, ...rest] = said[0] === GEN_CAST && said.length === 2 ? read.elements(said[1]) : said;
  switch (`${(type as Atom | undefined)?.name}/${rest.length}`) {
    case "init_connect/3": {
      const [version, tag] = read.elements(rest[0]);
      const [, , known, locker] = read.elements(rest[2]);
      return {
        type: "init_connect",
        version: read.number(version),
        tag: read.integer(tag),
        node: read.node(rest[1]),
        known: read.nodeMap(known),
        locker: read.pid(locker),
      };
    }
    case "init_connect_ack/3":
      return {
        type: "init_connect_ack",
        node: read.node(rest[0]),
        yours: read.integer(rest[1]),
        mine: read.integer(rest[2]),
      };
    case "cancel_connect/2":
      return { type: "cancel_connect", node: read.node(rest[0]), tag: read.integer(rest[1]) };
    case "lock_set/3":
    case "lock_set/4":
      return {
        type: "lock_set",
        locker: read.pid(rest[0]),
        isSet: rest[1] === atom("true"),
        known: read.list(rest[2]).map(read.node),
        tag: rest.length === 3 ? undefined : read.integer(rest[3]),
      };
    case "exchange/4":
      return {
        type: "exchange",
        node: read.node(rest[0]),
        names: read.list(rest[1]).map((one) => read.entry(one)),
        tag: read.integer(rest[3]),
      };
    case "resolved/6":
      return {
        type: "resolved",
        node: read.node(rest[0]),
        operations: read.list(rest[1]).map(readOperation),
        external: read.list(rest[4]).map(readExternal),
        known: read.versions(rest[2]),
        tag: read.integer(rest[5]),
      };
    case "new_nodes/5": {
      const extra = new Map(read.list(rest[4]).map((one) => read.pair(one)));
      const version = extra.get(atom("vsn"));
      const lock = extra.get(atom("lock"));
      return {
        type: "new_nodes",
        node: read.node(rest[0]),
        operations: read.list(rest[1]).map(readOperation),
        external: read.list(rest[2]).map(readExternal),
        nodes: read.versions(rest[3]),
        version: version === undefined ? 0 : read.number(version),
        lock: lock === undefined ? undefined : read.lock(lock),
      };
    }
    case "in_sync/2":
      return { type: "in_sync", node: read.node(rest[0]) };
    case "lost_connection/4":
      return {
        type: "lost_connection",
        node: read.node(rest[0]),
        creation: read.integer(rest[1]),
        number: read.integer(rest[2]),
        lost: read.node(rest[3]),
      };
    case "remove_connection/1":
      return { type: "remove_connection", node: read.node(rest[0]) };
    case "async_del_name/2":
    case "async_del_lock/2":
      return undefined; // Until OTP R13: monitors tell of the same.
    default:
      throw new TypeError("an unknown message");
  }
}

function readOperation(term: unknown): NameOperation {
  const [type, what] = read.pair(term);
  return type === atom("delete")
    ? { type: "delete", name: read.term(what) }
    : { type: "insert", entry: read.entry(what) };
}

function readExternal(term: unknown): ExternalName {
  const [name, pid, via] = read.elements(term);
  return { name: read.term(name), pid: read.pid(pid), via: read.node(via) };
}
