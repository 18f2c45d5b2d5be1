/** Nodes that are known beforehand. */
import type { NodeName } from "@interlock/core";
import { badOption } from "../errors.ts";
import { isNodeName } from "../node/node-name.ts";
import type { LookupDiscovery } from "./discovery.ts";

/**
 * Always the same nodes. Those that are listed may begin a cluster; a node that is not in its own list only joins one.
 *
 * **Errors** `INTERLOCK_NODE_OPTION` for what is no name of a node.
 *
 * @example
 * const node = await createNode({ name: "a@127.0.0.1", cookie: "a secret", epmd: { port: 14_371 } });
 * const cluster = await joinCluster(node, {
 *   discovery: [staticNodes(["a@127.0.0.1"])],
 *   requiredContactPoints: 1,
 *   stableMarginMs: 0,
 * });
 * await cluster.joined();
 * console.log(cluster.members().map(({ node, state }) => `${node} is ${state}`).join()); // a@127.0.0.1 is up
 * await cluster.leave();
 * await node.stop();
 */
export function staticNodes(nodes: readonly NodeName[]): LookupDiscovery {
  for (const node of nodes) if (!isNodeName(node)) throw badOption("nodes", JSON.stringify(node), "app@host");
  const all = [...nodes];
  return { name: "static nodes", lookup: async () => all };
}
