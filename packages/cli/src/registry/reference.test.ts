import { describe, expect, test } from "vitest";
import { challengeIn } from "./authorization.ts";
import { credentialsIn } from "./credentials.ts";
import { imageReference } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("the name of an image", () => {
  test.each([
    ["node:26", "registry-1.docker.io", "library/node", "26"],
    ["team/bank", "registry-1.docker.io", "team/bank", "latest"],
    ["localhost/bank:1", "localhost", "bank", "1"],
    ["registry:5000/team/bank:1.4.0", "registry:5000", "team/bank", "1.4.0"],
    [`ghcr.io/team/bank:1.4.0@${digest}`, "ghcr.io", "team/bank", digest],
  ])("%s is %s, %s, %s", (text, registry, repository, reference) => {
    expect(imageReference(text, "--push")).toEqual({ registry, repository, reference });
  });

  test.each(["", "Bank", "ghcr.io/", "bank:", "bank@sha256:short", "ghcr.io/../x", "bank:a b"])(
    "%j is none",
    (text) => {
      expect(() => imageReference(text, "--push")).toThrow(/Bad --push/);
    },
  );
});

describe("what docker login has left", () => {
  const helper = async (program: string, server: string) => ({ Username: program, Secret: server });
  const auth = Buffer.from("anna:a:b").toString("base64");

  test("is a password, an identity, or with a helper; for other registries it is nothing", async () => {
    const config = { auths: { "ghcr.io": { auth }, "https://index.docker.io/v1/": { identitytoken: "x" } } };
    expect(await credentialsIn(config, "ghcr.io", helper)).toEqual({ type: "password", user: "anna", password: "a:b" });
    expect(await credentialsIn(config, "registry-1.docker.io", helper)).toEqual({ type: "identity", token: "x" });
    expect(await credentialsIn(config, "quay.io", helper)).toBeUndefined();
    const helped = { auths: { "ghcr.io": {} }, credsStore: "pass", credHelpers: { "quay.io": "gcr" } };
    expect(await credentialsIn(helped, "ghcr.io", helper)).toMatchObject({ user: "pass", password: "ghcr.io" });
    expect(await credentialsIn(helped, "quay.io", helper)).toMatchObject({ user: "gcr", password: "quay.io" });
  });
});

test("a challenge is read as registries write it", () => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
  expect(challengeIn(header)).toEqual({
    scheme: "bearer",
    realm: "https://auth.docker.io/token",
    service: "registry.docker.io",
    scope: "repository:a/b:pull,push",
  });
  expect(challengeIn("BASIC realm=test")).toMatchObject({ scheme: "basic", realm: "test" });
  expect(challengeIn("Negotiate")).toBeUndefined();
});
