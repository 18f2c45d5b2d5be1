/**
 * Where this newsroom stands: as one of several nodes of a town that do as one, or alone, as a town of one node. A launcher
 * gives a node its name; what the newsroom does is the same either way.
 */
import { randomUUID } from "node:crypto";
import { type LaunchedNode, launchedNode } from "@interlock/cli/child";
import {
  type Cluster,
  type ClusterNode,
  createNode,
  fileLeases,
  joinCluster,
  type Leases,
  type Singleton,
  staticNodes,
} from "@interlock/cluster";
import { drainCluster, drainPlacement, type PodPlace, podPlace } from "@interlock/kubernetes";
import { editorWith } from "../articles/editor.ts";
import { rooms } from "../chat/rooms.ts";
import type { NewsroomConfig } from "../config.ts";
import { townRules } from "./town-rules.ts";
import { Wires } from "./wires.ts";

export interface Town {
  /** What people call this node: `newsroom-1`. */
  readonly here: string;
  readonly node: ClusterNode;
  readonly cluster: Cluster;
  /** Leads to the one editor of the town. */
  readonly editor: Singleton;
  readonly wires: Wires;
}

/** A silent node is gone after so long; one that was killed is gone at once. */
const tickMs = 4_000;

interface Place {
  readonly here: string;
  readonly node: ClusterNode;
  readonly cluster: Cluster;
  readonly leases: Leases;
}

/** Joins the other nodes, if there are any, and waits until they are one cluster. */
export async function openTown({ leases: folder }: Pick<NewsroomConfig, "leases">): Promise<Town> {
  const wires = new Wires();
  const [pod, launched] = [await podPlace(), launchedNode()];
  const place =
    pod !== undefined
      ? await standInPod(pod, wires)
      : launched !== undefined
        ? await standWithOthers(launched, folder, wires)
        : await standAlone(folder, wires);
  const { cluster, here, leases, node } = place;
  await cluster.joined();
  return { here, node, cluster, editor: editorWith(leases), wires };
}

/** One of several pods: where it is, and where the others are, is in its environment. */
async function standInPod({ cluster, leases, node: place, pod }: PodPlace, { ports }: Wires): Promise<Place> {
  const node = await createNode({ ...place, tickMs, ports });
  const joined = await joinCluster(node, cluster);
  drainCluster(joined);
  drainPlacement(rooms);
  return { here: pod, node, cluster: joined, leases };
}

/** One of several programs of this machine, as the launcher has told it. */
async function standWithOthers(launched: LaunchedNode, folder: string, { ports }: Wires): Promise<Place> {
  const { cookie, epmd, id, name } = launched;
  const node = await createNode({ name, cookie, epmd, tickMs, ports });
  return { here: id, node, cluster: await joinCluster(node, townRules), leases: fileLeases({ folder }) };
}

/** Nobody knows its cookie or where it listens. */
async function standAlone(folder: string, { ports }: Wires): Promise<Place> {
  const name = "newsroom@127.0.0.1";
  const lookup = (other: string) => Promise.reject(new Error(`This newsroom stands alone, so ${other} is nowhere`));
  const node = await createNode({ name, cookie: randomUUID(), ports, lookup });
  const discovery = [staticNodes([name])];
  const cluster = await joinCluster(node, { discovery, requiredContactPoints: 1, stableMarginMs: 0 });
  // In files even so: the archive remembers the editor's token, and it must never become less.
  return { here: "newsroom", node, cluster, leases: fileLeases({ folder }) };
}

/** Says goodbye, so that the others need not find out. */
export async function leaveTown({ cluster, node }: Town): Promise<void> {
  await cluster.leave();
  await node.stop();
}
