import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeRuntime } from "@interlock/core";
import { type ApiTransport, kubernetesApi } from "@interlock/kubernetes";
import type { FakeApiServer } from "@interlock/kubernetes/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CERTIFICATE_MS, issueCertificate, makeAuthority } from "../identity/certificates.ts";
import { ensureSecrets, secretOf } from "../identity/secrets.ts";
import type { Finding } from "../inspect/examine.ts";
import { kindsIn } from "../kinds.ts";
import { TestTerminal } from "./commands.fixture.ts";
import { deployed } from "./deployed.fixture.ts";
import { doctor } from "./doctor.ts";

const namespace = "shop";
const { secrets, services, endpointSlices: slices } = kindsIn(namespace);

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-doctor-"));
  file = join(folder, "interlock.yaml");
  await writeFile(
    file,
    "apiVersion: interlock.dev/v1alpha1\nkind: InterlockApp\nmetadata: { name: bank }\nspec: { replicas: 2 }\n",
  );
});
afterEach(() => rm(folder, { recursive: true }));

/** The fake does not know who may do what. */
function reviewing(server: FakeApiServer, denied: readonly string[]): ApiTransport {
  return {
    server: server.server,
    close: () => undefined,
    request: async (request) => {
      if (!request.path.includes("/selfsubjectaccessreviews")) return server.request(request);
      const { resourceAttributes } = JSON.parse(request.body ?? "").spec;
      const allowed = !denied.includes(`${resourceAttributes.verb} ${resourceAttributes.resource}`);
      const body = async function* () {
        yield Buffer.from(JSON.stringify({ metadata: {}, status: { allowed } }));
      };
      return { status: 201, headers: {}, body: body() };
    },
  };
}

