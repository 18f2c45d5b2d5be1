/** Nodes with TLS and nodes without do not talk to each other: a cluster that runs is not changed from one to the other. */
import type { KubernetesApi } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";
import { kindsIn } from "../kinds.ts";
import type { ClusterPlace } from "./secrets.ts";

/**
 * A rolling update that did so would make two clusters of one.
 *
 * **Errors** `INTERLOCK_TLS_CHANGE`
 */
export async function checkSameTls(
  api: KubernetesApi,
  { cluster, namespace }: ClusterPlace,
  tls: boolean,
): Promise<void> {
  const { deployments } = kindsIn(namespace);
  const { items } = await api.list(deployments, { labelSelector: `interlock.dev/cluster=${cluster}` });
  for (const { metadata, spec } of items) {
    const variables = (spec?.template.spec?.containers ?? []).flatMap(({ env }) => (env ?? []).map(({ name }) => name));
    const has = variables.includes("INTERLOCK_TLS_DIR");
    if (spec?.replicas === 0 || !variables.includes("INTERLOCK_APP") || has === tls) continue;
    const { name } = metadata;
    const [is, shall] = has ? ["with", "without"] : ["without", "with"];
    throw new CliError(
      "INTERLOCK_TLS_CHANGE",
      `Cannot deploy nodes ${shall} TLS to the cluster ${cluster}: those of ${name} run ${is} it`,
      { cluster, deployment: name, has },
    );
  }
}
