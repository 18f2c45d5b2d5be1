import { isError } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { parseAppSpec } from "./app-spec.ts";
import { manifestOf } from "./manifest.ts";
import { render } from "./render.ts";

const minimal = "apiVersion: interlock.dev/v1alpha1\nkind: InterlockApp\nmetadata: { name: shop }\nspec: {}\n";
const target = { namespace: "prod", image: "registry/shop:1" };

function objectsOf(text: string) {
  return render(parseAppSpec(text, "interlock.yaml"), target).map(({ object }) => object);
}

/** Everything in it by path, for looking up what matters. */
function find(objects: readonly object[], kind: string, path: string): unknown {
  const object = objects.find((one) => (one as { kind: string }).kind === kind);
  return path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
}

describe("an application's objects", () => {
  test("are printed with the reason for each, as one YAML text that reads back as they are", () => {
    const rendered = render(parseAppSpec(minimal, "interlock.yaml"), target);
    const text = manifestOf(rendered);
    expect(parseAllDocuments(text).map((document) => document.toJS())).toEqual(rendered.map(({ object }) => object));
    for (const { why } of rendered) expect(text).toContain(`# ${why}`);
  });

  test("are the same, byte for byte, whenever they are made", () => {
    const once = manifestOf(render(parseAppSpec(minimal, "interlock.yaml"), target));
    expect(manifestOf(render(parseAppSpec(minimal, "interlock.yaml"), target))).toBe(once);
  });

  test("hold no secret: the cookie is made where it is applied", () => {
    expect(objectsOf(minimal).map(({ kind }) => kind)).not.toContain("Secret");
  });

  test("make pods that the restricted Pod Security admits", () => {
    const pod = find(objectsOf(minimal), "Deployment", "spec.template.spec") as Record<string, never>;
    expect(pod).toMatchObject({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    });
  });

  test("have settings in a ConfigMap, as texts; a Secret that is named is mounted, and none otherwise", () => {
    const given = minimal.replace(
      "spec: {}",
      "spec: { config: { chat.perSecond: 20, motto: hello, loud: true }, secrets: [shop-db, shop-mail] }",
    );
    expect(find(objectsOf(given), "ConfigMap", "data")).toEqual({
      "chat.perSecond": "20",
      motto: "hello",
      loud: "true",
    });
    const mounts = (text: string) => {
      const [{ env, volumeMounts }] = find(objectsOf(text), "Deployment", "spec.template.spec.containers") as [
        Record<"env" | "volumeMounts", readonly { readonly name: string }[]>,
      ];
      const volumes = find(objectsOf(text), "Deployment", "spec.template.spec.volumes") as readonly { name: string }[];
      const named = (all: readonly { readonly name: string }[], name: string) => all.find((one) => one.name === name);
      return [named(volumes, "secrets"), named(volumeMounts, "secrets"), named(env, "INTERLOCK_SECRET_DIR")];
    };
    expect(mounts(minimal)).toEqual([undefined, undefined, undefined]);
    const mountPath = "/etc/interlock/secrets";
    expect(mounts(given)).toEqual([
      {
        name: "secrets",
        projected: {
          sources: [{ secret: { name: "shop-db" } }, { secret: { name: "shop-mail" } }],
          defaultMode: 0o440,
        },
      },
      { name: "secrets", mountPath, readOnly: true },
      { name: "INTERLOCK_SECRET_DIR", value: mountPath },
    ]);
  });

  test("mount the certificates where nodes talk over TLS, never the authority's key, and none otherwise", () => {
    const secretsOf = (text: string) => {
      const volumes = find(objectsOf(text), "Deployment", "spec.template.spec.volumes");
      return (volumes as readonly { readonly secret?: { readonly secretName: string } }[]).flatMap(
        ({ secret }) => secret?.secretName ?? [],
      );
    };
    const variables = (text: string) =>
      JSON.stringify(find(objectsOf(text), "Deployment", "spec.template.spec.containers"));
    const [on, off] = ["spec: { tls: true, cluster: mall }", "spec: { tls: false, cluster: mall }"].map((spec) =>
      minimal.replace("spec: {}", spec),
    ) as [string, string];
    expect([secretsOf(on), secretsOf(off)]).toEqual([["mall-cookie", "mall-tls"], ["mall-cookie"]]);
    expect(variables(on)).toContain('{"name":"INTERLOCK_TLS_DIR","value":"/etc/interlock/tls"}');
    expect(variables(off)).not.toContain("TLS");
  });

  test("give a pod more time to end than all phases of its drain take", () => {
    const slow = `${minimal.replace("spec: {}", "spec: { drain: { settle: 7, requests: 100, handoff: 20, leave: 9 } }")}`;
    const grace = find(objectsOf(slow), "Deployment", "spec.template.spec.terminationGracePeriodSeconds");
    expect(grace).toBeGreaterThan(7 + 100 + 9);
  });

  test("have a program end that is told to while it still loads, as PID 1 would not", () => {
    expect(find(objectsOf(minimal), "Deployment", "spec.template.spec.shareProcessNamespace")).toBe(true);
  });

  test("never go below the pods that were asked for, and make all new ones first where there are WebSockets", () => {
    const strategy = (text: string) => find(objectsOf(text), "Deployment", "spec.strategy.rollingUpdate");
    expect(strategy(minimal)).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(strategy(minimal.replace("spec: {}", "spec: { webSockets: true }"))).toEqual({
      maxUnavailable: 0,
      maxSurge: "100%",
    });
  });

  test("let nodes be found before they are ready, and let them hold their own leases and no others", () => {
    const objects = objectsOf(minimal.replace("spec: {}", "spec: { singletons: [editor] }"));
    expect(find(objects, "Service", "spec.publishNotReadyAddresses")).toBe(true);
    expect(find(objects, "Role", "rules.0.resourceNames")).toEqual(["shop-formation", "shop-editor"]);
    expect(objects.filter(({ kind }) => kind === "Lease").map(({ metadata }) => metadata.name)).toEqual([
      "shop-formation",
      "shop-editor",
    ]);
  });
});

describe("a file that describes an application", () => {
  test.each([
    ["is no YAML", "a: [", "INTERLOCK_APP_FILE", /./],
    [
      "has a key that means nothing",
      minimal.replace("spec: {}", "spec: { replica: 3 }"),
      "INTERLOCK_APP_FILE",
      /replica/,
    ],
    ["has a name that Kubernetes refuses", minimal.replace("shop", "Shop"), "INTERLOCK_APP_FILE", /metadata\.name/],
    [
      "has a setting that no ConfigMap can hold",
      minimal.replace("spec: {}", "spec: { config: { a/b: 1 } }"),
      "INTERLOCK_APP_FILE",
      /spec\.config/,
    ],
    ["asks for no pods", minimal.replace("spec: {}", "spec: { replicas: 0 }"), "INTERLOCK_APP_FILE", /spec\.replicas/],
  ] as const)("that %s is refused with what is wrong", (_what, text, code, words) => {
    let thrown: unknown;
    try {
      parseAppSpec(text, "interlock.yaml");
    } catch (error) {
      thrown = error;
    }
    expect(isError(thrown, code as never)).toBe(true);
    expect((thrown as Error).message).toMatch(words);
  });
});
