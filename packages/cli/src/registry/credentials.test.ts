import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bearerToken } from "./authorization.ts";
import { credentialsFor } from "./credentials.ts";

const MARKER = "s3cretpassword";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-credentials-"));
  vi.stubEnv("DOCKER_CONFIG", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

const left = (text: string): Promise<void> => writeFile(join(folder, "config.json"), text);

/** A helper of that name in the path, as a shell's script. */
async function helper(name: string, script: string): Promise<void> {
  await left(JSON.stringify({ credHelpers: { "ghcr.io": name } }));
  await writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\ncat >/dev/null\n${script}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
}

/** With its cause, its stack and all else that a terminal could be shown of it. */
async function refusal(): Promise<{ readonly error: unknown; readonly shown: string }> {
  const error: unknown = await credentialsFor("ghcr.io").then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: "INTERLOCK_REGISTRY", details: { registry: "ghcr.io", status: undefined } });
  return { error, shown: inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }) };
}

test.each([MARKER, `"${MARKER}"`, `{"auths":{"ghcr.io":{"auth":"${MARKER}"}}`, "null"])(
  "a file that holds no object is named, and nothing of it is repeated: %s",
  async (text) => {
    await left(text);
    const { shown } = await refusal();
    expect(shown).toContain(join(folder, "config.json"));
    expect(shown).not.toContain(MARKER);
  },
);

test("a file that cannot be read is named", async () => {
  vi.stubEnv("DOCKER_CONFIG", join(folder, "config.json"));
  await left("{}");
  const { error } = await refusal();
  expect(error).toMatchObject({ details: { problem: "it cannot be read: ENOTDIR" } });
});

test.each([
  ["is no JSON", `echo ${MARKER}`],
  ["is no object", `echo '"${MARKER}"'`],
  ["has no user", `echo '{"Secret":"${MARKER}"}'`],
  ["comes with a failure", `echo ${MARKER}; echo ${MARKER} >&2; exit 3`],
])("a helper whose answer %s is named, and nothing of it is repeated", async (_, script) => {
  await helper("odd", script);
  const { shown } = await refusal();
  expect(shown).toContain("docker-credential-odd");
  expect(shown).not.toContain(MARKER);
});

test("a helper that is not installed is named", async () => {
  await left(JSON.stringify({ credHelpers: { "ghcr.io": "nowhere" } }));
  const { error } = await refusal();
  expect(error).toMatchObject({ message: expect.stringContaining("docker-credential-nowhere"), cause: undefined });
});

test("a helper gives who to be to a registry", async () => {
  await helper("good", `echo '{"Username":"anna","Secret":"${MARKER}"}'`);
  expect(await credentialsFor("ghcr.io")).toEqual({ type: "password", user: "anna", password: MARKER });
});

test("an answer that should be a token, and is no JSON, is not repeated", async () => {
  vi.stubGlobal("fetch", async () => new Response(MARKER));
  const realm = "https://auth.example/token";
  const challenge = { scheme: "bearer", realm, service: undefined, scope: undefined } as const;
  const asked = bearerToken(challenge, "any", undefined, new AbortController().signal);
  await expect(asked).rejects.toThrow("auth.example has given no token");
  expect(await asked.catch((reason: unknown) => inspect(reason))).not.toContain(MARKER);
});