async function healthy(denied: readonly string[] = []): Promise<TestTerminal> {
  const given = new TestTerminal();
  given.transport = reviewing(given.server, denied);
  await deployed(given.server, {
    "bank-a": { hash: "hash2", version: "1.1.0" },
    "bank-b": { hash: "hash2", version: "1.1.0" },
  });
  const api = kubernetesApi({ transport: given.server.unfailing });
  await api.create(secrets, { metadata: { name: "bank-cookie", namespace }, data: { cookie: "c2VjcmV0" } });
  const place = { cluster: "bank", namespace };
  await ensureSecrets(api, { ...place, tls: true, fieldManager: "test", applied: () => undefined });
  await api.create(services, { metadata: { name: "bank-nodes", namespace }, spec: { publishNotReadyAddresses: true } });
  await api.create(slices, {
    metadata: { name: "bank-nodes-1", namespace, labels: { "kubernetes.io/service-name": "bank-nodes" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.0.0.1"] }, { addresses: ["10.0.0.2"] }],
  });
  return given;
}

async function findingsOf(given: TestTerminal): Promise<{ readonly code: number; readonly all: readonly Finding[] }> {
  given.out.text = "";
  const code = await doctor({ file, output: "json" }, given);
  return { code, all: JSON.parse(given.out.text) };
}

const badOnes = (all: readonly Finding[]): readonly string[] =>
  all.filter(({ outcome }) => outcome === "bad").map(({ check, found }) => `${check}: ${found}`);

describe("interlock doctor", () => {
  test("finds nothing where all is well, shows no secret, and ends with 0", async () => {
    const given = await healthy();
    expect(await doctor({ file }, given)).toBe(0);
    const lines = given.out.text.trim().split("\n");
    expect(lines).toHaveLength(10);
    for (const line of lines) expect(line).toMatch(/^✔ /);
    expect(given.out.text).not.toMatch(/c2VjcmV0|secret$/);
  });

  test("names what may not be done", async () => {
    const { all, code } = await findingsOf(await healthy(["patch roles", "create secrets"]));
    expect(badOnes(all)).toEqual([
      "permissions: not allowed in shop: patch roles.rbac.authorization.k8s.io, create secrets",
    ]);
    expect(code).toBe(3);
  });

  test("names what only following a deployment needs", async () => {
    const { all, code } = await findingsOf(await healthy(["get deployments"]));
    expect(badOnes(all)).toEqual(["permissions: not allowed in shop: get deployments.apps"]);
    expect(code).toBe(3);
  });

  test("names the cause when a pod is not ready, an image is missing, the cookie or the addresses are gone", async () => {
    const given = await healthy();
    const api = kubernetesApi({ transport: given.server.unfailing });
    const { pods } = kindsIn(namespace);
    await api.patch(pods, "bank-b", {
      status: {
        conditions: [{ type: "Ready", status: "False" }],
        containerStatuses: [
          {
            name: "bank",
            restartCount: 0,
            started: false,
            state: { waiting: { reason: "ImagePullBackOff", message: "not there" } },
          },
        ],
      },
    });
    await api.delete(secrets, "bank-cookie");
    await api.delete(slices, "bank-nodes-1");
    const { all, code } = await findingsOf(given);
    expect(badOnes(all)).toEqual([
      "image: bank-b: ImagePullBackOff: not there",
      expect.stringMatching(/^pods: /),
      "cookie: there is no Secret bank-cookie",
      "addresses: Service bank-nodes leads to no node",
      "readiness: bank-b is failed: ImagePullBackOff: not there",
    ]);
    for (const { outcome, try: hint } of all) if (outcome === "bad") expect(hint).toMatch(/\w/);
    expect(code).toBe(3);
  });

  test("names a certificate that is for another name, runs out soon, has run out, is none, or is gone", async () => {
    const given = await healthy();
    const api = kubernetesApi({ transport: given.server.unfailing });
    const nowMs = Date.now();
    const authority = await makeAuthority("bank", nowMs);
    const good = "bank-nodes.shop.svc.cluster.local";
    const found = async (text: string): Promise<string> => {
      const texts = { "tls.crt": text, "tls.key": "hunter2", "ca.crt": authority.cert };
      const { data = {} } = secretOf("bank-tls", { cluster: "bank", namespace }, texts);
      await api.patch(secrets, "bank-tls", { data });
      const { all } = await findingsOf(given);
      expect(JSON.stringify(all)).not.toContain("hunter2");
      return badOnes(all).join();
    };
    const issued = async (name: string, agoMs: number): Promise<string> =>
      found((await issueCertificate(authority, [name], nowMs - agoMs)).cert);
    const days = (count: number): number => count * 86_400_000;
    expect(await issued(good, 0)).toBe("");
    expect(await issued("other.shop.svc", 0)).toContain(`is not for ${good}`);
    expect(await issued(good, CERTIFICATE_MS - days(7.5))).toBe("certificates: Secret bank-tls has 7 days to go");
    expect(await issued(good, CERTIFICATE_MS + days(1))).toContain("has run out");
    expect(await found("hunter2")).toContain("is no certificate");
    expect(await found("")).toContain("lacks one of");
    await api.delete(secrets, "bank-tls");
    const { all } = await findingsOf(given);
    expect(badOnes(all)).toEqual(["certificates: there is no Secret bank-tls"]);
  });

  test("says that an API server does not answer, and looks at nothing that needs it", async () => {
    const given = new TestTerminal();
    given.server.stop();
    const { all, code } = await findingsOf(given);
    expect(badOnes(all)).toEqual(["API server: no answer of https://fake:443: connect ECONNREFUSED"]);
    expect(all.slice(3).every(({ outcome }) => outcome === "skipped")).toBe(true);
    expect(code).toBe(3);
  });

  test("says that an API server takes too long, also when it has begun to answer", async () => {
    const given = await healthy();
    const runtime = { ...nodeRuntime, timers: { ...nodeRuntime.timers, set: nodeRuntime.turns.microtask } };
    const transport: ApiTransport = {
      server: given.server.server,
      close: () => undefined,
      request: async ({ signal }) => ({
        status: 200,
        headers: {},
        body: (async function* () {
          yield Buffer.from("{");
          await new Promise((_, reject) => {
            signal?.addEventListener("abort", () => reject(new Error("aborted")));
            if (signal?.aborted) reject(new Error("aborted"));
          });
        })(),
      }),
    };
    given.connect = async () => ({
      transport,
      forward: given.forward,
      api: kubernetesApi({ transport, namespace, runtime }),
    });
    const { all } = await findingsOf(given);
    expect(badOnes(all)).toEqual(["API server: no answer of https://fake:443: no answer within 5000 ms"]);
  });

  test("says what is wrong with the file", async () => {
    await writeFile(file, "kind: InterlockApp\n");
    const { all } = await findingsOf(new TestTerminal());
    expect(all[1]).toMatchObject({ check: file, outcome: "bad", found: expect.stringContaining("apiVersion") });
  });

  test("says that it is not deployed", async () => {
    const given = new TestTerminal();
    given.transport = reviewing(given.server, []);
    const { all } = await findingsOf(given);
    expect(all.find(({ check }) => check === "pods")).toMatchObject({ outcome: "bad", found: "it is not deployed" });
  });
});
