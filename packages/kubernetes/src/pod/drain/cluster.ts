/** A node's part in its cluster, as far as its pod is concerned. */

import type { Cluster, Placement } from "@interlock/cluster";
import type { AnyGenServer } from "@interlock/core";
import { type PodRegistry, pod } from "../registry.ts";

/**
 * Has the pod be ready when its node is up in the cluster, and not on the side of a split that does not go on; when the pod
 * drains, it takes over no singletons any more, and leaves the cluster at the end. What the node knows of its cluster is shown
 * in the pod's status.
 *
 * @returns what takes that back.
 */
export function drainCluster(cluster: Cluster, registry: PodRegistry = pod): () => void {
  const name = `cluster of ${cluster.node}`;
  const check = (): string | undefined => {
    const state = cluster.members().find(({ node }) => node === cluster.node)?.state;
    // Whoever leaves has been up.
    if (state === "up" || state === "leaving") return undefined;
    return cluster.waitingFor() ?? `${cluster.node} is ${state ?? "in no cluster"}`;
  };
  const ends = [
    registry.readyWhen({ name: "joined", check }),
    registry.readyWhen({ name: "split", check: () => losing(cluster) }),
    registry.show("cluster", () => shown(cluster)),
    registry.onDrain({ name, phase: "announce", run: () => cluster.standDown() }),
    registry.onDrain({ name, phase: "leave", run: () => cluster.leave() }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function losing(cluster: Cluster): string | undefined {
  const arbiter = cluster.arbiter();
  // Until it is in a cluster there is another reason.
  if (arbiter === undefined || !arbiter.losing) return undefined;
  return arbiter.reason ?? "it is not known whether the cluster goes on without it";
}

function shown(cluster: Cluster): unknown {
  const { cluster: name, members } = cluster.view();
  return {
    name,
    members: members.map(({ node, state }) => ({ node, state })),
    agreed: cluster.agreement().agreed,
    waitingFor: cluster.waitingFor(),
    discovery: cluster.discovery(),
    arbiter: cluster.arbiter(),
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
