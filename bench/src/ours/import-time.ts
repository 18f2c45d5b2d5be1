/** How long a fresh Node.js takes longer to end when its program imports the built @interlock/core. */

import { spawnSync } from "node:child_process";
import { emit, median, quick, runPrograms } from "../figure.ts";

const here = import.meta.dirname;

/** Milliseconds of a whole Node.js process that runs `source`, and what it printed. */
function run(source: string): readonly [number, string] {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: here,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr.split("\n").find((line) => line.includes("Error")) ?? stderr);
  return [performance.now() - start, stdout];
}

const inside =
  'const start = performance.now(); await import("@interlock/core"); console.log(performance.now() - start)';

await runPrograms({
  import_core: async () => {
    const empty: number[] = [];
    const importing: number[] = [];
    const loading: number[] = [];
    for (let round = 0; round < (quick ? 7 : 21); round++) {
      empty.push(run("console.log(0)")[0]);
      const [wall, printed] = run(inside);
      importing.push(wall);
      loading.push(Number(printed));
    }
    const value = median(importing) - median(empty);
    emit({
      name: "import_core",
      value,
      unit: "ms",
      count: empty.length,
      emptyStart: median(empty),
      importExpression: median(loading),
    });
  },
});
