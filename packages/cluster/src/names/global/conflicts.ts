/** What happens when two partitions meet in which a name has different owners: one of them runs its owner's method. */
import { exit, InterlockError, type NodeName, send } from "@interlock/core";
import { LocalPid } from "@interlock/core/distribution";
import { type Atom, atom, decode, Fun, type Tuple, tuple } from "@interlock/wire";
import { GroupName as Term } from "../../groups/group-name.ts";
import { takesTerms } from "../../node/attached.ts";
import { callRemote } from "../../rpc/on-node.ts";
import { offerModule } from "../../rpc/remote-functions.ts";
import type { Conflict, Outcome } from "./events.ts";

/**
 * Which process keeps a name that two partitions have given, when they meet.
 *
 * - `random_exit`: the one on the node whose name is less; the other one is killed. OTP's default.
 * - `random_notify`: the same one keeps it; the other one is sent `tuple(atom("global_name_conflict"), name)`.
 * - `notify_all`: neither; each is sent `tuple(atom("global_name_conflict"), name, pidOfTheOther)`.
 *
 * @see global:register_name/3
 */
export type ConflictMethod = "random_exit" | "random_notify" | "notify_all";

type Settle = (name: Term, one: LocalPid, other: LocalPid) => LocalPid | undefined;

const CONFLICT = atom("global_name_conflict");
/** Under what name nodes run each other's methods, each of three arguments. */
const MODULE = "global";
const ARITY = 3;
const EXPORT_EXT = 113;
const SMALL_ATOM_UTF8_EXT = 119;
const SMALL_INTEGER_EXT = 97;

const methods: Readonly<Record<ConflictMethod, Settle>> = {
  random_exit(_name, one, other) {
    const [least, greatest] = one.node < other.node ? [one, other] : [other, one];
    exit(greatest, "kill");
    return least;
  },
  random_notify(name, one, other) {
    const [least, greatest] = one.node < other.node ? [one, other] : [other, one];
    tell(greatest, name);
    return least;
  },
  notify_all(name, one, other) {
    tell(one, name, other);
    tell(other, name, one);
    return undefined;
  },
};

/** The name as the process has its messages. Another node makes that of it by itself. */
function tell(pid: LocalPid, name: Term, ...more: readonly LocalPid[]): void {
  const isNatural = pid.process !== undefined && !takesTerms(pid.process);
  const message = tuple(CONFLICT, isNatural ? name.value : name.term, ...more);
  send(pid as LocalPid<never> as LocalPid<Tuple>, message);
}

/** **Errors** `INTERLOCK_BAD_ARGUMENT` for what is no method. */
export function checkMethod(method: unknown): void {
  if (typeof method === "string" && Object.hasOwn(methods, method)) return;
  const expected = Object.keys(methods).join(", ");
  const got = String(method);
  throw new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad onConflict: got ${got}, expected one of ${expected}`, {
    argument: "onConflict",
    got,
    expected,
  });
}

/** `fun global:random_exit_name/3`, as other nodes have it with the name. */
export function methodTerm(method: ConflictMethod): Fun {
  const named = (text: string): readonly number[] => [SMALL_ATOM_UTF8_EXT, text.length, ...Buffer.from(text)];
  return new Fun(Uint8Array.from([EXPORT_EXT, ...named(MODULE), ...named(`${method}_name`), SMALL_INTEGER_EXT, ARITY]));
}

/** The method of such a fun; undefined for any other. */
function methodOf(term: unknown): ConflictMethod | undefined {
  if (!(term instanceof Fun) || term.bytes[0] !== EXPORT_EXT) return undefined;
  // An external fun is its module, name and arity, one after the other: as a tuple is its elements.
  const parts = decode(Uint8Array.from([131, 104, 3, ...term.bytes.subarray(1)]), { profile: "exact" }) as Tuple;
  const [module, name, arity] = parts.elements;
  const method = (name as Atom).name.replace(/_name$/, "");
  if ((module as Atom).name !== MODULE || arity !== ARITY || !Object.hasOwn(methods, method)) return undefined;
  return method as ConflictMethod;
}

/** Runs a method here. @returns who keeps the name; undefined: nobody. Throws for a fun that only Erlang can run. */
export function settleHere(method: unknown, name: Term, one: LocalPid, other: LocalPid): LocalPid | undefined {
  const known = methodOf(method);
  if (known === undefined) throw new TypeError("this node cannot run the fun by which a conflict of names is settled");
  return methods[known](name, one, other);
}

/** `failed` is told why a method could not be run. `unknown`: its node could not be asked. */
export async function settle(
  self: NodeName,
  { ours, theirs }: Conflict,
  failed: (error: unknown) => void,
): Promise<Outcome> {
  const { node } = ours.pid;
  if (node === self) {
    try {
      return outcomeOf(settleHere(ours.method, ours.name, theirs.pid, ours.pid));
    } catch (error) {
      failed(error);
      return "none";
    }
  }
  try {
    const request = [ours.method, ours.name.term, theirs.pid, ours.pid];
    return outcomeOf(await callRemote(node, MODULE, "resolve_it", request, { timeoutMs: SETTLE_MS }));
  } catch (error) {
    failed(error);
    return "unknown";
  }

  function outcomeOf(kept: unknown): Outcome {
    if (!(kept instanceof LocalPid)) return "none";
    return kept === ours.pid ? "ours" : kept === theirs.pid ? "theirs" : "none";
  }
}

const SETTLE_MS = 60_000;

/** What other nodes may have run here: the method of a name whose owner is here. */
export function offerMethods(): void {
  offerModule(MODULE, {
    terms: "exact",
    functions: {
      resolve_it(method: unknown, name: unknown, one: LocalPid, other: LocalPid): unknown {
        try {
          return settleHere(method, new Term(name), one, other) ?? atom("none");
        } catch (error) {
          return tuple(atom("EXIT"), String(error)); // OTP: what is no pid of the two leaves the name to nobody.
        }
      },
    },
  });
}
