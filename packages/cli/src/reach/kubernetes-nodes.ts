/** The nodes of an application on Kubernetes, from outside: by the cookie that whoever asks may read, through the API server. */
import { finished } from "node:stream";
import { ports, secretNames, serviceName } from "../deploy/render.ts";
import { CliError } from "../errors.ts";
import { textsOf } from "../identity/secrets.ts";
import { appState } from "../inspect/app-state.ts";
import { readApp } from "../inspect/read-app.ts";
import { kindsIn } from "../kinds.ts";
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
  const { pods } = kindsIn(namespace);
  const container = facts.deployment.spec?.template.spec?.containers.find(({ name }) => name === app);
  const hasTls = container?.env?.some(({ name }) => name === "INTERLOCK_TLS_DIR") === true;
  const [cookie, tls, { items }] = await Promise.all([
    cookieOf(connection, cluster, namespace),
    hasTls ? certificatesOf(connection, cluster, namespace) : undefined,
    // Also those of other applications that are nodes of the same cluster.
    api.list(pods, { labelSelector: `interlock.dev/cluster=${cluster}` }),
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
      ...(tls !== undefined && { tls: () => tls }),
      lookup: async (name, signal) => {
        const found = running.find((one) => one.name === name);
        if (found === undefined) throw new Error(`no pod of ${app} in ${namespace} has that address`);
        const port = { namespace, pod: found.id, port: ports.distribution };
        const there = await connection.forward(port, signal);
        finished(there, (error) => {
          if (error) problems.set(name, error.message);
        });
        return exposeOnce(there, signal);
      },
    },
    why: (node) => problems.get(node),
    close: async () => api.close(),
  };
}

async function cookieOf(connection: Connection, cluster: string, namespace: string): Promise<string> {
  const { cookie = "" } = await textsIn(connection, secretNames(cluster).cookie, namespace);
  // While it is being changed there are several: the first is shown.
  return cookie.split("\n")[0]?.trim() ?? "";
}

/** Those of the nodes themselves: whoever may read them may be one. */
async function certificatesOf(connection: Connection, cluster: string, namespace: string) {
  const texts = await textsIn(connection, secretNames(cluster).tls, namespace);
  const { "ca.crt": ca = "", "tls.crt": cert = "", "tls.key": key = "" } = texts;
  return { ca, cert, key, peerName: serviceName(cluster, namespace) };
}

async function textsIn(
  { api }: Connection,
  name: string,
  namespace: string,
): Promise<Readonly<Record<string, string>>> {
  return textsOf(await api.get(kindsIn(namespace).secrets, name));
}
