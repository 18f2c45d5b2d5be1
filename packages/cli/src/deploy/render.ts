/**
 * What an application is made of on Kubernetes: stock objects, and nothing that Interlock would have to run for. Pure: the same
 * file gives the same objects, byte for byte. `why` becomes a comment in what is printed.
 */
import { createHash } from "node:crypto";
import type { KubernetesObject } from "@interlock/kubernetes";
import type { AppSpec } from "./app-spec.ts";

/** An object, how it is reached, and why it is there. */
export interface Rendered {
  readonly plural: string;
  readonly why: string;
  readonly object: KubernetesObject & {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace: string };
  };
}

export interface Target {
  readonly namespace: string;
  readonly image: string;
}

/** Where nodes talk to each other, and where probes and drains are asked for. */
export const ports = { distribution: 9_100, management: 9_101 } as const;

/** Where what the pod is given lies in its file system. */
const paths = {
  cookie: "/etc/interlock/cookie",
  config: "/etc/interlock/config",
  secrets: "/etc/interlock/secrets",
  tls: "/etc/interlock/tls",
} as const;

/** Of a cluster: all its applications share them. */
export const secretNames = (cluster: string) => ({
  cookie: `${cluster}-cookie`,
  tls: `${cluster}-tls`,
  /** Its key signs certificates: no pod has it. */
  authority: `${cluster}-authority`,
});

/** Leads to all nodes; also the name that their certificates are for. */
export const serviceName = (cluster: string, namespace: string): string =>
  `${cluster}-nodes.${namespace}.svc.cluster.local`;

/** A Lease's name as the pods will ask for it. */
const leaseName = (cluster: string, singleton: string): string => `${cluster}-${singleton}`;

/** Only where it is asked for: whoever deploys may not make any, as a rule. */
export function renderNamespace(name: string): Rendered {
  const metadata = { name, labels: { "app.kubernetes.io/managed-by": "interlock" } };
  return {
    plural: "namespaces",
    why: "Where all of it lies.",
    object: { apiVersion: "v1", kind: "Namespace", metadata } as unknown as Rendered["object"],
  };
}

export function render(app: AppSpec, { image, namespace }: Target): readonly Rendered[] {
  const { name, cluster = name } = app;
  const labels = {
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/managed-by": "interlock",
    "interlock.dev/cluster": cluster,
  };
  const meta = (of: string) => ({ name: of, namespace, labels });
  const selector = { "app.kubernetes.io/name": name };
  const exposed = app.ports.filter(({ expose }) => expose);
  const leases = ["formation", ...app.singletons].map((lease) => leaseName(cluster, lease));
  const rendered: Rendered[] = [
    {
      plural: "serviceaccounts",
      why: "Who the pods are to the API server.",
      object: { apiVersion: "v1", kind: "ServiceAccount", metadata: meta(name) },
    },
    {
      plural: "roles",
      why: "All that the pods may: hold the Leases that are named here, and see who else is there. They may not change pods.",
      object: {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "Role",
        metadata: meta(name),
        rules: [
          {
            apiGroups: ["coordination.k8s.io"],
            resources: ["leases"],
            resourceNames: leases,
            verbs: ["get", "watch", "update"],
          },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
        ],
      } as KubernetesObject as Rendered["object"],
    },
    {
      plural: "rolebindings",
      why: "Gives the pods that role.",
      object: {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: meta(name),
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
        subjects: [{ kind: "ServiceAccount", name, namespace }],
      } as KubernetesObject as Rendered["object"],
    },
    ...leases.map(
      (lease): Rendered => ({
        plural: "leases",
        why: "Whoever holds it is the only one; made here, because RBAC cannot limit by name what pods create.",
        object: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: meta(lease) },
      }),
    ),
    {
      plural: "configmaps",
      why: "Configuration; a change reaches running pods without a restart.",
      object: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: meta(`${name}-config`),
        data: app.config,
      } as KubernetesObject as Rendered["object"],
    },
    {
      plural: "services",
      why: "How the nodes find each other. Also those that are not ready: a pod is ready once it is in the cluster, not before.",
      object: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: `${cluster}-nodes`, namespace, labels: { "interlock.dev/cluster": cluster } },
        spec: {
          clusterIP: "None",
          publishNotReadyAddresses: true,
          selector: { "interlock.dev/cluster": cluster },
          ports: [{ name: "dist", port: ports.distribution, targetPort: "dist", protocol: "TCP" }],
        },
      } as KubernetesObject as Rendered["object"],
    },
    {
      plural: "networkpolicies",
      why: "Nodes listen to nodes of this cluster only; what visitors use is open to all.",
      object: {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: meta(name),
        spec: {
          podSelector: { matchLabels: selector },
          policyTypes: ["Ingress"],
          ingress: [
            {
              from: [{ podSelector: { matchLabels: { "interlock.dev/cluster": cluster } } }],
              ports: [{ protocol: "TCP", port: "dist" }],
            },
            ...(app.ports.length === 0
              ? []
              : [{ ports: app.ports.map(({ name: port }) => ({ protocol: "TCP", port })) }]),
          ],
        },
      } as KubernetesObject as Rendered["object"],
    },
    {
      plural: "poddisruptionbudgets",
      why: "Whoever empties machines takes one pod at a time; those that are broken may always go.",
      object: {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: meta(name),
        spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow", selector: { matchLabels: selector } },
      } as KubernetesObject as Rendered["object"],
    },
    deployment(app, image, meta(name), selector),
  ];
  if (exposed.length > 0)
    rendered.push({
      plural: "services",
      why: "Where visitors come in: only pods that are ready get any.",
      object: {
        apiVersion: "v1",
        kind: "Service",
        metadata: meta(name),
        spec: {
          selector,
          ports: exposed.map(({ containerPort, name: port, servicePort }, index) => ({
            name: port,
            port: servicePort ?? (index === 0 ? 80 : containerPort),
            targetPort: port,
            protocol: "TCP",
          })),
        },
      } as KubernetesObject as Rendered["object"],
    });
  return rendered;
}

