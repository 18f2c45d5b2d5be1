/** Follows a rollout until it is done, or cannot succeed. */
import { isKubernetesError, type KubernetesApi } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";
import { appState } from "../inspect/app-state.ts";
import { readApp } from "../inspect/read-app.ts";
import { kindsIn } from "../kinds.ts";
import type { Connection } from "../ui/terminal.ts";
import { type Deployment, type Pod, type RolloutState, rolloutState } from "./rollout.ts";

const LOOK_MS = 500;
/** What is seen for a moment only is none: a quota counts pods for a while that have ended. */
const SURE_MS = { no_quota: 5_000, not_admitted: 5_000 } as const;

export interface FollowOptions {
  readonly app: string;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly moved: (state: Exclude<RolloutState, { readonly type: "failed" }>) => void;
  /** Told that the API server gives no answer for a while. */
  readonly away?: (problem: string) => void;
  /** Called with each look, for who shows more. */
  readonly looked?: () => Promise<void>;
  readonly signal?: AbortSignal;
}

/** What an API server that is restarted, or has too much to do, answers for a while. */
const passing = ["INTERLOCK_KUBERNETES_UNREACHABLE", "INTERLOCK_KUBERNETES_THROTTLED"] as const;

/** @returns how many pods are ready. **Errors** `INTERLOCK_ROLLOUT_FAILED`, `INTERLOCK_ROLLOUT_TIMEOUT`; the signal's reason. */
export async function followRollout(connection: Connection, options: FollowOptions): Promise<number> {
  const { app, away, looked, moved, namespace, signal, timeoutMs } = options;
  const { api } = connection;
  const { clock, timers } = api.runtime;
  const until = clock.now() + timeoutMs;
  let shown = "";
  let failingSinceMs: number | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const state = await look(api, app, namespace).catch((error: unknown) => {
      // The rollout goes on without it; whoever follows wants to see its end.
      if (!isKubernetesError(error, ...passing)) throw error;
      away?.(error.message);
      return undefined;
    });
    if (state?.type === "failed") failingSinceMs ??= clock.now();
    else if (state !== undefined) failingSinceMs = undefined;
    const isSure =
      state?.type === "failed" && clock.now() - (failingSinceMs ?? 0) >= ((SURE_MS as Limits)[state.problem] ?? 0);
    // What has failed is thrown, and need not be said twice.
    if (state !== undefined && state.type !== "failed") {
      const text = JSON.stringify(state);
      if (text !== shown) moved(state);
      shown = text;
      await looked?.();
    }
    if (state?.type === "done") return state.ready;
    if (state?.type === "failed" && isSure) {
      const reasons = state.problem === "never_ready" ? await reasonsOf(connection, app, namespace) : "";
      const text = `${state.text}${reasons}`;
      throw new CliError(
        "INTERLOCK_ROLLOUT_FAILED",
        `The rollout of ${app} cannot succeed (${state.problem}): ${text}`,
        {
          app,
          problem: state.problem,
          text,
        },
      );
    }
    if (clock.now() > until) {
      const reasons = await reasonsOf(connection, app, namespace);
      const message = `The rollout of ${app} is not done after ${timeoutMs} ms${reasons}`;
      throw new CliError("INTERLOCK_ROLLOUT_TIMEOUT", message, { app, timeoutMs });
    }
    await new Promise<void>((resolve) => void timers.set(resolve, LOOK_MS));
  }
}

type Limits = Readonly<Record<string, number | undefined>>;

/** Of each pod that is not ready what it says itself, else what Kubernetes does: a line each. */
async function reasonsOf(connection: Connection, app: string, namespace: string): Promise<string> {
  const facts = await readApp(connection, { app, namespace }).catch(() => undefined);
  if (facts === undefined) return "";
  return appState(facts)
    .pods.filter(({ reasons, state }) => state !== "ready" && reasons.length > 0)
    .map(({ name, reasons, state }) => `\n${name} is ${state}: ${reasons.join("; ")}`)
    .join("");
}

async function look(api: KubernetesApi, app: string, namespace: string): Promise<RolloutState> {
  const { deployments, replicaSets, pods } = kindsIn(namespace);
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
