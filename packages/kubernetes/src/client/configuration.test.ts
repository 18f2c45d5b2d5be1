import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { nodeRuntime, type Runtime } from "@interlock/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { findConfiguration, inCluster, kubeconfig } from "./configuration.ts";

let folder: string;
let nowMs: number;
const runtime: Runtime = { ...nodeRuntime, clock: { now: () => nowMs, wallTime: () => nowMs } };
const environment = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "interlock-configuration-"));
  nowMs = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("in a pod", () => {
  beforeEach(() => {
    write("token", "first\n");
    write("ca.crt", "authority");
    write("namespace", "shop");
  });

  test("the service account says where the server is and who asks", async () => {
    const found = await inCluster({ environment, folder, runtime });
    expect(found).toMatchObject({ server: "https://10.96.0.1:443", namespace: "shop" });
    expect(await found.credentials()).toEqual({
      headers: { authorization: "Bearer first" },
      tls: { ca: "authority" },
      agent: undefined,
    });
    const six = await inCluster({ environment: { ...environment, KUBERNETES_SERVICE_HOST: "fd00::1" }, folder });
    expect(six.server).toBe("https://[fd00::1]:443");
  });

  test("a token that was rotated is shown within a minute, and at once when the old one is refused", async () => {
    const found = await inCluster({ environment, folder, runtime });
    const shown = async (): Promise<unknown> => (await found.credentials()).headers["authorization"];
    expect(await shown()).toBe("Bearer first");
    write("token", "second");
    nowMs = 59_999;
    expect(await shown()).toBe("Bearer first");
    nowMs = 60_000;
    expect(await shown()).toBe("Bearer second");
    write("token", "third");
    found.refused();
    expect(await shown()).toBe("Bearer third");
  });

  test("nothing of @kubernetes/client-node is loaded", async () => {
    const program = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ resolve: (name, context, next) => (loaded.push(name), next(name, context)) });
      const { httpTransport, inCluster, kubeconfig, kubernetesApi } = await import("@interlock/kubernetes");
      const environment = ${JSON.stringify({ ...environment, KUBERNETES_SERVICE_PORT: "1" })};
      const found = await inCluster({ environment: { ...environment, KUBERNETES_SERVICE_HOST: "127.0.0.1" }, folder: ${JSON.stringify(folder)} });
      const pods = { apiVersion: "v1", kind: "Pod", plural: "pods", namespace: found.namespace };
      await kubernetesApi({ transport: httpTransport(found) }).get(pods, "a").catch(({ code }) => console.log(code));
      const isTheirs = (name) => name.includes("client-node");
      console.log(loaded.some(isTheirs));
      await kubeconfig({ path: "/nowhere" }).catch(() => console.log(loaded.some(isTheirs)));
    `;
    const args = ["--conditions=@interlock/source", "--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
    expect(stdout.trim().split("\n")).toEqual(["INTERLOCK_KUBERNETES_UNREACHABLE", "false", "true"]);
  });

  test("what is missing is named", async () => {
    await expect(inCluster({ environment: {}, folder })).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_CONFIG",
      message: expect.stringContaining("this is no pod"),
    });
    const found = await inCluster({ environment, folder, runtime });
    rmSync(join(folder, "token"));
    await expect(found.credentials()).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_CONFIG",
      details: { source: join(folder, "token") },
    });
  });
});

describe("by a kubeconfig", () => {
  const config = (user: object, cluster: object = {}): string => {
    const path = join(folder, "config");
    const server = { server: "https://api.example.invalid:6443/", ...cluster };
    writeFileSync(
      path,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "shop",
        clusters: [{ name: "c", cluster: server }],
        users: [{ name: "u", user }],
        contexts: [
          { name: "shop", context: { cluster: "c", user: "u", namespace: "shop" } },
          { name: "other", context: { cluster: "c", user: "u" } },
        ],
      }),
    );
    return path;
  };

  test("its certificates and token are shown, and its context says where one is", async () => {
    const data = (text: string): string => Buffer.from(text).toString("base64");
    const user = { "client-certificate-data": data("cert"), "client-key-data": data("key"), token: "secret" };
    const path = config(user, { "certificate-authority-data": data("authority") });
    const found = await kubeconfig({ path });
    expect(found).toMatchObject({ server: "https://api.example.invalid:6443", namespace: "shop" });
    const { agent, headers, tls } = await found.credentials();
    expect(headers).toEqual({ authorization: "Bearer secret" });
    const bytes = (text: string): Buffer => Buffer.from(text);
    expect(tls).toEqual({ ca: bytes("authority"), cert: bytes("cert"), key: bytes("key") });
    expect(agent).toBeUndefined();
    expect(await kubeconfig({ path, context: "other" })).toMatchObject({ namespace: "default" });
    expect(await findConfiguration({ path })).toMatchObject({ namespace: "shop" });
  });

  test("an exec plug-in says what to show, and is asked again once that is refused", async () => {
    const plugin = join(folder, "plugin");
    const status = (token: string): string =>
      `#!/bin/sh\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"${token}"}}'\n`;
    writeFileSync(plugin, status("first"));
    chmodSync(plugin, 0o755);
    const path = config({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: plugin, args: [] } });
    const found = await kubeconfig({ path });
    const shown = async (): Promise<unknown> => (await found.credentials()).headers["authorization"];
    expect(await shown()).toBe("Bearer first");
    writeFileSync(plugin, status("second"));
    expect(await shown()).toBe("Bearer first");
    found.refused();
    expect(await shown()).toBe("Bearer second");
  });

  test("a plug-in that fails, a file that is not there and a context that it has not are named", async () => {
    const path = config({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: "/nowhere/plugin" } });
    const found = await kubeconfig({ path });
    await expect(found.credentials()).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_CONFIG",
      message: expect.stringContaining("/nowhere/plugin"),
    });
    await expect(kubeconfig({ path, context: "none" })).rejects.toMatchObject({
      message: expect.stringContaining('no cluster for context "none"'),
    });
    const nowhere = join(folder, "nowhere");
    await expect(kubeconfig({ path: nowhere })).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_CONFIG",
      details: { source: nowhere },
    });
  });

  test("a proxy is used when it names one", async () => {
    const path = config({ token: "secret" }, { "proxy-url": "http://proxy.example.invalid:3128" });
    expect((await (await kubeconfig({ path })).credentials()).agent).toBeDefined();
  });
});
