/** Where a rotation stands is in the Secrets themselves, so that anyone can go on with it, and only one at a time can. */
import type { KubernetesApi, Stored } from "@interlock/kubernetes";
import { secretNames } from "../deploy/render.ts";
import { kindsIn } from "../kinds.ts";
import { type KeyPair, makeAuthority } from "./certificates.ts";
import type { Rotation } from "./rotation.ts";
import {
  authorityRotation,
  authorityTexts,
  type ClusterPlace,
  certificateTexts,
  cookieRotation,
  cookieTexts,
  isOurs,
  newCookie,
  type Secret,
  secretOf,
  textsOf,
  unusable,
} from "./secrets.ts";

/** The reading and the writing of a step. `S`: the Secrets as they were read or written last. */
export interface Store<T, S> {
  read(): Promise<{ readonly rotation: Rotation<T>; readonly stored: S }>;
  fresh(): Promise<T>;
  /**
   * Over what is `stored`, and over nothing else: what somebody has written since was not waited for in all pods.
   *
   * **Errors** `INTERLOCK_KUBERNETES_CONFLICT`
   */
  write(rotation: Rotation<T>, version: string, stored: S): Promise<S>;
}

export interface StoreOptions extends ClusterPlace {
  readonly fieldManager: string;
  /** Whoever writes wants no more of it. */
  readonly signal?: AbortSignal;
}

export function cookieStore(api: KubernetesApi, options: StoreOptions): Store<string, Stored<Secret>> {
  const { cluster, namespace } = options;
  const { cookie: name } = secretNames(cluster);
  const { secrets: of } = kindsIn(namespace);
  return {
    read: async () => {
      const stored = await api.get(of, name);
      return { rotation: cookieRotation(stored), stored };
    },
    fresh: async () => newCookie(),
    write: (rotation, version, stored) =>
      replace(api, options, stored, secretOf(name, options, cookieTexts(rotation, version), rotation)),
  };
}

interface Certificates {
  readonly authority: Stored<Secret>;
  readonly mounted: Stored<Secret>;
}

export function authorityStore(api: KubernetesApi, options: StoreOptions): Store<KeyPair, Certificates> {
  const { cluster, namespace } = options;
  const names = secretNames(cluster);
  const { secrets: of } = kindsIn(namespace);
  const type = "kubernetes.io/tls";
  const nowMs = (): number => api.runtime.clock.wallTime();
  return {
    read: async () => {
      // In the order in which they are written: one who is overtaken here is refused before it has written any of them.
      const authority = await api.find(of, names.authority);
      const mounted = await api.get(of, names.tls);
      if (!isOurs(mounted)) throw unusable(mounted.metadata.name, "it was made by others, who renew it");
      if (authority === undefined) throw unusable(names.authority, "it is not there");
      return { rotation: authorityRotation(authority), stored: { authority, mounted } };
    },
    fresh: () => makeAuthority(cluster, nowMs()),
    write: async (rotation, version, stored) => {
      const kept = secretOf(names.authority, options, authorityTexts(rotation), { step: rotation.step, type });
      // First: a certificate of an authority that nobody knows any more could not be renewed.
      const authority = await replace(api, options, stored.authority, kept);
      // That is a mark: pods have what they need since the step before.
      if (rotation.step === "settled") return { ...stored, authority };
      const before = textsOf(stored.mounted);
      const texts = await certificateTexts(rotation, options, { before, nowMs: nowMs(), version });
      const shown = secretOf(names.tls, options, texts, { type });
      return { authority, mounted: await replace(api, options, stored.mounted, shown) };
    },
  };
}

/** With the version of what was read: of two who change it at once one is refused. */
function replace(
  api: KubernetesApi,
  { fieldManager, namespace, signal }: StoreOptions,
  stored: Stored<Secret>,
  { metadata, ...secret }: Secret,
): Promise<Stored<Secret>> {
  const { secrets: of } = kindsIn(namespace);
  return api.update(
    of,
    { ...stored, ...secret, metadata: { ...stored.metadata, ...metadata } },
    { fieldManager, signal },
  );
}
