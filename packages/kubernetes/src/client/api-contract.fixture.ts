/** What holds of an API server: run against the fake one and against a real one, so that the first is known to be like the second. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { KubernetesApi } from "./api.ts";
import { holdBy, letGo } from "./finalizers.ts";
import { byOwner, controllerOf, ownerReference } from "./owners.ts";
import { type KubernetesObject, type Resource, resource } from "./resource.ts";
import type { WatchEvent } from "./watch.ts";

export interface ContractServer extends AsyncDisposable {
  readonly api: KubernetesApi;
  readonly namespace: string;
}

type ConfigMap = KubernetesObject & { readonly data?: Record<string, string>; readonly immutable?: boolean };
type Deployment = KubernetesObject & { readonly spec?: object; readonly status?: object };

/** `make` gives a namespace in which nothing is yet. */
export function apiContract(where: string, isThere: boolean, make: () => Promise<ContractServer>): void {
  describe.skipIf(!isThere)(`an API server ${where}`, () => {
    let given: ContractServer;
    let api: KubernetesApi;
    let configMaps: Resource<ConfigMap>;
    let deployments: Resource<Deployment>;
    beforeEach(async () => {
      given = await make();
      const { namespace } = given;
      api = given.api;
      configMaps = resource<ConfigMap>({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace });
      deployments = resource<Deployment>({
        apiVersion: "apps/v1",
        kind: "Deployment",
        plural: "deployments",
        namespace,
      });
    });
    afterEach(() => given[Symbol.asyncDispose]());

    const named = (name: string, data?: Record<string, string>, labels?: Record<string, string>): ConfigMap => ({
      metadata: { name, ...(labels && { labels }) },
      ...(data && { data }),
    });
    /** Those that this test has made: every namespace of a real server has one of its own. */
    const ours = { labelSelector: "ours" };

    test("keeps what was created, in versions, and takes an update of the newest one alone", async () => {
      const created = await api.create(configMaps, named("a", { x: "1" }));
      expect(created).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } });
      expect(await api.get(configMaps, "a")).toEqual(created);
      await expect(api.create(configMaps, named("a"))).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_ALREADY_EXISTS",
        details: { resource: "configmaps", namespace: given.namespace, name: "a" },
      });
      const updated = await api.update(configMaps, { ...created, data: { x: "2" } });
      expect(updated.metadata.uid).toBe(created.metadata.uid);
      expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
      await expect(api.update(configMaps, { ...created, data: { x: "3" } })).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_CONFLICT",
      });
      // What changes nothing is no new version.
      expect((await api.update(configMaps, updated)).metadata.resourceVersion).toBe(updated.metadata.resourceVersion);
      expect((await api.get(configMaps, "a")).data).toEqual({ x: "2" });
    });

    test("says that there is none, and that it knows no such resource", async () => {
      await expect(api.get(configMaps, "none")).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_NOT_FOUND",
        details: { verb: "get", resource: "configmaps", name: "none" },
      });
      expect(await api.find(configMaps, "none")).toBeUndefined();
      await expect(api.delete(configMaps, "none")).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_NOT_FOUND" });
      const unknown = { ...configMaps, apiVersion: "nothing.invalid/v1", plural: "things" };
      for (const asked of [api.find(unknown, "none"), api.list(unknown)])
        await expect(asked).rejects.toMatchObject({
          code: "INTERLOCK_KUBERNETES_NOT_FOUND",
          details: { resource: "things.nothing.invalid", name: undefined },
        });
    });

    test("lists in pages of one version, whatever happens between them", async () => {
      for (const name of ["a", "b", "c", "d", "e"]) await api.create(configMaps, named(name, {}, { ours: "" }));
      const first = await api.page(configMaps, { ...ours, limit: 2 });
      expect(first.items.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
      expect(first.items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
      await api.delete(configMaps, "c");
      await api.create(configMaps, named("f", {}, { ours: "" }));
      const second = await api.page(configMaps, { ...ours, limit: 2, continue: first.continue });
      expect(second.items.map(({ metadata }) => metadata.name)).toEqual(["c", "d"]);
      expect(second.resourceVersion).toBe(first.resourceVersion);
      const all = await api.list(configMaps, { ...ours, limit: 2 });
      expect(all.items.map(({ metadata }) => metadata.name)).toEqual(["a", "b", "d", "e", "f"]);
      const selected = await api.list(configMaps, { fieldSelector: "metadata.name=d" });
      expect(selected.items.map(({ metadata }) => metadata.name)).toEqual(["d"]);
    });

    test("deletes only the one that was meant, and not while a finalizer holds it", async () => {
      const { metadata } = await api.create(configMaps, {
        metadata: { name: "a", finalizers: ["interlock.dev/test"] },
      });
      await expect(api.delete(configMaps, "a", { uid: "00000000-0000-4000-8000-00000000dead" })).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_CONFLICT",
      });
      await api.delete(configMaps, "a", { uid: metadata.uid });
      const ending = await api.get(configMaps, "a");
      expect(ending.metadata.deletionTimestamp).toMatch(/^\d{4}-/);
      await api.patch(configMaps, "a", { metadata: { finalizers: null } });
      expect(await api.find(configMaps, "a")).toBeUndefined();
    });

    test("patches by merge and by operations, and does nothing when one of these is refused", async () => {
      await api.create(configMaps, named("a", { x: "1", y: "1" }));
      expect((await api.patch(configMaps, "a", { data: { x: null, z: "2" } })).data).toEqual({ y: "1", z: "2" });
      const operations = (was: string): object => [
        { op: "test", path: "/data/y", value: was },
        { op: "replace", path: "/data/y", value: "3" },
        { op: "add", path: "/metadata/labels", value: { "interlock.dev/x": "1" } },
        { op: "remove", path: "/data/z" },
      ];
      await expect(api.patch(configMaps, "a", operations("2"), { type: "json" })).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_INVALID",
      });
      const patched = await api.patch(configMaps, "a", operations("1"), { type: "json" });
      expect(patched.data).toEqual({ y: "3" });
      expect(patched.metadata.labels).toEqual({ "interlock.dev/x": "1" });
    });

    test("applies fields, gives up those that are applied no more, and leaves those of others alone", async () => {
      const of = { metadata: { name: "a" } };
      const first = await api.apply(configMaps, { ...of, data: { x: "1", y: "1" } });
      expect((await api.apply(configMaps, { ...of, data: { x: "1", y: "1" } })).metadata.resourceVersion).toBe(
        first.metadata.resourceVersion,
      );
      await api.patch(configMaps, "a", { data: { theirs: "1" } }, { fieldManager: "kubectl-edit" });
      const second = await api.apply(configMaps, { ...of, data: { y: "2" } });
      expect(second.data).toEqual({ y: "2", theirs: "1" });
      // The same value is no conflict: the field is of both then, and stays when one gives it up.
      await api.apply(configMaps, { ...of, data: { y: "2", theirs: "1" } });
      expect((await api.apply(configMaps, { ...of, data: { y: "2" } })).data).toEqual({ y: "2", theirs: "1" });
    });

    test("names the field and its manager when an apply would take it, and applies nothing then", async () => {
      const of = { metadata: { name: "a" } };
      await api.apply(configMaps, { ...of, data: { x: "1" } }, { fieldManager: "theirs" });
      await expect(api.apply(configMaps, { ...of, data: { x: "2", y: "2" } })).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_FIELD_CONFLICT",
        message: expect.stringContaining(".data.x belongs to theirs"),
        details: { resource: "configmaps", name: "a", conflicts: [{ manager: "theirs", field: ".data.x" }] },
      });
      expect((await api.get(configMaps, "a")).data).toEqual({ x: "1" });
    });

    test("takes finalizers of several managers together", async () => {
      const held = (...finalizers: string[]): ConfigMap & { metadata: { name: string } } => ({
        metadata: { name: "a", finalizers },
      });
      await api.apply(configMaps, held("interlock.dev/a"), { fieldManager: "a" });
      await api.apply(configMaps, held("interlock.dev/b"), { fieldManager: "b" });
      expect((await api.get(configMaps, "a")).metadata.finalizers).toEqual(["interlock.dev/a", "interlock.dev/b"]);
      await api.apply(configMaps, held(), { fieldManager: "a" });
      const { finalizers } = (await api.apply(configMaps, held(), { fieldManager: "b" })).metadata;
      expect(finalizers ?? []).toEqual([]);
    });

    test("is held by finalizers until all are let go, and takes none from a version that is not the newest", async () => {
      const created = await api.create(configMaps, named("a"));
      const held = await holdBy("interlock.dev/a", api, configMaps, created);
      expect(await holdBy("interlock.dev/a", api, configMaps, held)).toBe(held);
      await expect(holdBy("interlock.dev/b", api, configMaps, created)).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_CONFLICT",
      });
      await holdBy("interlock.dev/b", api, configMaps, held);
      await api.delete(configMaps, "a");
      const first = await letGo("interlock.dev/b", api, configMaps, await api.get(configMaps, "a"));
      expect(first.metadata.finalizers).toEqual(["interlock.dev/a"]);
      await letGo("interlock.dev/a", api, configMaps, first);
      expect(await api.find(configMaps, "a")).toBeUndefined();
    });

    test("knows whose an object is", async () => {
      const owner = await api.create(configMaps, named("owner"));
      const owned = await api.create(configMaps, { metadata: { name: "a", ownerReferences: [ownerReference(owner)] } });
      expect(controllerOf(owned)).toMatchObject({ kind: "ConfigMap", name: "owner", uid: owner.metadata.uid });
      expect(byOwner(owned)).toEqual([owner.metadata.uid]);
      expect([controllerOf(owner), byOwner(owner)]).toEqual([undefined, []]);
    });

    test("keeps the status apart: by a manager of its own, and nothing else with it", async () => {
      const of = { metadata: { name: "web" } };
      const labels = { app: "web" };
      const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web:1" }] } };
      await api.apply(deployments, { ...of, spec: { replicas: 2, selector: { matchLabels: labels }, template } });
      const status = { replicas: 1, readyReplicas: 1 };
      const written = await api.applyStatus(deployments, { ...of, status, spec: { replicas: 7 } });
      expect(written.status).toMatchObject(status);
      expect(written.spec).toMatchObject({ replicas: 2 });
      // A conflict with the status' own manager, not with the one of the rest.
      await expect(
        api.applyStatus(deployments, { ...of, status: { replicas: 3 } }, { fieldManager: "theirs" }),
      ).rejects.toMatchObject({ details: { conflicts: [{ manager: "interlock-status", field: ".status.replicas" }] } });
    });

    test("a dry run answers and does nothing", async () => {
      await api.create(configMaps, named("a"), { dryRun: true });
      expect(await api.find(configMaps, "a")).toBeUndefined();
    });

    describe("watched", () => {
      const seen: string[] = [];
      let ending: AbortController;
      beforeEach(() => {
        seen.length = 0;
        ending = new AbortController();
      });
      afterEach(() => ending.abort());

      const words = (event: WatchEvent<ConfigMap>): string =>
        event.type === "BOOKMARK"
          ? `BOOKMARK${event.isInitialEnd ? " end" : ""}`
          : `${event.type} ${event.object.metadata.name}${event.object.data?.["x"] ?? ""}`;

      /** Takes what comes until that has been seen, as often as it is asked to. */
      async function follow(
        resourceVersion: string | undefined,
        query: object = {},
      ): Promise<(last: string) => Promise<void>> {
        const given = { ...ours, resourceVersion, ...query };
        const events = (await api.watch(configMaps, given, ending.signal))[Symbol.asyncIterator]();
        return async (last) => {
          while (!seen.includes(last)) {
            const { done, value } = await events.next();
            if (done) throw new Error(`it ended after ${seen.join(", ")}`);
            seen.push(...value.map(words));
          }
        };
      }

      test("tells all that comes after a version, in order", async () => {
        const { resourceVersion } = await api.list(configMaps, ours);
        await api.create(configMaps, named("a", { x: "1" }, { ours: "" }));
        const until = await follow(resourceVersion);
        await until("ADDED a1");
        await api.patch(configMaps, "a", { data: { x: "2" } });
        await api.create(configMaps, named("other"));
        await api.delete(configMaps, "a");
        await until("DELETED a2");
        expect(seen).toEqual(["ADDED a1", "MODIFIED a2", "DELETED a2"]);
      });

      test("tells what is there first, when it is given no version", async () => {
        await api.create(configMaps, named("a", { x: "1" }, { ours: "" }));
        await (await follow(undefined))("ADDED a1");
      });

      test("streams a list: what is there, and where that ends", async () => {
        for (const name of ["a", "b"]) await api.create(configMaps, named(name, {}, { ours: "" }));
        const until = await follow(undefined, { sendInitialEvents: true });
        await until("BOOKMARK end");
        expect(seen.toSorted()).toEqual(["ADDED a", "ADDED b", "BOOKMARK end"]);
      });

      test("tells that an object is gone, or has come, when it is selected no more, or now", async () => {
        const { resourceVersion } = await api.list(configMaps, ours);
        const until = await follow(resourceVersion);
        await api.create(configMaps, named("a", { x: "1" }, { ours: "" }));
        await api.patch(configMaps, "a", { metadata: { labels: null }, data: { x: "2" } });
        await api.patch(configMaps, "a", { metadata: { labels: { ours: "" } }, data: { x: "3" } });
        await until("ADDED a3");
        expect(seen.map((word) => word.slice(0, -1))).toEqual(["ADDED a", "DELETED a", "ADDED a"]);
      });

      test("ends when its time is over", async () => {
        const { resourceVersion } = await api.list(configMaps, ours);
        const until = await follow(resourceVersion, { timeoutSeconds: 1 });
        await expect(until("anything")).rejects.toThrow("it ended after");
      });
    });
  });
}
