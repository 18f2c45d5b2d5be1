/**
 * `npm run build`: types by tsc, one .d.ts for each source file, and one index.js with its map, in packages/<name>/dist.
 * One file, because Node.js pays for every import statement it resolves: docs/decisions/0005-one-file.md.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { publishedPackages } from "./packages.ts";
import { step } from "./step.ts";

for (const { name, folder } of publishedPackages()) {
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  step(`types of ${name}`, "tsc", ["-p", "tsconfig.build.json"], folder);
  const bundle = ["src/index.ts", "--file", "dist/index.js", "--format", "esm", "--platform", "node", "--sourcemap"];
  step(`build ${name}`, "rolldown", bundle, folder);
}
