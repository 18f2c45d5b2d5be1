/**
 * `npm run build`: types by tsc, one .d.ts for each source file, and one JavaScript file with its map (and a thin
 * one beside it for each of several entries), in packages/<name>/dist. Because Node.js pays for every import statement that it resolves:
 * docs/decisions/0005-one-file.md.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { publishedPackages } from "./packages.ts";
import { root, step } from "./step.ts";

for (const { name, folder } of publishedPackages()) {
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  step(`types of ${name}`, "tsc", ["-p", "tsconfig.build.json"], folder);
  step(`build ${name}`, "rolldown", ["-c", join(root, "scripts/rolldown.config.js")], folder);
}
