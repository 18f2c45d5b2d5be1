/** The nodes of one machine: those that its name server knows, or those that have left a file in a folder. */
import type { NodeName } from "@interlock/core";
import { registeredNodes } from "../epmd/client.ts";
import { hostOf, isNodeName } from "../node/node-name.ts";
import type { DiscoveryContext, LookupDiscovery } from "./discovery.ts";

export interface LocalNodesOptions {
  /** Of all nodes those that are wanted: a machine's name server knows those of every program. */
  readonly filter?: (node: NodeName) => boolean;
  /** Where nodes leave files for each other, instead of asking the name server. */
  readonly folder?: string;
  /** Milliseconds after which the file of a node that has not renewed it counts no more. Default 60 000. */
  readonly staleMs?: number;
}

const DEFAULT_STALE_MS = 60_000;

/**
 * The nodes of this machine. With `folder` each node keeps a file there, renewed with every look and gone when it leaves;
 * the file of one that crashed counts until it is stale. What is in the folder and no such file is none of its business.
 *
 * @example
 * const mine = localNodes({ filter: (node) => node.startsWith("newsroom-") });
 * const elsewhere = localNodes({ folder: "/run/newsroom/nodes" });
 * console.log(mine.name, elsewhere.name); // name server folder /run/newsroom/nodes
 */
export function localNodes(options: LocalNodesOptions = {}): LookupDiscovery {
  const { filter = () => true, folder, staleMs = DEFAULT_STALE_MS } = options;
  if (folder === undefined)
    return { name: "name server", lookup: async (context) => (await fromNameServer(context)).filter(filter) };
  return {
    name: `folder ${folder}`,
    async lookup(context) {
      await announce(folder, context);
      return (await fromFolder(folder, staleMs, context)).filter(filter);
    },
    leave: ({ node, ports }) => ports.files.remove(fileOf(folder, node)),
  };
}

async function fromNameServer({ epmd, node, ports, signal }: DiscoveryContext): Promise<NodeName[]> {
  const names = await registeredNodes(ports, epmd, signal);
  // A name server knows the part before the @ only: all its nodes are on this machine, under the name it has for us.
  return names.map(({ name }): NodeName => `${name}@${hostOf(node)}`).filter(isNodeName);
}

const SUFFIX = ".node";

function fileOf(folder: string, node: NodeName): string {
  return `${folder}/${encodeURIComponent(node)}${SUFFIX}`;
}

/** What a node leaves in the folder, as JSON. */
interface Entry {
  readonly node: NodeName;
  /** When it was written, by the machine's clock. */
  readonly atMs: number;
}

function announce(folder: string, { clock, node, ports }: DiscoveryContext): Promise<void> {
  return ports.files.write(fileOf(folder, node), JSON.stringify({ node, atMs: clock.wallTime() } satisfies Entry));
}

async function fromFolder(folder: string, staleMs: number, { clock, ports }: DiscoveryContext): Promise<NodeName[]> {
  const names = await ports.files.list(folder);
  const entries = names.filter((name) => name.endsWith(SUFFIX)).map((name) => ports.files.read(`${folder}/${name}`));
  // Undefined: it has gone since the folder was listed.
  return (await Promise.all(entries)).flatMap((text) => {
    const entry = text === undefined ? undefined : entryIn(text);
    return entry === undefined || clock.wallTime() - entry.atMs > staleMs ? [] : [entry.node];
  });
}

function entryIn(text: string): Entry | undefined {
  try {
    const { atMs, node } = JSON.parse(text) as Partial<Entry>;
    return isNodeName(node) && typeof atMs === "number" ? { node, atMs } : undefined;
  } catch {
    return undefined;
  }
}
