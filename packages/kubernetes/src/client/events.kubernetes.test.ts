import { supervisor } from "@interlock/core";
import { describe, expect, test, vi } from "vitest";

import { eventRecorder, eventResource } from "./events.ts";
import { kubeconfigPath, serverName, testNamespace } from "./kubernetes.fixture.ts";
import { resource } from "./resource.ts";

describe.skipIf(kubeconfigPath === undefined)(`events of Kubernetes ${serverName}`, () => {
  test("are taken as they are written, with their count, for what is in a namespace and what is in none", async () => {
    await using given = await testNamespace();
    const { api, namespace } = given;
    const configMaps = resource({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace });
    const namespaces = resource({ apiVersion: "v1", kind: "Namespace", plural: "namespaces" });
    const regarding = await api.create(configMaps, { metadata: { name: "a" } });
    const events = eventRecorder({ api, controller: "interlock.dev/test", instance: "test-0", updateMs: 100 });
    const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [events.child()] });
    await using _top = await Top.start();
    const event = { regarding, reason: "Tested", action: "Test", note: "it was tried" } as const;
    const found = async (where: string) =>
      (await api.list(eventResource(where))).items.filter(({ reason }) => reason === "Tested");
    events.record(event);
    await vi.waitFor(async () => expect(await found(namespace)).toHaveLength(1), { timeout: 10_000 });
    for (let count = 0; count < 3; count++) events.record(event);
    await vi.waitFor(async () => expect((await found(namespace))[0]?.series?.count).toBe(4), { timeout: 10_000 });
    events.record({ ...event, regarding: await api.get(namespaces, namespace) });
    const isTold = async () => (await found("default")).some(({ regarding: about }) => about?.name === namespace);
    await vi.waitFor(async () => expect(await isTold()).toBe(true), { timeout: 10_000 });
    expect(events.dropped).toBe(0);
  });
});
