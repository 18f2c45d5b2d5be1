/** The plain service and the one by good practice: Deployments as one writes them, rolled by kubectl. */
import { eventually } from "../../e2e/eventually.ts";
import type { Namespace } from "../../e2e/kubernetes.ts";
import { image } from "./image.ts";
import { livePodsOf, type Refusal, ROOM_MS, type Target } from "./target.ts";

/** What is the same as in what `interlock deploy` writes, so that it makes no difference here. */
const same = {
  resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "256Mi" } },
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1_000,
    runAsGroup: 1_000,
    fsGroup: 1_000,
    seccompProfile: { type: "RuntimeDefault" },
  },
  containerSecurityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  // Kubernetes' own default is 300 s, ten times as long.
  tolerations: ["not-ready", "unreachable"].map((what) => ({
    key: `node.kubernetes.io/${what}`,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 30,
  })),
} as const;

/** What differs. Both have probes: without a readiness probe a version that does not start would replace one that runs. */
const kinds = {
  plain: {
    program: "src/plain.ts",
    ready: "/healthz",
    pod: {},
    container: {},
  },
  "good-practice": {
    program: "src/good-practice.ts",
    ready: "/ready",
    pod: { terminationGracePeriodSeconds: 60 },
    container: { lifecycle: { preStop: { sleep: { seconds: 5 } } } },
  },
} as const;

export async function deployService(name: keyof typeof kinds, namespace: Namespace): Promise<Target> {
  const { container, pod, program, ready } = kinds[name];
  const labels = { "app.kubernetes.io/name": name };
  const metadata = { name, labels };
  await namespace.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  });
  await namespace.apply({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          enableServiceLinks: false,
          securityContext: same.securityContext,
          tolerations: same.tolerations,
          ...pod,
          containers: [
            {
              name,
              image,
              imagePullPolicy: "IfNotPresent",
              command: ["node", program],
              env: [
                { name: "PORT", value: "8080" },
                { name: "EDITION", value: "1" },
              ],
              ports: [{ name: "http", containerPort: 8_080 }],
              resources: same.resources,
              securityContext: same.containerSecurityContext,
              readinessProbe: { httpGet: { path: ready, port: "http" }, periodSeconds: 2, failureThreshold: 1 },
              livenessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 5, timeoutSeconds: 4 },
              volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
              ...container,
            },
          ],
          volumes: [{ name: "tmp", emptyDir: {} }],
        },
      },
    },
  });
  const service = new PlainService(name, namespace);
  await service.followed(120_000);
  return service;
}

class PlainService implements Target {
  readonly name: keyof typeof kinds;
  readonly app: string;
  readonly namespace: Namespace;
  #edition = 1;

  constructor(name: keyof typeof kinds, namespace: Namespace) {
    this.name = name;
    this.app = name;
    this.namespace = namespace;
  }

  async roll(): Promise<void> {
    this.#edition++;
    await this.#set(`EDITION=${this.#edition}`);
    await this.followed(240_000);
  }

  async rollBad(patienceMs: number): Promise<Refusal> {
    const startMs = performance.now();
    await this.#set("PORT=eighty");
    try {
      await this.followed(patienceMs);
    } catch (error) {
      const text = String(error).split("\n").at(-1) ?? "";
      // kubectl's own patience; what it says then is no reason.
      if (/timed out/.test(text)) return { text: "nothing" };
      return { toldAfterMs: performance.now() - startMs, text };
    }
    return { toldAfterMs: performance.now() - startMs, text: "that it is rolled out" };
  }

  async undo(): Promise<void> {
    await this.namespace.kubectl("rollout", "undo", `deployment/${this.app}`);
    await this.followed(240_000);
  }

  mendTicker(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async roomPod(): Promise<string> {
    const look = async () => (await livePodsOf(this)).find(({ isReady }) => isReady)?.name;
    return await eventually("a pod is ready", look, ROOM_MS);
  }

  supervisorRestarts(): Promise<number> {
    return Promise.resolve(0);
  }

  async followed(forMs: number): Promise<void> {
    await this.namespace.kubectl("rollout", "status", `deployment/${this.app}`, `--timeout=${forMs / 1_000}s`);
  }

  async #set(variable: string): Promise<void> {
    await this.namespace.kubectl("set", "env", `deployment/${this.app}`, variable);
  }
}
