/** What other folders of this package need of a node beyond its public face. */
import type { LocalNode } from "@interlock/core";
import type { Address, Ports } from "../ports.ts";
import type { NetKernel } from "./net-kernel.ts";
import type { ClusterNode } from "./node.ts";

export interface NodeParts {
  readonly local: LocalNode;
  readonly kernel: NetKernel;
  readonly ports: Ports;
  /** The name server of the node's machine. */
  readonly epmd: Address;
}

const parts = new WeakMap<ClusterNode, NodeParts>();

export function keepParts(node: ClusterNode, of: NodeParts): void {
  parts.set(node, of);
}

/** Undefined: not made by `createNode`. */
export function partsOf(node: ClusterNode): NodeParts | undefined {
  return parts.get(node);
}
