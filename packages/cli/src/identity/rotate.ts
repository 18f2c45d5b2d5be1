/** Changes what the nodes of a cluster know each other by while they run: no node restarts, no connection ends. */
import type { KubernetesApi } from "@interlock/kubernetes";
import { secretNames } from "../deploy/render.ts";
import { CliError } from "../errors.ts";
import { askPod } from "../inspect/read-app.ts";
import { kindsIn } from "../kinds.ts";
import type { Connection } from "../ui/terminal.ts";
import { type KeyPair, makeAuthority } from "./certificates.ts";
import { nextStep, type Rotation, type Seen, spread } from "./rotation.ts";
import {
  authorityRotation,
  authorityTexts,
  type ClusterPlace,
  certificateTexts,
  cookieRotation,
  cookieTexts,
  isOurs,
  newCookie,
  newVersion,
  secretOf,
  textsOf,
} from "./secrets.ts";

export type Rotated = "cookie" | "certificates";

export interface RotateOptions extends ClusterPlace {
  readonly what: Rotated;
  readonly fieldManager: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds for one step to reach all pods. Default 600 000. */
  readonly stepMs?: number;
}

/** What is changed: where it stands, and the writing of a step. Both are what the Secrets say, so that anyone can go on. */
interface Store<T> {
  read(): Promise<Rotation<T>>;
  fresh(): Promise<T>;
  /** @returns the version that pods will say they have. */
  write(rotation: Rotation<T>): Promise<string>;
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

async function turn<T>(connection: Connection, options: RotateOptions, store: Store<T>): Promise<void> {
  let rotation = await store.read();
  const isBegun = rotation.step !== "settled";
  if (isBegun) options.say(`going on with what was begun: ${said(rotation.step)}`);
  for (let again = isBegun; ; again = false) {
    if (!again) {
      const fresh = rotation.step === "settled" ? await store.fresh() : undefined;
      rotation = nextStep(rotation, () => fresh as T);
    }
    // Anew also where one goes on: it may have been broken off before its second Secret was written.
    const version = await store.write(rotation);
    options.say(`${said(rotation.step)}; it takes up to two minutes to reach all pods`);
    await untilSpread(connection, options, version);
    if (rotation.step === "settled") return;
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
  let before = "";
  for (;;) {
    signal?.throwIfAborted();
    const sinceMs = clock.now() - beganMs;
    const pods = await versionsOf(connection, options);
    const state = spread(pods, version, sinceMs, UNASKED_MS);
    if (state.type === "done") {
      if (state.unasked > 0)
        say(`${state.unasked} pods could not be asked, and have had ${UNASKED_MS / 1_000} s for it`);
      return say(`${pods.size} of ${pods.size} pods have it`);
    }
    const line = `${pods.size - state.behind.length} of ${pods.size} pods have it`;
    if (line !== before) say(line);
    before = line;
    if (sinceMs > stepMs)
      throw new CliError(
        "INTERLOCK_ROTATION_STALLED",
        `The ${what} of ${cluster}: ${state.behind.join(", ")} did not take the step within ${stepMs / 1_000} s`,
        { cluster, what, behind: state.behind },
      );
    await new Promise<void>((resolve) => void timers.set(resolve, LOOK_MS));
  }
}

async function versionsOf(connection: Connection, options: RotateOptions): Promise<ReadonlyMap<string, Seen>> {
  const { cluster, namespace, what } = options;
  const { pods } = kindsIn(namespace);
  const { items } = await connection.api.list(pods, { labelSelector: `interlock.dev/cluster=${cluster}` });
  // One that starts has the Secrets as they are now.
  const running = items.filter(({ status }) => status?.phase === "Running");
  const asked = running.map(async ({ metadata: { name } }): Promise<readonly [string, Seen]> => {
    const answer = await askPod(connection, namespace, name);
    return [name, answer?.secrets?.[what]];
  });
  return new Map(await Promise.all(asked));
}

function cookieStore(api: KubernetesApi, options: RotateOptions): Store<string> {
  const { cluster, fieldManager, namespace } = options;
  const { cookie: name } = secretNames(cluster);
  const { secrets: of } = kindsIn(namespace);
  return {
    read: async () => cookieRotation(await api.get(of, name)),
    fresh: async () => newCookie(),
    write: async (rotation) => {
      const version = newVersion();
      const { metadata, ...secret } = secretOf(name, options, cookieTexts(rotation, version), rotation);
      const before = await api.get(of, name);
      // With the version of what was read: of two who change it at once one is refused.
      await api.update(of, { ...before, ...secret, metadata: { ...before.metadata, ...metadata } }, { fieldManager });
      return version;
    },
  };
}

function authorityStore(api: KubernetesApi, options: RotateOptions): Store<KeyPair> {
  const { cluster, fieldManager, namespace } = options;
  const names = secretNames(cluster);
  const { secrets: of } = kindsIn(namespace);
  const type = "kubernetes.io/tls";
  const nowMs = (): number => api.runtime.clock.wallTime();
  return {
    read: async () => {
      const certificate = await api.get(of, names.tls);
      if (!isOurs(certificate)) {
        const problem = "it was made by others, who renew it";
        throw new CliError("INTERLOCK_CLUSTER_SECRET", `Cannot use Secret ${names.tls}: ${problem}`, {
          secret: names.tls,
          problem,
        });
      }
      return authorityRotation(await api.get(of, names.authority));
    },
    fresh: () => makeAuthority(cluster, nowMs()),
    write: async (rotation) => {
      const version = newVersion();
      const kept = await api.get(of, names.authority);
      const authority = secretOf(names.authority, options, authorityTexts(rotation), { step: rotation.step, type });
      // First: a certificate of an authority that nobody knows any more could not be renewed.
      await api.update(
        of,
        { ...kept, ...authority, metadata: { ...kept.metadata, ...authority.metadata } },
        { fieldManager },
      );
      const mounted = await api.get(of, names.tls);
      const texts = await certificateTexts(rotation, options, { before: textsOf(mounted), nowMs: nowMs(), version });
      const certificate = secretOf(names.tls, options, texts, { type });
      await api.update(
        of,
        { ...mounted, ...certificate, metadata: { ...mounted.metadata, ...certificate.metadata } },
        { fieldManager },
      );
      return version;
    },
  };
}
