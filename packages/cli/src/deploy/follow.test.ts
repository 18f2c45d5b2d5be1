import { kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import { expect, test } from "vitest";
import { VirtualTime } from "../../../cluster/src/names/virtual-time.fixture.ts";
import { deployed, kinds } from "../commands/deployed.fixture.ts";
import type { AppState } from "../inspect/app-state.ts";
import type { Connection } from "../ui/terminal.ts";
import { type FollowOptions, followRollout } from "./follow.ts";

const LOOK_MS = 500;
const done = { observedGeneration: 99, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const going = { ...done, updatedReplicas: 1 };
const overQuota = { type: "ReplicaFailure", status: "True", message: "exceeded quota: pods=4" };

/** A rollout that is followed on a clock that stands still until the test moves it. */
async function given(status: object, options: Partial<FollowOptions> = {}) {
  const server = new FakeApiServer();
  const time = new VirtualTime();
  const transport: Connection["transport"] = server;
  const api = kubernetesApi({ transport, namespace: "shop", runtime: time.node().runtime });
  await deployed(server, {
    "bank-a": { hash: "hash2", version: "1.1.0" },
    "bank-b": { hash: "hash2", version: "1.1.0", ready: false, waiting: "ContainerCreating" },
    "bank-c": { hash: "hash2", version: "1.1.0", ready: false, waiting: "CreateContainerConfigError" },
  });
  const becomes = (next: object) =>
    kubernetesApi({ transport: server.unfailing }).patch(kinds.deployments, "bank", { status: next });
  await becomes(status);
  const seen: string[] = [];
  const connection: Connection = { api, transport, forward: () => Promise.reject(new Error("none")) };
  const following = followRollout(connection, {
    app: "bank",
    namespace: "shop",
    timeoutMs: 60_000,
    moved: ({ type }) => seen.push(type),
    away: () => seen.push("away"),
    ...options,
  });
  const ended = following.then(
    ({ rollout }) => rollout.type,
    (error: { readonly code?: string; readonly message: string }) => error,
  );
  /** What has been asked for since the last time. */
  const asked = () => server.requests.splice(0).map(({ path }) => path.replace(/^.*\/shop\/|\?.*$/g, ""));
  return { asked, becomes, ended, seen, server, time };
}

test("that the API server is away for a while ends neither the following nor what is shown of it", async () => {
  const shown: AppState[] = [];
  const { becomes, ended, seen, server, time } = await given(going, { looked: (state) => void shown.push(state) });
  await time.settle();
  for (const fault of ["refused", { status: 429 }] as const) {
    let faults = 0;
    server.fault = ({ path }) => (path.includes("/pods?") && faults++ === 0 ? fault : undefined);
    await time.advance(2 * LOOK_MS);
  }
  await becomes(done);
  await time.advance(LOOK_MS);
  expect(await ended).toBe("done");
  expect(seen).toEqual(["progressing", "away", "away", "done"]);
  expect(shown.map(({ rollout }) => rollout.type)).toEqual(["progressing", "progressing", "progressing", "done"]);
});

test("an answer that will not change ends it", async () => {
  const { ended, server, time } = await given(going);
  server.fault = () => ({ status: 403, message: "no" });
  await time.advance(LOOK_MS);
  expect(await ended).toMatchObject({ code: "INTERLOCK_KUBERNETES_FORBIDDEN" });
});

test("a look reads each kind of object once; the pods are asked only for who shows what they say", async () => {
  const objects = ["deployments/bank", "pods", "replicasets"];
  const quiet = await given(going);
  await quiet.time.settle();
  expect(quiet.asked().sort()).toEqual(objects);
  const watched = await given(going, { looked: () => undefined });
  await watched.time.settle();
  const answers = ["a", "b", "c"].map((pod) => `pods/bank-${pod}:9101/proxy/lifecycle/status`);
  expect(watched.asked().sort()).toEqual([...objects, ...answers].sort());
});

test("a quota that is exceeded for a moment is no failure; one that stays is, five seconds after it was seen", async () => {
  const { becomes, ended, seen, time } = await given({ ...going, conditions: [overQuota] });
  await time.advance(5_000 - LOOK_MS);
  await becomes({ ...going, conditions: [] });
  await time.advance(LOOK_MS);
  expect(seen).toEqual(["progressing"]);
  await becomes({ ...going, conditions: [overQuota] });
  let isEnded = false;
  void ended.then(() => (isEnded = true));
  await time.advance(5_000);
  expect(isEnded).toBe(false);
  await time.advance(LOOK_MS);
  expect(await ended).toMatchObject({ code: "INTERLOCK_ROLLOUT_FAILED", details: { problem: "no_quota" } });
});

test("one that takes too long ends with what was seen last, also when the API server is away then", async () => {
  const { ended, server, time } = await given(going, { timeoutMs: 2_000 });
  await time.settle();
  server.fault = () => "refused";
  await time.advance(2_000 + LOOK_MS);
  expect(await ended).toMatchObject({
    code: "INTERLOCK_ROLLOUT_TIMEOUT",
    message: expect.stringContaining("bank-c is failed: CreateContainerConfigError"),
  });
});

test("whoever is interrupted between two looks need not wait for the next one", async () => {
  const interrupted = new AbortController();
  const { ended, time } = await given(going, { signal: interrupted.signal });
  await time.settle();
  interrupted.abort(new Error("Ctrl-C"));
  expect(await ended).toMatchObject({ message: "Ctrl-C" });
});
