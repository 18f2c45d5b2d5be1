/**
 * Who goes when nodes of one side do not reach each other, though the arbiter reaches them all. Pure. As few as possible: the
 * one with the most cuts first, of equal ones the last by name. Who is out stays out until its own cuts are healed, so that no
 * two of a pair ever take turns.
 */
import type { NodeName } from "@interlock/core";

/** @param cuts of each node those that it does not reach. Between two, one of them saying so is enough. */
export function excluded(
  cuts: ReadonlyMap<NodeName, Iterable<NodeName>>,
  before: ReadonlySet<NodeName> = new Set(),
): ReadonlySet<NodeName> {
  const edges = new Map<NodeName, Set<NodeName>>();
  const add = (one: NodeName, other: NodeName): void => {
    edges.set(one, (edges.get(one) ?? new Set()).add(other));
  };
  for (const [node, unreached] of cuts)
    for (const other of unreached)
      if (other !== node) {
        add(node, other);
        add(other, node);
      }
  const out = new Set<NodeName>();
  const leave = (node: NodeName): void => {
    out.add(node);
    for (const other of edges.get(node) ?? []) edges.get(other)?.delete(node);
    edges.delete(node);
  };
  for (const node of before) if ((edges.get(node)?.size ?? 0) > 0) leave(node);
  for (;;) {
    const [worst] = [...edges]
      .filter(([, others]) => others.size > 0)
      .sort(([a, cutsOfA], [b, cutsOfB]) => cutsOfB.size - cutsOfA.size || (a < b ? 1 : -1));
    if (worst === undefined) return out;
    leave(worst[0]);
  }
}
