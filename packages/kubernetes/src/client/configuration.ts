/**
 * Where the API server is and what to show it: of a pod's service account, or of a kubeconfig. What is shown is asked for
 * before each request, because tokens rotate and certificates are issued anew.
 *
 * `@kubernetes/client-node` reads kubeconfigs, with all their ways to log in. It is loaded for that alone: it takes 85 MB
 * and a third of a second, which a pod need not spend.
 */
import type { Agent, RequestOptions } from "node:https";
import { nodeRuntime, type Runtime } from "@interlock/core";
import type { KubeConfig } from "@kubernetes/client-node";

import { KubernetesError } from "../errors.ts";

/** What a request shows the API server. */
export interface ApiCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<RequestOptions, "ca" | "cert" | "key" | "passphrase" | "rejectUnauthorized" | "servername">;
  /** Of a proxy. Undefined: straight to the server. */
  readonly agent: Agent | undefined;
}

export interface Configuration {
  /** The URL of the API server. */
  readonly server: string;
  /** Of the pod, or of the context. */
  readonly namespace: string;
  /** **Errors** `INTERLOCK_KUBERNETES_CONFIG`. */
  credentials(): Promise<ApiCredentials>;
  /** The server did not take them: what is kept of them is too old. */
  refused(): void;
}

export interface InClusterOptions {
  /** Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where the service account is mounted. Default `/var/run/secrets/kubernetes.io/serviceaccount`. */
  readonly folder?: string;
  readonly runtime?: Runtime;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** As client-go: the kubelet writes a new token long before the old one runs out. */
const TOKEN_MS = 60_000;

/**
 * The service account of the pod that this runs in. Token and authority are read again every minute, and when the server
 * refuses them.
 *
 * **Errors** `INTERLOCK_KUBERNETES_CONFIG` when this is no pod, or one without a service account.
 */
export async function inCluster(options: InClusterOptions = {}): Promise<Configuration> {
  const { environment = process.env, folder = SERVICE_ACCOUNT, runtime = nodeRuntime } = options;
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) throw problemWith(folder, "KUBERNETES_SERVICE_HOST and _PORT are not set: this is no pod");
  const read = async (file: string): Promise<string> => {
    try {
      return (await runtime.files.readText(`${folder}/${file}`)).trim();
    } catch (cause) {
      throw problemWith(`${folder}/${file}`, (cause as Error).message, cause);
    }
  };
  const load = async (): Promise<ApiCredentials> => {
    const [token, ca] = await Promise.all([read("token"), read("ca.crt")]);
    return { headers: { authorization: `Bearer ${token}` }, tls: { ca }, agent: undefined };
  };
  let kept: { readonly credentials: ApiCredentials; readonly sinceMs: number } | undefined;
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: await read("namespace"),
    credentials: async () => {
      const nowMs = runtime.clock.now();
      if (kept === undefined || nowMs - kept.sinceMs >= TOKEN_MS) kept = { credentials: await load(), sinceMs: nowMs };
      return kept.credentials;
    },
    refused: () => {
      kept = undefined;
    },
  };
}

export interface KubeconfigOptions {
  /** Default: the files in `KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string | undefined;
  /** Default: the current one. */
  readonly context?: string | undefined;
}

/**
 * A kubeconfig, with its certificates, tokens, exec plug-ins, OIDC and proxies.
 *
 * **Errors** `INTERLOCK_KUBERNETES_CONFIG` when there is none, or it names no such context.
 */
export async function kubeconfig(options: KubeconfigOptions = {}): Promise<Configuration> {
  const source = options.path ?? (process.env["KUBECONFIG"] || "~/.kube/config");
  const { KubeConfig: Loaded } = await import("@kubernetes/client-node");
  const load = (): KubeConfig => {
    const config = new Loaded();
    try {
      if (options.path === undefined) config.loadFromDefault();
      else config.loadFromFile(options.path);
    } catch (cause) {
      throw problemWith(source, (cause as Error).message, cause);
    }
    if (options.context !== undefined) config.setCurrentContext(options.context);
    return config;
  };
  let config = load();
  let isOld = false;
  const cluster = config.getCurrentCluster();
  const context = config.getContextObject(config.getCurrentContext());
  if (cluster === null || context === null)
    throw problemWith(source, `it has no cluster for context ${JSON.stringify(config.getCurrentContext())}`);
  return {
    server: cluster.server.replace(/\/$/, ""),
    namespace: context.namespace ?? "default",
    credentials: async () => {
      // Read anew: a token in the file may be another one by now, and what a plug-in said is kept in this object.
      if (isOld) config = load();
      isOld = false;
      const given: RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(given as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
      } catch (cause) {
        throw problemWith(source, (cause as Error).message, cause);
      }
      return credentialsOf(given, cluster.proxyUrl !== undefined);
    },
    refused: () => {
      isOld = true;
    },
  };
}

function credentialsOf(given: RequestOptions, isProxied: boolean): ApiCredentials {
  const { agent, auth, ca, cert, key, passphrase, rejectUnauthorized, servername } = given;
  const shown = Object.entries((given.headers ?? {}) as Readonly<Record<string, string>>);
  const headers = shown.map(([name, value]) => [name.toLowerCase(), value]);
  const tls = { ca, cert, key, passphrase, rejectUnauthorized, servername };
  return {
    headers: {
      ...(auth && { authorization: `Basic ${Buffer.from(auth).toString("base64")}` }),
      ...(Object.fromEntries(headers) as Record<string, string>),
    },
    // An absent option and one that is undefined are not the same to node:tls.
    tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
    agent: isProxied ? (agent as Agent) : undefined,
  };
}

/**
 * The configuration that is there: of the pod that this runs in, else of a kubeconfig. `KUBECONFIG` goes before a pod's own
 * service account.
 *
 * **Errors** `INTERLOCK_KUBERNETES_CONFIG`.
 */
export function findConfiguration(options: KubeconfigOptions = {}): Promise<Configuration> {
  const isAsked = options.path !== undefined || options.context !== undefined || !!process.env["KUBECONFIG"];
  return !isAsked && process.env["KUBERNETES_SERVICE_HOST"] ? inCluster() : kubeconfig(options);
}

function problemWith(source: string, problem: string, cause?: unknown): KubernetesError<"INTERLOCK_KUBERNETES_CONFIG"> {
  const message = `No way to the API server by ${source}: ${problem}`;
  return new KubernetesError("INTERLOCK_KUBERNETES_CONFIG", message, { source, problem }, { cause });
}
