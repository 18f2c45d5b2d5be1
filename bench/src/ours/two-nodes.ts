/** A node in this program and others in programs of their own, on loopback, with a name server of their own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { type ClusterNode, createNode } from "@interlock/cluster";
import type { NodeName } from "@interlock/core";
import { credentialsIn, makeCertificates } from "../certificates.ts";

export interface NodesOptions {
  readonly tls: boolean;
}

export interface Nodes {
  readonly node: ClusterNode;
  /** Resolves when it takes connections. */
  start(name: NodeName): Promise<ChildProcess>;
}

export async function startNodes({ tls }: NodesOptions): Promise<Nodes> {
  const port = await freePort();
  const folder = tls ? makeCertificates() : undefined;
  const credentials = folder === undefined ? undefined : credentialsIn(folder);
  const node = await createNode({
    name: "ours_a@127.0.0.1",
    cookie: "bb",
    epmd: { port },
    ...(credentials === undefined ? {} : { tls: () => credentials }),
  });
  const peer = new URL("distribution-peer.ts", import.meta.url).pathname;
  return {
    node,
    async start(name) {
      const args = [...process.execArgv, peer, name, String(port), ...(folder === undefined ? [] : [folder])];
      const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
      await once(child.stdout, "data");
      return child;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
