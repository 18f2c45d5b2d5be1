import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kubernetesApi } from "../client/api.ts";
import { resource } from "../client/resource.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { mountedCredentials, podPlace } from "./place.ts";

const folder = mkdtempSync(join(tmpdir(), "interlock-place-"));
afterAll(() => rmSync(folder, { recursive: true }));

const api = kubernetesApi({ transport: new FakeApiServer() });
const environment = {
  INTERLOCK_APP: "newsroom",
  INTERLOCK_POD_IP: "10.244.1.7",
  INTERLOCK_POD_NAME: "newsroom-6f7-x2b",
  INTERLOCK_NAMESPACE: "courier",
  INTERLOCK_SERVICE: "newsroom-nodes.courier.svc.cluster.local",
  INTERLOCK_REPLICAS: "5",
  INTERLOCK_COOKIE_FILE: "/etc/interlock/cookie/cookie",
};

describe("the place of a node in its pod", () => {
  test("is undefined elsewhere", async () => {
    expect(await podPlace({ environment: {} })).toBeUndefined();
  });

  test("is its address, its port without a name server, its cookie, and how it finds the others", async () => {
    const place = await podPlace({ environment, api });
    expect(place).toMatchObject({
      app: "newsroom",
      pod: "newsroom-6f7-x2b",
      namespace: "courier",
      node: {
        name: "newsroom@10.244.1.7",
        cookie: { file: "/etc/interlock/cookie/cookie", group: true },
        listen: { host: "0.0.0.0", port: 9_100 },
      },
      cluster: {
        name: "newsroom",
        requiredContactPoints: 3,
        stableMarginMs: 6_000,
        arbiter: { lease: { name: "newsroom-formation" } },
      },
    });
    expect(await place?.node.lookup("newsroom@10.244.2.9", new AbortController().signal)).toEqual({
      host: "10.244.2.9",
      port: 9_100,
    });
    expect(place?.node.tls).toBeUndefined();
    expect(place?.cluster.discovery.map(({ name }) => name)).toEqual([
      "headless service newsroom-nodes.courier.svc.cluster.local",
    ]);
  });

  test("finds the others by their EndpointSlices if it is told to", async () => {
    const place = await podPlace({ environment: { ...environment, INTERLOCK_DISCOVERY: "endpointslices" }, api });
    expect(place?.cluster.discovery.map(({ name }) => name)).toEqual(["endpoint slices of courier/newsroom-nodes"]);
  });

  test("needs a majority of the nodes before one of them begins a cluster; one alone begins it by itself", async () => {
    const needed = await Promise.all(
      ["1", "2", "3", "4", "10"].map(async (replicas) => {
        const place = await podPlace({ environment: { ...environment, INTERLOCK_REPLICAS: replicas }, api });
        return place?.cluster.requiredContactPoints;
      }),
    );
    expect(needed).toEqual([1, 2, 2, 3, 6]);
  });

  test("has leases of its application alone", async () => {
    const place = await podPlace({ environment, api });
    const lease = place?.leases.lease("editor");
    const { granted } = (await lease?.acquire({ holder: "a", durationMs: 15_000 }, await lease.read())) ?? {};
    expect(granted).toBe(true);
    const leases = resource({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      plural: "leases",
      namespace: "courier",
    });
    expect(await api.get(leases, "newsroom-editor")).toMatchObject({ spec: { holderIdentity: "a" } });
  });

  test.each([
    ["lacks something", { INTERLOCK_POD_IP: undefined }, "INTERLOCK_POD_IP"],
    ["names a discovery that there is not", { INTERLOCK_DISCOVERY: "gossip" }, "INTERLOCK_DISCOVERY"],
    ["has a number that is none", { INTERLOCK_REPLICAS: "many" }, "INTERLOCK_REPLICAS"],
  ])("is refused when the environment %s", async (_what, wrong, variable) => {
    await expect(podPlace({ environment: { ...environment, ...wrong }, api })).rejects.toMatchObject({
      code: "INTERLOCK_POD_ENVIRONMENT",
      details: { variable },
    });
  });
});

describe("certificates of a mounted Secret", () => {
  /** As the kubelet does it: all files in a folder of their own, then a link that is replaced. */
  function mount(directory: string, version: string, files: Record<string, string>): void {
    mkdirSync(join(directory, version), { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(directory, version, name), text);
      try {
        symlinkSync(join("..data", name), join(directory, name));
      } catch {
        // From the version before.
      }
    }
    symlinkSync(version, join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  }
  const files = (of: string): Record<string, string> => ({
    "tls.key": `key ${of}`,
    "tls.crt": `cert ${of}`,
    "ca.crt": `ca ${of}`,
  });
  const credentials = (of: string): object => ({ key: `key ${of}`, cert: `cert ${of}`, ca: `ca ${of}` });

  test("are read again when the kubelet has put others there, all of one version", () => {
    const directory = join(folder, "swap");
    mount(directory, "..1", files("1"));
    const read = mountedCredentials(directory);
    expect(read()).toEqual(credentials("1"));
    expect(read()).toBe(read());
    mount(directory, "..2", files("2"));
    rmSync(join(directory, "..1"), { recursive: true });
    expect(read()).toEqual(credentials("2"));
  });

  test("stay as they were when they cannot be read; without any that is an error", async () => {
    const directory = join(folder, "lost");
    mount(directory, "..1", files("1"));
    const read = mountedCredentials(directory);
    expect(read()).toEqual(credentials("1"));
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    mount(directory, "..2", {});
    expect(read()).toEqual(credentials("1"));
    expect((await warned).message).toContain("The certificates stay as they were");
    expect(() => mountedCredentials(join(folder, "nowhere"))()).toThrow("ENOENT");
  });

  test("are for the Service's name, which all nodes share", async () => {
    const directory = join(folder, "shared");
    mount(directory, "..1", files("1"));
    const place = await podPlace({ environment: { ...environment, INTERLOCK_TLS_DIR: directory }, api });
    expect(place?.node.tls?.()).toEqual({ ...credentials("1"), peerName: environment.INTERLOCK_SERVICE });
  });
});
