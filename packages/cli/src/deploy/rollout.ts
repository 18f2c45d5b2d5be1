/** Where a rollout is, from what the API server says of its Deployment and pods. Pure: whoever asks gives what was read. */
import { type KubernetesType, podExitCodes } from "@interlock/kubernetes";
import type { CliErrorDetails } from "../errors.ts";

export type Deployment = KubernetesType<"apps/v1", "Deployment">;
export type Pod = KubernetesType<"v1", "Pod">;

/** Why a rollout will not succeed by waiting. */
export type RolloutProblem = CliErrorDetails["INTERLOCK_ROLLOUT_FAILED"]["problem"];

export type RolloutState =
  | { readonly type: "progressing"; readonly ready: number; readonly updated: number; readonly wanted: number }
  | { readonly type: "done"; readonly ready: number }
  | { readonly type: "failed"; readonly problem: RolloutProblem; readonly text: string };

/** A container that has ended so often by itself does not come up by another try. */
const MOST_CRASHES = 3;
/** The exit codes of programs that refuse their configuration: `runPod`'s, and `EX_CONFIG` of sysexits. */
const BAD_CONFIGURATION: ReadonlySet<number> = new Set([podExitCodes.usage, 78]);

/** `pods`: those of the new version only. */
export function rolloutState(deployment: Deployment, pods: readonly Pod[]): RolloutState {
  const { metadata, spec, status } = deployment;
  const wanted = spec?.replicas ?? 1;
  const seen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  const { availableReplicas = 0, readyReplicas = 0, replicas = 0, updatedReplicas = 0 } = status ?? {};
  if (seen && updatedReplicas === wanted && availableReplicas >= wanted && replicas === updatedReplicas)
    return { type: "done", ready: readyReplicas };
  const failed = seen ? (podProblem(pods) ?? conditionProblem(deployment, pods)) : undefined;
  return failed ?? { type: "progressing", ready: readyReplicas, updated: seen ? updatedReplicas : 0, wanted };
}

function conditionProblem({ status }: Deployment, pods: readonly Pod[]): RolloutState | undefined {
  const condition = (type: string, value: string) =>
    status?.conditions?.find((one) => one.type === type && one.status === value);
  const failure = condition("ReplicaFailure", "True");
  if (failure !== undefined) {
    const text = failure.message ?? failure.reason ?? "pods cannot be made";
    return { type: "failed", problem: /exceeded quota/i.test(text) ? "no_quota" : "not_admitted", text };
  }
  const stuck = condition("Progressing", "False");
  if (stuck === undefined) return undefined;
  // Only now: room may be made until then.
  for (const { metadata, status: of } of pods) {
    const scheduled = of?.conditions?.find(({ type }) => type === "PodScheduled");
    if (scheduled?.status === "False")
      return {
        type: "failed",
        problem: "no_room",
        text: `${metadata?.name}: ${scheduled.message ?? scheduled.reason}`,
      };
  }
  return { type: "failed", problem: "never_ready", text: stuck.message ?? "it makes no progress" };
}

/** As a container waits for: what the kubelet says, or that with its words behind it. */
export function isImageMissing(reason: string): boolean {
  return /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull)\b/.test(reason);
}

function podProblem(pods: readonly Pod[]): RolloutState | undefined {
  for (const pod of pods) {
    const name = pod.metadata?.name ?? "a pod";
    const app = pod.metadata?.labels?.["app.kubernetes.io/name"];
    const { containerStatuses = [] } = pod.status ?? {};
    const container = containerStatuses.find((one) => one.name === app) ?? containerStatuses[0];
    const { message = "", reason = "" } = container?.state?.waiting ?? {};
    if (isImageMissing(reason))
      return { type: "failed", problem: "image_missing", text: `${name}: ${message || reason}` };
    const ended = container?.state?.terminated ?? container?.lastState?.terminated;
    if (ended !== undefined && BAD_CONFIGURATION.has(ended.exitCode))
      return { type: "failed", problem: "bad_configuration", text: `${name}: ${lastWords(ended)}` };
    if (reason === "CrashLoopBackOff" && (container?.restartCount ?? 0) >= MOST_CRASHES)
      return {
        type: "failed",
        problem: "crashes",
        text: `${name} has ended ${container?.restartCount} times, last: ${ended === undefined ? "?" : lastWords(ended)}`,
      };
  }
  return undefined;
}

const MOST_WORDS = 600;

/** What the container printed last, where the kubelet has kept it. */
function lastWords({ exitCode, message }: { readonly exitCode: number; readonly message?: string }): string {
  const text = message?.trim() ?? "";
  if (text === "") return `exit code ${exitCode}`;
  // Whole lines, where it has any.
  const last = text.length <= MOST_WORDS ? text : text.slice(-MOST_WORDS).replace(/^[^\n]*\n/, "");
  return `exit code ${exitCode}\n${last}`;
}
