import { type ChildSpec, defaultNode, supervisor } from "@interlock/core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { type KubernetesApi, kubernetesApi } from "./api.ts";
import { Cable } from "./cable.fixture.ts";
import { kubeconfig } from "./configuration.ts";
import { httpTransport } from "./http-transport.ts";
import {
  compactEtcd,
  controlPlane,
  controlPlaneName,
  hasControlPlane,
  hasEtcd,
  kubeconfigPath,
  serverName,
  type TestNamespace,
  testNamespace,
} from "./kubernetes.fixture.ts";
import { type Reflector, type ReflectorOptions, reflector } from "./reflector.ts";
import { type KubernetesObject, type Resource, resource } from "./resource.ts";
import type { ApiTransport } from "./transport.ts";

type ConfigMap = KubernetesObject & { readonly data?: Record<string, string> };
const WITHIN = { timeout: 25_000, interval: 20 };

describe.skipIf(kubeconfigPath === undefined)(`a reflector of Kubernetes ${serverName}`, () => {
  let given: TestNamespace;
  let api: KubernetesApi;
  let configMaps: Resource<ConfigMap>;
  const stops: (() => Promise<void>)[] = [];
  const problems: string[] = [];

  beforeAll(async () => {
    given = await testNamespace();
    api = given.api;
    const { namespace } = given;
    configMaps = resource<ConfigMap>({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace });
    const node = defaultNode();
    node.onReport = (report) => {
      if (report.type === "warning") problems.push(`${report.text}: ${String(report.details)}`);
    };
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    problems.length = 0;
  });
  afterAll(() => given[Symbol.asyncDispose]());

  async function supervise(child: ChildSpec): Promise<void> {
    const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [child] });
    const top = await Top.start();
    stops.push(() => top.stop());
  }

  /** A reflector at the end of a cable, and what keeps both. */
  async function atCable(
    options: Partial<ReflectorOptions<ConfigMap>>,
  ): Promise<{ cable: Cable; seen: Reflector<ConfigMap>; updates: string[]; asked: string[] }> {
    const { cable, configuration } = await Cable.to(await kubeconfig({ path: kubeconfigPath }));
    const transport = httpTransport(configuration);
    const updates: string[] = [];
    const asked: string[] = [];
    const noting: ApiTransport = {
      ...transport,
      request: (request) => {
        asked.push(request.path);
        return transport.request(request);
      },
    };
    const seen = reflector({
      api: kubernetesApi({ transport: noting, requestMs: 2_000 }),
      resource: configMaps,
      retryMs: 100,
      retryMaxMs: 500,
      handlers: { update: ({ metadata }) => void updates.push(metadata.name) },
      ...options,
    });
    await supervise(seen.child());
    stops.push(async () => {
      transport.close();
      await cable[Symbol.asyncDispose]();
    });
    await seen.synced();
    return { cable, seen, updates, asked };
  }

  const write = async (name: string, x: string): Promise<unknown> =>
    api.apply(configMaps, { metadata: { name }, data: { x } });

  /** What the server has is what was seen, version by version. */
  async function expectInStep(seen: Reflector<ConfigMap>): Promise<void> {
    const versions = (all: readonly { metadata: { name: string; resourceVersion: string } }[]): string[] =>
      all.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).toSorted();
    const { items } = await api.list(configMaps);
    await vi.waitFor(() => expect(versions(seen.list())).toEqual(versions(items)), WITHIN);
    await vi.waitFor(() => expect(seen.status).toMatchObject({ isStale: false, phase: "watching" }), WITHIN);
  }

  test("has thousands of objects, in pages and streamed", { timeout: 120_000 }, async () => {
    const { namespace } = given;
    const names = Array.from({ length: 2_500 }, (_, at) => `many-${at}`);
    const secrets = resource<ConfigMap>({ apiVersion: "v1", kind: "Secret", plural: "secrets", namespace });
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => api.create(secrets, { metadata: { name } })));
    const transport = httpTransport(await kubeconfig({ path: kubeconfigPath }));
    const asked: string[] = [];
    // What a server without streamed lists answers.
    const old: ApiTransport = {
      ...transport,
      request: async (request) => {
        asked.push(request.path);
        if (!request.path.includes("sendInitialEvents")) return transport.request(request);
        return { status: 422, headers: {}, body: (async function* () {})() };
      },
    };
    const streamed = reflector({ api, resource: secrets });
    const paged = reflector({ api: kubernetesApi({ transport: old }), resource: secrets });
    for (const one of [streamed, paged]) {
      await supervise(one.child());
      await one.synced();
      expect(one.status.objects).toBe(2_500);
    }
    expect(asked.filter((path) => path.includes("limit=500"))).toHaveLength(5);
    expect(paged.get(`${namespace}/many-7`)).toEqual(streamed.get(`${namespace}/many-7`));
    transport.close();
  });

  test("misses nothing when its connections are cut again and again", async () => {
    const { cable, seen } = await atCable({});
    for (let round = 0; round < 8; round++) {
      const writing = Promise.all(["a", "b", "c", "d"].map((name) => write(name, String(round))));
      if (round % 2 === 0) await writing;
      cable.cut();
      await writing;
      await vi.waitFor(() => expect(seen.status.phase).toBe("watching"), WITHIN);
    }
    await api.delete(configMaps, "d");
    await expectInStep(seen);
    expect(problems.join()).toContain("is not in step");
  });

  test("notices a connection that is dead and does not say so", async () => {
    const { cable, seen } = await atCable({ inactivityMs: 1_000 });
    cable.silence();
    await write("a", "unheard");
    await vi.waitFor(() => expect(seen.status).toMatchObject({ isStale: true }), WITHIN);
    expect(seen.get(`${given.namespace}/a`)?.data).not.toEqual({ x: "unheard" });
    cable.restore();
    await vi.waitFor(() => expect(seen.get(`${given.namespace}/a`)?.data).toEqual({ x: "unheard" }), WITHIN);
  });

  describe.skipIf(!hasControlPlane)(`whose server can be stopped ${controlPlaneName}`, { timeout: 120_000 }, () => {
    test("keeps what it has while the server hangs, and has the rest when it goes on", async () => {
      const { seen } = await atCable({ inactivityMs: 2_000 });
      await write("a", "before");
      await expectInStep(seen);
      const before = seen.list();
      await controlPlane("stop");
      try {
        await vi.waitFor(() => expect(seen.status).toMatchObject({ isStale: true }), WITHIN);
        await vi.waitFor(() => expect(seen.status.failures).toBeGreaterThan(1), WITHIN);
        expect(seen.list()).toEqual(before);
        expect(seen.status.sinceLastContactMs).toBeGreaterThan(2_000);
      } finally {
        await controlPlane("cont");
      }
      await write("a", "after");
      await expectInStep(seen);
    });

    test("goes on after the server was killed and has come back", async () => {
      const { seen } = await atCable({});
      await write("a", "before");
      await expectInStep(seen);
      const before = seen.list();
      await controlPlane("kill");
      try {
        await vi.waitFor(() => expect(seen.status.failures).toBeGreaterThan(2), WITHIN);
        expect(seen.list()).toEqual(before);
        expect(String(seen.status.problem)).toMatch(/ECONNREFUSED|ECONNRESET|hang up|disconnected|reset/);
      } finally {
        await controlPlane("start");
      }
      await write("a", "after");
      await expectInStep(seen);
    });

    test.skipIf(!hasEtcd)("lists again when etcd has forgotten what it had seen last (410)", async () => {
      const { asked, cable, seen, updates } = await atCable({});
      await write("a", "before");
      await write("b", "before");
      await expectInStep(seen);
      updates.length = asked.length = 0;
      // Nothing is heard of what happens now, and then it is past telling.
      cable.silence();
      await write("a", "after");
      await api.delete(configMaps, "b");
      await controlPlane("kill");
      await compactEtcd();
      await controlPlane("start");
      cable.restore();
      cable.cut();
      await expectInStep(seen);
      expect(asked.some((path) => path.includes("resourceVersion="))).toBe(true);
      expect(asked.filter((path) => path.includes("sendInitialEvents"))).toHaveLength(1);
      await vi.waitFor(() => expect(updates).toEqual(["a"]), WITHIN);
    });

    test.skipIf(!hasEtcd)("says that a list has expired between two pages", async () => {
      for (const name of ["p", "q", "r"]) await write(name, "1");
      const first = await api.page(configMaps, { limit: 1 });
      await write("p", "2");
      await controlPlane("kill");
      await compactEtcd();
      await controlPlane("start");
      await expect(api.page(configMaps, { limit: 1, continue: first.continue })).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_EXPIRED",
      });
    });
  });
});
