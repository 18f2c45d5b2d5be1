/**
 * The pods of a headless Service by its DNS records.
 *
 * What an answer means, by its code:
 *
 *     records                                      those nodes, all of them
 *     ENODATA   the name is there, no records      no nodes: a Service without pods
 *     ENOTFOUND the name is not there (NXDOMAIN)   no nodes, or an error with `absent: "error"`
 *     anything else: SERVFAIL, REFUSED, a timeout, an error: nothing is known, and nothing changes
 *     an answer that was cut and has no whole one
 *
 * NXDOMAIN is what the name server of Kubernetes says of a headless Service of which no pod is ready, and of a name with
 * a typing error; the two cannot be told apart. Taken for an empty set it does no harm: discovery never removes a member,
 * and a node that is not found itself begins no cluster, so it waits and says for what.
 */
import type { NodeName } from "@interlock/core";
import { badOption } from "../errors.ts";
import { aliveOf, hostOf } from "../node/node-name.ts";
import type { Resolver } from "../ports.ts";
import type { DiscoveryContext, LookupDiscovery } from "./discovery.ts";

export interface HeadlessServiceOptions {
  /** The Service's DNS name, whole: `newsroom.default.svc.cluster.local`. */
  readonly name: string;
  /** The part of the nodes' names before the `@`. Default: this node's own. */
  readonly app?: string;
  /** Default: that of the address in this node's own name; 4 if there is none. */
  readonly family?: 4 | 6;
  /** Asks for the SRV records of this port, `_dist._tcp`, and then for the addresses of their targets. */
  readonly srv?: string;
  /** What nodes are named by. `hostname`: the targets of `srv`, as pods of a StatefulSet have them. Default `address`. */
  readonly by?: "address" | "hostname";
  /** What it means when the name does not exist. Default `empty`. */
  readonly absent?: "empty" | "error";
  /** Default: the node's own, which asks the machine's name servers. */
  readonly resolver?: Resolver;
}

/**
 * The pods of a headless Service, as `app@<address>`. The Service should have `publishNotReadyAddresses: true`: a pod that
 * is ready only once it is in a cluster would never be found.
 *
 * **Errors** `INTERLOCK_NODE_OPTION`.
 *
 * @example
 * const pods = headlessService({ name: "newsroom.default.svc.cluster.local" });
 * console.log(pods.name); // headless service newsroom.default.svc.cluster.local
 */
export function headlessService(options: HeadlessServiceOptions): LookupDiscovery {
  const { absent = "empty", by = "address", name, srv } = options;
  if (!/^[\w-]+(\.[\w-]+)*\.?$/.test(name)) throw badOption("name", JSON.stringify(name), "the DNS name of a Service");
  if (by === "hostname" && srv === undefined) throw badOption("srv", "none", "a port, for nodes by hostname");
  return {
    name: `headless service ${name}`,
    async lookup(context) {
      const { app = aliveOf(context.node), resolver = context.ports.resolver } = options;
      const family = options.family ?? (hostOf(context.node).includes(":") ? 6 : 4);
      const { signal } = context;
      const hosts = await orNone(absent, () => {
        if (srv === undefined) return resolver.addresses(name, family, signal);
        return by === "hostname"
          ? targetsOf(resolver, `${srv}.${name}`, context)
          : addressesOf(resolver, `${srv}.${name}`, family, context);
      });
      return hosts.map((host): NodeName => `${app}@${host}`);
    },
  };
}

async function orNone(absent: "empty" | "error", ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await ask();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "ENODATA" || (code === "ENOTFOUND" && absent === "empty")) return [];
    throw error;
  }
}

async function targetsOf(resolver: Resolver, name: string, { signal }: DiscoveryContext): Promise<readonly string[]> {
  const services = await resolver.services(name, signal);
  return [...new Set(services.map(({ host }) => host.replace(/\.$/, "").toLowerCase()))];
}

async function addressesOf(
  resolver: Resolver,
  name: string,
  family: 4 | 6,
  context: DiscoveryContext,
): Promise<readonly string[]> {
  const targets = await targetsOf(resolver, name, context);
  // A target without addresses has gone since; one that cannot be asked for makes the whole answer none.
  const all = targets.map((target) => orNone("empty", () => resolver.addresses(target, family, context.signal)));
  return (await Promise.all(all)).flat();
}
