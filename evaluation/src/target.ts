/** What is compared: four deployments, all asked and rolled through Kubernetes. */
import { kubectl, type Namespace } from "../../e2e/kubernetes.ts";

export const deploymentNames = ["plain", "good-practice", "newsroom-1", "newsroom-3"] as const;
export type DeploymentName = (typeof deploymentNames)[number];

/** Until some pod has the chat's room. */
export const ROOM_MS = 10_000;

export interface Target {
  readonly name: DeploymentName;
  readonly namespace: Namespace;
  /** Of its Service, of its pods' label `app.kubernetes.io/name`. */
  readonly app: string;
  /** The next version, until it is there. */
  roll(): Promise<void>;
  /** A version with a port that is no number. @returns what whoever sent it was told, and when. */
  rollBad(patienceMs: number): Promise<Refusal>;
  /** Back to the version before. */
  undo(): Promise<void>;
  /** Brings the ticker back, once the exchange is in order, if it does not come back by itself. @returns what was done. */
  mendTicker(pod: string): Promise<readonly string[]>;
  /** The name of the pod that has the chat's room. */
  roomPod(): Promise<string>;
  /** How often supervisors have started something anew. */
  supervisorRestarts(): Promise<number>;
}

export interface Refusal {
  /** Undefined: was told nothing in so long a time. */
  readonly toldAfterMs?: number | undefined;
  readonly text: string;
}

export interface PodNow {
  readonly uid: string;
  readonly name: string;
  readonly ip: string;
  readonly node: string;
  readonly containerId: string;
  readonly isReady: boolean;
  readonly restarts: number;
  /** From its making to its being ready, by the API server's clock of whole seconds. */
  readonly startSeconds?: number | undefined;
}

interface PodObject {
  readonly metadata: {
    readonly uid: string;
    readonly name: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[];
  };
}

/** Those that are not going. */
export async function podsOf({ app, namespace }: Pick<Target, "app" | "namespace">): Promise<readonly PodNow[]> {
  const text = await namespace.kubectl("get", "pods", "-l", `app.kubernetes.io/name=${app}`, "-o", "json");
  return (JSON.parse(text) as { readonly items: readonly PodObject[] }).items
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase !== "Failed")
    .map(podNow);
}

function podNow({ metadata, spec, status }: PodObject): PodNow {
  const [container] = status.containerStatuses ?? [];
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  const isReady = ready?.status === "True";
  return {
    uid: metadata.uid,
    name: metadata.name,
    ip: status.podIP ?? "",
    node: spec.nodeName ?? "",
    containerId: container?.containerID?.replace(/^\w+:\/\//, "") ?? "",
    isReady,
    restarts: container?.restartCount ?? 0,
    startSeconds: isReady
      ? (Date.parse(ready?.lastTransitionTime ?? "") - Date.parse(metadata.creationTimestamp)) / 1_000
      : undefined,
  };
}

/** Through the API server, so that this works from wherever kubectl does. */
export async function askPod<T>(namespace: Namespace, pod: string, path: string): Promise<T> {
  return JSON.parse(await kubectl("get", "--raw", proxied(namespace, pod, path))) as T;
}

/** Does to a pod what the path says. One that ends by it does not answer. */
export async function postPod(namespace: Namespace, pod: string, path: string): Promise<void> {
  await kubectl("create", "--raw", proxied(namespace, pod, path), "-f", "/dev/null").catch(() => "");
}

const proxied = ({ name }: Namespace, pod: string, path: string): string =>
  `/api/v1/namespaces/${name}/pods/${pod}:8080/proxy${path}`;
