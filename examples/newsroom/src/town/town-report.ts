/** The town as a page shows it: what the launcher says of its nodes, and what this node and the others see of each other. */
import type { PlatformNode } from "@interlock/cli";
import { platform } from "@interlock/cli/child";
import { z } from "zod";
import { rooms } from "../chat/rooms.ts";
import type { Town } from "./town.ts";
import { idOf } from "./town-name.ts";

export interface TownReport {
  /** Who reports. */
  readonly here: string;
  readonly nodes: readonly TownNode[];
  /** The node where the editor works; undefined while one is being replaced. */
  readonly editor: string | undefined;
  readonly rooms: readonly { readonly room: string; readonly node: string }[];
  /** Whether all members have the same view of who is there. */
  readonly agreed: boolean;
  /** Pairs of nodes whose wire is cut. */
  readonly cuts: readonly (readonly [string, string])[];
}

export type TownNode = Pick<PlatformNode, "id" | "state" | "reason" | "pid" | "restarts" | "since"> & {
  /** As the members of the cluster have it: `up`, `leaving`, `down` … */
  readonly member: string | undefined;
};

/** What a node says of its own wires. */
export const wireReport = z.object({ here: z.string(), port: z.number(), cuts: z.array(z.string()) });
export type WireReport = z.infer<typeof wireReport>;

export async function reportOn(town: Town): Promise<TownReport> {
  const { cluster, editor, here } = town;
  const nodes = (await platform()?.nodes()) ?? [];
  const members = new Map(cluster.view().members.map(({ node, state }) => [idOf(node), state]));
  const wires = await wiresOf(nodes);
  return {
    here,
    nodes: nodes.map(({ id, pid, reason, restarts, since, state }) => ({
      id,
      state,
      reason,
      pid,
      restarts,
      since,
      member: members.get(id),
    })),
    editor: editor.holder && idOf(editor.holder),
    rooms: rooms.keys().flatMap((room) => {
      const node = rooms.whereis(room)?.node;
      return node === undefined ? [] : [{ room, node: idOf(node) }];
    }),
    agreed: cluster.agreement().agreed,
    cuts: wires.flatMap(({ cuts, here: one }) =>
      cuts
        .map(idOf)
        .filter((other) => one < other)
        .map((other) => [one, other] as const),
    ),
  };
}

/** Asks each node itself, since between two of them the wire may be cut. One that does not answer has nothing to say. */
export async function wiresOf(
  nodes: readonly PlatformNode[],
): Promise<readonly (WireReport & { readonly url: string })[]> {
  const asked = nodes.map(async ({ url }) => {
    if (url === undefined) return undefined;
    try {
      const answer = await fetch(new URL("api/town/wires", url), { signal: AbortSignal.timeout(1_000) });
      return { url, ...wireReport.parse(await answer.json()) };
    } catch {
      return undefined;
    }
  });
  return (await Promise.all(asked)).filter((report) => report !== undefined);
}
