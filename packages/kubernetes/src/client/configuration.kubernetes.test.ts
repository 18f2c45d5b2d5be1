import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { kubernetesApi } from "./api.ts";
import { inCluster, kubeconfig } from "./configuration.ts";
import { httpTransport } from "./http-transport.ts";
import { kubeconfigPath, serverName, testNamespace } from "./kubernetes.fixture.ts";
import { type KubernetesObject, resource } from "./resource.ts";

describe.skipIf(kubeconfigPath === undefined)(`a service account of Kubernetes ${serverName}`, () => {
  test("may do what its Role says and no more, and goes on when its token is another one", async () => {
    await using given = await testNamespace();
    const { api, namespace } = given;
    const rbac = "rbac.authorization.k8s.io";
    const accounts = resource({ apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", namespace });
    const roles = resource<KubernetesObject & { rules: object[] }>({
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      plural: "roles",
      namespace,
    });
    const bindings = resource<KubernetesObject & { roleRef: object; subjects: object[] }>({
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      plural: "rolebindings",
      namespace,
    });
    const metadata = { name: "web" };
    await api.create(accounts, { metadata });
    await api.create(roles, { metadata, rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }] });
    const subjects = [{ kind: "ServiceAccount", name: "web", namespace }];
    await api.create(bindings, { metadata, roleRef: { apiGroup: rbac, kind: "Role", name: "web" }, subjects });

    const admin = await kubeconfig({ path: kubeconfigPath });
    const transport = httpTransport(admin);
    const issued = async (): Promise<string> => {
      const { body, status } = await transport.request({
        method: "POST",
        path: `/api/v1/namespaces/${namespace}/serviceaccounts/web/token`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} }),
        signal: new AbortController().signal,
      });
      expect(status).toBe(201);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return (JSON.parse(Buffer.concat(chunks).toString()) as { status: { token: string } }).status.token;
    };
    const folder = mkdtempSync(join(tmpdir(), "interlock-account-"));
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    write("namespace", namespace);
    write("ca.crt", String((await admin.credentials()).tls.ca));
    write("token", await issued());
    const { hostname, port } = new URL(admin.server);
    const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const configuration = await inCluster({ environment, folder });
    const own = kubernetesApi({ transport: httpTransport(configuration), namespace: configuration.namespace });
    const configMaps = resource({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace });
    try {
      expect(await own.list(configMaps)).toMatchObject({ items: expect.any(Array) });
      await expect(own.create(configMaps, { metadata })).rejects.toMatchObject({
        code: "INTERLOCK_KUBERNETES_FORBIDDEN",
        details: {
          user: `system:serviceaccount:${namespace}:web`,
          rule: '{ apiGroups: [""], resources: ["configmaps"], verbs: ["create"] }',
        },
      });
      write("token", "of yesterday");
      configuration.refused();
      await expect(own.list(configMaps)).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_UNAUTHORIZED" });
      // The one that is kept is refused, and so the file is read again.
      write("token", await issued());
      expect(await own.list(configMaps)).toMatchObject({ items: expect.any(Array) });
    } finally {
      own.close();
      transport.close();
      rmSync(folder, { recursive: true });
    }
  });
});
