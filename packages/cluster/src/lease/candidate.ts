/** Whom a lease names. */
import type { LocalNode, NodeName } from "@interlock/core";

/** One life of a candidate on a node, so that it is never taken for the one before it. */
export function candidateName(node: LocalNode): string {
  const life = Math.floor(node.runtime.random() * 2 ** 32);
  const second = Math.floor(node.runtime.random() * 2 ** 20);
  return `${node.name}/${(life * 2 ** 20 + second).toString(36)}`;
}

/** The node of a candidate; the whole name when somebody else has written the lease, as an operator may. */
export function nodeOf(candidate: string): NodeName {
  const slash = candidate.lastIndexOf("/");
  return (slash < 0 ? candidate : candidate.slice(0, slash)) as NodeName;
}
