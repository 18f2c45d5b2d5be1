/** Finalizers: an object that is deleted stays, with a `deletionTimestamp`, until all who hold it have let it go. */
import type { KubernetesApi } from "./api.ts";
import type { KubernetesObject, Resource, Stored } from "./resource.ts";

/**
 * Holds an object, as it is now, by a finalizer with a domain (`interlock.dev/leave`). To be called before anything is made that
 * must be cleared away with it; changes nothing when it is held already. RBAC calls it `patch`.
 *
 * **Errors** `INTERLOCK_KUBERNETES_CONFLICT` when it has changed since; `_INVALID` when its end has begun.
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const api = kubernetesApi({ transport: new FakeApiServer() });
 * const configMaps = resource({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace: "shop" });
 * const held = await holdBy("interlock.dev/leave", api, configMaps, await api.create(configMaps, { metadata: { name: "a" } }));
 * await api.delete(configMaps, "a");
 * const ending = await api.get(configMaps, "a");
 * console.log(held.metadata.finalizers?.length, ending.metadata.deletionTimestamp !== undefined); // 1 true
 * await letGo("interlock.dev/leave", api, configMaps, ending);
 * console.log(await api.find(configMaps, "a")); // undefined
 */
export function holdBy<T extends KubernetesObject>(
  finalizer: string,
  api: KubernetesApi,
  of: Resource<T>,
  object: Stored<T>,
): Promise<Stored<T>> {
  const { finalizers = [] } = object.metadata;
  return finalizers.includes(finalizer) ? Promise.resolve(object) : patch(api, of, object, [...finalizers, finalizer]);
}

/** Lets go what was held; of an object whose end has begun it may be the end. Errors as of `holdBy`. */
export function letGo<T extends KubernetesObject>(
  finalizer: string,
  api: KubernetesApi,
  of: Resource<T>,
  object: Stored<T>,
): Promise<Stored<T>> {
  const { finalizers = [] } = object.metadata;
  const others = finalizers.filter((one) => one !== finalizer);
  return others.length === finalizers.length ? Promise.resolve(object) : patch(api, of, object, others);
}

/** The version goes with it: the list of somebody else must not be written over. */
function patch<T extends KubernetesObject>(
  api: KubernetesApi,
  of: Resource<T>,
  { metadata }: Stored<T>,
  finalizers: readonly string[],
): Promise<Stored<T>> {
  return api.patch(of, metadata.name, { metadata: { resourceVersion: metadata.resourceVersion, finalizers } });
}
