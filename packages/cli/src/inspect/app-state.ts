/** How an application on Kubernetes is, from what the API server and its pods say. Pure. */
import type { KubernetesType } from "@interlock/kubernetes";
import { type Deployment, type Pod, type RolloutState, rolloutState } from "../deploy/rollout.ts";

export type ReplicaSet = KubernetesType<"apps/v1", "ReplicaSet">;

/** What the API server has of an application. */
export interface AppObjects {
  readonly deployment: Deployment;
  readonly replicaSets: readonly ReplicaSet[];
  readonly pods: readonly Pod[];
}

/** All that is read of an application. */
export interface AppFacts extends AppObjects {
  /** What pods say of themselves, by their names; those that could not be asked are missing. */
  readonly said: ReadonlyMap<string, PodSaid>;
}

/** What the management port of a pod answers. */
export interface PodSaid {
  readonly application: { readonly name: string; readonly version: string };
  readonly phase: string;
  readonly ready: boolean;
  readonly reasons: readonly { readonly check: string; readonly reason: string }[];
  /** Which writings of its cluster's Secrets it has. */
  readonly secrets?: { readonly cookie?: string; readonly certificates?: string };
  /** Of each of its applications; pods of before do not say it. */
  readonly config?: readonly { readonly application: string; readonly refused?: string }[];
}

export type PodState = "ready" | "starting" | "not ready" | "draining" | "failed";

export interface PodRow {
  readonly name: string;
  /** Of the application, as the pod says; else the tag of its image. */
  readonly version: string;
  readonly revision: number | undefined;
  readonly state: PodState;
  readonly restarts: number;
  /** ISO 8601. */
  readonly since: string | undefined;
  readonly machine: string | undefined;
  readonly reasons: readonly string[];
}

export interface AppState {
  readonly app: string;
  readonly namespace: string;
  readonly revision: number | undefined;
  readonly image: string | undefined;
  readonly rollout: RolloutState;
  /** Whether fewer pods are ready than asked for, or the rollout has failed. */
  readonly degraded: boolean;
  readonly wanted: number;
  readonly ready: number;
  readonly pods: readonly PodRow[];
}

const REVISION = "deployment.kubernetes.io/revision";
const HASH = "pod-template-hash";

export function revisionOf({ metadata }: Deployment | ReplicaSet): number | undefined {
  const text = metadata?.annotations?.[REVISION];
  return text === undefined ? undefined : Number(text);
}

export function appState({ deployment, pods, replicaSets, said }: AppFacts): AppState {
  const revision = revisionOf(deployment);
  const revisions = new Map(replicaSets.map((set) => [set.metadata?.labels?.[HASH], revisionOf(set)]));
  const ofRevision = (pod: Pod): number | undefined => revisions.get(pod.metadata?.labels?.[HASH]);
  const rollout = rolloutState(
    deployment,
    pods.filter((pod) => revision !== undefined && ofRevision(pod) === revision),
  );
  const rows = pods.map((pod) => rowOf(pod, ofRevision(pod), said.get(pod.metadata?.name ?? "")));
  const wanted = deployment.spec?.replicas ?? 1;
  const ready = rows.filter(({ state }) => state === "ready").length;
  return {
    app: deployment.metadata?.name ?? "",
    namespace: deployment.metadata?.namespace ?? "",
    revision,
    image: deployment.spec?.template.spec?.containers[0]?.image,
    rollout,
    degraded: rollout.type === "failed" || ready < wanted,
    wanted,
    ready,
    pods: rows.sort((a, b) => (b.revision ?? 0) - (a.revision ?? 0) || a.name.localeCompare(b.name)),
  };
}

function rowOf(pod: Pod, revision: number | undefined, said: PodSaid | undefined): PodRow {
  const { metadata, spec, status } = pod;
  // A sidecar may come before it: the program's container is called as the application.
  const app = metadata?.labels?.["app.kubernetes.io/name"];
  const { containerStatuses = [] } = status ?? {};
  const container = containerStatuses.find(({ name }) => name === app) ?? containerStatuses[0];
  const image =
    spec?.containers.find(({ name }) => name === container?.name)?.image ?? spec?.containers[0]?.image ?? "";
  return {
    name: metadata?.name ?? "",
    version: said?.application.version ?? tagOf(image),
    revision,
    state: stateOf(pod, container?.state?.waiting?.reason, said),
    restarts: containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    since: metadata?.creationTimestamp,
    machine: spec?.nodeName,
    reasons: reasonsOf(pod, said),
  };
}

function stateOf({ metadata, status }: Pod, waiting: string | undefined, said: PodSaid | undefined): PodState {
  if (metadata?.deletionTimestamp !== undefined) return "draining";
  if (said !== undefined && said.phase !== "serving") return "draining";
  if (status?.phase === "Failed" || /BackOff|^Err|Invalid|Error$/.test(waiting ?? "")) return "failed";
  if (status?.conditions?.some(({ status: is, type }) => type === "Ready" && is === "True")) return "ready";
  return status?.phase === "Running" && status.containerStatuses?.every(({ started }) => started) === true
    ? "not ready"
    : "starting";
}

/** What the pod says goes before what Kubernetes has seen of it: it knows why. */
function reasonsOf({ metadata, status }: Pod, said: PodSaid | undefined): readonly string[] {
  const refused = (said?.config ?? []).flatMap(({ refused: why }) =>
    why === undefined ? [] : [`config: ${why.replaceAll(/\s*\n\s*/g, " ")}`],
  );
  const own = [...(said?.reasons ?? []).map(({ check, reason }) => `${check}: ${reason}`), ...refused];
  const phase = said !== undefined && said.phase !== "serving" ? [`drain: ${said.phase}`] : [];
  if (own.length + phase.length > 0) return [...phase, ...own];
  if (metadata?.deletionTimestamp !== undefined) return ["it was told to end"];
  const containers = (status?.containerStatuses ?? []).flatMap(({ lastState, state }) => {
    const { message, reason } = state?.waiting ?? {};
    const ended = state?.terminated ?? lastState?.terminated;
    return [
      ...(reason === undefined || reason === "ContainerCreating" ? [] : [message ? `${reason}: ${message}` : reason]),
      ...(ended === undefined || state?.running !== undefined ? [] : [`ended with code ${ended.exitCode}`]),
    ];
  });
  const unscheduled = (status?.conditions ?? [])
    .filter(({ status: is, type }) => type === "PodScheduled" && is === "False")
    .map(({ message, reason }) => message ?? reason ?? "no machine has room for it");
  return [...unscheduled, ...containers];
}

/** `registry:5000/bank:1.4.0@sha256:…` is 1.4.0. */
function tagOf(image: string): string {
  const [name = "", digest = ""] = image.split("@");
  const tag = /:([^/:]+)$/.exec(name)?.[1];
  return tag ?? (digest === "" ? "latest" : digest.slice(0, 15));
}
