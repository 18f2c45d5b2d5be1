/** What is measured is what is published: the builds of the packages, made anew when sources have changed. */

import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Builds the packages, and the twin of core without containment. Gives the reason when that fails. */
export function build(repository: string): string | undefined {
  const folders = readdirSync(join(repository, "packages")).map((name) => join(repository, "packages", name));
  const bench = join(repository, "bench");
  const changed = Math.max(newest(join(repository, "packages/core/src")), newest(join(bench, "src")));
  if (folders.some((folder) => newest(join(folder, "dist")) < newest(join(folder, "src")))) {
    const failed = run([join(repository, "scripts/build.ts")], repository);
    if (failed !== undefined) return failed;
  }
  if (newest(join(bench, "dist")) >= changed) return undefined;
  const rolldown = join(repository, "node_modules/rolldown/bin/cli.mjs");
  const files = ["src/uncontained-core.ts", "--file", "dist/uncontained-core.js"];
  return run([rolldown, ...files, "--format", "esm", "--platform", "node", "--sourcemap"], bench);
}

function run(args: readonly string[], cwd: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd });
  return status === 0 ? undefined : `the build failed: ${`${stdout}${stderr}`.trim().split("\n").at(-1)}`;
}

function newest(folder: string): number {
  const options = { recursive: true, withFileTypes: true } as const;
  try {
    const files = readdirSync(folder, options).filter((entry) => entry.isFile());
    return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
  } catch {
    return 0;
  }
}
