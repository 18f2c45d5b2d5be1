/** Nodes that run placements, over sockets. Waits are for what happens, never for a time. */
import { type Pid, supervisor, sys } from "@interlock/core";
import { localNodes } from "../discovery/local.ts";
import { type Cluster, type JoinClusterOptions, joinCluster } from "../membership/cluster.ts";
import type { CreateNodeOptions } from "../node/node.ts";
import type { TestCluster, TestNode } from "../node/nodes.fixture.ts";
import { until } from "../node/until.fixture.ts";
import type { Placement, PlacementChildOptions } from "./placement.ts";

// biome-ignore lint/suspicious/noExplicitAny: any placement
export type AnyPlacement = Placement<any, any>;

export interface Site {
  readonly at: TestNode;
  readonly cluster: Cluster;
  /** Starts the child of a placement under a supervisor. */
  start(placement: AnyPlacement, options?: PlacementChildOptions): Promise<void>;
  /** Stops it as a supervisor does: what is placed here is handed over. */
  stop(placement: AnyPlacement): Promise<void>;
}

export async function site(
  nodes: TestCluster,
  name: string,
  options: Partial<CreateNodeOptions & JoinClusterOptions> = {},
): Promise<Site> {
  const at = await nodes.node(name, options);
  const cluster = await joinCluster(at.node, {
    discovery: [localNodes()],
    intervalMs: 10,
    stableMarginMs: 0,
    requiredContactPoints: 1,
    ...options,
  });
  const running = new Map<AnyPlacement, Pid>();
  return {
    at,
    cluster,
    start: async (placement, childOptions) => {
      // One at a time: nodes that begin at once might each begin a cluster.
      await cluster.joined();
      const children = () => [placement.child(cluster, childOptions)];
      const top = supervisor({ name: "top", strategy: "one_for_one", children });
      const started = Promise.withResolvers<Pid>();
      at.start(async () => started.resolve((await top.start()).pid));
      running.set(placement, await started.promise);
    },
    stop: async (placement) => {
      const pid = running.get(placement);
      running.delete(placement);
      if (pid !== undefined) await at.run(() => sys.terminate(pid, "shutdown", 60_000));
    },
  };
}

/** So many nodes that run `placement` and know each other. */
export async function sites(
  nodes: TestCluster,
  names: readonly string[],
  placement: AnyPlacement,
  options: Partial<CreateNodeOptions & JoinClusterOptions> = {},
): Promise<Site[]> {
  const made: Site[] = [];
  for (const name of names) {
    const one = await site(nodes, name, options);
    await one.start(placement);
    made.push(one);
  }
  await known(made, placement);
  return made;
}

/** Resolves when all of `those` know each other as hosts of `placement`. */
export async function known(those: readonly Site[], placement: AnyPlacement): Promise<void> {
  const names = those.map(({ at }) => at.name).sort();
  const agrees = ({ at }: Site): Promise<boolean> =>
    at.run(() => {
      const hosts = placement.hosts().filter(({ ready }) => ready);
      return (
        hosts
          .map(({ node }) => node)
          .sort()
          .join() === names.join()
      );
    });
  // It may be about to start again.
  for (const one of those) await until(() => agrees(one).catch(() => false));
}
