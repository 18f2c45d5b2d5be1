/**
 * The API server that tests run against when there is one: `INTERLOCK_KUBECONFIG`, or `KUBECONFIG`, names its kubeconfig. Tests that
 * stop or kill the server itself need `INTERLOCK_CONTROL_PLANE` as well: a command that takes `stop|cont|kill|start kube-apiserver`.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { connectKubernetes, type KubernetesApi, type KubernetesApiOptions, kubernetesApi } from "./api.ts";
import { kubeconfig } from "./configuration.ts";
import { httpTransport } from "./http-transport.ts";
import { resource } from "./resource.ts";

export const kubeconfigPath: string | undefined =
  process.env["INTERLOCK_KUBECONFIG"] || process.env["KUBECONFIG"] || undefined;

const command = process.env["INTERLOCK_CONTROL_PLANE"];

/** For the name of a suite: why it is skipped. */
export const serverName = kubeconfigPath === undefined ? "(none: INTERLOCK_KUBECONFIG is not set)" : "";
export const hasControlPlane: boolean = kubeconfigPath !== undefined && command !== undefined;
export const controlPlaneName = hasControlPlane ? "" : "(none: INTERLOCK_CONTROL_PLANE is not set)";

/** Where the HTTP gateway of the server's etcd is, for what only etcd can do: `http://127.0.0.1:2379`. */
const etcd = process.env["INTERLOCK_ETCD"];
export const hasEtcd: boolean = hasControlPlane && etcd !== undefined;

/** Has etcd forget all versions before its present one. */
export async function compactEtcd(): Promise<void> {
  const ask = async (path: string, body: object): Promise<{ header?: { revision: string } }> => {
    const answer = await fetch(`${etcd}/v3/kv/${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { header?: { revision: string } };
  };
  const { header } = await ask("range", { key: "AA==" });
  await ask("compaction", { revision: header?.revision, physical: true });
}

export async function controlPlane(what: "stop" | "cont" | "kill" | "start", name = "kube-apiserver"): Promise<void> {
  const [program = "", ...args] = (command ?? "").split(" ");
  await promisify(execFile)(program, [...args, what, name]);
}

export interface TestNamespace extends AsyncDisposable {
  readonly api: KubernetesApi;
  readonly namespace: string;
}

const namespaces = resource({ apiVersion: "v1", kind: "Namespace", plural: "namespaces" });

/** A namespace of its own for a test; what is in it goes with it. */
export async function testNamespace(options: Partial<KubernetesApiOptions> = {}): Promise<TestNamespace> {
  const api = await connectKubernetes({ path: kubeconfigPath, ...options });
  const { metadata } = await api.create(namespaces, { metadata: { generateName: "interlock-client-" } });
  const namespace = metadata.name;
  return {
    api,
    namespace,
    [Symbol.asyncDispose]: async () => {
      // Without controllers it never goes whole; its objects go with the server.
      await api.delete(namespaces, namespace);
      api.close();
    },
  };
}

/** The api as somebody who may do what RBAC grants and no more. */
export async function impersonating(user: string): Promise<KubernetesApi> {
  const own = await kubeconfig({ path: kubeconfigPath });
  const credentials: typeof own.credentials = async () => {
    const shown = await own.credentials();
    return { ...shown, headers: { ...shown.headers, "impersonate-user": user } };
  };
  return kubernetesApi({ transport: httpTransport({ ...own, credentials }) });
}
