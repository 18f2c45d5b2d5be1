/** Follows a rollout until it is done, or cannot succeed. */

import { pause } from "@interlock/core/distribution";
import { CliError } from "../errors.ts";
import { type AppFacts, type AppState, appState } from "../inspect/app-state.ts";
import { type AppPlace, askPods, isPassing, readApp, readObjects } from "../inspect/read-app.ts";
import type { Connection } from "../ui/terminal.ts";
import type { RolloutProblem, RolloutState } from "./rollout.ts";

const LOOK_MS = 500;
/** What is seen for a moment only is none: a quota counts pods for a while that have ended. */
const SURE_MS: Partial<Record<RolloutProblem, number>> = { no_quota: 5_000, not_admitted: 5_000 };

export interface FollowOptions extends AppPlace {
  readonly timeoutMs: number;
  readonly moved: (state: Exclude<RolloutState, { readonly type: "failed" }>) => void;
  /** Told that the API server gives no answer for a while. */
  readonly away?: (problem: string) => void;
  /** Given what each look has seen, for who shows more: its pods are asked then. */
  readonly looked?: (state: AppState) => void;
  readonly signal?: AbortSignal;
}

export interface RolledOut extends AppState {
  readonly rollout: Extract<RolloutState, { readonly type: "done" }>;
}

/** @returns how it is in the end. **Errors** `INTERLOCK_ROLLOUT_FAILED`, `INTERLOCK_ROLLOUT_TIMEOUT`; the signal's reason. */
export async function followRollout(connection: Connection, options: FollowOptions): Promise<RolledOut> {
  const { app, away, looked, moved, signal, timeoutMs } = options;
  const { clock, timers } = connection.api.runtime;
  const until = clock.now() + timeoutMs;
  let shown = "";
  let failingSinceMs: number | undefined;
  let last: AppFacts | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const facts = await look(connection, options).catch((error: unknown) => {
      // The rollout goes on without it; whoever follows wants to see its end.
      if (!isPassing(error)) throw error;
      away?.(error.message);
      return undefined;
    });
    if (facts !== undefined) {
      last = facts;
      const state = appState(facts);
      const { rollout } = state;
      if (rollout.type === "failed") {
        const { problem, text } = rollout;
        failingSinceMs ??= clock.now();
        if (clock.now() - failingSinceMs >= (SURE_MS[problem] ?? 0)) {
          const reasons = problem === "never_ready" ? await reasonsOf(connection, options, facts) : "";
          const all = `${text}${reasons}`;
          const message = `The rollout of ${app} cannot succeed (${problem}): ${all}`;
          throw new CliError("INTERLOCK_ROLLOUT_FAILED", message, { app, problem, text: all });
        }
      } else {
        failingSinceMs = undefined;
        const text = JSON.stringify(rollout);
        if (text !== shown) moved(rollout);
        shown = text;
        looked?.(state);
        if (rollout.type === "done") return { ...state, rollout };
      }
    }
    if (clock.now() > until) {
      const reasons = last === undefined ? "" : await reasonsOf(connection, options, last);
      const message = `The rollout of ${app} is not done after ${timeoutMs} ms${reasons}`;
      throw new CliError("INTERLOCK_ROLLOUT_TIMEOUT", message, { app, timeoutMs });
    }
    await pause(timers, LOOK_MS, signal);
  }
}

async function look(connection: Connection, options: FollowOptions): Promise<AppFacts> {
  if (options.looked !== undefined) return readApp(connection, options);
  return { ...(await readObjects(connection.api, options)), said: new Map() };
}

/** Of each pod that is not ready what it says itself, else what Kubernetes does: a line each. */
async function reasonsOf(connection: Connection, { namespace }: AppPlace, facts: AppFacts): Promise<string> {
  return appState({ ...facts, said: await askPods(connection, namespace, facts.pods) })
    .pods.filter(({ reasons, state }) => state !== "ready" && reasons.length > 0)
    .map(({ name, reasons, state }) => `\n${name} is ${state}: ${reasons.join("; ")}`)
    .join("");
}
