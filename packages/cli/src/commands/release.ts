/** `interlock release`: the application as a folder's worth of files, and as an image. */
import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { readAppSpec } from "../deploy/app-spec.ts";
import { badOption } from "../errors.ts";
import { imageReference } from "../registry/reference.ts";
import { manifestIn, releaseContents } from "../release/contents.ts";
import { type Base, imageOf, readBase, writeImage } from "../release/image.ts";
import { layerOf } from "../release/layer.ts";
import { sbomOf } from "../release/sbom.ts";
import { signs } from "../ui/colour.ts";
import { answer, formatOf } from "../ui/output.ts";
import { megabytes } from "../ui/table.ts";
import type { Terminal } from "../ui/terminal.ts";

export interface ReleaseOptions {
  readonly file: string;
  readonly base?: string;
  readonly tag?: string;
  readonly out: string;
  readonly thin?: boolean;
  /** Where the image goes: `registry:5000/team/bank:1.4.0`. */
  readonly push?: string;
  readonly output?: string;
}

/** **Errors** `INTERLOCK_RELEASE`, `INTERLOCK_APP_FILE`, `INTERLOCK_LAUNCH_OPTION`. */
export async function release(options: ReleaseOptions, terminal: Pick<Terminal, "out" | "talk">): Promise<void> {
  const format = formatOf(options.output);
  const folder = dirname(resolve(options.file));
  const app = await readAppSpec(options.file);
  const { version } = await manifestIn(folder);
  if (options.base === undefined)
    throw badOption("--base", "nothing", "an image with Node.js 26: the OCI archive of one, or its name in a registry");
  const target = options.push === undefined ? undefined : imageReference(options.push, "--push");
  const tag = options.tag ?? options.push ?? `${app.name}:${version}`;
  const { out: to, talk } = terminal;
  const said = (what: string, bytes: number): void =>
    void talk.write(`${signs.waiting(talk)} ${what}  ${megabytes(bytes)}\n`);
  const base = await baseFrom(options.base, (digest, bytes) => said(`fetched ${digest.slice(0, 19)}`, bytes));
  const contents = await releaseContents(folder);
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  const sbom = await sbomOf({ name: app.name, version }, contents);
  const parts = join(out, `${app.name}.cdx.json`);
  await writeFile(parts, `${JSON.stringify(sbom, undefined, 2)}\n`);
  const archive = join(out, `${app.name}.tar`);
  const image = imageOf(base, await layerOf(contents), {
    workingDirectory: "/app",
    command: ["node", app.entry],
    env: ["NODE_ENV=production"],
    labels: { "org.opencontainers.image.title": app.name, "org.opencontainers.image.version": version },
  });
  await writeImage(archive, image, { tag, thin: options.thin === true });
  const { digest } = image.manifest;
  talk.write(`${signs.good(talk)} ${tag}  ${contents.length} files  ${digest}\n`);
  let pushed: string | undefined;
  if (target !== undefined) {
    const { pushImage } = await import("../registry/images.ts");
    pushed = await pushImage(target, image, (part, bytes, isNew) =>
      said(`${isNew ? "pushed" : "is there:"} ${part.slice(0, 19)}`, bytes),
    );
    talk.write(`${signs.good(talk)} ${pushed}\n`);
  }
  const made = { archive, digest, files: contents.length, sbom: parts, tag, pushed };
  await answer(made, format, to, () => `${pushed ?? archive}\n`);
}

/** A file that is there is an archive; what is none is the name of an image in a registry. */
async function baseFrom(given: string, fetched: (digest: string, bytes: number) => void): Promise<Base> {
  const isFile = await stat(given).then(
    (found) => found.isFile(),
    () => false,
  );
  // What looks like a path is meant to be one.
  if (isFile || /^[./~]|\.tar$/.test(given)) return readBase(given);
  const { pullBase } = await import("../registry/images.ts");
  return pullBase(imageReference(given, "--base"), { fetched });
}
