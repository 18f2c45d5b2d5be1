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
  type Singleton,
  staticNodes,
} from "@interlock/cluster";
import { editorWith } from "../articles/editor.ts";
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

/** Joins the nodes that the launcher has started, and waits until they are one cluster. */
export async function openTown({ leases }: Pick<NewsroomConfig, "leases">): Promise<Town> {
  const wires = new Wires();
  const launched = launchedNode();
  const { cluster, node } = launched === undefined ? await standAlone(wires) : await standWithOthers(launched, wires);
  await cluster.joined();
  // In files even when it stands alone: the archive remembers the editor's token, and it must never become less.
  const editor = editorWith(fileLeases({ folder: leases }));
  return { here: launched?.id ?? "newsroom", node, cluster, editor, wires };
}

async function standWithOthers({ cookie, epmd, name }: LaunchedNode, { ports }: Wires) {
  const node = await createNode({ name, cookie, epmd, tickMs, ports });
  return { node, cluster: await joinCluster(node, townRules) };
}

/** Nobody knows its cookie or where it listens. */
async function standAlone({ ports }: Wires) {
  const name = "newsroom@127.0.0.1";
  const lookup = (other: string) => Promise.reject(new Error(`This newsroom stands alone, so ${other} is nowhere`));
  const node = await createNode({ name, cookie: randomUUID(), ports, lookup });
  const discovery = [staticNodes([name])];
  return { node, cluster: await joinCluster(node, { discovery, requiredContactPoints: 1, stableMarginMs: 0 }) };
}

/** Says goodbye, so that the others need not find out. */
export async function leaveTown({ cluster, node }: Town): Promise<void> {
  await cluster.leave();
  await node.stop();
}
