/** The import row measures what is published: the build of core, made anew when its sources have changed. */

import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Gives the reason when there is no build to measure. */
export function buildCore(repository: string): string | undefined {
  const core = join(repository, "packages/core");
  if (newest(join(core, "dist")) >= newest(join(core, "src"))) return undefined;
  const { status, stdout } = spawnSync(process.execPath, [join(repository, "scripts/build.ts")], { encoding: "utf8" });
  return status === 0 ? undefined : `npm run build failed: ${stdout.trim().split("\n").at(-1)}`;
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
