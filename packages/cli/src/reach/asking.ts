/** Asks nodes what they say of themselves, as one more node: a hidden one, that none of them counts as one of theirs. */
import {
  type ClusterNode,
  createNode,
  type InspectionFunctions,
  inspection,
  nodePorts,
  onNode,
  type RemoteClient,
} from "@interlock/cluster";
import { isError, type NodeName } from "@interlock/core";
import type { KnownNode, Reach } from "./reach.ts";

/** What a node answered, or why it did not. */
export type Answered<T> =
  | { readonly node: KnownNode; readonly value: T }
  | { readonly node: KnownNode; readonly problem: string };

export type NodeClient = RemoteClient<InspectionFunctions>;

const ANSWER_MS = 10_000;
/** The way through an API server that is busy takes its time. */
const HANDSHAKE_MS = 15_000;

/** Runs `body` while this program is a node beside those of `reach`, which is closed after it. */
export async function besideThem<T>(reach: Reach, body: (node: ClusterNode) => Promise<T>): Promise<T> {
  const name: NodeName = `interlock-${nodePorts.challenge().toString(16)}@${reach.host}`;
  let node: ClusterNode | undefined;
  try {
    node = await createNode({ ...reach.options, name, handshakeMs: HANDSHAKE_MS });
    return await body(node);
  } finally {
    await node?.stop();
    await reach.close();
  }
}

export function clientOf(name: NodeName): NodeClient {
  return onNode<InspectionFunctions>(name, inspection, { timeoutMs: ANSWER_MS });
}

/** Each at the same time; rejects never. */
export function askAll<T>(
  node: ClusterNode,
  reach: Reach,
  nodes: readonly KnownNode[],
  ask: (client: NodeClient) => Promise<T>,
): Promise<readonly Answered<T>[]> {
  return Promise.all(
    nodes.map(async (one): Promise<Answered<T>> => {
      try {
        // First, for the reason: a call says only that there is no connection.
        await node.connect(one.name);
        return { node: one, value: await ask(clientOf(one.name)) };
      } catch (error) {
        return { node: one, problem: reach.why?.(one.name) ?? problemOf(error) };
      }
    }),
  );
}

function problemOf(error: unknown): string {
  if (isError(error, "INTERLOCK_REMOTE_CALL" as never) && /\bundef\b/.test((error as Error).message))
    return "it is no node of Interlock that can be asked";
  return error instanceof Error ? error.message : String(error);
}
