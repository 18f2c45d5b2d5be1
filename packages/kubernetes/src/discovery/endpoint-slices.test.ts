import { nodePorts } from "@interlock/cluster";
import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Discoverer } from "../../../cluster/src/discovery/discoverer.ts";
import { type KubernetesApi, kubernetesApi } from "../client/api.ts";
import { TestProgram } from "../client/program.fixture.ts";
import { type KubernetesType, resource } from "../client/resource.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { type EndpointSlicesOptions, endpointSlices } from "./endpoint-slices.ts";

type EndpointSlice = KubernetesType<"discovery.k8s.io/v1", "EndpointSlice">;
type Endpoint = NonNullable<EndpointSlice["endpoints"]>[number];

const slices = resource({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespace: "courier",
});

const at = (last: number, conditions: Endpoint["conditions"] = { ready: true }): Endpoint => {
  return { addresses: [`10.0.0.${last}`], conditions };
};
const node = (last: number): NodeName => `newsroom@10.0.0.${last}`;

function slice(name: string, endpoints: Endpoint[], own: Partial<EndpointSlice> = {}, of = "nodes"): EndpointSlice {
  const metadata = { name, labels: { "kubernetes.io/service-name": of } };
  return { metadata, addressType: "IPv4", endpoints, ...own };
}

class Looking {
  readonly program = new TestProgram();
  readonly server = new FakeApiServer({ runtime: this.program.node.runtime });
  readonly api: KubernetesApi = kubernetesApi({
    transport: this.server,
    runtime: this.program.node.runtime,
    namespace: "courier",
  });
  /** What the test itself does goes through, whatever is wrong. */
  readonly #hand = kubernetesApi({ transport: this.server.unfailing, namespace: "courier" });
  readonly discoverer: Discoverer;

  constructor(options: Partial<EndpointSlicesOptions> = {}, self: NodeName = node(1)) {
    const { node: local } = this.program;
    const context = { node: self, ports: nodePorts, clock: local.runtime.clock, epmd: { host: "127.0.0.1", port: 1 } };
    this.discoverer = new Discoverer({
      strategies: [endpointSlices({ api: this.api, service: "nodes", ...options })],
      local,
      context,
      intervalMs: () => 1_000,
      lookupMs: 5_000,
      found: () => undefined,
    });
  }

  async put(made: EndpointSlice): Promise<void> {
    const { name = "" } = made.metadata ?? {};
    const known = await this.#hand.find(slices, name);
    if (known === undefined) await this.#hand.create(slices, made);
    else
      await this.#hand.update(slices, {
        ...known,
        ...made,
        metadata: { ...known.metadata, ...made.metadata },
      } as never);
  }

  async delete(name: string): Promise<void> {
    await this.#hand.delete(slices, name);
  }

  async start(): Promise<void> {
    this.discoverer.start();
    await this.program.time.settle();
  }

  async found(afterMs = 0): Promise<readonly NodeName[] | undefined> {
    await this.program.time.advance(afterMs);
    return this.discoverer.status()[0]?.nodes;
  }

  get status() {
    return this.discoverer.status()[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discoverer.stop();
    await this.program[Symbol.asyncDispose]();
  }
}

