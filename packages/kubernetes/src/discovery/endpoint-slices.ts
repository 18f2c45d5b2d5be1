/**
 * The pods of a Service by its EndpointSlices, which the API server tells of as they change: a new pod is found at once, not
 * when a look into the DNS comes round.
 *
 * A watch that breaks, an API server that is away, and RBAC that forbids are failures of the look, and say nothing of the
 * pods: those that were found last stand. It is begun anew with a list of all, so nothing is missed.
 */
import { ClusterError, type DiscoveryContext, type WatchDiscovery } from "@interlock/cluster";
import { type LocalNode, type NodeName, type SupervisorRef, supervisor } from "@interlock/core";
import { spawnProcess } from "@interlock/core/distribution";
import type { KubernetesApi } from "../client/api.ts";
import { type Reflector, reflector } from "../client/reflector.ts";
import { type KubernetesType, resource } from "../client/resource.ts";

export interface EndpointSlicesOptions {
  readonly api: KubernetesApi;
  /** The Service's name: `newsroom-nodes`. */
  readonly service: string;
  /** Default: the api's. */
  readonly namespace?: string;
  /** The part of the nodes' names before the `@`. Default: this node's own. */
  readonly app?: string;
  /** Default: that of the address in this node's own name; 4 if there is none. */
  readonly family?: 4 | 6;
}

type EndpointSlice = KubernetesType<"discovery.k8s.io/v1", "EndpointSlice">;

/**
 * The pods of a Service, as `app@<address>`, told by the API server. Those that are being deleted are left out. The Service
 * should have `publishNotReadyAddresses: true`, though pods that are not ready count here too.
 *
 * Of RBAC it needs `list` and `watch` on `endpointslices.discovery.k8s.io`.
 *
 * **Errors** `INTERLOCK_NODE_OPTION`.
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const api = kubernetesApi({ transport: new FakeApiServer(), namespace: "courier" });
 * console.log(endpointSlices({ api, service: "newsroom-nodes" }).name); // endpoint slices of courier/newsroom-nodes
 */
export function endpointSlices(options: EndpointSlicesOptions): WatchDiscovery {
  const { api, namespace = api.namespace, service } = options;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(service)) {
    const details = { option: "service", got: JSON.stringify(service), expected: "the name of a Service" };
    throw new ClusterError(
      "INTERLOCK_NODE_OPTION",
      `Bad service: got ${details.got}, expected ${details.expected}`,
      details,
    );
  }
  return {
    name: `endpoint slices of ${namespace}/${service}`,
    watch: (context) => watched({ ...options, namespace }, context),
  };
}

async function* watched(
  { api, app, family, namespace, service }: EndpointSlicesOptions,
  { local, node, signal }: DiscoveryContext,
): AsyncGenerator<readonly NodeName[]> {
  let wake = Promise.withResolvers<void>();
  const problems: unknown[] = [];
  const changed = (): void => wake.resolve();
  const seen = reflector({
    api,
    resource: resource({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      plural: "endpointslices",
      namespace,
    }),
    labelSelector: `kubernetes.io/service-name=${service}`,
    handlers: { add: changed, update: changed, delete: changed },
    // Said by whoever looks, and once.
    failed(problem) {
      problems.push(problem);
      wake.resolve();
    },
  });
  const [alive, address] = [node.slice(0, node.indexOf("@")), node.slice(node.indexOf("@") + 1)];
  const type = (family ?? (address.includes(":") ? 6 : 4)) === 6 ? "IPv6" : "IPv4";
  signal.addEventListener("abort", changed, { once: true });
  const top = await startIn(local, seen);
  try {
    // An empty list is told by nobody.
    void seen.synced(signal).then(changed, changed);
    for (;;) {
      await wake.promise;
      wake = Promise.withResolvers();
      signal.throwIfAborted();
      if (problems.length > 0) throw problems[0];
      if (seen.status.isSynced) yield addressesIn(seen.list(), type).map((one): NodeName => `${app ?? alive}@${one}`);
    }
  } finally {
    signal.removeEventListener("abort", changed);
    await top[Symbol.asyncDispose]();
  }
}

/** Of a Service with many pods there are several slices, and while they are shuffled an address may be in two. */
function addressesIn(slices: readonly EndpointSlice[], type: "IPv4" | "IPv6"): readonly string[] {
  const all = slices
    .filter(({ addressType }) => addressType === type)
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.terminating !== true)
    .flatMap(({ addresses }) => addresses);
  return [...new Set(all)].sort();
}

function startIn(local: LocalNode, seen: Reflector<EndpointSlice>): Promise<SupervisorRef> {
  const Top = supervisor({ name: "endpoint_slices_sup", strategy: "one_for_one", children: () => [seen.child()] });
  const { promise, reject, resolve } = Promise.withResolvers<SupervisorRef>();
  const start = async (): Promise<void> => {
    try {
      resolve(await Top.start());
    } catch (error) {
      reject(error as Error);
    }
  };
  spawnProcess(local, start, undefined, false, undefined);
  return promise;
}
