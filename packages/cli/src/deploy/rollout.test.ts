import { describe, expect, test } from "vitest";
import { type Deployment, type Pod, rolloutState } from "./rollout.ts";

function deployment(status: object, generation = 2): Deployment {
  return { metadata: { name: "shop", generation }, spec: { replicas: 3 }, status } as unknown as Deployment;
}

const waiting = { observedGeneration: 2, replicas: 4, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3 };

function pod(container: object): Pod {
  return { metadata: { name: "shop-x" }, status: { containerStatuses: [container] } } as unknown as Pod;
}

describe("a rollout", () => {
  test("is done when all pods are new, available, and no old one is left", () => {
    const all = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
    expect(rolloutState(deployment(all), [])).toEqual({ type: "done", ready: 3 });
    expect(rolloutState(deployment({ ...all, replicas: 4 }), [])).toMatchObject({ type: "progressing" });
    expect(rolloutState(deployment({ ...all, availableReplicas: 2 }), [])).toMatchObject({ type: "progressing" });
  });

  test("is not judged by what was said of the version before", () => {
    const old = { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
    expect(rolloutState(deployment(old), [])).toMatchObject({ type: "progressing", updated: 0 });
  });

  test.each([
    ["image_missing", pod({ state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } })],
    ["bad_configuration", pod({ lastState: { terminated: { exitCode: 78 } } })],
    ["bad_configuration", pod({ state: { terminated: { exitCode: 2, message: "price: expected a number" } } })],
    [
      "crashes",
      pod({
        restartCount: 3,
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { exitCode: 1 } },
      }),
    ],
  ] as const)("that cannot succeed says %s at once, with the pod", (problem, one) => {
    expect(rolloutState(deployment(waiting), [one])).toMatchObject({
      type: "failed",
      problem,
      text: expect.stringContaining("shop-x"),
    });
  });

  test("does not give up on a container that has crashed once", () => {
    const crashed = pod({ restartCount: 1, state: { waiting: { reason: "CrashLoopBackOff" } } });
    expect(rolloutState(deployment(waiting), [crashed])).toMatchObject({ type: "progressing" });
  });

  test.each([
    ["no_quota", { type: "ReplicaFailure", status: "True", message: "exceeded quota: small" }],
    ["not_admitted", { type: "ReplicaFailure", status: "True", message: 'violates PodSecurity "restricted"' }],
    ["never_ready", { type: "Progressing", status: "False", message: "ReplicaSet has timed out progressing." }],
  ] as const)("fails with %s as the Deployment's conditions have it", (problem, condition) => {
    const state = rolloutState(deployment({ ...waiting, conditions: [condition] }), []);
    expect(state).toMatchObject({ type: "failed", problem, text: condition.message });
  });

  test("shows what a container that ended printed last", () => {
    const message = "price: expected a number\n";
    const refused = pod({ state: { terminated: { exitCode: 2, message } } });
    const state = rolloutState(deployment(waiting), [refused]);
    expect(state).toMatchObject({ text: "shop-x: exit code 2\nprice: expected a number" });
  });

  test("that has no room fails when its time is over, and not before", () => {
    const conditions = [{ type: "PodScheduled", status: "False", message: "0/3 nodes are available: too little cpu" }];
    const homeless = { metadata: { name: "shop-x" }, status: { conditions } } as unknown as Pod;
    expect(rolloutState(deployment(waiting), [homeless])).toMatchObject({ type: "progressing" });
    const late = { ...waiting, conditions: [{ type: "Progressing", status: "False", message: "timed out" }] };
    expect(rolloutState(deployment(late), [homeless])).toMatchObject({
      problem: "no_room",
      text: "shop-x: 0/3 nodes are available: too little cpu",
    });
  });

  test("is judged by the application's own container, not by a sidecar that comes before it", () => {
    const labels = { "app.kubernetes.io/name": "shop" };
    const containerStatuses = [
      { name: "mesh", lastState: { terminated: { exitCode: 2 } } },
      { name: "shop", state: { running: {} } },
    ];
    const both = { metadata: { name: "shop-x", labels }, status: { containerStatuses } } as unknown as Pod;
    expect(rolloutState(deployment(waiting), [both])).toMatchObject({ type: "progressing" });
  });
});
