/** The grace of a pod that goes is cut from outside, unseen by it: what still holds. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Deployment, deployProof } from "./deployment.ts";
import { explain, lossesOf, summary } from "./detector.ts";
import { describeOnKubernetes, type Namespace, namespaceFor, say } from "./kubernetes.ts";
import { startLoad } from "./load.ts";

describeOnKubernetes("a pod that is deleted under load", () => {
  let namespace: Namespace;
  let proof: Deployment;
  beforeAll(async () => {
    namespace = await namespaceFor("grace");
    proof = await deployProof(namespace);
  });
  afterAll(async () => {
    await proof?.[Symbol.asyncDispose]();
    await namespace?.[Symbol.asyncDispose]();
  });

  /** Deletes one pod, waits until there are three again, and says which it was. */
  async function deleted(...how: readonly string[]): Promise<string> {
    const [{ name } = { name: "" }] = await proof.pods();
    await namespace.kubectl("delete", "pod", name, "--wait=false", ...how);
    await proof.untilReady(3);
    for (const { text } of proof.logs.saying(/drain:/).filter(({ pod }) => pod === name)) say(`${name}: ${text}`);
    return name;
  }

  test("with 30 s of grace loses nothing", async () => {
    const load = await startLoad(namespace);
    await deleted("--grace-period=30");
    const report = await load.stop();
    say(summary(report));
    for (const line of explain(report, proof.logs)) say(line);
    expect(lossesOf(report)).toEqual([]);
  });

  test("with 10 s of grace loses no request, and says what became of its state", async () => {
    const load = await startLoad(namespace);
    const name = await deleted("--grace-period=10");
    const report = await load.stop();
    say(summary(report));
    for (const line of explain(report, proof.logs)) say(line);
    expect(report.failures).toEqual([]);
    const said = proof.logs.saying(/drain: handoff of placement journals/).filter(({ pod }) => pod === name);
    expect(said.map(({ text }) => text)).toHaveLength(1);
  });

  test("by force is as one that crashed: only its own connections and journals are lost, and three are there again", async () => {
    const load = await startLoad(namespace);
    const name = await deleted("--grace-period=0", "--force");
    const report = await load.stop();
    say(summary(report));
    for (const line of explain(report, proof.logs).slice(0, 20)) say(line);
    const ofOthers = report.failures.filter(({ lastPod }) => lastPod !== undefined && lastPod !== name);
    expect(ofOthers).toEqual([]);
    const down = report.landings.filter(({ from }) => from !== name);
    expect(down).toEqual([]);
    const members = await Promise.all(
      (await proof.pods()).map((pod) => proof.ask<{ readonly members: readonly string[] }>(pod.name, "/here")),
    );
    expect(members.map((one) => one.members.length)).toEqual([3, 3, 3]);
  });
});
