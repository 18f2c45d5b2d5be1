import type { LeaseRecord } from "@interlock/cluster";
import { expect, test } from "vitest";

import { leaseContract } from "../../../cluster/src/lease/lease-contract.fixture.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { kubernetesApi } from "./api.ts";
import { kubernetesLeases, leaseObjectName } from "./leases.ts";
import { resource } from "./resource.ts";

leaseContract("of Kubernetes", () => kubernetesLeases({ api: kubernetesApi({ transport: new FakeApiServer() }) }));

const namespace = "shop";
const leaseResource = resource({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases", namespace });
const a = { holder: "a", durationMs: 1_500 };

function setUp() {
  const server = new FakeApiServer();
  const api = kubernetesApi({ transport: server, namespace });
  return { server, api, lease: kubernetesLeases({ api }).lease("printer") };
}

test("an empty Lease that was made beforehand is one that nobody holds, and keeps its labels when it is taken", async () => {
  const { api, lease } = setUp();
  await api.create(leaseResource, { metadata: { name: "printer", labels: { app: "shop" } }, spec: {} });
  const free = await lease.read();
  expect(free).toMatchObject({ holder: undefined, token: 0, durationMs: 15_000 });
  expect(await lease.acquire(a, free)).toMatchObject({ granted: true, record: { holder: "a", token: 1 } });
  expect(await api.get(leaseResource, "printer")).toMatchObject({
    metadata: { labels: { app: "shop" } },
    spec: { holderIdentity: "a", leaseDurationSeconds: 2, leaseTransitions: 1 },
  });
});

test("is taken by whoever saw it, even by a record that has been elsewhere", async () => {
  const { lease } = setUp();
  const { record } = await lease.acquire(a, undefined);
  const copy = structuredClone(record as LeaseRecord);
  expect(await lease.renew(copy)).toMatchObject({ granted: true });
  expect(await lease.acquire({ ...a, holder: "b" }, copy)).toMatchObject({ granted: false, record: { holder: "a" } });
});

test("has a higher token than before when somebody has deleted it", async () => {
  const { api, lease } = setUp();
  const { record } = await lease.acquire(a, undefined);
  const second = await lease.acquire(a, record);
  expect(second.record?.token).toBe(2);
  await api.delete(leaseResource, "printer");
  expect(await lease.renew(second.record as LeaseRecord)).toEqual({ granted: false, record: undefined });
  expect(await lease.acquire(a, undefined)).toMatchObject({ granted: true, record: { token: 3 } });
});

test("is not known to be anybody's when the server cannot be asked, and is the holder's still when an answer was lost", async () => {
  const { lease, server } = setUp();
  const { record } = await lease.acquire(a, undefined);
  server.fault = () => "refused";
  await expect(lease.read()).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_UNREACHABLE" });
  await expect(lease.renew(record as LeaseRecord)).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_UNREACHABLE" });
  server.fault = ({ method }) => (method === "PUT" ? "answer lost" : undefined);
  await expect(lease.renew(record as LeaseRecord)).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_UNREACHABLE" });
  server.fault = undefined;
  expect(await lease.read()).not.toEqual(record);
  expect(await lease.renew(record as LeaseRecord)).toMatchObject({ granted: true, record: { token: 1 } });
});

test("is never written twice for one question: the server may have done it", async () => {
  const { lease, server } = setUp();
  const { record } = await lease.acquire(a, undefined);
  server.requests.length = 0;
  server.fault = () => ({ status: 429, retryAfterSeconds: 0 });
  await expect(lease.renew(record as LeaseRecord)).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_THROTTLED" });
  expect(server.requests).toHaveLength(1);
});

test("that RBAC does not let it make says what to grant", async () => {
  const { lease, server } = setUp();
  const message =
    'leases.coordination.k8s.io is forbidden: User "system:serviceaccount:shop:web" cannot create resource "leases"';
  server.fault = ({ method }) => (method === "POST" ? { status: 403, reason: "Forbidden", message } : undefined);
  await expect(lease.acquire(a, undefined)).rejects.toMatchObject({
    code: "INTERLOCK_KUBERNETES_FORBIDDEN",
    details: {
      user: "system:serviceaccount:shop:web",
      rule: '{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] }',
    },
  });
});

test.each([
  ["printer", "printer"],
  ["interlock.dev-formation", "interlock.dev-formation"],
  ["Printer of the house", /^printer-of-the-house-[0-9a-f]{10}$/],
  ["a/b", /^a-b-[0-9a-f]{10}$/],
  ["ø", /^lease-[0-9a-f]{10}$/],
])("the Lease of %j has a name that Kubernetes takes", (name, expected) => {
  expect(leaseObjectName(name)).toEqual(typeof expected === "string" ? expected : expect.stringMatching(expected));
});
