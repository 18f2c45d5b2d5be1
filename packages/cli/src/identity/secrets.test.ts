import { X509Certificate } from "node:crypto";
import { kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import { describe, expect, test } from "vitest";
import { kindsIn } from "../kinds.ts";
import { CERTIFICATE_MS, issueCertificate, makeAuthority } from "./certificates.ts";
import { checkSameTls } from "./same-tls.ts";
import { ensureSecrets, secretOf, textsOf } from "./secrets.ts";

const place = { cluster: "shop", namespace: "prod" };
const service = "shop-nodes.prod.svc.cluster.local";
const { secrets: of } = kindsIn("prod");

function lab() {
  const server = new FakeApiServer();
  const api = kubernetesApi({ transport: server, namespace: "prod" });
  const applied: string[] = [];
  const ensure = (tls = true): Promise<void> =>
    ensureSecrets(api, { ...place, tls, fieldManager: "test", applied: (what) => applied.push(what) });
  const texts = async (name: string) => textsOf(await api.get(of, name));
  return { api, applied, ensure, texts };
}

describe("the Secrets of a cluster", () => {
  test("are made once: the cookie, the authority, and a certificate for the Service's name; a second run changes nothing", async () => {
    const { applied, ensure, texts } = lab();
    await ensure();
    expect(applied).toEqual(["Secret shop-cookie", "Secret shop-authority", "Secret shop-tls"]);
    const all = async () => Promise.all(["shop-cookie", "shop-authority", "shop-tls"].map(texts));
    const before = await all();
    const [cookie, authority, mounted] = before;
    expect(cookie?.["cookie"]).toMatch(/^[0-9a-f]{48}$/);
    expect(Object.keys(mounted ?? {}).sort()).toEqual(["ca.crt", "tls.crt", "tls.key", "version"]);
    // The authority's key stays where no pod sees it.
    expect(mounted?.["ca.crt"]).toBe(authority?.["tls.crt"]);
    expect(new X509Certificate(mounted?.["tls.crt"] ?? "").checkHost(service)).toBe(service);
    await ensure();
    expect(await all()).toEqual(before);
    expect(applied).toHaveLength(3);
  });

  test("have no certificate where TLS is off", async () => {
    const { applied, ensure } = lab();
    await ensure(false);
    expect(applied).toEqual(["Secret shop-cookie"]);
  });

  test("have their certificate renewed in time, by the same authority, and nothing else changed", async () => {
    const { api, applied, ensure, texts } = lab();
    await ensure();
    const [authority, before] = [await texts("shop-authority"), await texts("shop-tls")];
    const signer = { cert: authority["tls.crt"] ?? "", key: authority["tls.key"] ?? "" };
    const old = await issueCertificate(signer, [service], Date.now() - CERTIFICATE_MS * 0.7);
    const aged = { ...before, "tls.crt": old.cert, "tls.key": old.key };
    const { data = {} } = secretOf("shop-tls", place, aged);
    await api.patch(of, "shop-tls", { data });
    await ensure();
    expect(applied.at(-1)).toBe("Secret shop-tls, with a new certificate");
    const after = await texts("shop-tls");
    expect(after["tls.crt"]).not.toBe(old.cert);
    expect(after["version"]).not.toBe(before["version"]);
    expect(after["ca.crt"]).toBe(before["ca.crt"]);
    expect(await texts("shop-authority")).toEqual(authority);
  });

  test("take no authority that is none any more: what a rotation has left when it was broken off is put right", async () => {
    const { api, applied, ensure, texts } = lab();
    await ensure();
    const before = await texts("shop-tls");
    const old = await makeAuthority("shop", Date.now());
    const { data = {} } = secretOf("shop-tls", place, { ...before, "ca.crt": `${before["ca.crt"]}${old.cert}` });
    await api.patch(of, "shop-tls", { data });
    await ensure();
    expect(applied.at(-1)).toBe("Secret shop-tls, with the authorities of now");
    const { version, ...after } = await texts("shop-tls");
    expect(after).toEqual({ "tls.crt": before["tls.crt"], "tls.key": before["tls.key"], "ca.crt": before["ca.crt"] });
    expect(version).not.toBe(before["version"]);
  });

  test("that somebody else has put there are left alone", async () => {
    const { api, applied, ensure, texts } = lab();
    const { cert, key } = await makeAuthority("theirs", Date.now());
    const theirs = { "tls.crt": cert, "tls.key": key, "ca.crt": cert };
    const { metadata, ...secret } = secretOf("shop-tls", place, theirs);
    await api.create(of, { ...secret, metadata: { name: metadata.name, namespace: "prod" } });
    await ensure();
    expect(applied).toEqual(["Secret shop-cookie"]);
    expect(await texts("shop-tls")).toEqual(theirs);
  });

  test("are the same for two that deploy at once", async () => {
    const { api, applied, ensure } = lab();
    await Promise.all([ensure(), ensure()]);
    expect(applied.filter((what) => what === "Secret shop-authority")).toHaveLength(1);
    const [authority, mounted] = [await api.get(of, "shop-authority"), await api.get(of, "shop-tls")];
    expect(textsOf(mounted)["ca.crt"]).toBe(textsOf(authority)["tls.crt"]);
  });
});

describe("a cluster that runs", () => {
  const { deployments } = kindsIn("prod");
  const running = (replicas: number, ...variables: readonly string[]) => {
    const env = variables.map((name) => ({ name, value: "x" }));
    const labels = { "interlock.dev/cluster": "shop" };
    const template = { metadata: { labels }, spec: { containers: [{ name: "shop", env }] } };
    return { metadata: { name: "shop", namespace: "prod", labels }, spec: { replicas, selector: {}, template } };
  };

  test.each([
    ["without TLS is not given nodes with it", 3, ["INTERLOCK_APP"], true, "INTERLOCK_TLS_CHANGE"],
    [
      "with TLS is not given nodes without it",
      3,
      ["INTERLOCK_APP", "INTERLOCK_TLS_DIR"],
      false,
      "INTERLOCK_TLS_CHANGE",
    ],
    ["with TLS stays as it is", 3, ["INTERLOCK_APP", "INTERLOCK_TLS_DIR"], true, undefined],
    ["and has no pods may become another one", 0, ["INTERLOCK_APP"], true, undefined],
    ["of something else is none", 3, ["OTHER"], true, undefined],
  ] as const)("%s", async (_what, replicas, variables, tls, code) => {
    const { api } = lab();
    await api.create(deployments, running(replicas, ...variables) as never);
    const checked = checkSameTls(api, place, tls);
    if (code === undefined) await checked;
    else await expect(checked).rejects.toMatchObject({ code, details: { cluster: "shop", deployment: "shop" } });
  });
});
