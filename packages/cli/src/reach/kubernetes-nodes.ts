/** The nodes of an application on Kubernetes, from outside: by the cookie that whoever asks may read, through the API server. */
import { resource } from "@interlock/kubernetes";
import { ports, secretNames } from "../deploy/render.ts";
import { CliError } from "../errors.ts";
import { appState } from "../inspect/app-state.ts";
import { readApp } from "../inspect/read-app.ts";
import type { Connection } from "../ui/terminal.ts";
import { exposeOnce } from "./forwarder.ts";
import type { KnownNode, Reach } from "./reach.ts";

/**
 * **Errors** those of the API server: `INTERLOCK_KUBERNETES_NOT_FOUND` without such an application,
 * `INTERLOCK_KUBERNETES_FORBIDDEN` for who may not read its Secret; `INTERLOCK_NO_SUCH_CLUSTER` when none of its pods runs.
 */
export async function kubernetesReach(connection: Connection, app: string, namespace: string): Promise<Reach> {
  const { api } = connection;
  const facts = await readApp(connection, { app, namespace });
  const cluster = facts.deployment.metadata?.labels?.["interlock.dev/cluster"] ?? app;
  const of = { namespace, apiVersion: "v1" } as const;
  const [cookie, { items }] = await Promise.all([
    cookieOf(connection, cluster, namespace),
    // Also those of other applications that are nodes of the same cluster.
    api.list(resource({ ...of, kind: "Pod", plural: "pods" }), { labelSelector: `interlock.dev/cluster=${cluster}` }),
  ]);
  const states = new Map(appState(facts).pods.map(({ name, state }) => [name, state]));
  const running = items.flatMap(({ metadata, status }) => {
    const { name: pod } = metadata;
    const { phase, podIP } = status ?? {};
    if (podIP === undefined || phase !== "Running") return [];
    const node: KnownNode = { id: pod, name: `${cluster}@${podIP}`, state: states.get(pod) };
    return [node];
  });
  if (running.length === 0)
    throw new CliError("INTERLOCK_NO_SUCH_CLUSTER", `No pod of ${app} in ${namespace} runs`, {
      app,
      looked: [namespace],
    });
  const problems = new Map<string, string>();
  return {
    where: `${app} in ${namespace}`,
    nodes: running.sort((a, b) => a.id.localeCompare(b.id)),
    host: "127.0.0.1",
    options: {
      cookie,
      lookup: async (name, signal) => {
        const found = running.find((one) => one.name === name);
        if (found === undefined) throw new Error(`no pod of ${app} in ${namespace} has that address`);
        const port = { namespace, pod: found.id, port: ports.distribution };
        const there = await connection.forward(port, signal);
        there.on("error", ({ message }) => problems.set(name, message));
        return exposeOnce(there, signal);
      },
    },
    why: (node) => problems.get(node),
    close: async () => api.close(),
  };
}

async function cookieOf({ api }: Connection, cluster: string, namespace: string): Promise<string> {
  const { cookie: name } = secretNames(cluster);
  const secret = await api.get(resource({ apiVersion: "v1", kind: "Secret", plural: "secrets", namespace }), name);
  const text = Buffer.from(secret.data?.["cookie"] ?? "", "base64").toString("utf8");
  // While it is being changed there are several: the first is shown.
  return text.split("\n")[0]?.trim() ?? "";
}
