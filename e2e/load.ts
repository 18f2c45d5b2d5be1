/**
 * The load in a pod of its own, whose clients never retry (e2e/apps/proof/src/load).
 *
 *     const load = await startLoad(namespace);      // 500 requests/s, half POST, and 60 WebSockets; returns when all are connected
 *     await proof.roll();
 *     const report = await load.stop();             // waits for what is under way
 *     expect(lossesOf(report, proof.logs)).toEqual([]);  // e2e/detector.ts
 */
import type { LoadReport } from "./apps/proof/src/load/report.ts";
import { eventually } from "./eventually.ts";
import { image } from "./images.ts";
import { type Namespace, say } from "./kubernetes.ts";

export interface LoadOptions {
  /** Of the pod, where there are several. Default `load`. */
  readonly name?: string;
  /** Of the Service. Default `proof`. */
  readonly service?: string;
  /** Requests a second. Default 500. */
  readonly rate?: number;
  /** Connections that are idle for 1 to 60 s between two requests. Default 60. */
  readonly idlers?: number;
  /** WebSockets. Default 60. */
  readonly writers?: number;
  /** Numbers that each of them writes a second. Default 2. */
  readonly writes?: number;
}

export interface Load {
  readonly name: string;
  stop(): Promise<LoadReport>;
}

let runs = 0;

export async function startLoad(namespace: Namespace, options: LoadOptions = {}): Promise<Load> {
  const {
    idlers = 60,
    name = "load",
    rate = Number(process.env["E2E_RATE"] ?? 500),
    service = "proof",
    writers = 60,
    writes = 2,
  } = options;
  const variables = {
    TARGET: `http://${service}.${namespace.name}.svc.cluster.local`,
    // Journals of its own: what another one has written must not be taken for what this one has.
    RUN: `${name}-${++runs}`,
    RATE: rate,
    IDLERS: idlers,
    WRITERS: writers,
    WRITES: writes,
  };
  await namespace.apply(loadPod({ name, image: image.proof, program: "src/load/main.ts", variables }));
  const wanted = new RegExp(` ${writers} of ${writers} WebSockets open`);
  await eventually(
    `${name} is connected`,
    async () => wanted.test(await namespace.kubectl("logs", name, "--tail=1")),
    120_000,
  );
  say(`${name}: ${rate} requests/s, ${idlers} idle connections, ${writers} WebSockets`);
  return { name, stop: () => stopped<LoadReport>(namespace, name) };
}

interface LoadPod {
  /** What it asks for of a processor. Default 500m: a client that waits for one measures itself. */
  readonly cpu?: string;
  readonly name: string;
  readonly image: string;
  /** In the image. */
  readonly program: string;
  readonly variables?: Readonly<Record<string, string | number>>;
  /** The machine it is to run on. Default: any. */
  readonly nodeName?: string | undefined;
}

/** A pod that runs a program of clients. */
export function loadPod({ cpu = "500m", image: from, name, nodeName, program, variables = {} }: LoadPod): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { "e2e.interlock.dev/load": name } },
    spec: {
      nodeName,
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsNonRoot: true, runAsUser: 1_000, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name,
          image: from,
          imagePullPolicy: "IfNotPresent",
          command: ["node", program],
          env: Object.entries(variables).map(([variable, value]) => ({ name: variable, value: String(value) })),
          resources: { requests: { cpu, memory: "128Mi" } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}

/** Tells it to end, and waits for its last line. */
export async function stopped<Report>(namespace: Namespace, name: string): Promise<Report> {
  await namespace.kubectl("exec", name, "--", "node", "-e", "process.kill(1, 'SIGUSR2')");
  const report = await eventually(
    `${name} has reported`,
    async () => /^REPORT (.*)\n/m.exec(await namespace.kubectl("logs", name))?.[1],
    90_000,
  );
  // Waited for: the next one has the same name.
  await namespace.kubectl("delete", "pod", name, "--wait=true", "--timeout=60s");
  return JSON.parse(report) as Report;
}
