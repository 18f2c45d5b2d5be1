import { LocalNode, type NodeName, nodeRuntime, type Report } from "@interlock/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { World } from "../../../../conformance/support/world.ts";
import { nodePorts } from "../ports.ts";
import { Discoverer } from "./discoverer.ts";
import type { Discovery } from "./discovery.ts";
import { Findings } from "./findings.ts";

const NODES: readonly NodeName[] = ["a@h", "b@h", "c@h"];

describe("findings", () => {
  test("are what each strategy said last: an error changes nothing but the counters", () => {
    const says = fc.record({
      at: fc.nat(2),
      result: fc.oneof<fc.Arbitrary<readonly string[] | Error>[]>(
        fc.subarray([...NODES]),
        fc.constant(new Error("SERVFAIL")),
        fc.constant(["no name"]),
      ),
    });
    fc.assert(
      fc.property(fc.array(says), (all) => {
        const findings = new Findings(["x", "y", "z"]);
        const model = NODES.map(() => ({ nodes: undefined as readonly string[] | undefined, failures: 0, total: 0 }));
        for (const { at, result } of all) {
          const one = model[at] as (typeof model)[number];
          const fails = result instanceof Error || result.includes("no name");
          try {
            if (result instanceof Error) throw result;
            findings.succeeded(at, result);
            Object.assign(one, { nodes: result, failures: 0 });
          } catch (error) {
            one.total++;
            expect(findings.failed(at, error)).toBe(++one.failures);
          }
          expect(one.failures > 0).toBe(fails);
        }
        expect([...findings.nodes].toSorted()).toEqual(
          [...new Set(model.flatMap(({ nodes }) => nodes ?? []))].toSorted(),
        );
        expect(findings.complete).toBe(model.every(({ failures, nodes }) => failures === 0 && nodes !== undefined));
        expect(findings.status().map(({ failures, failuresTotal }) => [failures, failuresTotal])).toEqual(
          model.map(({ failures, total }) => [failures, total]),
        );
      }),
    );
  });
});

interface Looking {
  readonly world: World;
  readonly discoverer: Discoverer;
  readonly sets: (readonly string[])[];
  texts(): readonly string[];
}

function looking(...strategies: readonly Discovery[]): Looking {
  const world = new World();
  const sets: (readonly string[])[] = [];
  const context = {
    node: "a@h",
    ports: nodePorts,
    clock: world.node.runtime.clock,
    epmd: { host: "h", port: 1 },
  } as const;
  const discoverer = new Discoverer({
    strategies,
    local: world.node,
    context,
    intervalMs: () => 1_000,
    lookupMs: 5_000,
    found: () => sets.push([...discoverer.findings.nodes].toSorted()),
  });
  discoverer.start();
  const texts = (): readonly string[] =>
    world.reports.flatMap((report: Report) => (report.type === "warning" ? [`${report.label}: ${report.text}`] : []));
  return { world, discoverer, sets, texts };
}

describe("the discoverer", () => {
  test("looks at every interval, less often while that fails, and reports the 1st, 2nd, 4th failure in a row", async () => {
    const looks: number[] = [];
    let fails = false;
    const { world, sets, texts, discoverer } = looking({
      name: "dns",
      async lookup({ clock }) {
        looks.push(clock.now());
        if (fails) throw new Error("SERVFAIL");
        return ["a@h", "b@h"];
      },
    });
    await world.advance(2_500);
    expect(looks).toEqual([0, 1_000, 2_000]);
    fails = true;
    await world.advance(120_000);
    const failed = discoverer.status()[0]?.failures ?? 0;
    expect(discoverer.status()[0]).toMatchObject({ nodes: ["a@h", "b@h"], problem: "SERVFAIL", failuresTotal: failed });
    // Without a pause that grows there would have been 120.
    expect(failed).toBeGreaterThan(5);
    expect(failed).toBeLessThan(20);
    expect(texts().slice(0, 3)).toEqual([
      "a@h discovery by dns: failed",
      "a@h discovery by dns: failed 2 times in a row",
      "a@h discovery by dns: failed 4 times in a row",
    ]);
    expect(texts().length).toBeLessThan(6);
    expect(new Set(sets.map(String))).toEqual(new Set(["a@h,b@h"]));
    fails = false;
    await world.advance(31_000);
    expect(discoverer.status()[0]).toMatchObject({ failures: 0, problem: undefined, failuresTotal: failed });
  });

  test("takes a look that never ends, or throws at once, for one that failed; the other strategies go on", async () => {
    const signals: AbortSignal[] = [];
    const { world, discoverer, sets } = looking(
      {
        name: "hangs",
        lookup: ({ signal }) => {
          signals.push(signal);
          return new Promise(() => undefined);
        },
      },
      {
        name: "throws",
        lookup: () => {
          throw new Error("at once");
        },
      },
      { name: "works", lookup: async () => ["a@h"] },
    );
    await world.advance(5_001);
    expect(discoverer.status().map(({ problem }) => problem)).toEqual([
      "it did not answer within 5000 ms",
      "at once",
      undefined,
    ]);
    expect(signals[0]?.aborted).toBe(true);
    expect(sets.at(-1)).toEqual(["a@h"]);
    expect(discoverer.findings.complete).toBe(false);
  });

  test("takes what a watch tells, and begins it anew when it ends or fails, with what it said last standing", async () => {
    let watches = 0;
    const { world, discoverer, sets } = looking({
      name: "endpoints",
      async *watch() {
        watches++;
        yield ["a@h"];
        yield ["a@h", "b@h"];
        if (watches === 2) throw new Error("410 Gone");
      },
    });
    await world.settle();
    expect(sets).toEqual([["a@h"], ["a@h", "b@h"], ["a@h", "b@h"]]);
    expect(discoverer.status()[0]).toMatchObject({ nodes: ["a@h", "b@h"], problem: "it tells no more" });
    await world.advance(1_000);
    expect(discoverer.status()[0]?.problem).toBe("410 Gone");
    expect(watches).toBe(2);
  });

  test("ends its looks when it stops, and has strategies take back what they left; one that cannot is reported", async () => {
    const left: string[] = [];
    let looks = 0;
    const { world, discoverer, texts } = looking(
      {
        name: "hangs",
        lookup: ({ signal }) => {
          looks++;
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
        },
        leave: async ({ node }) => void left.push(node),
      },
      {
        name: "cannot",
        lookup: async () => [],
        leave: async () => {
          throw new Error("read-only");
        },
      },
    );
    await world.settle();
    await discoverer.stop();
    await world.finish();
    expect([left, looks]).toEqual([["a@h"], 1]);
    expect(texts()).toEqual(["a@h discovery by cannot: could not be left"]);
  });

  test("works on the clock of Node.js", async () => {
    const local = new LocalNode();
    const context = { node: "a@h", ports: nodePorts, clock: nodeRuntime.clock, epmd: { host: "h", port: 1 } } as const;
    await new Promise<void>((resolve) => {
      const strategies = [{ name: "once", lookup: async (): Promise<NodeName[]> => ["a@h"] }];
      let times = 0;
      const found = (): void => {
        if (++times === 3) void discoverer.stop().then(resolve);
      };
      const discoverer = new Discoverer({ strategies, local, context, intervalMs: () => 1, lookupMs: 1_000, found });
      discoverer.start();
    });
  });
});
