/** `npm run build`: one .js and .d.ts for each source file of every published package, in packages/<name>/dist. */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { publishedPackages } from "./packages.ts";
import { step } from "./step.ts";

for (const { name, folder } of publishedPackages()) {
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  step(`build ${name}`, "tsc", ["-p", "tsconfig.build.json"], folder);
}
