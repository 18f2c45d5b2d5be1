/** The nodes of the cluster that this pod is one of. */
import { nodePorts } from "@interlock/cluster";
import { nodeRuntime } from "@interlock/core";
import { podPlace } from "@interlock/kubernetes";
import { within } from "../limit.ts";
import type { KnownNode, Reach } from "./reach.ts";

const ANSWER_MS = 5_000;

/** Undefined outside of a pod that `interlock deploy` has made. **Errors** `INTERLOCK_POD_ENVIRONMENT`. */
export async function podReach(): Promise<Reach | undefined> {
  const place = await podPlace();
  if (place === undefined) return undefined;
  const { INTERLOCK_SERVICE: service = "" } = process.env;
  const own = place.node.name;
  const host = own.slice(own.indexOf("@") + 1);
  const { resolver } = nodePorts;
  const found = await within(nodeRuntime.timers, ANSWER_MS, (signal) =>
    resolver.addresses(service, host.includes(":") ? 6 : 4, signal),
  );
  const { cookie, lookup, tls } = place.node;
  return {
    where: `${place.app} in ${place.namespace}, from ${place.pod}`,
    nodes: found
      .toSorted()
      .map((address): KnownNode => ({ id: address, name: `${place.app}@${address}`, state: undefined })),
    host,
    options: { cookie, lookup, ...(tls !== undefined && { tls }) },
    close: async () => undefined,
  };
}
