/**
 * What is kept at the API server, and where: the types of objects, and the paths that lead to them. The types are those of
 * `@kubernetes/client-node`, as they are in JSON; nothing of that package is loaded for them.
 */

/** The classes that are generated of Kubernetes' own API. */
type Generated = typeof import("@kubernetes/client-node");

/** As it is in JSON: times are strings, and names that JavaScript reserves have no `_` before them. */
export type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: Json<T[Key]> }
      : T;

export type ObjectMeta = Json<InstanceType<Generated["V1ObjectMeta"]>>;
export type OwnerReference = Json<InstanceType<Generated["V1OwnerReference"]>>;

/** What all objects have. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

/** Two kinds are called Event. */
interface GeneratedNames {
  readonly "v1 Event": "CoreV1Event";
  readonly "events.k8s.io/v1 Event": "EventsV1Event";
}

type GeneratedName<ApiVersion extends string, Kind extends string> = `${ApiVersion} ${Kind}` extends infer Name
  ? Name extends keyof GeneratedNames
    ? GeneratedNames[Name]
    : ApiVersion extends `${string}/${infer Version}`
      ? `${Capitalize<Version>}${Kind}`
      : `${Capitalize<ApiVersion>}${Kind}`
  : never;

/** The type of objects of a kind: `KubernetesType<"apps/v1", "Deployment">`. A kind that Kubernetes has not is any object. */
export type KubernetesType<ApiVersion extends string, Kind extends string> =
  GeneratedName<ApiVersion, Kind> extends infer Name extends keyof Generated
    ? Generated[Name] extends abstract new (
        ...args: never
      ) => infer Class
      ? Json<Class>
      : KubernetesObject
    : KubernetesObject;

/** As the API server gives it: named, and in a version. */
export type Stored<T extends KubernetesObject> = T & {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
};

/** A kind of objects, in one namespace, in all, or in none: some kinds belong to the cluster. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  readonly apiVersion: string;
  readonly kind: string;
  /** As it is in paths and in RBAC: `pods`, `networkpolicies`. */
  readonly plural: string;
  /** Undefined: all namespaces, or a kind without. */
  readonly namespace?: string | undefined;
  /** For the compiler only. */
  readonly "~object"?: T;
}

/**
 * A resource with the type of its objects: by `apiVersion` and `kind` for what Kubernetes brings along, as `resource<MyType>(…)`
 * for custom resources.
 *
 * @example
 * const deployments = resource({ apiVersion: "apps/v1", kind: "Deployment", plural: "deployments", namespace: "shop" });
 * console.log(pathOf(deployments, "web")); // /apis/apps/v1/namespaces/shop/deployments/web
 */
export function resource<const ApiVersion extends string, const Kind extends string>(of: {
  readonly apiVersion: ApiVersion;
  readonly kind: Kind;
  readonly plural: string;
  readonly namespace?: string | undefined;
}): Resource<KubernetesType<ApiVersion, Kind>>;
export function resource<T extends KubernetesObject>(of: Omit<Resource, "~object">): Resource<T>;
export function resource(of: Resource): Resource<never> {
  return of as Resource<never>;
}

/** The same resource in that namespace. */
export function inNamespace<T extends KubernetesObject>(of: Resource<T>, namespace: string | undefined): Resource<T> {
  return { ...of, namespace };
}

/** As messages and RBAC name it: `leases.coordination.k8s.io`. */
export function qualified({ apiVersion, plural }: Resource): string {
  const group = groupOf(apiVersion);
  return group === "" ? plural : `${plural}.${group}`;
}

/** The API group; the empty one of `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** The path of a resource, of one of its objects, or of a part of that. Names cannot lead out of it. */
export function pathOf({ apiVersion, namespace, plural }: Resource, name?: string, subresource?: string): string {
  const parts = [
    apiVersion.includes("/") ? "apis" : "api",
    ...apiVersion.split("/"),
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** What tells objects of one kind apart: `namespace/name`, or the name alone of a kind without namespaces. */
export function keyOf({ metadata }: KubernetesObject): string {
  const { name = "", namespace } = metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}
