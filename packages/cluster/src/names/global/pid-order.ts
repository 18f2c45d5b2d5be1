/** Erlang's order of pids: lockers of two nodes name their common lock by the sorted list of both. */
import { type LocalPid, RemotePid } from "@interlock/core/distribution";

export function inErlangsOrder(pids: readonly LocalPid[]): readonly LocalPid[] {
  return pids.toSorted(compare);
}

/** By the second number, the first one, and only then the node. */
function compare(one: LocalPid, other: LocalPid): number {
  return serialOf(one) - serialOf(other) || one.id - other.id || (one.node < other.node ? -1 : 1);
}

function serialOf(pid: LocalPid): number {
  return pid instanceof RemotePid ? pid.serial : 0;
}
