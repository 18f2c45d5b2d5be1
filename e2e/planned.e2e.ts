/**
 * Planned events under load, by clients that never retry: what rolling, scaling, emptying a node and going back may cost, which is
 * nothing. E2E_CYCLES: how often each (default 1; the proof is 5).
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Here } from "./apps/proof/src/here.ts";
import { type Deployment, deployProof } from "./deployment.ts";
import { landedOnDraining, lossesOf, reconnects, summary, tell } from "./detector.ts";
import { eventually } from "./eventually.ts";
import { describeOnKubernetes, kubectl, type Namespace, namespaceFor, say } from "./kubernetes.ts";
import { startLoad } from "./load.ts";

const CYCLES = Number(process.env["E2E_CYCLES"] ?? 1);
/** Each pod that is to go holds at least so many connections, and so many journals. */
const HELD = 20;

describeOnKubernetes("a pod that closes as soon as it is told", () => {
  // A settle time of 0 alone loses nothing under this load: as long as a connection is open, the listener is.
  test("loses requests of the same load: what the other tests find missing can be seen", async () => {
    await using namespace = await namespaceFor("settle0");
    await using proof = await deployProof(namespace, { drain: { settle: 0, requests: 0 } });
    const load = await startLoad(namespace);
    await proof.roll();
    await proof.untilReady(3);
    const report = await load.stop();
    say(summary(report));
    expect(report.failures.length).toBeGreaterThan(0);
  });
});

describeOnKubernetes("under load", () => {
  let namespace: Namespace;
  let proof: Deployment;
  beforeAll(async () => {
    namespace = await namespaceFor("planned");
    proof = await deployProof(namespace);
  });
  afterAll(async () => {
    await proof?.[Symbol.asyncDispose]();
    await namespace?.[Symbol.asyncDispose]();
  });

  test("a rolling update loses nothing, and each WebSocket connects again exactly once", async () => {
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      const load = await startLoad(namespace);
      await proof.roll();
      await proof.untilReady(3);
      const report = await load.stop();
      tell(report, proof.logs);
      expect(lossesOf(report, proof.logs)).toEqual([]);
      expect(landedOnDraining(report)).toEqual([]);
      expect(reconnects(report)).toEqual({ 1: report.written.length });
    }
  });

  test("scaling from 3 to 6 and back loses nothing of pods that are full", async () => {
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      const load = await startLoad(namespace);
      await proof.scale(6);
      // Journals and connections that are made now, so that all six have their part: those of the cycle before are where they are.
      const name = `full-${cycle}`;
      const full = await startLoad(namespace, { name, rate: 0, idlers: 0, writers: 400, writes: 0.15 });
      const held = new Map<string, Here>();
      await eventually(
        "each pod has its part",
        async () => {
          for (const pod of await proof.pods()) held.set(pod.name, await proof.ask<Here>(pod.name, "/here"));
          return [...held.values()].every(({ journals, sockets }) => Math.min(journals, sockets) >= HELD);
        },
        120_000,
      );
      await proof.scale(3);
      const left = (await proof.pods()).map((pod) => pod.name);
      for (const [pod, { journals, sockets }] of held) {
        if (left.includes(pod)) continue;
        say(`${pod} went with ${sockets} connections and ${journals} journals`);
        expect(Math.min(journals, sockets)).toBeGreaterThanOrEqual(HELD);
      }
      const reports = [await load.stop(), await full.stop()];
      for (const report of reports) {
        tell(report, proof.logs);
        expect(lossesOf(report, proof.logs)).toEqual([]);
        expect(landedOnDraining(report)).toEqual([]);
        expect(Math.max(...Object.keys(reconnects(report)).map(Number))).toBeLessThanOrEqual(1);
      }
    }
  });

  test("a node that is emptied by kubectl drain loses nothing", async () => {
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      const load = await startLoad(namespace);
      const pods = await proof.pods();
      const [{ node } = { node: "" }] = pods;
      // They go one after the other, and whoever has gone from one to another of them goes again.
      const going = pods.filter((pod) => pod.node === node).length;
      try {
        // Of this application only: what else is on the node belongs to others.
        const only = `--pod-selector=app.kubernetes.io/name=${proof.name}`;
        await kubectl("drain", node, only, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s");
        say(`${node} is drained`);
        await proof.untilReady(3);
      } finally {
        await kubectl("uncordon", node);
      }
      const report = await load.stop();
      tell(report, proof.logs);
      expect(lossesOf(report, proof.logs)).toEqual([]);
      expect(landedOnDraining(report)).toEqual([]);
      expect(Math.max(...Object.keys(reconnects(report)).map(Number))).toBeLessThanOrEqual(going);
    }
  });

  test("interlock undo in the middle of a rolling update loses nothing", async () => {
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      const load = await startLoad(namespace);
      await proof.roll({ isFollowed: false });
      await eventually("an old pod goes", async () => (await proof.pods()).some(({ isGoing }) => isGoing), 120_000);
      await proof.undo();
      await proof.untilReady(3);
      const report = await load.stop();
      tell(report, proof.logs);
      expect(lossesOf(report, proof.logs)).toEqual([]);
    }
  });
});
