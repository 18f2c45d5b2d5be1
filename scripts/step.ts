/** Runs the commands of the project's own scripts one after the other, a line each, and stops at the first failure. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const binPath = `${join(root, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`;

const environment = coloured({ ...process.env, PATH: binPath });

/** Prints the step with its time; ends this process with the step's output when the command fails. */
export function step(name: string, command: string, args: readonly string[], cwd: string = root): void {
  const startMs = performance.now();
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: environment,
    maxBuffer: 256 * 1024 * 1024,
  });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (status === 0) {
    console.log(`ok    ${name.padEnd(28)} ${seconds} s`);
    return;
  }
  console.log(`FAIL  ${name.padEnd(28)} ${seconds} s   ${command} ${args.join(" ")}`);
  console.log(`${stdout ?? ""}${stderr ?? ""}${error ? `${error.message}\n` : ""}`);
  process.exit(1);
}

/** Colour only for a terminal; some tools take even FORCE_COLOR=0 for a yes, so the variable is left out otherwise. */
function coloured({ FORCE_COLOR: _, ...rest }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return process.stdout.isTTY ? { ...rest, FORCE_COLOR: "1" } : { ...rest, NO_COLOR: "1" };
}