describe("the pods of a Service by its EndpointSlices", () => {
  let looking: Looking;
  beforeEach(() => {
    looking = new Looking();
  });
  afterEach(() => looking[Symbol.asyncDispose]());

  test("are those of all its slices that stay, whether they are ready or not, each once", async () => {
    await looking.put(slice("nodes-1", [at(1), at(2, { ready: false, serving: false, terminating: false })]));
    await looking.put(slice("nodes-2", [at(2), at(3, { ready: false, serving: true, terminating: true }), at(4, {})]));
    await looking.put(slice("nodes-6", [{ addresses: ["fd00::1"] }], { addressType: "IPv6" }));
    await looking.put(slice("other-1", [at(9)], {}, "other"));
    await looking.start();
    expect(await looking.found()).toEqual([node(1), node(2), node(4)]);
    expect(looking.status).toMatchObject({ failures: 0, problem: undefined });
    expect(looking.program.warnings).toEqual([]);
  });

  test("are none when there are no slices, and are told without asking again when there are", async () => {
    await looking.start();
    expect(await looking.found()).toEqual([]);
    const asked = looking.server.requests.length;
    await looking.put(slice("nodes-1", [at(1)]));
    expect(await looking.found()).toEqual([node(1)]);
    await looking.put(slice("nodes-1", [at(1), at(2)]));
    expect(await looking.found()).toEqual([node(1), node(2)]);
    await looking.delete("nodes-1");
    expect(await looking.found()).toEqual([]);
    expect(looking.server.requests.length).toBe(asked);
  });

  test("are not known while RBAC forbids to look: that is said once, and shown", async () => {
    await looking.put(slice("nodes-1", [at(1)]));
    const message = 'endpointslices.discovery.k8s.io is forbidden: User "courier" cannot list resource';
    looking.server.fault = () => ({ status: 403, reason: "Forbidden", message });
    await looking.start();
    expect(await looking.found(400)).toBeUndefined();
    expect(looking.discoverer.findings.complete).toBe(false);
    expect(looking.status?.problem).toContain("endpointslices");
    expect(looking.program.warnings).toEqual([
      "newsroom@10.0.0.1 discovery by endpoint slices of courier/nodes: failed",
    ]);
    looking.server.fault = undefined;
    expect(await looking.found(30_000)).toEqual([node(1)]);
    expect(looking.status).toMatchObject({ failures: 0, problem: undefined });
  });

  test("stay as they were while the API server is away, however it goes, and are looked up again when it is back", async () => {
    await looking.put(slice("nodes-1", [at(1), at(2)]));
    await looking.start();
    const ways: readonly (readonly [() => void, () => void])[] = [
      [() => looking.server.stop(), () => looking.server.start()],
      [() => looking.server.pause(), () => looking.server.resume()],
    ];
    for (const [index, [goes, returns]] of ways.entries()) {
      goes();
      await looking.put(slice("nodes-1", [at(1), at(3 + index)]));
      const before = looking.status?.failuresTotal ?? 0;
      expect(await looking.found(120_000)).toEqual([node(1), node(2 + index)]);
      expect(looking.status?.failuresTotal).toBeGreaterThan(before);
      expect(looking.discoverer.findings.complete).toBe(false);
      returns();
      expect(await looking.found(60_000)).toEqual([node(1), node(3 + index)]);
      expect(looking.discoverer.findings.complete).toBe(true);
    }
  });

  test("are no business of a node that has left: nothing is watched any more", async () => {
    await looking.start();
    expect(looking.server.watching).toBe(1);
    await looking.discoverer.stop();
    await looking.program.time.settle();
    expect(looking.server.watching).toBe(0);
    expect(looking.program.warnings).toEqual([]);
  });
});

test("nodes with addresses of IPv6, or by another name, are found as such", async () => {
  await using looking = new Looking({ app: "wire" }, "newsroom@fd00::7");
  await looking.put(slice("nodes-1", [at(1)]));
  await looking.put(slice("nodes-6", [{ addresses: ["fd00::1"] }], { addressType: "IPv6" }));
  await looking.start();
  expect(await looking.found()).toEqual(["wire@fd00::1"]);
});

test("what cannot be the name of a Service is refused before it is asked for", () => {
  const { api } = new Looking();
  const bad = expect.objectContaining({ code: "INTERLOCK_NODE_OPTION" });
  expect(() => endpointSlices({ api, service: "nodes.courier.svc" })).toThrow(bad);
});

const pods = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 6 });
const happening = fc.oneof(
  fc.record({ type: fc.constantFrom("nodes-1", "nodes-2"), pods }),
  fc.record({ type: fc.constantFrom("cut", "stop", "start", "pause", "resume", "compact", "forbid", "allow", "end") }),
);

test("whatever becomes of the API server, no pod that is there is ever missing, and in the end all are right", async () => {
  const waits = fc.constantFrom(0, 300, 20_000, 100_000);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(happening, waits), { maxLength: 12 }), async (all) => {
      await using looking = new Looking();
      const truth = new Map<string, readonly number[]>();
      const present = (): readonly NodeName[] =>
        [...new Set([...truth.values()].flat())].sort((a, b) => a - b).map(node);
      const set = async (name: string, of: readonly number[]): Promise<void> => {
        truth.set(name, of);
        await looking.put(
          slice(
            name,
            of.map((one) => at(one)),
          ),
        );
      };
      await set("nodes-1", [1, 2, 3]);
      await looking.start();
      // What each pod's absence would be is a lie for those that were there all the time.
      let always = new Set(present());
      for (const [what, waitMs] of all) {
        const { server } = looking;
        if ("pods" in what) await set(what.type, what.pods);
        else if (what.type === "forbid") server.fault = () => ({ status: 403, reason: "Forbidden" });
        else if (what.type === "allow") server.fault = undefined;
        else if (what.type === "end") server.endWatches();
        else server[what.type as "cut" | "stop" | "start" | "pause" | "resume" | "compact"]();
        always = new Set(present().filter((one) => always.has(one)));
        const found = new Set(await looking.found(waitMs));
        expect([...always].filter((one) => !found.has(one))).toEqual([]);
      }
      looking.server.fault = undefined;
      looking.server.start();
      looking.server.resume();
      expect(await looking.found(200_000)).toEqual(present());
      expect(looking.discoverer.findings.complete).toBe(true);
    }),
    { numRuns: 60 },
  );
});
