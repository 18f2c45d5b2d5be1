import { exit } from "@interlock/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { FakeApiServer, type FakeFault } from "../testing/fake-api-server.ts";
import { type KubernetesApi, kubernetesApi } from "./api.ts";
import { TestProgram } from "./program.fixture.ts";
import { type Reflector, type ReflectorOptions, reflector } from "./reflector.ts";
import { type KubernetesObject, resource, type Stored } from "./resource.ts";
import type { ApiRequest } from "./transport.ts";

type ConfigMap = KubernetesObject & { readonly data?: { readonly x: string } };
const configMaps = resource<ConfigMap>({
  apiVersion: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespace: "shop",
});
const named = (name: string, x: string): ConfigMap => ({ metadata: { name }, data: { x } });
const words = ({ data, metadata }: Stored<ConfigMap>): string => `${metadata.name}${data?.x}`;
const isList = ({ method, path }: Pick<ApiRequest, "method" | "path">): boolean =>
  method === "GET" && !path.includes("watch=true");
const isWatch = ({ path }: Pick<ApiRequest, "path">): boolean => path.includes("resourceVersion=");

describe.each([true, false])("a reflector, where the server streams lists: %j,", (streamsLists) => {
  let program: TestProgram;
  let server: FakeApiServer;
  let api: KubernetesApi;
  const told: string[] = [];

  beforeEach(() => {
    program = new TestProgram();
    const { runtime } = program.node;
    server = new FakeApiServer({ runtime, streamsLists });
    api = kubernetesApi({ transport: server, runtime });
    told.length = 0;
  });
  afterEach(() => program[Symbol.asyncDispose]());

  const handlers = {
    add: (object: Stored<ConfigMap>) => void told.push(`+${words(object)}`),
    update: (object: Stored<ConfigMap>, before: Stored<ConfigMap>) =>
      void told.push(`${words(before)}>${words(object)}`),
    delete: (object: Stored<ConfigMap>) => void told.push(`-${words(object)}`),
  };
  async function start(options: Partial<ReflectorOptions<ConfigMap>> = {}): Promise<Reflector<ConfigMap>> {
    const made = reflector<ConfigMap>({ api, resource: configMaps, handlers, ...options });
    await program.supervise(made.child());
    return made;
  }
  const create = async (...names: string[]): Promise<void> => {
    for (const name of names) await api.create(configMaps, named(name, "1"));
  };
  const set = (name: string, x: string): Promise<unknown> => api.patch(configMaps, name, { data: { x } });
  const listed = (of: Reflector<ConfigMap>): string => of.list().map(words).toSorted().join(" ");
  const requests = (which: (request: Pick<ApiRequest, "method" | "path">) => boolean): number =>
    server.requests.filter((one) => which(one as ApiRequest)).length;

  test("has what there is, is told what becomes of it, and tells its handlers", async () => {
    await create("a", "b");
    const seen = await start();
    await seen.synced();
    expect(listed(seen)).toBe("a1 b1");
    expect(seen.get("shop/a")?.kind).toBe("ConfigMap");
    await set("a", "2");
    await create("c");
    await api.delete(configMaps, "b");
    await program.time.settle();
    expect(listed(seen)).toBe("a2 c1");
    expect(told).toEqual(["+a1", "+b1", "a1>a2", "+c1", "-b1"]);
    expect(seen.status).toMatchObject({ phase: "watching", isSynced: true, isStale: false, objects: 2, failures: 0 });
    // One list and one watch, whatever happens.
    expect(server.requests.filter(({ method }) => method === "GET").length).toBe(streamsLists ? 1 : 3);
  });

  test("needs no handlers", async () => {
    await create("a");
    const seen = reflector<ConfigMap>({ api, resource: configMaps });
    await program.supervise(seen.child());
    await create("b");
    await program.time.settle();
    expect(listed(seen)).toBe("a1 b1");
  });

  test("lists in pages when it does not stream", async () => {
    await create("a", "b", "c", "d", "e");
    const seen = await start({ pageSize: 2 });
    expect(listed(seen)).toBe("a1 b1 c1 d1 e1");
    expect(requests(isList)).toBe(streamsLists ? 0 : 3);
  });

  test("selects on the server, and finds by index", async () => {
    await api.create(configMaps, { metadata: { name: "a", labels: { app: "web" } }, data: { x: "1" } });
    await create("b");
    const indexes = { byValue: ({ data }: ConfigMap) => (data === undefined ? [] : [data.x]) };
    const seen = await start({ labelSelector: "app=web", indexes });
    expect(listed(seen)).toBe("a1");
    await set("a", "2");
    await program.time.settle();
    expect(seen.byIndex("byValue", "2").map(words)).toEqual(["a2"]);
    expect(seen.byIndex("byValue", "1")).toEqual([]);
    expect(() => seen.byIndex("byName", "1")).toThrow("one of the reflector's indexes");
    await api.patch(configMaps, "a", { metadata: { labels: null } });
    await program.time.settle();
    expect(listed(seen)).toBe("");
    expect(told).toEqual(["+a1", "a1>a2", "-a2"]);
  });

  test("goes on where a cut connection broke off, and lists nothing again", async () => {
    await create("a");
    const seen = await start();
    server.requests.length = 0;
    server.cut();
    await set("a", "2");
    await set("a", "3");
    await program.time.advance(1_000);
    expect(listed(seen)).toBe("a3");
    expect(told).toEqual(["+a1", "a1>a2", "a2>a3"]);
    expect(requests(isWatch)).toBe(1);
    expect(requests(isList)).toBe(0);
    expect(program.warnings).toEqual(["reflector of configmaps in shop: is not in step with the API server"]);
  });

  test("keeps what it has while the server is away, says how old that is, and has it right when it is back", async () => {
    await create("a", "b");
    const seen = await start();
    server.stop();
    await program.time.advance(600_000);
    expect(listed(seen)).toBe("a1 b1");
    expect(told).toEqual(["+a1", "+b1"]);
    expect(seen.status).toMatchObject({ isSynced: true, isStale: true, phase: "waiting" });
    expect(seen.status.sinceLastContactMs).toBe(600_000);
    expect(String(seen.status.problem)).toContain("ECONNREFUSED");
    // Said at powers of two: in ten minutes no more often than that.
    expect(program.warnings.length).toBeLessThan(8);
    expect(seen.status.failures).toBeGreaterThan(15);
    server.start();
    await api.delete(configMaps, "b");
    await program.time.advance(31_000);
    expect(listed(seen)).toBe("a1");
    expect(seen.status).toMatchObject({ isStale: false });
    expect(told).toEqual(["+a1", "+b1", "-b1"]);
  });

  test("has nothing, and is not synced, as long as nothing could be listed", async () => {
    await create("a");
    server.stop();
    const seen = await start();
    await program.time.advance(60_000);
    expect(seen.status).toMatchObject({ isSynced: false, isStale: true, objects: 0, sinceLastContactMs: undefined });
    const waiting = seen.synced(AbortSignal.abort(new Error("no time")));
    await expect(waiting).rejects.toThrow("no time");
    server.start();
    await program.time.advance(31_000);
    await seen.synced();
    expect(listed(seen)).toBe("a1");
  });

  test("lists again what it cannot go on from, and tells what came, changed, went and was made anew meanwhile", async () => {
    await create("a", "b", "c");
    const seen = await start();
    server.cut();
    await set("a", "2");
    await api.delete(configMaps, "b");
    await api.delete(configMaps, "c");
    await create("c", "d");
    server.compact();
    await program.time.advance(4_000);
    expect(listed(seen)).toBe("a2 c1 d1");
    expect(told.slice(3).toSorted()).toEqual(["+c1", "+d1", "-b1", "-c1", "a1>a2"]);
    expect(seen.status).toMatchObject({ isStale: false });
    // 410 is said within the watch.
    expect(String(program.reports.map((report) => ("details" in report ? report.details : "")))).toContain(
      "kept no more",
    );
  });

  test("asks no sooner than the server says", async () => {
    server.fault = () => ({ status: 429, reason: "TooManyRequests", retryAfterSeconds: 20 });
    const seen = await start();
    expect(server.requests).toHaveLength(1);
    await program.time.advance(19_999);
    expect(server.requests).toHaveLength(1);
    server.fault = undefined;
    await program.time.advance(10_001);
    expect(seen.status.isSynced).toBe(true);
  });

  test("asks ever more rarely what is refused, and says what RBAC would have to grant", async () => {
    const message = 'configmaps is forbidden: User "system:serviceaccount:shop:web" cannot watch resource "configmaps"';
    const seen = await start();
    server.fault = () => ({ status: 403, reason: "Forbidden", message });
    server.cut();
    server.requests.length = 0;
    await program.time.advance(300_000);
    expect(server.requests.length).toBeLessThan(25);
    expect(seen.status.problem).toMatchObject({
      code: "INTERLOCK_KUBERNETES_FORBIDDEN",
      details: { rule: '{ apiGroups: [""], resources: ["configmaps"], verbs: ["watch"] }' },
    });
  });

  test("takes a silent watch for dead, and begins another from where it was", async () => {
    await create("a");
    const seen = await start({ inactivityMs: 90_000 });
    for (let minute = 0; minute < 4; minute++) {
      await program.time.advance(60_000);
      server.bookmark();
      await program.time.settle();
    }
    expect(requests(isWatch)).toBe(streamsLists ? 0 : 1);
    expect(seen.status).toMatchObject({ isStale: false, sinceLastContactMs: 0 });
    server.pause();
    await program.time.advance(89_999);
    expect(seen.status).toMatchObject({ isStale: false, phase: "watching" });
    await program.time.advance(1);
    expect(seen.status).toMatchObject({ isStale: true, sinceLastContactMs: 90_000 });
    await program.time.advance(600_000);
    expect(listed(seen)).toBe("a1");
    server.resume();
    await set("a", "3");
    await program.time.advance(61_000);
    expect(listed(seen)).toBe("a3");
    expect(seen.status).toMatchObject({ isStale: false });
  });

  test("begins watches anew in time, at random within twice that, and lists anew at the end of one when that is due", async () => {
    await create("a");
    await start({ watchMs: 300_000, relistMs: 1_200_000 });
    const beat = async (minutes: number): Promise<void> => {
      for (let minute = 0; minute < minutes; minute++) {
        await program.time.advance(60_000);
        server.bookmark();
        await program.time.settle();
      }
    };
    server.requests.length = 0;
    await beat(11);
    expect(requests(isWatch)).toBeGreaterThan(0);
    const limits = server.requests.flatMap(({ path }) => /timeoutSeconds=(\d+)/.exec(path)?.[1] ?? []).map(Number);
    for (const limit of limits) expect(limit >= 300 && limit <= 600).toBe(true);
    expect(requests((one) => isList(one) || one.path.includes("sendInitialEvents"))).toBe(0);
    await beat(20);
    expect(requests((one) => isList(one) || one.path.includes("sendInitialEvents"))).toBe(1);
    expect(told).toEqual(["+a1"]);
  });

  test("has its objects while its process is started anew, which lists again", async () => {
    await create("a");
    const seen = await start();
    const pid = await program.labelled("reflector of configmaps in shop");
    server.stop();
    exit(pid, "kill");
    await program.time.settle();
    expect(listed(seen)).toBe("a1");
    expect(seen.status).toMatchObject({ isSynced: true, isStale: true, phase: "waiting" });
    server.start();
    await create("b");
    await program.time.advance(2_000);
    expect(listed(seen)).toBe("a1 b1");
    expect(told).toEqual(["+a1", "+b1"]);
  });

  test("has its connections ended with it", async () => {
    const made = reflector<ConfigMap>({ api, resource: configMaps, handlers });
    const stop = await program.supervise(made.child());
    expect(server.watching).toBe(1);
    await stop();
    expect(server.watching).toBe(0);
    expect(made.status).toMatchObject({ phase: "stopped", isStale: true });
  });

  test("runs once at a time", async () => {
    const made = reflector<ConfigMap>({ api, resource: configMaps });
    await program.supervise(made.child());
    await expect(program.supervise(made.child())).rejects.toThrow();
    expect(server.watching).toBe(1);
  });

  describe("a handler that throws", () => {
    test("is told again, ever more rarely, until it does not; the others are told meanwhile", async () => {
      let isBroken = true;
      await create("a", "b");
      const seen = await start({
        handlers: {
          ...handlers,
          add: (object) => {
            told.push(`+${words(object)}`);
            if (isBroken && object.metadata.name === "a") throw new Error("no room");
          },
        },
      });
      expect(told).toEqual(["+a1", "+b1"]);
      await program.time.advance(60_000);
      const tries = told.length;
      expect(tries).toBeGreaterThan(5);
      expect(tries).toBeLessThan(12);
      expect(program.warnings[0]).toBe("work queue handlers of the reflector of configmaps in shop: failed: shop/a");
      isBroken = false;
      await set("a", "2");
      // What changes may be what mends it: not only after the whole pause.
      await program.time.advance(200);
      expect(told.at(-1)).toBe("+a2");
      expect(listed(seen)).toBe("a2 b1");
      await program.time.advance(600_000);
      expect(told.at(-1)).toBe("+a2");
    });

    test("in a callback of its own is a failure as well", async () => {
      let throws = 1;
      await create("a");
      await start({
        handlers: {
          add: (object) => {
            told.push(`+${words(object)}`);
            if (throws-- > 0) {
              const { promise } = Promise.withResolvers<void>();
              queueMicrotask(() => {
                throw new Error("stray");
              });
              return promise;
            }
            return undefined;
          },
        },
      });
      await program.time.advance(1_000);
      expect(told).toEqual(["+a1", "+a1"]);
    });

    test("loses nothing when its queue is killed in the midst of it", async () => {
      const gate = Promise.withResolvers<void>();
      await create("a");
      await start({
        handlers: {
          add: async (object) => {
            told.push(`+${words(object)}`);
            await gate.promise;
          },
        },
      });
      exit(await program.labelled("work queue handlers of the reflector of configmaps in shop"), "kill");
      gate.resolve();
      await program.time.advance(1_000);
      expect(told).toEqual(["+a1", "+a1"]);
    });
  });

  if (streamsLists) return;

  describe("between two pages of a list", () => {
    const pages: number[] = [];
    beforeEach(() => {
      pages.length = 0;
    });
    /** The list expires before its second page, so often. */
    const expiring = (times: number) => {
      let left = times;
      return (request: ApiRequest): FakeFault | undefined => {
        if (isList(request)) pages.push(Number(new URLSearchParams(request.path.split("?")[1]).get("limit")));
        if (request.path.includes("continue=") && left-- > 0) server.compact();
        return undefined;
      };
    };

    test("an expired list is begun again, and only what is whole counts", async () => {
      await create("a", "b", "c");
      server.fault = expiring(1);
      const seen = await start({ pageSize: 2 });
      expect(seen.list()).toEqual([]);
      expect(seen.status.isSynced).toBe(false);
      await program.time.advance(2_000);
      expect(listed(seen)).toBe("a1 b1 c1");
      expect(pages).toEqual([2, 2, 2, 2]);
    });

    test("one that expires again and again is taken in one piece", async () => {
      await create("a", "b", "c");
      server.fault = expiring(100);
      const seen = await start({ pageSize: 2 });
      await program.time.advance(10_000);
      expect(listed(seen)).toBe("a1 b1 c1");
      expect(pages).toEqual([2, 2, 2, 2, 0]);
    });
  });
});
