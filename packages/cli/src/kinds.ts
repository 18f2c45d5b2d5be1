/** The kinds of objects that the commands read, in a namespace. */
import { type KubernetesType, type Resource, resource } from "@interlock/kubernetes";

export interface Kinds {
  readonly deployments: Resource<KubernetesType<"apps/v1", "Deployment">>;
  readonly endpointSlices: Resource<KubernetesType<"discovery.k8s.io/v1", "EndpointSlice">>;
  readonly leases: Resource<KubernetesType<"coordination.k8s.io/v1", "Lease">>;
  readonly pods: Resource<KubernetesType<"v1", "Pod">>;
  readonly replicaSets: Resource<KubernetesType<"apps/v1", "ReplicaSet">>;
  readonly secrets: Resource<KubernetesType<"v1", "Secret">>;
  readonly services: Resource<KubernetesType<"v1", "Service">>;
}

export function kindsIn(namespace: string): Kinds {
  const discovery = "discovery.k8s.io/v1";
  return {
    deployments: resource({ apiVersion: "apps/v1", kind: "Deployment", plural: "deployments", namespace }),
    endpointSlices: resource({ apiVersion: discovery, kind: "EndpointSlice", plural: "endpointslices", namespace }),
    leases: resource({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases", namespace }),
    pods: resource({ apiVersion: "v1", kind: "Pod", plural: "pods", namespace }),
    replicaSets: resource({ apiVersion: "apps/v1", kind: "ReplicaSet", plural: "replicasets", namespace }),
    secrets: resource({ apiVersion: "v1", kind: "Secret", plural: "secrets", namespace }),
    services: resource({ apiVersion: "v1", kind: "Service", plural: "services", namespace }),
  };
}
