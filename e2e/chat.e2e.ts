/** Twenty visitors chat in the newsroom while it is rolled, scaled, emptied and taken back. */
import { expect, test } from "vitest";
import type { ChatReport } from "../examples/newsroom-visitors/src/chat-report.ts";
import { deployArchive, deployNewsroom } from "./deployment.ts";
import { eventually } from "./eventually.ts";
import { image } from "./images.ts";
import { describeOnKubernetes, type Namespace, namespaceFor, run, say } from "./kubernetes.ts";
import { loadPod, stopped } from "./load.ts";

const USERS = 20;
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
    expect(gaps.at(-1)).toBeLessThanOrEqual(GAP_MS);
  });
});

async function come(namespace: Namespace): Promise<void> {
  const target = `http://newsroom.${namespace.name}.svc.cluster.local`;
  await namespace.apply(
    loadPod({ name: "chat", image: image.visitors, program: "src/chat.ts", variables: { TARGET: target, USERS } }),
  );
  await eventually(
    "all visitors are in",
    async () => (await namespace.kubectl("logs", "chat", "--tail=1")).startsWith(`${USERS} of ${USERS} are in`),
    120_000,
  );
  say(`${USERS} visitors are in`);
}

/** As whoever empties a node does it: within the disruption budget. */
async function evict({ name: namespace }: Namespace, pod: string): Promise<void> {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
  await run("kubectl", ["create", "--raw", path, "-f", "-"], { input: JSON.stringify(eviction) });
}
