/** What the program of a node needs to know of the pod that it runs in; `interlock deploy` writes it into the environment. */
import { readFileSync, statSync } from "node:fs";
import { isIPv6 } from "node:net";
import {
  type CreateNodeOptions,
  type Discovery,
  headlessService,
  type JoinClusterOptions,
  type Leases,
} from "@interlock/cluster";
import type { NodeName } from "@interlock/core";
import { connectKubernetes, type KubernetesApi } from "../client/api.ts";
import { kubernetesLeases } from "../client/leases.ts";
import { folderOf } from "../config/mounted.ts";
import { endpointSlices } from "../discovery/endpoint-slices.ts";
import { KubernetesError } from "../errors.ts";

export interface PodPlace {
  /** Of the application, and of its cluster. */
  readonly app: string;
  /** The pod's own name, for people. */
  readonly pod: string;
  readonly namespace: string;
  /** For `createNode`. */
  readonly node: Pick<CreateNodeOptions, "name" | "listen" | "tls"> &
    Required<Pick<CreateNodeOptions, "cookie" | "lookup" | "tickMs">>;
  /** For `joinCluster`. */
  readonly cluster: Required<
    Pick<JoinClusterOptions, "name" | "discovery" | "requiredContactPoints" | "stableMarginMs" | "arbiter">
  >;
  /** For singletons: those that `interlock.yaml` names. */
  readonly leases: Leases;
  /** The folder of the ConfigMap; undefined when there is none. */
  readonly configDirectory: string | undefined;
}

export interface PodPlaceOptions {
  /** Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Default: the API server of this pod. */
  readonly api?: KubernetesApi;
}

/** Where all nodes on Kubernetes listen: no name server has to say so. */
const DISTRIBUTION_PORT = 9_100;
/** Whoever has been silent for so long is taken for gone: a machine without power, a cut. A process that ends is noticed at once. */
const TICK_MS = 8_000;
/** Of the cluster: who holds it begins it, and goes on when nodes are cut off from each other. */
const CLUSTER_LEASE = "formation";
/** CoreDNS' own. */
const DNS_CACHE_SECONDS = 5;

/**
 * The place of this node in its Kubernetes, from the environment; undefined outside of a pod that `interlock deploy` has made.
 *
 * | variable | |
 * |---|---|
 * | `INTERLOCK_APP` | the application; without it this is no such pod |
 * | `INTERLOCK_POD_IP`, `INTERLOCK_POD_NAME`, `INTERLOCK_NAMESPACE` | of the pod |
 * | `INTERLOCK_SERVICE` | the DNS name of the headless Service, whole |
 * | `INTERLOCK_DISCOVERY` | how the other pods are found: `dns`, which is the default, or `endpointslices` |
 * | `INTERLOCK_REPLICAS` | how many nodes there shall be: a majority of them has to be found before one begins a cluster |
 * | `INTERLOCK_COOKIE_FILE` | holds the cookie |
 * | `INTERLOCK_TLS_DIR` | holds `tls.crt` for the name `INTERLOCK_SERVICE`, `tls.key` and `ca.crt`; without it nodes talk without TLS |
 * | `INTERLOCK_CONFIG_DIR` | where the ConfigMap is |
 * | `INTERLOCK_DNS_CACHE_SECONDS` | for how long an answer of the DNS may be old; default 5 |
 *
 * **Errors** `INTERLOCK_POD_ENVIRONMENT`; `INTERLOCK_KUBERNETES_CONFIG` without a service account.
 *
 * @example
 * console.log(await podPlace({ environment: {} })); // undefined
 */
