/** Follows a rollout until it is done, or cannot succeed. */
import { type KubernetesApi, resource } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";
import { type Deployment, type Pod, type RolloutState, rolloutState } from "./rollout.ts";

const LOOK_MS = 500;

export interface FollowOptions {
  readonly app: string;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly moved: (state: RolloutState) => void;
}

/** @returns how many pods are ready. **Errors** `INTERLOCK_ROLLOUT_FAILED`, `INTERLOCK_ROLLOUT_TIMEOUT`. */
export async function followRollout(api: KubernetesApi, options: FollowOptions): Promise<number> {
  const { app, moved, namespace, timeoutMs } = options;
  const { clock, timers } = api.runtime;
  const until = clock.now() + timeoutMs;
  let shown = "";
  for (;;) {
    const state = await look(api, app, namespace);
    const text = JSON.stringify(state);
    if (text !== shown) moved(state);
    shown = text;
    if (state.type === "done") return state.ready;
    if (state.type === "failed")
      throw new CliError("INTERLOCK_ROLLOUT_FAILED", `The rollout of ${app} cannot succeed: ${state.text}`, {
        app,
        problem: state.problem,
        text: state.text,
      });
    if (clock.now() > until)
      throw new CliError("INTERLOCK_ROLLOUT_TIMEOUT", `The rollout of ${app} is not done after ${timeoutMs} ms`, {
        app,
        timeoutMs,
      });
    await new Promise<void>((resolve) => void timers.set(resolve, LOOK_MS));
  }
}

async function look(api: KubernetesApi, app: string, namespace: string): Promise<RolloutState> {
  const deployments = resource({ apiVersion: "apps/v1", kind: "Deployment", plural: "deployments", namespace });
  const replicaSets = resource({ apiVersion: "apps/v1", kind: "ReplicaSet", plural: "replicasets", namespace });
  const pods = resource({ apiVersion: "v1", kind: "Pod", plural: "pods", namespace });
  const labelSelector = `app.kubernetes.io/name=${app}`;
  const deployment = (await api.get(deployments, app)) as Deployment;
  const revision = deployment.metadata?.annotations?.["deployment.kubernetes.io/revision"];
  const sets = await api.list(replicaSets, { labelSelector });
  const newest = sets.items.find(
    ({ metadata }) => metadata.annotations?.["deployment.kubernetes.io/revision"] === revision,
  );
  const hash = newest?.metadata.labels?.["pod-template-hash"];
  const all = await api.list(pods, { labelSelector });
  const ours = all.items.filter(
    ({ metadata }) => hash !== undefined && metadata.labels?.["pod-template-hash"] === hash,
  );
  return rolloutState(deployment, ours as readonly Pod[]);
}
