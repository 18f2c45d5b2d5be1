import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubernetesApi } from "@interlock/kubernetes";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { cliHints } from "../errors.ts";
import { kindsIn } from "../kinds.ts";
import { TestTerminal } from "./commands.fixture.ts";
import { type DeployOptions, deploy } from "./deploy.ts";
import { deployed, kinds } from "./deployed.fixture.ts";
import { exitCodeOf } from "./exit-code.ts";

let folder: string;
let options: DeployOptions;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-deploy-"));
  const file = join(folder, "interlock.yaml");
  const head = "apiVersion: interlock.dev/v1alpha1\nkind: InterlockApp\nmetadata: { name: bank }\n";
  await writeFile(file, `${head}spec: { replicas: 2, ports: [{ name: http, containerPort: 8080 }] }\n`);
  options = { file, image: "registry/bank:1.1.0", wait: false, timeout: "60" };
});
afterEach(() => rm(folder, { recursive: true }));

interface Applied {
  readonly path: string;
  readonly body: string;
}

/** What is applied, byte for byte. */
function applying(given: TestTerminal): Applied[] {
  const all: Applied[] = [];
  given.transport = {
    server: given.server.server,
    close: () => undefined,
    request: (request) => {
      if (request.headers["content-type"] === "application/apply-patch+yaml")
        all.push({ path: request.path, body: request.body ?? "" });
      return given.server.request(request);
    },
  };
  return all;
}

/** As the controllers would have it: what is wanted is there, in a new revision with these pods. */
async function rollingOut(given: TestTerminal, status: object): Promise<void> {
  const api = kubernetesApi({ transport: given.server.unfailing });
  await deployed(given.server, {
    "bank-a": { hash: "hash2", version: "1.1.0" },
    "bank-b": { hash: "hash2", version: "1.1.0", ready: false },
  });
  await api.patch(kinds.deployments, "bank", { status });
}

/** Who holds the lock of this deployment. */
async function deploying(given: TestTerminal): Promise<string | undefined> {
  const api = kubernetesApi({ transport: given.server.unfailing });
  return (await api.get(kindsIn("shop").leases, "interlock-deploy-bank")).spec?.holderIdentity;
}

const done = { observedGeneration: 99, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };

