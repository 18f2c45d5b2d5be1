/** The application, and its place among the others. */
import { type Cluster, type ClusterNode, createNode, joinCluster, type Singleton } from "@interlock/cluster";
import { application, local, supervisor } from "@interlock/core";
import { drainCluster, podPlace } from "@interlock/kubernetes";
import { z } from "zod";
import { clerkOf } from "./clerk.ts";
import { PostOffice } from "./post.ts";
import { keystoneChild, wardSup } from "./ward.ts";
import { WebServer } from "./web.ts";

/** A silent node is gone after so long; one that was killed is gone at once. */
const tickMs = 4_000;

const settings = z.object({
  greeting: z.string().max(40),
  pace: z.coerce.number().int().positive(),
  /** Of a Secret. */
  password: z.string().min(4),
});

export interface Place {
  readonly pod: string;
  readonly node: ClusterNode;
  readonly cluster: Cluster;
  readonly clerk: Singleton;
}

const keeperSup = supervisor({
  name: "keeper_sup",
  strategy: "one_for_one",
  intensity: 6,
  periodMs: 5_000,
  children: (place: Place) => [
    keystoneChild(),
    wardSup.child([], { name: local("ward_sup") }),
    place.clerk.child(),
    PostOffice.child([place.cluster], { name: local("post") }),
    WebServer.child([place], { name: local("web") }),
  ],
});

let place: Place | undefined;

export const keeper = application({
  name: "keeper",
  version: "0.0.0",
  config: settings,
  async start() {
    const pod = await podPlace();
    if (pod === undefined) throw new Error("The keeper runs in a pod");
    const node = await createNode({ ...pod.node, tickMs });
    const cluster = await joinCluster(node, pod.cluster);
    drainCluster(cluster);
    place = { pod: pod.pod, node, cluster, clerk: clerkOf(node.name, pod.leases) };
    await cluster.joined();
    return await keeperSup.named(local("keeper_sup")).startLink(place);
  },
  async stop() {
    await place?.cluster.leave();
    await place?.node.stop();
  },
});
