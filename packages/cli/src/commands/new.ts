/** `interlock new`: a folder with a service that runs. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { badOption, CliError } from "../errors.ts";
import { scaffold } from "../new/scaffold.ts";
import { coloured, signs } from "../ui/colour.ts";
import type { Terminal } from "../ui/terminal.ts";

/** `given`: a name, or a path that ends in one. **Errors** `INTERLOCK_FOLDER_NOT_EMPTY`, `INTERLOCK_LAUNCH_OPTION`. */
export async function newProject(given: string, { out, talk }: Pick<Terminal, "out" | "talk">): Promise<void> {
  const folder = resolve(given);
  const name = basename(folder);
  // As Kubernetes wants the names of what will be there.
  if (!/^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$/.test(name))
    throw badOption("name", JSON.stringify(name), "lower-case letters, digits and dashes, at most 42, a letter first");
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // A repository that was made beforehand is empty for this.
  if (there.some((entry) => entry !== ".git"))
    throw new CliError("INTERLOCK_FOLDER_NOT_EMPTY", `Cannot make ${name} in ${folder}: it is not empty`, { folder });
  const manifest = createRequire(import.meta.url).resolve("@interlock/cli/package.json");
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { readonly version: string };
  const files = Object.entries(scaffold(name, version));
  for (const [path, text] of files) {
    const at = join(folder, path);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, text, { flag: "wx" });
  }
  talk.write(`${signs.good(talk)} ${name}  ${files.length} files in ${folder}\n`);
  talk.write(`  next  ${coloured("cyan", `cd ${given} && npm install && npx interlock dev`, talk)}\n`);
  out.write(`${folder}\n`);
}
