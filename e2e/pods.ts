/** Pods as the API server has them, and what their programs answer. */
import { kubectl, type Namespace } from "./kubernetes.ts";

export interface Pod {
  readonly uid: string;
  readonly name: string;
  readonly ip: string;
  /** The machine that it is on. */
  readonly node: string;
  /** As Services see it: of a machine that is silent, controllers take it back. */
  readonly isReady: boolean;
  /** From its making to its being ready, by the API server's clock of whole seconds. */
  readonly startSeconds: number | undefined;
  readonly isGoing: boolean;
  /** Has ended for good, and is still listed. */
  readonly hasFailed: boolean;
  /** Of its container, as the kubelet said it last. */
  readonly isContainerReady: boolean;
  readonly containerId: string;
  readonly restarts: number;
  /** Of the container before this one. */
  readonly exitCode: number | undefined;
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
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly ready: boolean;
      readonly restartCount: number;
      readonly lastState?: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

export interface App {
  /** Of its pods' label `app.kubernetes.io/name`, and of its Service. */
  readonly app: string;
  readonly namespace: Namespace;
}

/** All of them, also those that are going. */
export async function podsOf({ app, namespace }: App): Promise<readonly Pod[]> {
  const text = await namespace.kubectl("get", "pods", "-l", `app.kubernetes.io/name=${app}`, "-o", "json");
  return (JSON.parse(text) as { readonly items: readonly PodObject[] }).items.map(podFrom);
}

function podFrom({ metadata, spec, status }: PodObject): Pod {
  const [container] = status.containerStatuses ?? [];
  const ready = status.conditions?.find((one) => one.type === "Ready" && one.status === "True");
  return {
    uid: metadata.uid,
    name: metadata.name,
    ip: status.podIP ?? "",
    node: spec.nodeName ?? "",
    isReady: ready !== undefined,
    startSeconds: ready && (Date.parse(ready.lastTransitionTime) - Date.parse(metadata.creationTimestamp)) / 1_000,
    isGoing: metadata.deletionTimestamp !== undefined,
    hasFailed: status.phase === "Failed",
    isContainerReady: container?.ready ?? false,
    containerId: container?.containerID?.replace(/^\w+:\/\//, "") ?? "",
    restarts: container?.restartCount ?? 0,
    exitCode: container?.lastState?.terminated?.exitCode,
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
