/** What two partitions make of their names when they meet. */
import type { Conflict, Outcome } from "./events.ts";
import type { ExternalName, NameOperation } from "./messages.ts";
import type { GlobalEntry, NameTable } from "./name-table.ts";

/** The names of the other side beside those of this one. */
export function compareNames(
  table: NameTable,
  names: readonly GlobalEntry[],
): { readonly inserts: readonly NameOperation[]; readonly conflicts: readonly Conflict[] } {
  const conflicts: Conflict[] = [];
  const inserts: NameOperation[] = [];
  for (const theirs of names) {
    const ours = table.get(theirs.name);
    if (ours === undefined) inserts.push({ type: "insert", entry: theirs });
    else if (ours.pid !== theirs.pid) conflicts.push({ ours, theirs });
  }
  return { inserts, conflicts };
}

/** What is to be done in this partition and in the other one. */
export function settled(
  conflicts: readonly Conflict[],
  outcomes: readonly Outcome[],
): { readonly here: readonly NameOperation[]; readonly there: readonly NameOperation[] } {
  const here: NameOperation[] = [];
  const there: NameOperation[] = [];
  for (const [at, { ours, theirs }] of conflicts.entries()) {
    const outcome = outcomes[at];
    // OTP: a method that could not be run has lost.
    if (outcome === "theirs" || outcome === "unknown") here.push({ type: "insert", entry: theirs });
    else if (outcome === "ours") there.push({ type: "insert", entry: ours });
    else for (const side of [here, there]) side.push({ type: "delete", name: ours.name });
  }
  return { here, there };
}

/** With the node of those that were registered for processes which run no Erlang. */
export function withExternal(
  operations: readonly NameOperation[],
  external: readonly ExternalName[],
): readonly NameOperation[] {
  if (external.length === 0) return operations;
  return operations.map((one) => {
    if (one.type === "delete") return one;
    const { name, pid } = one.entry;
    const via = external.find((other) => other.name.key === name.key && other.pid === pid)?.via;
    return { type: "insert", entry: { ...one.entry, via } };
  });
}
