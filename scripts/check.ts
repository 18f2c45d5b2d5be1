/** `npm run check`: what a change must pass besides the tests. The same for people and for CI, in less than a minute. */
import { join } from "node:path";

import { publishedPackages } from "./packages.ts";
import { root, step } from "./step.ts";

// Biome colours its output even for a pipe and with NO_COLOR, unless told.
const colours = `--colors=${process.stdout.isTTY ? "force" : "off"}`;

step("format and syntax (biome)", "biome", ["ci", "--error-on-warnings", colours, "."]);
step("types (tsc)", "tsc", ["-p", "tsconfig.json"]);
step("typed lint (oxlint)", "oxlint", ["--type-aware", "--deny-warnings"]);
step("unused code (knip)", "knip", ["--no-progress"]);
step("build", "node", [join(root, "scripts", "build.ts")]);
for (const { name, folder } of publishedPackages()) {
  step(`package (publint) ${name}`, "publint", ["--strict", folder]);
}
