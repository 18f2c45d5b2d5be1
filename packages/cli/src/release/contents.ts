/** What a release holds: the application's own files and everything that it needs to run, each with its place in the image. */
import { execFile } from "node:child_process";
import { readdir, readFile, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { CliError } from "../errors.ts";

const run = promisify(execFile);

export interface ReleaseFile {
  /** In the release: `app/src/main.ts`. */
  readonly path: string;
  /** Here. */
  readonly source: string;
}

/**
 * The files that npm would publish of the application, and the production dependencies as they are installed here. Packages of
 * the same workspace come as they would be published too, so they have to be built.
 *
 * **Errors** `INTERLOCK_RELEASE`
 */
export async function releaseContents(folder: string): Promise<readonly ReleaseFile[]> {
  const modules = await installed(folder);
  const [own, ...others] = await Promise.all([
    published(folder, "app"),
    ...modules.map(async ({ isLink, place, real }) =>
      isLink ? published(real, `app/${place}`) : everything(real, `app/${place}`),
    ),
  ]);
  // What npm and git did not make the same on every machine, they list in any order.
  return [...(own ?? []), ...others.flat()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Installed {
  /** `node_modules/hono` */
  readonly place: string;
  readonly real: string;
  /** One of the workspace. */
  readonly isLink: boolean;
}

async function installed(folder: string): Promise<readonly Installed[]> {
  const listed = await npm(folder, ["ls", "--omit=dev", "--all", "--parseable"]);
  const [root = folder, ...paths] = listed.split("\n").filter((line) => line !== "");
  const links = new Map<string, string>();
  const found: Installed[] = [];
  for (const path of paths) {
    const real = await realpath(path);
    if (real === (await realpath(folder))) continue;
    const place = relative(root, path).split(sep).join("/");
    if (real !== path) links.set(real, place);
    found.push({ place, real, isLink: real !== path });
  }
  return found.map((one) => ({ ...one, place: placeOf(one, links) }));
}

/** Dependencies of a workspace package that lie beside it come with it. */
function placeOf({ place, real }: Installed, links: ReadonlyMap<string, string>): string {
  for (const [target, link] of links)
    if (real.startsWith(`${target}${sep}node_modules${sep}`))
      return `${link}/${relative(target, real).split(sep).join("/")}`;
  return place;
}

async function published(folder: string, place: string): Promise<readonly ReleaseFile[]> {
  const packed = JSON.parse(await npm(folder, ["pack", "--dry-run", "--json", "--ignore-scripts"])) as [
    { readonly files: readonly { readonly path: string }[] },
  ];
  return packed[0].files.map(({ path }) => ({ path: `${place}/${path}`, source: join(folder, path) }));
}

async function everything(folder: string, place: string): Promise<readonly ReleaseFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((source) => !relative(folder, source).split(sep).includes("node_modules"))
    .map((source) => ({ path: `${place}/${relative(folder, source).split(sep).join("/")}`, source }));
}

async function npm(folder: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run("npm", [...args], { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (cause) {
    const { message, stderr = "" } = cause as Error & { readonly stderr?: string };
    const problem = stderr.split("\n").find((line) => /ERR!|error/.test(line)) ?? message;
    throw new CliError(
      "INTERLOCK_RELEASE",
      `Cannot release ${folder}: npm ${args[0]}: ${problem}`,
      { folder, problem },
      { cause },
    );
  }
}

export interface PackageManifest {
  readonly name: string;
  readonly version: string;
}

export async function manifestIn(folder: string): Promise<PackageManifest> {
  const path = join(folder, "package.json");
  try {
    return JSON.parse(await readFile(path, "utf8")) as PackageManifest;
  } catch (cause) {
    const problem = (cause as Error).message;
    throw new CliError("INTERLOCK_RELEASE", `Cannot release ${folder}: ${problem}`, { folder, problem }, { cause });
  }
}
