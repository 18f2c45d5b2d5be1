import type { LeaseRecord, Leases } from "@interlock/cluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { leaseContract } from "../../../cluster/src/lease/lease-contract.fixture.ts";
import {
  controlPlane,
  controlPlaneName,
  hasControlPlane,
  impersonating,
  kubeconfigPath,
  serverName,
  type TestNamespace,
  testNamespace,
} from "./kubernetes.fixture.ts";
import { kubernetesLeases } from "./leases.ts";
import { resource } from "./resource.ts";

describe.skipIf(kubeconfigPath === undefined)(`leases of Kubernetes ${serverName}`, () => {
  let given: TestNamespace;
  const namespaces: TestNamespace[] = [];
  beforeAll(async () => {
    given = await testNamespace();
    // The contract makes its leases without waiting.
    for (let count = 0; count < 3; count++) namespaces.push(await testNamespace());
  });
  afterAll(async () => {
    for (const one of [given, ...namespaces]) await one[Symbol.asyncDispose]();
  });

  let contracts = 0;
  leaseContract("there", (): Leases => {
    const { api, namespace } = namespaces[contracts++] as TestNamespace;
    return kubernetesLeases({ api, namespace });
  });

  test("that RBAC does not let a service account make say what to grant, to whom", async () => {
    const { api, namespace } = given;
    const accounts = resource({ apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", namespace });
    await api.create(accounts, { metadata: { name: "web" } });
    const user = `system:serviceaccount:${namespace}:web`;
    const theirs = await impersonating(user);
    await expect(kubernetesLeases({ api: theirs, namespace }).lease("printer").read()).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_FORBIDDEN",
      details: {
        user,
        namespace,
        rule: '{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["printer"], verbs: ["get"] }',
      },
    });
    theirs.close();
  });

  describe.skipIf(!hasControlPlane)(`whose server can be stopped ${controlPlaneName}`, () => {
    test("are nobody's to know while it hangs, and the holder's still when it goes on", async () => {
      const { api, namespace } = given;
      const lease = kubernetesLeases({ api, namespace, requestMs: 500 }).lease("stopped");
      const { record } = await lease.acquire({ holder: "a", durationMs: 15_000 }, undefined);
      await controlPlane("stop");
      try {
        await expect(lease.renew(record as LeaseRecord)).rejects.toMatchObject({
          code: "INTERLOCK_KUBERNETES_UNREACHABLE",
          message: expect.stringContaining("longer than 500 ms"),
        });
      } finally {
        await controlPlane("cont");
      }
      expect(await lease.renew(record as LeaseRecord)).toMatchObject({ granted: true, record: { token: 1 } });
    });
  });
});
