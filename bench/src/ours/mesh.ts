/**
 * `mesh/1` of `bb_dist.erl`: so many nodes, each a process of the operating system, on their way from none to all
 * connections. There `global` brings them about, once one node has connected to each; here each node is told the names
 * (`mesh_full`), or they join a cluster and find each other through the name server (`cluster_full`); that they agree on its
 * members is not waited for. Measured from the moment at which all are told to begin.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { nodePorts, startEpmd } from "@interlock/cluster";
import { emit, quick, runPrograms } from "../figure.ts";
import { MESH_NODES, QUICK_MESH_NODES } from "../rows.ts";

/** One more than are started there: that one connects itself. */
const COUNT = (quick ? QUICK_MESH_NODES : MESH_NODES) + 1;

async function started(index: number, epmdPort: number, way: string): Promise<ChildProcess> {
  const peer = new URL("mesh-peer.ts", import.meta.url).pathname;
  const args = [...process.execArgv, peer, way, ...[index, COUNT, epmdPort].map(String)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

async function measure(name: string, way: string): Promise<void> {
  const epmd = await startEpmd(nodePorts, { host: "127.0.0.1", port: 0 });
  const indexes = Array.from({ length: COUNT }, (_, index) => index);
  const booting = performance.now();
  const children = await Promise.all(indexes.map((index) => started(index, epmd.address.port, way)));
  const booted = performance.now();
  const full = children.map(async ({ stdin, stdout }) => {
    stdin?.write("go\n");
    if (stdout !== null) await once(stdout, "data");
  });
  await Promise.all(full);
  const value = performance.now() - booted;
  emit({ name, value, unit: "ms", count: (COUNT * (COUNT - 1)) / 2, boot_ms: booted - booting });
  const gone = children.map((child) => once(child, "exit"));
  for (const { stdin } of children) stdin?.end();
  await Promise.all(gone);
  await epmd.close();
}

await runPrograms({
  mesh: async () => {
    await measure("mesh_full", "connect");
    await measure("cluster_full", "cluster");
  },
});
