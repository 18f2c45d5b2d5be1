/** Changes what the nodes of a cluster know each other by while they run: no node restarts, no connection ends. */

import { pause } from "@interlock/core/distribution";
import { CliError } from "../errors.ts";
import { askPod, isPassing } from "../inspect/read-app.ts";
import { kindsIn } from "../kinds.ts";
import type { Connection } from "../ui/terminal.ts";
import { begin, nextStep, type Rotation, type Seen, spread } from "./rotation.ts";
import { authorityStore, cookieStore, type Store } from "./rotation-store.ts";
import { type ClusterPlace, newVersion } from "./secrets.ts";

export type Rotated = "cookie" | "certificates";

export interface RotateOptions extends ClusterPlace {
  readonly what: Rotated;
  readonly fieldManager: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds for one step to reach all pods. Default 600 000. */
  readonly stepMs?: number;
}

const STEP_MS = 600_000;
const LOOK_MS = 1_000;
/** A kubelet looks at Secrets once a minute, by a copy that is a minute old at most. */
const UNASKED_MS = 150_000;

/**
 * From one cookie or authority to the next, by three steps, each of which is waited for in all pods. One that was broken off is
 * gone on with where it was.
 *
 * **Errors** `INTERLOCK_ROTATION_STALLED` with the pods that are behind; `INTERLOCK_CLUSTER_SECRET`; those of the API server.
 */
export function rotate(connection: Connection, options: RotateOptions): Promise<void> {
  const { api } = connection;
  return options.what === "cookie"
    ? turn(connection, options, cookieStore(api, options))
    : turn(connection, options, authorityStore(api, options));
}

async function turn<T, S>(connection: Connection, options: RotateOptions, store: Store<T, S>): Promise<void> {
  const { say, signal } = options;
  const { rotation, stored: read } = await store.read();
  const isBegun = rotation.step !== "settled";
  if (isBegun) say(`going on with what was begun: ${said(rotation.step)}`);
  // One that goes on takes its step anew: it may have been broken off before the second Secret of it was written.
  let step = isBegun ? rotation : begin(rotation.current, await store.fresh());
  for (let stored = read; ; ) {
    signal?.throwIfAborted();
    const version = newVersion();
    stored = await store.write(step, version, stored);
    say(`${said(step.step)}; it takes up to two minutes to reach all pods`);
    await untilSpread(connection, options, version);
    const next = nextStep(step);
    if (next.step === "settled") return void (await store.write(next, version, stored));
    step = next;
  }
}

function said(step: Rotation<unknown>["step"]): string {
  if (step === "trusted") return "the old one is shown, and the new one is taken as well";
  return step === "shown" ? "the new one is shown, and the old one is taken as well" : "only the new one is left";
}

async function untilSpread(connection: Connection, options: RotateOptions, version: string): Promise<void> {
  const { clock, timers } = connection.api.runtime;
  const { cluster, say, signal, stepMs = STEP_MS, what } = options;
  const beganMs = clock.now();
  /** Since when kubelets can have asked the API server, as far as it is known here. */
  let reachableMs = beganMs;
  const saidMs = new Map<string, number>();
  let before = "";
  const told = (line: string, kind = line): void => {
    if (kind !== before) say(line);
    before = kind;
  };
  for (;;) {
    signal?.throwIfAborted();
    const nowMs = clock.now();
    const versions = await versionsOf(connection, options).catch((error: unknown) => {
      // Only looking is tried again: nothing is written before all pods are known to have the step.
      if (!isPassing(error) || nowMs - beganMs > stepMs) throw error;
      told(error.message, "away");
      return undefined;
    });
    if (versions === undefined) reachableMs = clock.now();
    else {
      for (const [pod, its] of versions) if (its !== undefined) saidMs.set(pod, nowMs);
      const seen = ([pod, its]: readonly [string, string | undefined]): readonly [string, Seen] => [
        pod,
        its === undefined ? { silentMs: nowMs - Math.max(reachableMs, saidMs.get(pod) ?? 0) } : { version: its },
      ];
      const state = spread(new Map([...versions].map(seen)), version, UNASKED_MS);
      if (state.type === "done") {
        if (state.unasked > 0)
          say(`${state.unasked} pods could not be asked, and have had ${UNASKED_MS / 1_000} s for it`);
        return say(`${versions.size} of ${versions.size} pods have it`);
      }
      told(`${versions.size - state.behind.length} of ${versions.size} pods have it`);
      if (nowMs - beganMs > stepMs)
        throw new CliError(
          "INTERLOCK_ROTATION_STALLED",
          `The ${what} of ${cluster}: ${state.behind.join(", ")} did not take the step within ${stepMs / 1_000} s`,
          { cluster, what, behind: state.behind },
        );
    }
    await pause(timers, LOOK_MS, signal);
  }
}

/** The version that each pod says it has; undefined: it cannot be asked. */
async function versionsOf(
  connection: Connection,
  { cluster, namespace, what }: RotateOptions,
): Promise<ReadonlyMap<string, string | undefined>> {
  const { pods } = kindsIn(namespace);
  const { items } = await connection.api.list(pods, { labelSelector: `interlock.dev/cluster=${cluster}` });
  const mounting = items.filter(
    ({ spec, status }) => spec?.nodeName !== undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed",
  );
  const asked = mounting.map(async ({ metadata: { name }, status }): Promise<readonly [string, string | undefined]> => {
    // Its Secrets were mounted before its image was pulled, and stay like that as long as it is: it will start with old ones.
    if (status?.phase === "Pending") return [name, "of its start"];
    const answer = await askPod(connection, namespace, name);
    return [name, answer?.secrets?.[what]];
  });
  return new Map(await Promise.all(asked));
}
