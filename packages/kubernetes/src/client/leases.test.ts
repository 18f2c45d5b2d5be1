import { type LeaseRecord, singleton } from "@interlock/cluster";
import { genServer, self } from "@interlock/core";
import { beforeEach, describe, expect, test } from "vitest";

import { leaseContract } from "../../../cluster/src/lease/lease-contract.fixture.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { kubernetesApi } from "./api.ts";
import { kubernetesLeases, leaseObjectName } from "./leases.ts";
import { TestProgram } from "./program.fixture.ts";
import { resource } from "./resource.ts";
import type { ApiTransport } from "./transport.ts";

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

describe("a singleton over them", () => {
  const acts: string[] = [];
  const Printer = genServer({
    name: "printer",
    init: (token: number) => {
      self().trapExit();
      acts.push(`begins ${token}`);
      return { token };
    },
    terminate: ({ state }) => void acts.push(`ends ${state.token}`),
  });

  async function candidate(transport: ApiTransport, program: TestProgram) {
    const api = kubernetesApi({ transport, namespace, runtime: program.node.runtime });
    const leases = kubernetesLeases({ api });
    const one = singleton({ name: "printer", server: Printer, args: (token: number) => [token], leases });
    const stop = await program.supervise(one.child());
    await program.time.settle();
    return { one, stop, token: () => program.run(() => one.token) };
  }

  beforeEach(() => {
    acts.length = 0;
  });

  test("ends by its own clock, before others may begin, while the server cannot be reached", async () => {
    await using first = new TestProgram();
    const { time } = first;
    const server = new FakeApiServer({ runtime: first.node.runtime });
    const { token } = await candidate(server, first);
    expect(await token()).toBe(1);
    await time.advance(60_000);
    expect(await token()).toBe(1);
    server.pause();
    await time.advance(7_900);
    expect(await token()).toBe(1);
    // The renew deadline of client-go, from the last renewal that was granted; others may take it after 15 s.
    await time.advance(2_100);
    await expect(token()).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON" });
    expect(acts).toEqual(["begins 1", "ends 1"]);
    await time.advance(600_000);
    expect(acts).toEqual(["begins 1", "ends 1"]);
    server.resume();
    await time.advance(20_000);
    expect(await token()).toBe(2);
    expect(acts).toEqual(["begins 1", "ends 1", "begins 2"]);
  });

  test("goes over at once when it is stopped, and after the lease's time when it is lost", async () => {
    await using first = new TestProgram();
    const { time } = first;
    await using second = new TestProgram(time);
    await using third = new TestProgram(time);
    const server = new FakeApiServer({ runtime: first.node.runtime });
    const one = await candidate(server, first);
    let isCut = false;
    const request: ApiTransport["request"] = async (asked) => {
      if (isCut) throw new Error("connect ECONNREFUSED");
      return server.request(asked);
    };
    const two = await candidate({ server: server.server, request, close: () => undefined }, second);
    await time.advance(4_000);
    await one.stop();
    // No time has passed: the watch has told.
    await time.settle();
    expect(acts).toEqual(["begins 1", "ends 1", "begins 2"]);
    expect(await two.token()).toBe(2);
    const three = await candidate(server, third);
    await time.advance(4_000);
    isCut = true;
    await second[Symbol.asyncDispose]();
    await time.advance(12_000);
    await expect(three.token()).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON" });
    await time.advance(5_000);
    expect(await three.token()).toBe(3);
  });

  test("is waited for by the watch: who does not hold it asks for nothing", async () => {
    await using first = new TestProgram();
    const { time } = first;
    await using second = new TestProgram(time);
    const server = new FakeApiServer({ runtime: first.node.runtime });
    await candidate(server, first);
    await candidate(server, second);
    await time.advance(10_000);
    server.requests.length = 0;
    await time.advance(60_000);
    expect(server.requests.map(({ method }) => method)).toEqual(Array.from({ length: 30 }, () => "PUT"));
  });

  test("is taken over by somebody whose watch has died without a word", async () => {
    await using first = new TestProgram();
    const { time } = first;
    await using second = new TestProgram(time);
    const server = new FakeApiServer({ runtime: first.node.runtime });
    const one = await candidate(server, first);
    const silent: ApiTransport["request"] = async (asked) => {
      const answer = await server.request(asked);
      if (!asked.path.includes("watch=true")) return answer;
      const chunks = answer.body[Symbol.asyncIterator]();
      const body = (async function* (): AsyncGenerator<Uint8Array> {
        yield (await chunks.next()).value as Uint8Array;
        await new Promise((_, reject) => asked.signal.addEventListener("abort", () => reject(asked.signal.reason)));
      })();
      return { ...answer, body };
    };
    const two = await candidate({ server: server.server, request: silent, close: () => undefined }, second);
    await time.advance(60_000);
    expect(await one.token()).toBe(1);
    await expect(two.token()).rejects.toMatchObject({ code: "INTERLOCK_SINGLETON" });
    await one.stop();
    await time.advance(20_000);
    expect(await two.token()).toBe(2);
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