describe("interlock deploy", () => {
  test("with --dry-run prints, byte for byte, what it applies, and touches nothing", async () => {
    const printing = new TestTerminal();
    await deploy({ ...options, createNamespace: true, dryRun: true, output: "yaml" }, printing);
    expect(printing.server.requests).toEqual([]);
    const given = new TestTerminal();
    const applied = applying(given);
    await deploy({ ...options, createNamespace: true }, given);
    const printed = parseAllDocuments(printing.out.text).map((document) => JSON.stringify(document.toJS()));
    expect(applied.map(({ body }) => body)).toEqual(printed);
    expect(JSON.parse(printed[0] ?? "")).toMatchObject({ kind: "Namespace", metadata: { name: "shop" } });
    const list = new TestTerminal();
    await deploy({ ...options, createNamespace: true, dryRun: true, output: "json" }, list);
    expect(JSON.parse(list.out.text).items.map((item: object) => JSON.stringify(item))).toEqual(printed);
  });

  test("follows the rollout to its end, and says for programs what it did", async () => {
    const given = new TestTerminal();
    await rollingOut(given, done);
    await deploy({ ...options, wait: true, output: "json" }, given);
    const result = JSON.parse(given.out.text);
    expect(result).toMatchObject({ app: "bank", namespace: "shop", image: "registry/bank:1.1.0", ready: 2 });
    expect(result.applied).toContain("Deployment bank");
    expect(given.talk.text).toMatch(/✔ Deployment bank\n[\s\S]*✔ bank: 2 of 2 pods are ready\n$/);
    expect(await deploying(given)).toBe("");
  });

  test("that never becomes ready fails with that name, and with what the pod says of itself", async () => {
    const given = new TestTerminal();
    const stuck = { type: "Progressing", status: "False", message: "ReplicaSet has timed out progressing." };
    await rollingOut(given, { ...done, availableReplicas: 1, readyReplicas: 1, conditions: [stuck] });
    const said = {
      application: { name: "bank", version: "1.1.0" },
      phase: "serving",
      ready: false,
      reasons: [{ check: "store_sup", reason: "it is restarting" }],
    };
    given.transport = {
      server: given.server.server,
      close: () => undefined,
      request: async (request) => {
        if (!request.path.includes("bank-b:9101/proxy/")) return given.server.request(request);
        const body = async function* () {
          yield Buffer.from(JSON.stringify(said));
        };
        return { status: 200, headers: {}, body: body() };
      },
    };
    const failed = deploy({ ...options, wait: true }, given);
    await expect(failed).rejects.toMatchObject({
      code: "INTERLOCK_ROLLOUT_FAILED",
      details: {
        problem: "never_ready",
        text: expect.stringContaining("bank-b is not ready: store_sup: it is restarting"),
      },
    });
    expect(await failed.catch(exitCodeOf)).toBe(6);
  });

  test("to a namespace that is not there says so; what may not be done is named", async () => {
    const given = new TestTerminal();
    given.server.fault = ({ method, path }) =>
      method === "PATCH" && path.includes("/roles/") ? { status: 403, message: "roles is forbidden" } : undefined;
    const denied = deploy(options, given);
    await expect(denied).rejects.toMatchObject({ code: "INTERLOCK_DEPLOY_FORBIDDEN", details: { what: "Role bank" } });
    expect(await denied.catch(exitCodeOf)).toBe(8);

    const { transport } = given;
    given.transport = {
      ...given.transport,
      server: transport.server,
      close: () => undefined,
      request: async (request) => {
        if (request.method !== "POST") return given.server.unfailing.request(request);
        const details = { kind: "namespaces", name: "shop" };
        const status = {
          kind: "Status",
          code: 404,
          reason: "NotFound",
          message: 'namespaces "shop" not found',
          details,
        };
        const body = async function* () {
          yield Buffer.from(JSON.stringify(status));
        };
        return { status: 404, headers: { "content-type": "application/json" }, body: body() };
      },
    };
    const kubernetes = kubernetesApi({ transport: given.server.unfailing });
    const { leases } = kindsIn("shop");
    await kubernetes.delete(leases, "interlock-deploy-bank");
    const nowhere = deploy(options, given);
    await expect(nowhere).rejects.toMatchObject({
      code: "INTERLOCK_NO_SUCH_NAMESPACE",
      details: { namespace: "shop" },
    });
    expect(await nowhere.catch(exitCodeOf)).toBe(5);
  });

  test("shows the pods meanwhile with --watch", async () => {
    const given = new TestTerminal();
    await rollingOut(given, done);
    await deploy({ ...options, wait: true, watch: true, output: "yaml" }, given);
    expect(given.talk.text).toContain("bank-b r2 not ready");
    expect(parse(given.out.text)).toMatchObject({ ready: 2 });
  });

  test("interrupted, it ends with 130 and gives the lock back; called again it goes on, as it says", async () => {
    const given = new TestTerminal();
    await rollingOut(given, { ...done, updatedReplicas: 1 });
    const interrupted = deploy({ ...options, wait: true }, given);
    await expect.poll(() => given.talk.text).toContain("rollout");
    process.emit("SIGINT", "SIGINT");
    await expect(interrupted).rejects.toMatchObject({ code: "INTERLOCK_INTERRUPTED" });
    expect(await interrupted.catch(exitCodeOf)).toBe(130);
    expect(await deploying(given)).toBe("");
    expect(cliHints.INTERLOCK_INTERRUPTED).toContain("go on when they are called again");
    // Of a rotation, and of a deployment that has applied nothing, it would take back what was there before.
    expect(cliHints.INTERLOCK_INTERRUPTED).not.toContain("undo");
    await kubernetesApi({ transport: given.server.unfailing }).patch(kinds.deployments, "bank", { status: done });
    await deploy({ ...options, wait: true }, given);
    expect(given.talk.text).toMatch(/✔ bank: 2 of 2 pods are ready\n$/);
  });

  test("interrupted before its first object, it makes none, and no Secrets either", async () => {
    const given = new TestTerminal();
    given.server.fault = ({ method, path }) => {
      if (method === "GET" && path.includes("/deployments?")) process.emit("SIGINT", "SIGINT");
      return undefined;
    };
    await expect(deploy(options, given)).rejects.toMatchObject({ code: "INTERLOCK_INTERRUPTED" });
    const written = given.server.requests.filter(({ method }) => method !== "GET").map(({ path }) => path);
    expect(written.length).toBeGreaterThan(0);
    expect(written.every((path) => path.includes("/leases"))).toBe(true);
  });

  test("interrupted while it waits to come back with an object, it does not come back", async () => {
    const given = new TestTerminal();
    given.server.fault = ({ method }) => (method === "PATCH" ? { status: 429, retryAfterSeconds: 60 } : undefined);
    const interrupted = deploy(options, given);
    await expect.poll(() => given.server.requests.some(({ method }) => method === "PATCH")).toBe(true);
    process.emit("SIGINT", "SIGINT");
    await expect(interrupted).rejects.toMatchObject({ code: "INTERLOCK_INTERRUPTED" });
    expect(given.server.requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
    expect(await deploying(given)).toBe("");
  });
});
