/** The archive as a pod of its own, where the newsrooms are pods: a node of their town that has the articles. */
import { createNode, joinCluster } from "@interlock/cluster";
import { application } from "@interlock/core";
import { drainCluster, podPlace, runPod } from "@interlock/kubernetes";
import { archiveSup } from "./articles/archive-node.ts";
import { storesClosed } from "./articles/store-thread.ts";

const archive = application({
  name: "archive",
  version: "0.1.0",
  async start() {
    const place = await podPlace();
    if (place === undefined) throw new Error("The archive runs in a pod; elsewhere a newsroom has it");
    const node = await createNode(place.node);
    const cluster = await joinCluster(node, place.cluster);
    drainCluster(cluster);
    return await archiveSup.startLink(process.env["NEWSROOM_DATA"] ?? "/tmp/articles");
  },
  stop: storesClosed,
});

await runPod(archive, { heapPercent: false });
