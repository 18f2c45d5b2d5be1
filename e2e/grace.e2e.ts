/** The grace of a pod that goes is cut from outside, unseen by it: what still holds. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Here } from "./apps/proof/src/here.ts";
import { type Deployment, deployProof } from "./deployment.ts";
import { explain, lossesOf, tell, withoutCrossed } from "./detector.ts";
import { eventually } from "./eventually.ts";
import { describeOnKubernetes, type Namespace, namespaceFor, say } from "./kubernetes.ts";
import { startLoad } from "./load.ts";

/** Less than the grace of the pods. */
const LOADING_MS = 50_000;

interface Template {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: { readonly containers: readonly { readonly env: readonly object[] }[] };
    };
  };
}

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
    // Nobody, if one of them was there before its address was gone. Who misses it has to ask the holder of the lease whether to go on.
    const all = await Promise.all((await proof.pods()).map((pod) => proof.ask<Here>(pod.name, "/here")));
    say(`${name} is missed by ${all.filter(({ missing }) => missing.length > 0).length} of ${all.length}`);
    for (const { text } of proof.logs.saying(/drain:/).filter(({ pod }) => pod === name)) say(`${name}: ${text}`);
    return name;
  }

  test("with 30 s of grace loses nothing", async () => {
    const load = await startLoad(namespace);
    await deleted("--grace-period=30");
    const report = await load.stop();
    tell(report, proof.logs);
    expect(lossesOf(withoutCrossed(report), proof.logs)).toEqual([]);
  });

  test("with 10 s of grace loses no request, and says what became of its state", async () => {
    const load = await startLoad(namespace);
    const name = await deleted("--grace-period=10");
    const report = await load.stop();
    tell(report, proof.logs);
    expect(explain(withoutCrossed(report), proof.logs)).toEqual([]);
    const said = proof.logs.saying(/drain: handoff of placement journals/).filter(({ pod }) => pod === name);
    expect(said.map(({ text }) => text)).toHaveLength(1);
  });

  test("while its program still loads goes at once, and not when its grace is over", async () => {
    const { spec } = JSON.parse(await namespace.kubectl("get", "deployment", proof.name, "-o", "json")) as Template;
    const loads = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${LOADING_MS})`;
    const env = { name: "NODE_OPTIONS", value: `--import=data:text/javascript,${encodeURIComponent(loads)}` };
    const containers = spec.template.spec.containers.map((one) => ({ ...one, env: [...one.env, env] }));
    const metadata = { name: "loading", labels: spec.template.metadata.labels };
    await namespace.apply({ apiVersion: "v1", kind: "Pod", metadata, spec: { ...spec.template.spec, containers } });
    const runs = "jsonpath={.status.containerStatuses[0].state.running.startedAt}";
    await eventually("its program loads", async () => {
      const since = await namespace.kubectl("get", "pod", "loading", "-o", runs);
      return since !== "";
    });
    await namespace.kubectl("delete", "pod", "loading", "--wait=false");
    const isThere = async (): Promise<boolean> => (await proof.pods()).some(({ name }) => name === "loading");
    await eventually("it is gone", async () => !(await isThere()), LOADING_MS / 2);
  });

  test("by force is as one that crashed: only its own connections and journals are lost, and three are there again", async () => {
    const load = await startLoad(namespace);
    const name = await deleted("--grace-period=0", "--force");
    const report = await load.stop();
    tell(report, proof.logs);
    const ofOthers = report.failures.filter(({ lastPod }) => lastPod !== undefined && lastPod !== name);
    expect(ofOthers).toEqual([]);
    const down = report.landings.filter(({ from }) => from !== name);
    expect(down).toEqual([]);
    const members = await Promise.all((await proof.pods()).map((pod) => proof.ask<Here>(pod.name, "/here")));
    expect(members.map((one) => one.members.length)).toEqual([3, 3, 3]);
  });
});
