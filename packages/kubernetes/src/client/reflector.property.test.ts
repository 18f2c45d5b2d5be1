/** The whole reflector, with its handlers, against the API server in memory while everything happens to both. */
import { exit } from "@interlock/core";
import fc from "fast-check";
import { expect, test } from "vitest";

import { FakeApiServer, type FakeFault } from "../testing/fake-api-server.ts";
import { kubernetesApi } from "./api.ts";
import { TestProgram } from "./program.fixture.ts";
import { reflector } from "./reflector.ts";
import { type KubernetesObject, keyOf, resource, type Stored } from "./resource.ts";

type ConfigMap = KubernetesObject & { readonly data?: { readonly x: string } };
const configMaps = resource<ConfigMap>({
  apiVersion: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespace: "shop",
});

const name = fc.constantFrom("a", "b", "c", "d", "e");
const one = <Type extends string>(type: Type) => fc.constant(type);
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: one("write"), name, x: fc.constantFrom("1", "2", "3") }) },
  { weight: 3, arbitrary: fc.record({ type: one("delete"), name }) },
  { weight: 6, arbitrary: fc.record({ type: one("pass"), ms: fc.constantFrom(1, 400, 3_000, 60_000, 200_000) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("cut", "endWatches", "compact", "bookmark", "pause", "resume", "stop", "start"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: one("fault"),
      fault: fc.constantFrom<FakeFault>({ status: 429, retryAfterSeconds: 5 }, { status: 500 }, "refused", "hangs"),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: one("throw"), times: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: one("kill"), which: fc.constantFrom("reflector", "work queue handlers") }),
  },
);

test("in the end the store is what the server has, and handlers have been told exactly that", {
  timeout: 120_000,
}, async () => {
  let relists = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(operation, { maxLength: 60, size: "max" }), async (streamsLists, all) => {
      await using program = new TestProgram();
      const { runtime } = program.node;
      const server = new FakeApiServer({ runtime, streamsLists });
      const api = kubernetesApi({ transport: server, runtime });
      /** What handlers make of what they are told: a copy. */
      const copy = new Map<string, Stored<ConfigMap>>();
      let throws = 0;
      const told = (change: () => void) => (): void => {
        if (throws-- > 0) throw new Error("no room");
        change();
      };
      const seen = reflector<ConfigMap>({
        api,
        resource: configMaps,
        pageSize: 2,
        handlers: {
          add: (object) =>
            told(() => {
              expect(copy.has(keyOf(object))).toBe(false);
              copy.set(keyOf(object), object);
            })(),
          update: (object, before) =>
            told(() => {
              expect(copy.get(keyOf(object))).toEqual(before);
              expect(object.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
              copy.set(keyOf(object), object);
            })(),
          delete: (object) =>
            told(() => {
              expect(copy.get(keyOf(object))).toEqual(object);
              copy.delete(keyOf(object));
            })(),
        },
      });
      // Writes are the test's own: no fault of the server is in their way.
      const writing = kubernetesApi({ transport: server.unfailing, runtime });
      await program.supervise(seen.child());
      for (const step of all) {
        if (step.type === "write") {
          await writing.apply(configMaps, { metadata: { name: step.name }, data: { x: step.x } });
        } else if (step.type === "delete") {
          if ((await writing.find(configMaps, step.name)) !== undefined) await writing.delete(configMaps, step.name);
        } else if (step.type === "pass") await program.time.advance(step.ms);
        else if (step.type === "fault") {
          let left = step.times;
          server.fault = () => (left-- > 0 ? step.fault : undefined);
        } else if (step.type === "throw") throws = step.times;
        else if (step.type === "kill") {
          const label = `${step.which}${step.which === "reflector" ? "" : " of the reflector"} of configmaps in shop`;
          exit(await program.labelled(label), "kill");
          await program.time.settle();
        } else server[step.type]();
      }
      server.fault = undefined;
      throws = 0;
      server.start();
      server.resume();
      await program.time.advance(200_000);
      const { items } = await writing.list(configMaps);
      relists += server.requests.filter(
        ({ path }) => path.includes("sendInitialEvents") || path.includes("limit=2"),
      ).length;
      const versions = (objects: Iterable<Stored<ConfigMap>>): string[] =>
        [...objects].map((object) => `${keyOf(object)} ${object.metadata.resourceVersion}`).toSorted();
      expect(versions(seen.list())).toEqual(versions(items));
      expect(versions(copy.values())).toEqual(versions(items));
      expect(seen.status).toMatchObject({ isSynced: true });
    }),
    { numRuns: 400 },
  );
  expect(relists).toBeGreaterThan(800);
});
