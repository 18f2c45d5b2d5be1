/** An application's interlock.yaml, with what a test wants to be otherwise. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { root } from "./kubernetes.ts";

export interface AppFile {
  readonly metadata: { readonly name: string };
  readonly spec: SpecChanges;
}

/** Of `spec` in interlock.yaml: what is to be otherwise; of `env`, each variable by itself. */
export type SpecChanges = Readonly<Record<string, unknown>> & {
  readonly env?: Readonly<Record<string, string>>;
};

/** `file`: from the repository's root. */
export async function readApp(file: string): Promise<AppFile> {
  return parse(await readFile(join(root, file), "utf8")) as AppFile;
}

/** @returns the file's path; it is in a folder of its own. */
export async function writeApp(app: AppFile, changes: readonly SpecChanges[]): Promise<string> {
  const specs = [app.spec, ...changes];
  const env = Object.assign({}, ...specs.map((spec) => spec.env)) as Readonly<Record<string, string>>;
  const file = join(await mkdtemp(join(tmpdir(), "interlock-e2e-app-")), "interlock.yaml");
  await writeFile(file, stringify({ ...app, spec: Object.assign({}, ...specs, { env }) as SpecChanges }));
  return file;
}
