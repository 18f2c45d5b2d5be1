/** `interlock run`: the application as the program of a pod, or of a terminal. */
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyApplication } from "@interlock/core";
import type { PodOptions } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";

export interface RunOptions {
  readonly file: string;
}

/** **Errors** `INTERLOCK_ENTRY`, `INTERLOCK_APP_FILE`; and whatever the program throws while it is loaded. */
export async function run(entry: string | undefined, options: RunOptions): Promise<void> {
  await runEntry(await entryOf(entry, options.file));
}

/**
 * The program of a node: what is asked for, else `spec.entry` of the application's file, else `main` of the package.json
 * beside it. **Errors** `INTERLOCK_ENTRY`.
 */
export async function entryOf(asked: string | undefined, file: string): Promise<string> {
  if (asked !== undefined) return resolve(asked);
  const folder = dirname(resolve(file));
  if (await exists(file)) {
    const { readAppSpec } = await import("../deploy/app-spec.ts");
    return join(folder, (await readAppSpec(file)).entry);
  }
  const manifest = join(folder, "package.json");
  const text = await readFile(manifest, "utf8").catch(() => "{}");
  const { main } = JSON.parse(text) as { readonly main?: string };
  if (main !== undefined) return join(folder, main);
  throw entryError(manifest, `there is no ${file}, and no main in package.json`);
}

/**
 * Loads a program. When its default export is an application it is run as a pod's, with the options that it exports as `pod`;
 * any other program has by then begun to run by itself.
 */
export async function runEntry(path: string): Promise<void> {
  if (!(await exists(path))) throw entryError(path, "there is no such file");
  const isPod = process.env["INTERLOCK_APP"] !== undefined;
  // Before the program is loaded: where the heap has another size, it begins anew.
  if (isPod) (await import("@interlock/kubernetes/heap")).fitHeap();
  const program = (await import(pathToFileURL(path).href)) as { readonly default?: unknown; readonly pod?: PodOptions };
  if (!isApplication(program.default)) return;
  const { runPod } = await import("@interlock/kubernetes");
  // Only a pod's kubelet looks for a certain port; programs that share a machine cannot all have it.
  const place: PodOptions = isPod ? {} : { managementPort: 0, heapPercent: false };
  await runPod(program.default, { ...place, ...program.pod });
}

/** By its shape: the program may have a copy of the package of its own. */
function isApplication(value: unknown): value is AnyApplication {
  if (typeof value !== "object" || value === null) return false;
  const { module, name, start, version } = value as Partial<AnyApplication>;
  return typeof name === "string" && typeof version === "string" && typeof start === "function" && module !== undefined;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function entryError(entry: string, problem: string): CliError<"INTERLOCK_ENTRY"> {
  return new CliError("INTERLOCK_ENTRY", `There is no program to run at ${entry}: ${problem}`, { entry, problem });
}
