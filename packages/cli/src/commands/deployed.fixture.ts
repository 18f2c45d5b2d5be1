/** An application as a Kubernetes has it after two deployments, written into the fake API server. */
import { type KubernetesObject, kubernetesApi } from "@interlock/kubernetes";
import type { FakeApiServer } from "@interlock/kubernetes/testing";
import { kindsIn } from "../kinds.ts";

const namespace = "shop";
const labels = { "app.kubernetes.io/name": "bank", "app.kubernetes.io/managed-by": "interlock" };

export const kinds = kindsIn(namespace);

export function templateOf(version: string, hash?: string) {
  const image = `registry/bank:${version}`;
  const env = [{ name: "VERSION", value: version }];
  return {
    metadata: { labels: { ...labels, ...(hash !== undefined && { "pod-template-hash": hash }) } },
    spec: { containers: [{ name: "bank", image, env }] },
  };
}

interface PodIs {
  readonly hash: string;
  readonly version: string;
  readonly ready?: boolean;
  readonly restarts?: number;
  readonly waiting?: string;
}

/** Revision 1 is 1.0.0, revision 2 is 1.1.0 and what is wanted. */
export async function deployed(server: FakeApiServer, pods: Readonly<Record<string, PodIs>>): Promise<void> {
  const api = kubernetesApi({ transport: server.unfailing });
  const revision = (of: number) => ({ "deployment.kubernetes.io/revision": String(of) });
  const spec = { replicas: 2, selector: { matchLabels: labels }, template: templateOf("1.1.0") };
  const deployment = { metadata: { name: "bank", namespace, labels }, spec };
  await api.apply(kinds.deployments, deployment as never, { fieldManager: "interlock-deploy" });
  const ready = Object.values(pods).filter((pod) => pod.ready !== false).length;
  await api.patch(kinds.deployments, "bank", {
    metadata: { annotations: revision(2) },
    status: {
      observedGeneration: 9,
      replicas: Object.keys(pods).length,
      updatedReplicas: Object.values(pods).filter(({ version }) => version === "1.1.0").length,
      readyReplicas: ready,
      availableReplicas: ready,
    },
  });
  for (const [at, version] of ["1.0.0", "1.1.0"].entries()) {
    const hash = `hash${at + 1}`;
    const metadata = { name: `bank-${hash}`, namespace, annotations: revision(at + 1) };
    const set = { metadata: { ...metadata, labels: { ...labels, "pod-template-hash": hash } } };
    await api.create(kinds.replicaSets, { ...set, spec: { template: templateOf(version, hash) } } as never);
  }
  for (const [name, pod] of Object.entries(pods)) await api.create(kinds.pods, podOf(name, pod) as never);
}

function podOf(name: string, { hash, ready = true, restarts = 0, version, waiting }: PodIs): KubernetesObject {
  const template = templateOf(version, hash);
  const state = waiting === undefined ? { running: {} } : { waiting: { reason: waiting } };
  return {
    metadata: { name, namespace, labels: template.metadata.labels },
    spec: { ...template.spec, nodeName: "machine-1" },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [{ name: "bank", ready, started: true, restartCount: restarts, state }],
    },
  } as KubernetesObject;
}
