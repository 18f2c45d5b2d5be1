/** Where a rollout is, from what the API server says of its Deployment and pods. Pure: whoever asks gives what was read. */
import type { KubernetesType } from "@interlock/kubernetes";

export type Deployment = KubernetesType<"apps/v1", "Deployment">;
export type Pod = KubernetesType<"v1", "Pod">;

/** Why a rollout will not succeed by waiting. */
export type RolloutProblem = "image_missing" | "bad_configuration" | "crashes" | "no_quota" | "no_room" | "never_ready";

export type RolloutState =
  | { readonly type: "progressing"; readonly ready: number; readonly updated: number; readonly wanted: number }
  | { readonly type: "done"; readonly ready: number }
  | { readonly type: "failed"; readonly problem: RolloutProblem; readonly text: string };

/** A container that has ended so often by itself does not come up by another try. */
const MOST_CRASHES = 3;
/** The exit code of a program that refuses its configuration (`EX_CONFIG` of sysexits). */
const BAD_CONFIGURATION = 78;

/** `pods`: those of the new version only. */
export function rolloutState(deployment: Deployment, pods: readonly Pod[]): RolloutState {
  const { metadata, spec, status } = deployment;
  const wanted = spec?.replicas ?? 1;
  const seen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  const { availableReplicas = 0, readyReplicas = 0, replicas = 0, updatedReplicas = 0 } = status ?? {};
  if (seen && updatedReplicas === wanted && availableReplicas >= wanted && replicas === updatedReplicas)
    return { type: "done", ready: readyReplicas };
  const failed = seen ? (podProblem(pods) ?? conditionProblem(deployment)) : undefined;
  return failed ?? { type: "progressing", ready: readyReplicas, updated: seen ? updatedReplicas : 0, wanted };
}

function conditionProblem({ status }: Deployment): RolloutState | undefined {
  const condition = (type: string, value: string) =>
    status?.conditions?.find((one) => one.type === type && one.status === value);
  const failure = condition("ReplicaFailure", "True");
  if (failure !== undefined && /quota/i.test(failure.message ?? ""))
    return { type: "failed", problem: "no_quota", text: failure.message ?? "" };
  const stuck = condition("Progressing", "False");
  if (stuck === undefined) return undefined;
  return { type: "failed", problem: "never_ready", text: stuck.message ?? "it makes no progress" };
}

function podProblem(pods: readonly Pod[]): RolloutState | undefined {
  for (const pod of pods) {
    const name = pod.metadata?.name ?? "a pod";
    const [container] = pod.status?.containerStatuses ?? [];
    const { message = "", reason = "" } = container?.state?.waiting ?? {};
    if (/^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull)$/.test(reason))
      return { type: "failed", problem: "image_missing", text: `${name}: ${message || reason}` };
    const ended = container?.state?.terminated ?? container?.lastState?.terminated;
    if (ended?.exitCode === BAD_CONFIGURATION)
      return {
        type: "failed",
        problem: "bad_configuration",
        text: `${name}: ${ended.message ?? "exit code 78"}`.trim(),
      };
    if (reason === "CrashLoopBackOff" && (container?.restartCount ?? 0) >= MOST_CRASHES)
      return {
        type: "failed",
        problem: "crashes",
        text: `${name} has ended ${container?.restartCount} times, last with ${ended?.exitCode ?? "?"}`,
      };
  }
  return undefined;
}
