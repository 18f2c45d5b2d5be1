/** The parts that messages and requests of global's are made of. Reading throws a TypeError for any other term. */
import type { NodeName } from "@interlock/core";
import { LocalPid } from "@interlock/core/distribution";
import { Atom, atom, Charlist, ImproperList, Tuple, tuple } from "@interlock/wire";
import { GroupName as Term } from "../../groups/group-name.ts";
import type { LockId } from "./locks.ts";
import type { Versions } from "./messages.ts";
import type { GlobalEntry } from "./name-table.ts";

export function nodeAtom(name: NodeName): Atom {
  return atom(name);
}

export function lockTerm({ requester, resource }: LockId): Tuple {
  return tuple(resource.term, requester.term);
}

export function entryTerm({ method, name, pid }: GlobalEntry): Tuple {
  return tuple(name.term, pid, method);
}

function elements(term: unknown): readonly unknown[] {
  if (term instanceof Tuple) return term.elements;
  throw new TypeError("no tuple");
}

function list(term: unknown): readonly unknown[] {
  if (Array.isArray(term) && !(term instanceof ImproperList)) return term as readonly unknown[];
  // Erlang sends a list of small integers as text.
  if (term instanceof Charlist) return Array.from(term.text, (character) => character.codePointAt(0));
  throw new TypeError("no list");
}

function node(term: unknown): NodeName {
  if (term instanceof Atom) return term.name as NodeName;
  throw new TypeError("no node");
}

function integer(term: unknown): number | bigint {
  if (typeof term === "number") return term;
  if (typeof term !== "bigint") throw new TypeError("no integer");
  const number = Number(term);
  return Number.isSafeInteger(number) ? number : term;
}

function number(term: unknown): number {
  if (typeof term === "number") return term;
  throw new TypeError("no number");
}

function pair(term: unknown): readonly [unknown, unknown] {
  const [first, second] = elements(term);
  return [first, second];
}

/** Of `Node` and `{Node, Version}` alike. */
function versions(term: unknown): Versions {
  return new Map(
    list(term).map((one): [NodeName, number] => {
      if (one instanceof Atom) return [node(one), 0];
      const [name, version] = pair(one);
      return [node(name), number(version)];
    }),
  );
}

/** `#{Node => Version}`, with other keys in it that are its owner's own. */
function nodeMap(term: unknown): Versions {
  const known = new Map<NodeName, number>();
  if (term instanceof Map)
    for (const [name, version] of term)
      if (name instanceof Atom && typeof version === "number") known.set(node(name), version);
  return known;
}

function pid(term: unknown): LocalPid {
  if (term instanceof LocalPid) return term;
  throw new TypeError("no pid");
}

function lock(term: unknown): LockId {
  const [resource, requester] = elements(term);
  return { resource: new Term(resource), requester: new Term(requester) };
}

function entry(term: unknown): GlobalEntry {
  const [name, owner, method] = elements(term);
  return { name: new Term(name), pid: pid(owner), method, via: undefined };
}

export const read: {
  readonly elements: typeof elements;
  readonly entry: typeof entry;
  readonly integer: typeof integer;
  readonly list: typeof list;
  readonly lock: typeof lock;
  readonly node: typeof node;
  readonly nodeMap: typeof nodeMap;
  readonly number: typeof number;
  readonly pair: typeof pair;
  readonly pid: typeof pid;
  readonly term: (term: unknown) => Term;
  readonly versions: typeof versions;
} = {
  elements,
  entry,
  integer,
  list,
  lock,
  node,
  nodeMap,
  number,
  pair,
  pid,
  term: (term: unknown): Term => new Term(term),
  versions,
};
