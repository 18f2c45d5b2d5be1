/** Reads all that is to be known of an application: its objects, and what its pods say of themselves. */
import { isKubernetesError, type KubernetesApi, type KubernetesError } from "@interlock/kubernetes";
import { ports } from "../deploy/render.ts";
import type { Pod } from "../deploy/rollout.ts";
import { kindsIn } from "../kinds.ts";
import { within } from "../limit.ts";
import type { Connection } from "../ui/terminal.ts";
import type { AppFacts, AppObjects, PodSaid } from "./app-state.ts";

export interface AppPlace {
  readonly app: string;
  readonly namespace: string;
}

/** Milliseconds for a pod's own answer: whoever waits for a status has more than one pod. */
const SAID_MS = 2_000;

/** What an API server that is restarted, or has too much to do, answers for a while. */
const passing = ["INTERLOCK_KUBERNETES_UNREACHABLE", "INTERLOCK_KUBERNETES_THROTTLED"] as const;

/** Whether whoever goes on looking may have an answer again. */
export function isPassing(error: unknown): error is KubernetesError<(typeof passing)[number]> {
  return isKubernetesError(error, ...passing);
}

/** **Errors** those of the API server; `INTERLOCK_KUBERNETES_NOT_FOUND` when there is no such application. */
export async function readApp(connection: Connection, place: AppPlace): Promise<AppFacts> {
  const objects = await readObjects(connection.api, place);
  return { ...objects, said: await askPods(connection, place.namespace, objects.pods) };
}

/** **Errors** as `readApp`. */
export async function readObjects(api: KubernetesApi, { app, namespace }: AppPlace): Promise<AppObjects> {
  const { deployments, replicaSets, pods } = kindsIn(namespace);
  const labelSelector = `app.kubernetes.io/name=${app}`;
  const [deployment, sets, running] = await Promise.all([
    api.get(deployments, app),
    api.list(replicaSets, { labelSelector }),
    api.list(pods, { labelSelector }),
  ]);
  return { deployment, replicaSets: sets.items, pods: running.items };
}

/** What those that run say of themselves, by their names. Never rejects: those that cannot be asked are missing. */
export async function askPods(
  connection: Connection,
  namespace: string,
  pods: readonly Pod[],
): Promise<ReadonlyMap<string, PodSaid>> {
  const answers = await Promise.all(
    pods
      .filter(({ status }) => status?.phase === "Running")
      .map(async ({ metadata: { name = "" } = {} }) => [name, await askPod(connection, namespace, name)] as const),
  );
  return new Map(answers.flatMap(([name, said]) => (said === undefined ? [] : [[name, said]])));
}

/**
 * What a pod says of itself, through the API server. Undefined when it cannot be asked: it hangs, a network policy forbids it,
 * or whoever asks may not use `pods/proxy`. Then there is what Kubernetes knows of it.
 */
export async function askPod(connection: Connection, namespace: string, pod: string): Promise<PodSaid | undefined> {
  const { api, transport } = connection;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}:${ports.management}/proxy/lifecycle/status`;
  const request = { method: "GET", path, headers: { accept: "application/json" }, body: undefined } as const;
  try {
    return await within(api.runtime.timers, SAID_MS, async (signal) => {
      const answer = await transport.request({ ...request, signal });
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.body) chunks.push(chunk);
      const said = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Partial<PodSaid>;
      return answer.status === 200 && said.phase !== undefined ? (said as PodSaid) : undefined;
    });
  } catch {
    return undefined;
  }
}
