/** `interlock release`: the application as a folder's worth of files, and as an image. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { readAppSpec } from "../deploy/app-spec.ts";
import { badOption } from "../errors.ts";
import { manifestIn, releaseContents } from "../release/contents.ts";
import { readBase, writeImage } from "../release/image.ts";
import { layerOf } from "../release/layer.ts";
import { sbomOf } from "../release/sbom.ts";

export interface ReleaseOptions {
  readonly file: string;
  readonly base?: string;
  readonly tag?: string;
  readonly out: string;
  readonly thin?: boolean;
}

export async function release(options: ReleaseOptions): Promise<void> {
  const folder = dirname(resolve(options.file));
  const app = await readAppSpec(options.file);
  const { version } = await manifestIn(folder);
  if (options.base === undefined) throw badOption("--base", "nothing", "the OCI archive of an image with Node.js 26");
  const tag = options.tag ?? `${app.name}:${version}`;
  const contents = await releaseContents(folder);
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  const sbom = await sbomOf({ name: app.name, version }, contents);
  await writeFile(join(out, `${app.name}.cdx.json`), `${JSON.stringify(sbom, undefined, 2)}\n`);
  const archive = join(out, `${app.name}.tar`);
  const digest = await writeImage(archive, await readBase(options.base), await layerOf(contents), {
    tag,
    workingDirectory: "/app",
    command: ["node", app.entry],
    env: ["NODE_ENV=production"],
    labels: { "org.opencontainers.image.title": app.name, "org.opencontainers.image.version": version },
    thin: options.thin === true,
  });
  process.stderr.write(`✔ ${tag}  ${contents.length} files  ${digest}\n`);
  process.stdout.write(`${archive}\n`);
}
