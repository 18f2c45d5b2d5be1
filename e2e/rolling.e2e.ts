/** Planned events under load: what a rolling update, scaling, an emptied node and an undo may cost, which is nothing. */
import { expect, test } from "vitest";
import { deployProof } from "./deployment.ts";
import { explain, landedOnDraining, lossesOf, reconnects, summary } from "./detector.ts";
import { describeOnKubernetes, namespaceFor, say } from "./kubernetes.ts";
import { startLoad } from "./load.ts";

describeOnKubernetes("under load", () => {
  test("a rolling update loses nothing, and each WebSocket connects again exactly once", async () => {
    await using namespace = await namespaceFor("roll");
    await using proof = await deployProof(namespace);
    const load = await startLoad(namespace);
    await proof.roll();
    await proof.untilReady(3);
    const report = await load.stop();
    say(summary(report));
    for (const line of explain(report, proof.logs)) say(line);
    expect(lossesOf(report)).toEqual([]);
    expect(landedOnDraining(report)).toEqual([]);
    expect(reconnects(report)).toEqual({ 1: report.written.length });
  });
});