export async function podPlace(options: PodPlaceOptions = {}): Promise<PodPlace | undefined> {
  const { environment = process.env } = options;
  const app = environment["INTERLOCK_APP"];
  if (!app) return undefined;
  const ip = needed(environment, "INTERLOCK_POD_IP");
  const namespace = needed(environment, "INTERLOCK_NAMESPACE");
  const service = needed(environment, "INTERLOCK_SERVICE");
  const tlsDirectory = environment["INTERLOCK_TLS_DIR"];
  const replicas = numberIn(environment, "INTERLOCK_REPLICAS", 3);
  const dnsCacheMs = numberIn(environment, "INTERLOCK_DNS_CACHE_SECONDS", DNS_CACHE_SECONDS) * 1_000;
  const api = options.api ?? (await connectKubernetes());
  const all = kubernetesLeases({ api, namespace });
  const leases: Leases = { lease: (name) => all.lease(`${app}-${name}`) };
  return {
    app,
    pod: environment["INTERLOCK_POD_NAME"] ?? ip,
    namespace,
    node: {
      name: `${app}@${ip}`,
      cookie: { file: needed(environment, "INTERLOCK_COOKIE_FILE"), group: true },
      tickMs: TICK_MS,
      listen: { host: isIPv6(ip) ? "::" : "0.0.0.0", port: DISTRIBUTION_PORT },
      lookup: (name: NodeName) => Promise.resolve({ host: name.slice(name.indexOf("@") + 1), port: DISTRIBUTION_PORT }),
      ...(tlsDirectory && { tls: mountedCredentials(tlsDirectory, { peerName: service }) }),
    },
    cluster: {
      name: app,
      discovery: [discoveryIn(environment, api, namespace, service)],
      // Two majorities would have a node in common: no two parts of a deployment can each begin a cluster.
      requiredContactPoints: Math.floor(replicas / 2) + 1,
      stableMarginMs: dnsCacheMs + 1_000,
      arbiter: { lease: leases.lease(CLUSTER_LEASE) },
    },
    leases,
    configDirectory: environment["INTERLOCK_CONFIG_DIR"],
  };
}

/** The DNS is told by the API server, and needs no permission of the pod; slices are heard of at once. */
function discoveryIn(environment: Environment, api: KubernetesApi, namespace: string, service: string): Discovery {
  const { INTERLOCK_DISCOVERY: by = "dns" } = environment;
  if (by === "dns") return headlessService({ name: service });
  if (by === "endpointslices") return endpointSlices({ api, namespace, service: service.split(".")[0] ?? service });
  throw environmentError("INTERLOCK_DISCOVERY", JSON.stringify(by), "dns or endpointslices");
}

type Credentials = ReturnType<NonNullable<CreateNodeOptions["tls"]>>;

/**
 * Certificates of a mounted Secret of type `kubernetes.io/tls` with `ca.crt` beside them, as `createNode` wants them: looked at
 * for every connection, and read again when there are new ones. What cannot be read changes nothing, and is warned of.
 * `peerName`: the DNS name of the certificate, where all nodes share one; by default each is for its node's host.
 */
export function mountedCredentials(
  directory: string,
  { peerName }: { readonly peerName?: string } = {},
): () => Credentials {
  let kept: { readonly folder: string; readonly mtimeMs: number; readonly credentials: Credentials } | undefined;
  let problem: string | undefined;
  return () => {
    try {
      const folder = folderOf(directory);
      const { mtimeMs } = statSync(`${folder}/tls.crt`);
      if (kept?.folder !== folder || kept.mtimeMs !== mtimeMs)
        kept = {
          folder,
          mtimeMs,
          credentials: { ...credentialsIn(folder), ...(peerName !== undefined && { peerName }) },
        };
      problem = undefined;
    } catch (error) {
      if (kept === undefined) throw error;
      const { message } = error as Error;
      if (message !== problem) process.emitWarning(`The certificates stay as they were: ${message}`);
      problem = message;
    }
    return kept.credentials;
  };
}

function credentialsIn(folder: string): Credentials {
  const read = (file: string): string => readFileSync(`${folder}/${file}`, "utf8");
  return { key: read("tls.key"), cert: read("tls.crt"), ca: read("ca.crt") };
}

type Environment = Readonly<Record<string, string | undefined>>;

function needed(environment: Environment, variable: string): string {
  const value = environment[variable];
  if (value) return value;
  throw environmentError(variable, "nothing", "what interlock deploy writes there");
}

function numberIn(environment: Environment, variable: string, otherwise: number): number {
  const text = environment[variable];
  const value = text === undefined || text === "" ? otherwise : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw environmentError(variable, JSON.stringify(text), "a number");
}

export function environmentError(
  variable: string,
  got: string,
  expected: string,
): KubernetesError<"INTERLOCK_POD_ENVIRONMENT"> {
  return new KubernetesError("INTERLOCK_POD_ENVIRONMENT", `Bad ${variable}: got ${got}, expected ${expected}`, {
    variable,
    got,
    expected,
  });
}
