/** `interlock release`: the application as a folder's worth of files, and as an image. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { readAppSpec } from "../deploy/app-spec.ts";
import { badOption } from "../errors.ts";
import { manifestIn, releaseContents } from "../release/contents.ts";
import { readBase, writeImage } from "../release/image.ts";
import { layerOf } from "../release/layer.ts";
import { sbomOf } from "../release/sbom.ts";
import { signs } from "../ui/colour.ts";
import { answer, formatOf } from "../ui/output.ts";
import type { Terminal } from "../ui/terminal.ts";

export interface ReleaseOptions {
  readonly file: string;
  readonly base?: string;
  readonly tag?: string;
  readonly out: string;
  readonly thin?: boolean;
  readonly output?: string;
}

/** **Errors** `INTERLOCK_RELEASE`, `INTERLOCK_APP_FILE`, `INTERLOCK_LAUNCH_OPTION`. */
export async function release(options: ReleaseOptions, terminal: Pick<Terminal, "out" | "talk">): Promise<void> {
  const format = formatOf(options.output);
  const folder = dirname(resolve(options.file));
  const app = await readAppSpec(options.file);
  const { version } = await manifestIn(folder);
  if (options.base === undefined) throw badOption("--base", "nothing", "the OCI archive of an image with Node.js 26");
  const tag = options.tag ?? `${app.name}:${version}`;
  const contents = await releaseContents(folder);
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  const sbom = await sbomOf({ name: app.name, version }, contents);
  const parts = join(out, `${app.name}.cdx.json`);
  await writeFile(parts, `${JSON.stringify(sbom, undefined, 2)}\n`);
  const archive = join(out, `${app.name}.tar`);
  const digest = await writeImage(archive, await readBase(options.base), await layerOf(contents), {
    tag,
    workingDirectory: "/app",
    command: ["node", app.entry],
    env: ["NODE_ENV=production"],
    labels: { "org.opencontainers.image.title": app.name, "org.opencontainers.image.version": version },
    thin: options.thin === true,
  });
  const { out: to, talk } = terminal;
  talk.write(`${signs.good(talk)} ${tag}  ${contents.length} files  ${digest}\n`);
  const made = { archive, digest, files: contents.length, sbom: parts, tag };
  await answer(made, format, to, () => `${archive}\n`);
}
