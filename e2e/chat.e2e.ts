/** Twenty visitors chat in the newsroom while it is rolled, scaled, emptied and taken back; and while it fails. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { ChatReport } from "../examples/newsroom-visitors/src/chat-report.ts";
import { type Deployment, deployArchive, deployNewsroom } from "./deployment.ts";
import { eventually } from "./eventually.ts";
import { describeOnMachines, machine, pidOfContainer } from "./failures/machines.ts";
import { image } from "./images.ts";
import { describeOnKubernetes, type Namespace, namespaceFor, run, say } from "./kubernetes.ts";
import { loadPod, stopped } from "./load.ts";

const USERS = 20;
const CUT_MS = 20_000;
const CYCLES = Number(process.env["E2E_CYCLES"] ?? 1);
/** Of a visitor's connection, at planned events. */
const GAP_MS = 1_000;

describeOnKubernetes("twenty visitors who chat", () => {
  test("miss no line and hear none twice through a rolling update, scaling, an eviction and an undo", async () => {
    await using namespace = await namespaceFor("chat");
    await using _archive = await deployArchive(namespace);
    await using newsroom = await deployNewsroom(namespace);
    await come(namespace);
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      await newsroom.roll();
      await newsroom.untilReady(3);
      await newsroom.scale(5);
      await newsroom.scale(3);
      const [{ name } = { name: "" }] = await newsroom.pods();
      await evict(namespace, name);
      await newsroom.untilReady(3);
      say(`${name} was evicted`);
      await newsroom.undo();
      await newsroom.untilReady(3);
    }
    const gaps = await gapsOfWell(namespace);
    expect(gaps.at(-1)).toBeLessThanOrEqual(GAP_MS);
  });
});

describeOnMachines("twenty visitors who chat through failures", () => {
  test("miss no line and hear none twice while every pod is killed, a machine is cut off and a new version comes", async () => {
    await using namespace = await namespaceFor("chat");
    await using archive = await deployArchive(namespace);
    await using newsroom = await deployNewsroom(namespace);
    // Not so fast that a room forgets what was said while somebody looks for another pod: it remembers 50 lines.
    await come(namespace, { PAUSE_MS: 10_000, SILENT_MS: 3_000 });
    for (const { containerId, name } of await newsroom.pods()) {
      process.kill(await pidOfContainer(containerId), "SIGKILL");
      await eventually(`${name} has begun anew`, async () =>
        (await newsroom.pods()).some((pod) => pod.name === name && pod.restarts > 0 && pod.isReady),
      );
      await newsroom.untilReady(3);
      say(`${name} was killed`);
    }
    const node = await machineApart(namespace, newsroom, archive);
    await machine("cut", node);
    try {
      await delay(CUT_MS);
    } finally {
      await machine("plug", node);
    }
    await newsroom.untilReady(3);
    say(`${node} was cut off for ${CUT_MS / 1_000} s`);
    await newsroom.roll();
    await newsroom.untilReady(3);
    await gapsOfWell(namespace);
  });
});

/** Ends the chat: nobody has missed a line or heard one twice. @returns how long visitors were out of the room. */
async function gapsOfWell(namespace: Namespace): Promise<readonly number[]> {
  const report = await stopped<ChatReport>(namespace, "chat");
  const gaps = report.heard.flatMap(({ gapsMs }) => gapsMs).toSorted((a, b) => a - b);
  say(
    `${((report.to - report.from) / 1_000).toFixed(0)} s, ${report.spoken} lines; ${gaps.length} reconnects of ${USERS} visitors, gaps ` +
      `${gaps[gaps.length >> 1]} ms (half), ${gaps.at(-1)} ms (longest); reconnects of each: ${report.heard.map(({ gapsMs }) => gapsMs.length).join(" ")}`,
  );
  for (const { gapsMs: _, ...heard } of report.heard) {
    const well = heard.lost.length + heard.doubled.length + heard.contradictions.length + heard.outOfOrder === 0;
    if (!well) say(JSON.stringify(heard));
  }
  for (const { contradictions, doubled, lost, name: visitor, outOfOrder } of report.heard)
    expect({ visitor, lost, doubled, contradictions, outOfOrder }).toEqual({
      visitor,
      lost: [],
      doubled: [],
      contradictions: [],
      outOfOrder: 0,
    });
  return gaps;
}

async function come(namespace: Namespace, talk: Readonly<Record<string, number>> = {}): Promise<void> {
  const target = `http://newsroom.${namespace.name}.svc.cluster.local`;
  await namespace.apply(
    loadPod({
      name: "chat",
      image: image.visitors,
      program: "src/chat.ts",
      variables: { TARGET: target, USERS, ...talk },
    }),
  );
  await eventually(
    "all visitors are in",
    async () => (await namespace.kubectl("logs", "chat", "--tail=1")).startsWith(`${USERS} of ${USERS} are in`),
    120_000,
  );
  say(`${USERS} visitors are in`);
}

/** The machine of a pod of the newsroom that is neither the visitors' nor, if that can be had, the archive's. */
async function machineApart(namespace: Namespace, newsroom: Deployment, archive: Deployment): Promise<string> {
  const visitors = await namespace.kubectl("get", "pod", "chat", "-o", "jsonpath={.spec.nodeName}");
  const [{ node: stored } = { node: "" }] = await archive.pods();
  const apart = (await newsroom.pods()).map(({ node }) => node).filter((node) => node !== visitors);
  const found = apart.find((node) => node !== stored) ?? apart[0];
  if (found === undefined) throw new Error("All pods of the newsroom are on the machine of the visitors");
  return found;
}

/** As whoever empties a node does it: within the disruption budget. */
async function evict({ name: namespace }: Namespace, pod: string): Promise<void> {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
  await run("kubectl", ["create", "--raw", path, "-f", "-"], { input: JSON.stringify(eviction) });
}
