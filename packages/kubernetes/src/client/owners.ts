/** Whose an object is: with its owner it goes. Kubernetes' garbage collector follows these references, within one namespace. */
import type { KubernetesObject, OwnerReference, Stored } from "./resource.ts";

/**
 * For the `ownerReferences` of what `owner` makes. It is the controller of that, of which there is one at most.
 *
 * @example
 * const owner = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", uid: "1", resourceVersion: "7" } };
 * console.log(ownerReference(owner).name, controllerOf({ metadata: { ownerReferences: [ownerReference(owner)] } })?.uid); // web 1
 */
export function ownerReference({ apiVersion, kind, metadata }: Stored<KubernetesObject>): OwnerReference {
  const { name, uid } = metadata;
  return {
    apiVersion: apiVersion ?? "",
    kind: kind ?? "",
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The owner that controls it. */
export function controllerOf({ metadata }: KubernetesObject): OwnerReference | undefined {
  return metadata?.ownerReferences?.find(({ controller }) => controller);
}

/** For the `indexes` of a reflector: objects by the `uid` of each of their owners. */
export function byOwner({ metadata }: KubernetesObject): readonly string[] {
  return (metadata?.ownerReferences ?? []).map(({ uid }) => uid);
}
