/** The program of a pod: a node of the cluster with journals, and the site in front of them. */
import { type Cluster, createNode, joinCluster } from "@interlock/cluster";
import { application, local, supervisor } from "@interlock/core";
import { drainCluster, drainPlacement, podPlace, runPod } from "@interlock/kubernetes";
import { journals } from "./journals.ts";
import { isPod } from "./phase.ts";
import { SiteServer } from "./site.ts";

const proofSup = supervisor({
  name: "proof_sup",
  strategy: "one_for_one",
  children: (cluster: Cluster) => [
    journals.child(cluster),
    SiteServer.child([8_080, cluster], { name: local("site") }),
  ],
});

const proof = application({
  name: "proof",
  version: "0.0.0",
  async start() {
    const place = await podPlace();
    if (place === undefined) throw new Error("proof runs in a pod that interlock deploy has made");
    // It is not stopped with the application: the drain leaves the cluster after that.
    const node = await createNode({ ...place.node, tickMs: 4_000 });
    const cluster = await joinCluster(node, place.cluster);
    drainCluster(cluster);
    drainPlacement(journals);
    await cluster.joined();
    return await proofSup.startLink(cluster);
  },
});

isPod(await runPod(proof));
