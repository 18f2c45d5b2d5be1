import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Base, imageOf, readBase, types, writeImage } from "./image.ts";
import { blobOf, digestOf, layerOf } from "./layer.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-image-"));
});
afterEach(() => rm(folder, { recursive: true }));

function someBase(): Base {
  const bytes = Buffer.from("a system");
  const layer = blobOf(gzipSync(bytes));
  const rootfs = { type: "layers", diff_ids: [digestOf(bytes)] };
  return {
    image: { architecture: "amd64", os: "linux", config: { Env: ["PATH=/bin"], Cmd: ["sh"] }, rootfs },
    layers: [{ mediaType: types.layer, digest: layer.digest, size: layer.bytes.length }],
    blobs: new Map([[layer.digest, layer.bytes]]),
  };
}

async function someImage() {
  const source = join(folder, "main.js");
  await writeFile(source, "console.log('hello')");
  const layer = await layerOf([{ path: "app/main.js", source }]);
  const options = { workingDirectory: "/app", command: ["node", "main.js"], env: ["NODE_ENV=production"], labels: {} };
  return imageOf(someBase(), layer, options);
}

test("an archive reads back as the image: the base's layers and one more, which runs the program as nobody special", async () => {
  const path = join(folder, "bank.tar");
  const image = await someImage();
  await writeImage(path, image, { tag: "bank:1", thin: false });
  const read = await readBase(path);
  expect(read.layers.map(({ digest }) => digest)).toEqual([image.base.layers[0]?.digest, image.layer.digest]);
  expect(read.image.rootfs.diff_ids).toEqual([...image.base.image.rootfs.diff_ids, image.layer.diffId]);
  expect(read.image.config).toMatchObject({
    Env: ["PATH=/bin", "NODE_ENV=production"],
    Entrypoint: ["node", "main.js"],
    User: "1000:1000",
  });
  expect(read.image.config).not.toHaveProperty("Cmd");
  for (const { digest } of read.layers) expect(digestOf(read.blobs.get(digest) ?? new Uint8Array())).toBe(digest);
});

test("the same files give the same bytes, and a thin archive leaves out what the machine has", async () => {
  const [once, again, thin] = ["once", "again", "thin"].map((name) => join(folder, name)) as [string, string, string];
  await writeImage(once, await someImage(), { tag: "bank:1", thin: false });
  await writeImage(again, await someImage(), { tag: "bank:1", thin: false });
  expect((await readFile(once)).equals(await readFile(again))).toBe(true);
  await writeImage(thin, await someImage(), { tag: "bank:1", thin: true });
  expect((await stat(thin)).size).toBeLessThan((await stat(once)).size);
  const { base } = await someImage();
  expect((await readBase(thin)).blobs.has(base.layers[0]?.digest ?? "")).toBe(false);
});

test("what is no archive of an image is refused with its name", async () => {
  const path = join(folder, "notes.tar");
  await writeFile(path, "these are notes");
  await expect(readBase(path)).rejects.toMatchObject({ code: "INTERLOCK_RELEASE", details: { folder: path } });
});
