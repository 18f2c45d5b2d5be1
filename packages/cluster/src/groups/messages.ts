/**
 * pg's messages as terms, in the exact profile:
 *
 *     {discover, Scope}  since OTP 29 {discover, Scope, Version}
 *     {'$gen_cast', {sync, Scope, [{Group, [Member]}]}}
 *     {join, Scope, Group, Member | [Member]}
 *     {leave, Scope, Member | [Member], [Group]}
 *
 * The two-element discover is sent to everyone: the other one ends the scopes of OTP 25.
 *
 * @see https://github.com/erlang/otp/blob/master/lib/kernel/src/pg.erl
 */
import { LocalPid } from "@interlock/core/distribution";
import { atom, Charlist, ImproperList, Tuple, tuple } from "@interlock/wire";
import { GroupName } from "./group-name.ts";
import type { ScopeMessage } from "./state.ts";

const DISCOVER = atom("discover");
const SYNC = atom("sync");
const JOIN = atom("join");
const LEAVE = atom("leave");
const GEN_CAST = atom("$gen_cast");

export function toTerm(from: LocalPid, message: ScopeMessage<LocalPid>): Tuple {
  switch (message.type) {
    case "discover":
      return tuple(DISCOVER, from);
    case "sync": {
      const groups = message.groups.map(([group, pids]) => tuple(group.term, pids));
      return tuple(GEN_CAST, tuple(SYNC, from, groups));
    }
    case "join":
      return tuple(JOIN, from, message.group.term, oneOrAll(message.pids));
    case "leave": {
      const groups = message.groups.map(({ term }) => term);
      return tuple(LEAVE, from, oneOrAll(message.pids), groups);
    }
  }
}

function oneOrAll(pids: readonly LocalPid[]): unknown {
  return pids.length === 1 ? pids[0] : pids;
}

export interface Received {
  readonly from: LocalPid;
  readonly message: ScopeMessage<LocalPid>;
}

/** Undefined for whatever is no message of pg's: OTP's own scopes end of those, this one must not. */
export function fromTerm(term: unknown): Received | undefined {
  if (!(term instanceof Tuple)) return undefined;
  const [tag, from, third, fourth] = term.elements;
  const { length } = term.elements;
  if (tag === GEN_CAST && length === 2) return fromCast(from);
  if (!(from instanceof LocalPid)) return undefined;
  if (tag === DISCOVER && (length === 2 || length === 3)) return { from, message: { type: "discover" } };
  if (length !== 4) return undefined;
  if (tag === JOIN) {
    const pids = pidsOf(fourth);
    return pids && { from, message: { type: "join", group: new GroupName(third), pids } };
  }
  if (tag !== LEAVE) return undefined;
  const pids = pidsOf(third);
  const groups = listOf(fourth);
  return pids && groups && { from, message: { type: "leave", groups: groups.map((one) => new GroupName(one)), pids } };
}

function fromCast(request: unknown): Received | undefined {
  if (!(request instanceof Tuple) || request.elements.length !== 3) return undefined;
  const [tag, from, list] = request.elements;
  const entries = listOf(list);
  if (tag !== SYNC || !(from instanceof LocalPid) || entries === undefined) return undefined;
  const groups: (readonly [GroupName, readonly LocalPid[]])[] = [];
  for (const entry of entries) {
    if (!(entry instanceof Tuple) || entry.elements.length !== 2) return undefined;
    const pids = pidsOf(entry.elements[1]);
    if (pids === undefined) return undefined;
    groups.push([new GroupName(entry.elements[0]), pids]);
  }
  return { from, message: { type: "sync", groups } };
}

function pidsOf(term: unknown): readonly LocalPid[] | undefined {
  if (term instanceof LocalPid) return [term];
  const list = listOf(term);
  return list?.every((one) => one instanceof LocalPid) === true ? (list as readonly LocalPid[]) : undefined;
}

function listOf(term: unknown): readonly unknown[] | undefined {
  // Groups called 1, 2 and 3 are a list of bytes, which Erlang sends as text.
  if (term instanceof Charlist) return Array.from(term.text, (character) => character.codePointAt(0));
  return Array.isArray(term) && !(term instanceof ImproperList) ? term : undefined;
}
