/**
 * Erlang's order of terms, as far as JavaScript has them: numbers < atoms (booleans, null, undefined, symbols) <
 * references < pids < lists (arrays) < strings. Numbers compare by value whatever their type: 1 and 1n are equal.
 * @see the reference manual, "Term Comparisons"
 */
import { badArgument } from "../errors.ts";
import { LocalPid, Reference, RemotePid } from "../process/pid.ts";

const NUMBER = 0;
const ATOM = 1;
const REFERENCE = 2;
const PID = 3;
const LIST = 4;
const STRING = 5;

function rankOf(term: unknown): number {
  switch (typeof term) {
    case "number":
      if (!Number.isNaN(term)) return NUMBER;
      break;
    case "bigint":
      return NUMBER;
    case "string":
      return STRING;
    case "boolean":
    case "symbol":
    case "undefined":
      return ATOM;
    case "object":
      if (term === null) return ATOM;
      if (Array.isArray(term)) return LIST;
      if (term instanceof LocalPid) return PID;
      if (term instanceof Reference) return REFERENCE;
  }
  throw badArgument("the key", term, "a term with a place in the order; give the table a compare function for others");
}

/** Below 0 when `left` comes first, 0 when they are equal. **Errors** `INTERLOCK_BAD_ARGUMENT` for NaN and objects. */
export function compareTerms(left: unknown, right: unknown): number {
  const rank = rankOf(left);
  const difference = rank - rankOf(right);
  if (difference !== 0) return difference;
  switch (rank) {
    case NUMBER:
      return compare(left as number, right as number);
    case STRING:
      return compare(left as string, right as string);
    case ATOM:
      return compare(String(left), String(right));
    case LIST:
      return compareLists(left as readonly unknown[], right as readonly unknown[]);
    case PID:
      return comparePids(left as LocalPid, right as LocalPid);
    default:
      return compare((left as Reference).id, (right as Reference).id);
  }
}

function compare<T extends number | string>(left: T, right: T): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function compareLists(left: readonly unknown[], right: readonly unknown[]): number {
  const both = Math.min(left.length, right.length);
  for (let at = 0; at < both; at++) {
    const difference = compareTerms(left[at], right[at]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** By the second number, the first one, the node, and its life: two that are not one process are not equal. */
function comparePids(left: LocalPid, right: LocalPid): number {
  return (
    compare(serialOf(left), serialOf(right)) ||
    compare(left.id, right.id) ||
    compare(left.node, right.node) ||
    compare(left.home.index, right.home.index)
  );
}

function serialOf(pid: LocalPid): number {
  return pid instanceof RemotePid ? pid.serial : 0;
}