function deployment(
  app: AppSpec,
  image: string,
  metadata: Rendered["object"]["metadata"],
  selector: Readonly<Record<string, string>>,
): Rendered {
  const { drain, name, resources, cluster = name } = app;
  const { namespace } = metadata;
  const secrets = secretNames(cluster);
  const token = drainToken(namespace, name);
  const probe = (path: string) => ({ httpGet: { path, port: "management" } });
  const grace = drain.settle + Math.max(drain.requests, drain.handoff) + drain.leave + 20;
  const env = {
    INTERLOCK_APP: cluster,
    INTERLOCK_NAMESPACE: namespace,
    INTERLOCK_SERVICE: serviceName(cluster, namespace),
    INTERLOCK_REPLICAS: String(app.replicas),
    INTERLOCK_COOKIE_FILE: `${paths.cookie}/cookie`,
    INTERLOCK_CONFIG_DIR: paths.config,
    ...(app.secrets.length > 0 && { INTERLOCK_SECRET_DIR: paths.secrets }),
    ...(app.tls && { INTERLOCK_TLS_DIR: paths.tls }),
    INTERLOCK_DRAIN: `settle=${drain.settle},requests=${drain.requests},handoff=${drain.handoff},leave=${drain.leave}`,
    INTERLOCK_DRAIN_TOKEN: token,
    INTERLOCK_GRACE_SECONDS: String(grace),
    ...app.env,
  };
  const container = {
    name,
    image,
    imagePullPolicy: "IfNotPresent",
    // What it printed last is the reason that a failed rollout shows.
    terminationMessagePolicy: "FallbackToLogsOnError",
    env: [
      { name: "INTERLOCK_POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      { name: "INTERLOCK_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ...Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
    ],
    ports: [
      ...app.ports.map(({ containerPort, name: port }) => ({ name: port, containerPort, protocol: "TCP" })),
      { name: "dist", containerPort: ports.distribution, protocol: "TCP" },
      { name: "management", containerPort: ports.management, protocol: "TCP" },
    ],
    resources: { requests: { cpu: resources.cpu, memory: resources.memory }, limits: { memory: resources.memory } },
    startupProbe: { ...probe("/startup"), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
    readinessProbe: { ...probe("/ready"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 1 },
    livenessProbe: {
      ...probe("/live"),
      periodSeconds: 5,
      timeoutSeconds: 4,
      failureThreshold: 3,
      // A program that hangs has nothing to finish.
      terminationGracePeriodSeconds: 5,
    },
    lifecycle: {
      preStop: {
        httpGet: {
          path: "/lifecycle/prestop",
          port: "management",
          httpHeaders: [{ name: "x-interlock-token", value: token }],
        },
      },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "cookie", mountPath: paths.cookie, readOnly: true },
      ...(app.tls ? [{ name: "tls", mountPath: paths.tls, readOnly: true }] : []),
      { name: "config", mountPath: paths.config, readOnly: true },
      ...(app.secrets.length > 0 ? [{ name: "secrets", mountPath: paths.secrets, readOnly: true }] : []),
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
  const object = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: app.replicas,
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: app.progressDeadline,
      selector: { matchLabels: selector },
      strategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 0, maxSurge: app.webSockets ? "100%" : 1 },
      },
      template: {
        metadata: { labels: metadata.labels },
        spec: {
          serviceAccountName: name,
          terminationGracePeriodSeconds: grace,
          enableServiceLinks: false,
          // The pod's own init is PID 1. To a program that is, a SIGTERM that comes before it has loaded does nothing: it would begin
          // although it is to go, and be killed with what others had handed to it.
          shareProcessNamespace: true,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 1_000,
            runAsGroup: 1_000,
            fsGroup: 1_000,
            seccompProfile: { type: "RuntimeDefault" },
          },
          tolerations: ["not-ready", "unreachable"].map((what) => ({
            key: `node.kubernetes.io/${what}`,
            operator: "Exists",
            effect: "NoExecute",
            tolerationSeconds: app.tolerationSeconds,
          })),
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: selector },
              matchLabelKeys: ["pod-template-hash"],
            },
          ],
          containers: [container],
          volumes: [
            { name: "cookie", secret: { secretName: secrets.cookie, defaultMode: 0o440 } },
            ...(app.tls ? [{ name: "tls", secret: { secretName: secrets.tls, defaultMode: 0o440 } }] : []),
            { name: "config", configMap: { name: `${name}-config` } },
            ...(app.secrets.length > 0 ? [projected(app.secrets)] : []),
            { name: "tmp", emptyDir: {} },
          ],
        },
      },
    },
  };
  return {
    plural: "deployments",
    why: "The nodes. New pods before old ones go, never fewer than asked for; each has the time to hand over what it has.",
    object: object as unknown as Rendered["object"],
  };
}

/** All of them in one folder, and changed as one. */
function projected(secrets: readonly string[]): object {
  const sources = secrets.map((secret) => ({ secret: { name: secret } }));
  return { name: "secrets", projected: { sources, defaultMode: 0o440 } };
}

/** Keeps a stray request from beginning a drain; strangers are kept out by the network policy. */
function drainToken(namespace: string, name: string): string {
  return createHash("sha256").update(`interlock drain ${namespace}/${name}`).digest("hex").slice(0, 32);
}
