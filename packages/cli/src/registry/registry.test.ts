import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Base, type Image, imageOf, types } from "../release/image.ts";
import { blobOf, digestOf } from "../release/layer.ts";
import { pullBase, pushImage } from "./images.ts";
import { imageReference } from "./reference.ts";
import { hasProgram, MemoryRegistry, password, programRegistry, type TestRegistry, user } from "./registry.fixture.ts";

let folder: string;
const before = process.env["DOCKER_CONFIG"];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-docker-"));
  process.env["DOCKER_CONFIG"] = folder;
});
afterEach(async () => {
  if (before === undefined) delete process.env["DOCKER_CONFIG"];
  else process.env["DOCKER_CONFIG"] = before;
  await rm(folder, { recursive: true });
});

async function login(host: string, as = `${user}:${password}`): Promise<void> {
  const auths = { [host]: { auth: Buffer.from(as).toString("base64") } };
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths }));
}

function layer(text: string) {
  const bytes = Buffer.from(text);
  return { ...blobOf(gzipSync(bytes)), diffId: digestOf(bytes) };
}

/** Of one layer, with another one upon it. */
function someImage(): Image {
  const below = layer("a system");
  const rootfs = { type: "layers", diff_ids: [below.diffId] };
  const image = { architecture: "amd64", os: "linux", config: { Env: ["PATH=/bin"] }, rootfs };
  const base: Base = {
    image,
    layers: [{ mediaType: types.layer, digest: below.digest, size: below.bytes.length }],
    blobs: new Map([[below.digest, below.bytes]]),
  };
  return imageOf(base, layer("an application"), {
    workingDirectory: "/app",
    command: ["node", "main.js"],
    env: [],
    labels: {},
  });
}

/** What holds for every registry. */
function contract(start: () => Promise<TestRegistry>): void {
  test("takes an image, and gives it back as it was; what it has already is not sent again", async () => {
    await using registry = await start();
    await login(registry.host);
    const to = imageReference(`${registry.host}/team/bank:1.4.0`, "--push");
    const image = someImage();
    const sent: boolean[] = [];
    const pushed = await pushImage(to, image, (_digest, _bytes, isNew) => sent.push(isNew));
    expect(pushed).toBe(`${registry.host}/team/bank@${image.manifest.digest}`);
    expect(sent).toEqual([true, true, true]);
    for (const name of [`${registry.host}/team/bank:1.4.0`, pushed]) {
      const base = await pullBase(imageReference(name, "--base"));
      expect(base.image.config).toMatchObject({ Env: ["PATH=/bin"], Entrypoint: ["node", "main.js"] });
      expect(base.layers.map(({ digest }) => digest)).toEqual([image.base.layers[0]?.digest, image.layer.digest]);
      expect(base.blobs.get(image.layer.digest)).toEqual(new Uint8Array(image.layer.bytes));
    }
    sent.length = 0;
    await pushImage(to, image, (_digest, _bytes, isNew) => sent.push(isNew));
    expect(sent).toEqual([false, false, false]);
  });

  test("says what it has not, and to whom it gives nothing", async () => {
    await using registry = await start();
    await login(registry.host);
    await expect(pullBase(imageReference(`${registry.host}/team/bank:none`, "--base"))).rejects.toMatchObject({
      code: "INTERLOCK_REGISTRY",
      details: { registry: registry.host, status: 404, problem: expect.stringMatching(/^MANIFEST_UNKNOWN/) },
    });
    await login(registry.host, "anna:wrong");
    const wrong = pullBase(imageReference(`${registry.host}/team/bank:none`, "--base"));
    await expect(wrong).rejects.toMatchObject({ code: "INTERLOCK_REGISTRY", details: { status: 401 } });
    await writeFile(join(folder, "config.json"), "{}");
    const nobody = pullBase(imageReference(`${registry.host}/team/bank:none`, "--base"));
    await expect(nobody).rejects.toMatchObject({ code: "INTERLOCK_REGISTRY", details: { status: 401 } });
    await expect(nobody).rejects.not.toThrow(password);
  });
}

describe("a registry in memory, which wants a token,", () => {
  contract(() => MemoryRegistry.start());

  test("is not believed when bytes are not what their digest says", async () => {
    await using registry = await MemoryRegistry.start();
    await login(registry.host);
    const image = someImage();
    const to = imageReference(`${registry.host}/team/bank:1.4.0`, "--push");
    await pushImage(to, image, () => undefined);
    registry.blobs.set(image.layer.digest, Buffer.from("something else"));
    await expect(pullBase(to)).rejects.toThrow("the bytes are not what their digest says");
  });

  test.each([
    ["a page of whoever stands in between", "<html>Sign in</html>"],
    ["nothing", "null"],
    ["something else", '{"errors":[]}'],
    ["layers that are none", '{"config":{"digest":"sha256:0"},"layers":[null]}'],
    ["layers without a digest", '{"config":{"digest":"sha256:0"},"layers":[{}]}'],
  ])("that answers with %s, and not with an image, is named", async (_, text) => {
    await using registry = await MemoryRegistry.start();
    await login(registry.host);
    const from = imageReference(`${registry.host}/team/bank:odd`, "--base");
    for (const type of [types.manifest, "application/vnd.oci.image.index.v1+json"]) {
      registry.manifests.set("odd", { type, bytes: Buffer.from(text) });
      await expect(pullBase(from)).rejects.toMatchObject({
        code: "INTERLOCK_REGISTRY",
        message: expect.stringContaining("GET /v2/team/bank/manifests/odd: what it answers with is not"),
      });
    }
  });

  test("of an image for several machines gives the one for the machine that is asked for", async () => {
    await using registry = await MemoryRegistry.start();
    await login(registry.host);
    const image = someImage();
    const to = imageReference(`${registry.host}/team/bank:1.4.0`, "--push");
    await pushImage(to, image, () => undefined);
    const manifests = [
      { digest: `sha256:${"0".repeat(64)}`, platform: { os: "linux", architecture: "s390x" } },
      { digest: image.manifest.digest, platform: { os: "linux", architecture: "arm64" } },
    ];
    const type = "application/vnd.oci.image.index.v1+json";
    registry.manifests.set("many", { type, bytes: Buffer.from(JSON.stringify({ manifests })) });
    const many = { ...to, reference: "many" };
    const base = await pullBase(many, { architecture: "arm64" });
    expect(base.layers).toHaveLength(2);
    await expect(pullBase(many, { architecture: "riscv64" })).rejects.toMatchObject({ code: "INTERLOCK_RELEASE" });
  });

  test("that cannot be reached is named", async () => {
    const gone = await MemoryRegistry.start();
    const { host } = gone;
    await gone[Symbol.asyncDispose]();
    await expect(pullBase(imageReference(`${host}/team/bank:1`, "--base"))).rejects.toMatchObject({
      code: "INTERLOCK_REGISTRY",
      details: { registry: host, status: undefined, problem: expect.stringContaining("ECONNREFUSED") },
    });
  });
});

const name = `CNCF Distribution, which wants a password, ${hasProgram ? "" : "(none installed: apt-get install docker-registry)"}`;
describe.skipIf(!hasProgram)(name, () => contract(programRegistry));
