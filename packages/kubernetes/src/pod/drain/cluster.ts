/** A node's part in its cluster, as far as its pod is concerned. */

import type { Cluster, Placement } from "@interlock/cluster";
import type { AnyGenServer } from "@interlock/core";
import { type PodRegistry, pod } from "../registry.ts";

/**
 * Has the pod be ready when its node is up in the cluster, and leave the cluster when the pod drains.
 * @returns what takes that back.
 */
export function drainCluster(cluster: Cluster, registry: PodRegistry = pod): () => void {
  let isLeaving = false;
  const name = `cluster of ${cluster.node}`;
  const check = (): string | undefined => {
    const own = cluster.members().find(({ node }) => node === cluster.node);
    // Whoever leaves has been up.
    if (isLeaving || own?.state === "up" || own?.state === "leaving") return undefined;
    return cluster.waitingFor() ?? `${cluster.node} is ${own?.state ?? "in no cluster"}`;
  };
  const ends = [
    registry.readyWhen({ name: "joined", check }),
    registry.onDrain({
      name,
      phase: "leave",
      run: () => {
        isLeaving = true;
        return cluster.leave();
      },
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Has the pod hand over the processes of a placement when it drains. @returns what takes that back. */
export function drainPlacement<G extends AnyGenServer, Key extends string>(
  placement: Placement<G, Key>,
  registry: PodRegistry = pod,
): () => void {
  return registry.onDrain({
    name: `placement ${placement.name}`,
    phase: "handoff",
    run: (_signal, deadlineMs) => placement.drain({ deadlineMs }),
  });
}
