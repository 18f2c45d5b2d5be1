/** `interlock deploy`: to Ready, to one cluster, and what a pod takes that has nothing to do. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Here } from "./apps/proof/src/here.ts";
import { type Deployment, deployArchive, deployNewsroom, deployProof } from "./deployment.ts";
import { eventually } from "./eventually.ts";
import { describeOnKubernetes, interlock, type Namespace, namespaceFor, say } from "./kubernetes.ts";
import { startLoad } from "./load.ts";
import { type Usage, usageOf } from "./usage.ts";

const SAMPLES = Number(process.env["E2E_CYCLES"] ?? 1);
const STARTS = Number(process.env["E2E_STARTS"] ?? 10);
const IDLE_MS = 60_000;
const MEASURED_MS = 30_000;
const LOAD_MS = 30_000;
const SHORT_MS = 15_000;
const MOST_IDLE_MIB = 90;
const MOST_LOADED_MIB = 130;
const MOST_IDLE_CPU_PERCENT = 1;
/** From the first `interlock deploy` until all pods are ready. */
const READY_MS = 60_000;

interface NodeRow {
  readonly name: string;
  readonly connected: readonly string[];
}

describeOnKubernetes("interlock deploy", () => {
  test("brings the newsroom to three ready pods of one cluster, under restricted Pod Security", async () => {
    for (let sample = 1; sample <= SAMPLES; sample++) {
      await using namespace = await namespaceFor("deploy");
      const startMs = performance.now();
      await using _archive = await deployArchive(namespace);
      await using newsroom = await deployNewsroom(namespace);
      const readyMs = performance.now() - startMs;
      say(`sample ${sample}: the newsroom is ready ${(readyMs / 1_000).toFixed(1)} s after the first deploy`);
      expect(readyMs).toBeLessThanOrEqual(READY_MS);
      const pods = await newsroom.pods();
      expect(pods.map(({ isReady }) => isReady)).toEqual([true, true, true]);
      await eventually("all are connected to all", () => isMesh(namespace), 120_000);
      const towns = await Promise.all(
        pods.map(({ name }) => newsroom.ask<{ readonly agreed: boolean }>(name, "/api/town")),
      );
      expect(towns.map(({ agreed }) => agreed)).toEqual([true, true, true]);
    }
  });

  test(`forms one cluster each time when ${STARTS} applications start at once`, async () => {
    await using stack = new AsyncDisposableStack();
    const namespaces: Namespace[] = [];
    for (let index = 0; index < STARTS; index++) namespaces.push(stack.use(await namespaceFor(`start${index}`)));
    const proofs = await Promise.all(namespaces.map(async (namespace) => stack.use(await deployProof(namespace))));
    for (const [index, proof] of proofs.entries()) {
      const { cluster } = await oneClusterOf(proof, 3);
      say(`start ${index + 1}: one cluster, ${cluster}`);
    }
  });

  test("leaves pods that take little when nothing is to do, and not much more after a load", async () => {
    await using namespace = await namespaceFor("idle");
    await using proof = await deployProof(namespace);
    await delay(IDLE_MS);
    const idle = await used(namespace, proof, MEASURED_MS);
    expect(Math.max(...idle.map(({ workingSetMiB }) => workingSetMiB))).toBeLessThanOrEqual(MOST_IDLE_MIB);
    expect(Math.max(...idle.map(({ cpuPercent }) => cpuPercent))).toBeLessThanOrEqual(MOST_IDLE_CPU_PERCENT);
    const load = await startLoad(namespace);
    await delay(LOAD_MS);
    await load.stop();
    const after = await used(namespace, proof, SHORT_MS);
    expect(Math.max(...after.map(({ workingSetMiB }) => workingSetMiB))).toBeLessThanOrEqual(MOST_LOADED_MIB);
  });
});

async function used(namespace: Namespace, proof: Deployment, overMs: number): Promise<readonly Usage[]> {
  const all = await usageOf(namespace, await proof.pods(), overMs);
  for (const { cpuPercent, pod, workingSetMiB } of all) say(`${pod}: ${workingSetMiB} MiB, ${cpuPercent} % of a core`);
  return all;
}

/** Whether each node of the newsroom is connected to each other one, as `interlock nodes` has it. */
async function isMesh({ name: namespace }: Namespace): Promise<boolean> {
  const asked = ["nodes", "-f", "examples/newsroom/interlock.yaml", "-n", namespace, "-o", "json"];
  const nodes = JSON.parse(await interlock(...asked)) as readonly NodeRow[];
  return nodes.every(({ connected, name }) =>
    nodes.every((other) => other.name === name || connected.includes(other.name)),
  );
}

/** What all its pods say when they say the same of their cluster, with so many members. */
async function oneClusterOf(proof: Deployment, size: number): Promise<Here> {
  return eventually(
    `${proof.name} is one cluster of ${size}`,
    async () => {
      const pods = await proof.pods();
      const seen = await Promise.all(pods.map(({ name }) => proof.ask<Here>(name, "/here")));
      const isOne = new Set(seen.map(({ cluster }) => cluster)).size === 1;
      return isOne && seen.every(({ members }) => members.length === size) && seen[0];
    },
    120_000,
  );
}
