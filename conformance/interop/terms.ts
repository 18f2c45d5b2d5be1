/** Erlang's terms as the interop node uses them: all its processes take them as they are. */
import {
  Atom,
  atom,
  Binary,
  BitString,
  Charlist,
  ErlangError,
  Float,
  Fun,
  ImproperList,
  Port,
  Tuple,
  tuple,
} from "@interlock/cluster";
import {
  type Alias,
  type Destination,
  type ExitReason,
  isPid,
  local,
  type Name,
  type NodeName,
  type Pid,
  remote,
} from "@interlock/core";
import { Reference } from "@interlock/core/distribution";

/** `{Name, …Arguments}` or the atom alone; undefined for every other term. */
export function command(term: unknown): { readonly name: string; readonly args: readonly unknown[] } | undefined {
  if (isAtom(term)) return { name: term.name, args: [] };
  if (!(term instanceof Tuple)) return undefined;
  const [name, ...args] = term.elements as readonly unknown[];
  return isAtom(name) ? { name: name.name, args } : undefined;
}

function isAtom(term: unknown): term is Atom {
  return term instanceof Atom;
}

export function nameOf(term: unknown): string {
  if (!isAtom(term)) throw new TypeError(`expected an atom, got ${String(term)}`);
  return term.name;
}

export function nodeNameOf(term: unknown): NodeName {
  return nameOf(term) as NodeName;
}

/** A pid, an alias, `Name` or `{Name, Node}`. */
export function destinationOf(term: unknown): Destination<unknown> {
  return term instanceof Reference ? (term as unknown as Alias<unknown>) : targetOf(term);
}

/** A pid, `Name` or `{Name, Node}`. */
export function targetOf(term: unknown): Pid<unknown> | Name {
  if (isPid(term)) return term as Pid<unknown>;
  if (isAtom(term)) return local(term.name);
  const [name, node] = (term as Tuple).elements;
  return remote(nameOf(name), nodeNameOf(node));
}

/** The elements of a proper list. */
export function listOf(term: unknown): readonly unknown[] {
  if (Array.isArray(term)) return term as readonly unknown[];
  if (term instanceof Charlist) return Array.from(term.text, (character) => character.charCodeAt(0));
  throw new TypeError(`expected a list, got ${String(term)}`);
}

export function bytesOf(term: unknown): Uint8Array {
  if (!(term instanceof Binary)) throw new TypeError(`expected a binary, got ${String(term)}`);
  return term.bytes;
}

// OTP's own reasons are strings here: links and supervisors look at them.
const plainReasons = new Set(["normal", "shutdown", "kill", "killed", "noproc", "noconnection", "timeout", "nodedown"]);

export function reasonOf(term: unknown): ExitReason {
  return (isAtom(term) && plainReasons.has(term.name) ? term.name : term) as ExitReason;
}

/** A reason as a message to Erlang holds it. */
export function termOf(reason: ExitReason): unknown {
  if (typeof reason === "string") return plainReasons.has(reason) ? atom(reason) : reason;
  if (typeof reason !== "object" || reason === null) return reason;
  if ("shutdown" in reason) return tuple(atom("shutdown"), termOf(reason.shutdown as ExitReason));
  if (!("error" in reason)) return reason;
  const { error } = reason;
  if (error instanceof ErlangError) return error.term;
  return tuple(atom("error"), error instanceof Error ? error.message : error);
}

export function kindOf(term: unknown): Atom {
  return atom(kindName(term));
}

function kindName(term: unknown): string {
  if (typeof term === "number" || typeof term === "bigint") return "integer";
  if (isAtom(term)) return "atom";
  if (term instanceof Float) return "float";
  if (term instanceof Binary) return "binary";
  if (term instanceof BitString) return "bitstring";
  if (term instanceof Map) return "map";
  if (term instanceof Tuple) return "tuple";
  if (Array.isArray(term) || term instanceof Charlist || term instanceof ImproperList) return "list";
  if (isPid(term)) return "pid";
  if (term instanceof Port) return "port";
  if (term instanceof Fun) return "fun";
  if (term instanceof Reference) return "reference";
  throw new TypeError(`a value of no kind: ${String(term)}`);
}
