/**
 * Settings from a folder of files, as the kubelet mounts a ConfigMap or a Secret. A file's name is the setting's and its text
 * the value; a file of JSON or YAML holds many.
 */
import { existsSync, realpathSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { type ConfigProvider, type ConfigTree, deepMerge } from "@interlock/core";

export interface MountedConfigOptions {
  /** In messages. Default `"ConfigMap"`; of a secret source `"Secret"`. */
  readonly name?: string;
  /** Whether its values are shown to nobody. Default false. */
  readonly secret?: boolean;
}

/** While its files were read the kubelet has put others there, and removed those. */
const TRIES = 5;

/**
 * The settings in a mounted folder. `db.url` is a file's name and a setting's, its text a string; `*.json`, `*.yaml` and `*.yml`
 * hold settings as they are, and give way to those that have a file of their own. All files are taken from one version of the
 * ConfigMap. A folder that is not there, or a file that cannot be understood, is an error: what is in force stays.
 *
 * @example
 * import { mkdtempSync, writeFileSync } from "node:fs";
 * const folder = mkdtempSync("/tmp/interlock-");
 * writeFileSync(`${folder}/bank.yaml`, "db: { url: 'postgres://db', poolSize: 5 }\n");
 * writeFileSync(`${folder}/db.poolSize`, "8\n");
 * const sup = supervisor({ name: "bank_sup", strategy: "one_for_one", children: () => [] });
 * const bank = application({ name: "bank", version: "1.0.0", start: () => sup.startLink() });
 * const running = await bank.start({ config: [mountedConfig(folder)] });
 * console.log(running.config); // { db: { url: 'postgres://db', poolSize: '8' } }
 * await running.stop();
 */
export function mountedConfig(directory: string, options: MountedConfigOptions = {}): ConfigProvider {
  const { secret = false, name = secret ? "Secret" : "ConfigMap" } = options;
  let files: readonly ConfigFile[] = [];
  return {
    name: `${name} ${directory}`,
    secret,
    load: async () => {
      files = await settingsIn(directory);
      return deepMerge(...files.map(({ tree }) => tree));
    },
    placeOf: (path) => `${name} ${directory}/${fileOf(files, path) ?? path.join(".")}`,
    reads: () => [directory],
  };
}

interface ConfigFile {
  readonly file: string;
  readonly tree: ConfigTree;
}

async function settingsIn(directory: string): Promise<readonly ConfigFile[]> {
  const texts = await textsIn(directory);
  const files = await Promise.all(texts.map(async ([file, text]) => ({ file, tree: await parse(file, text) })));
  const single = files.filter(({ file }) => !STRUCTURED.test(file));
  for (const { file } of single) {
    const outer = single.find((other) => file.startsWith(`${other.file}.`));
    if (outer !== undefined) throw new Error(`${outer.file} and ${file} contradict each other`);
  }
  return [...files.filter(({ file }) => STRUCTURED.test(file)), ...single];
}

/** The file that a value has come from. */
function fileOf(files: readonly ConfigFile[], path: readonly string[]): string | undefined {
  return files.findLast(({ tree }) => {
    let value: unknown = tree;
    for (const key of path) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return false;
      value = (value as ConfigTree)[key];
    }
    return true;
  })?.file;
}

/**
 * Where the files are: the kubelet writes them all to a new folder, and then has the link `..data` lead there. Taken from that
 * folder they are of one version; through the links beside it some might be older than others.
 */
export function folderOf(directory: string): string {
  return existsSync(`${directory}/..data`) ? realpathSync(`${directory}/..data`) : directory;
}

async function textsIn(directory: string): Promise<readonly (readonly [string, string])[]> {
  for (let tries = 1; ; tries++) {
    try {
      const folder = folderOf(directory);
      const entries = await readdir(folder, { withFileTypes: true });
      const names = entries
        .filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".."))
        .map(({ name }) => name);
      return await Promise.all(
        names.sort().map(async (name) => [name, await readFile(`${folder}/${name}`, "utf8")] as const),
      );
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT" || tries === TRIES) throw error;
    }
  }
}

const STRUCTURED = /\.(json|ya?ml)$/;

async function parse(file: string, text: string): Promise<ConfigTree> {
  if (!STRUCTURED.test(file)) return settingOf(file, text.replace(/\r?\n$/, ""));
  const tree: unknown = file.endsWith(".json") ? parseJson(file, text) : await parseYaml(file, text);
  if (typeof tree !== "object" || tree === null || Array.isArray(tree))
    throw new Error(`${file} holds no object of settings`);
  return tree as ConfigTree;
}

/** The errors of both have no piece of the text: there may be secrets in it. */
function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /line \d+ column \d+/.exec((error as Error).message)?.[0];
    throw new Error(`${file} is not valid JSON${place === undefined ? "" : ` at ${place}`}`);
  }
}

async function parseYaml(file: string, text: string): Promise<unknown> {
  // Only who has such a file pays for its reader.
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error === undefined) return document.toJS({ maxAliasCount: 100 });
  const [place] = error.linePos ?? [];
  throw new Error(
    `${file} is not valid YAML${place === undefined ? "" : ` at line ${place.line} column ${place.col}`} (${error.code})`,
  );
}

function settingOf(file: string, value: string): ConfigTree {
  const keys = file.split(".");
  if (keys.includes("")) throw new Error(`${file} is not a name that a setting can have`);
  return keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as ConfigTree;
}
