/**
 * The sources of configuration: values in the program, JSON files, environment variables, command-line flags. Mounted
 * ConfigMaps and Secrets are the kubernetes package's.
 */
import { badArgument } from "../errors.ts";
import { type ConfigProvider, type ConfigTree, type Environment, isTree, type SettingPath } from "./config.ts";

/** Values as they stand in the program. */
export function defaults(tree: ConfigTree, name = "defaults"): ConfigProvider {
  if (!isTree(tree)) throw badArgument("tree", tree, "an object of settings");
  return { name, load: () => tree };
}

/** A path, or one below the folder that an environment variable names. @see Elixir's Config.Provider.config_path() */
export type ConfigPath = string | { readonly system: string; readonly path: string };

/**
 * The settings in a JSON file. Several files merge in the order of their providers.
 *
 * @example
 * const sup = supervisor({ name: "bank_sup", strategy: "one_for_one", children: () => [] });
 * const bank = application({
 *   name: "bank",
 *   version: "1.4.0",
 *   providers: [jsonFile("config.json", { optional: true }), jsonFile({ system: "RELEASE_ROOT", path: "bank.json" })],
 *   start: () => sup.startLink(),
 * });
 * const error: unknown = await bank.start({ environment: { RELEASE_ROOT: "/nowhere" } }).catch((error: unknown) => error);
 * console.log(isError(error, "INTERLOCK_CONFIG_INVALID")); // true
 */
export function jsonFile(path: ConfigPath, options: { readonly optional?: boolean } = {}): ConfigProvider {
  const isPath =
    typeof path === "string" ||
    (isTree(path) && typeof path["system"] === "string" && typeof path["path"] === "string");
  if (!isPath) throw badArgument("path", path, "a path or { system: variable, path }");
  return {
    name: `file ${typeof path === "string" ? path : `$${path.system}/${path.path}`}`,
    load: async ({ environment, files }) => {
      const file = resolvePath(path, environment);
      let text: string;
      try {
        text = await files.readText(file);
      } catch (error) {
        if ((error as { code?: unknown }).code !== "ENOENT")
          throw new Error(`cannot be read: ${(error as Error).message}`, { cause: error });
        if (options.optional === true) return {};
        throw new Error(`there is no file ${file}`, { cause: error });
      }
      return parseJson(text);
    },
    reads: ({ environment }) => [resolvePath(path, environment)],
  };
}

function resolvePath(path: ConfigPath, environment: Environment): string {
  if (typeof path === "string") return path;
  const folder = environment[path.system];
  if (folder === undefined) throw new Error(`the environment variable ${path.system} is not set`);
  return `${folder}/${path.path}`;
}

/** The error has no piece of the text, and no cause that has one: there may be secrets in it. */
function parseJson(text: string): ConfigTree {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch (error) {
    const place = /line \d+ column \d+/.exec((error as Error).message)?.[0];
    throw new Error(`is not valid JSON${place === undefined ? "" : ` at ${place}`}`);
  }
  if (!isTree(tree)) throw new Error("holds no object of settings");
  return tree;
}

/**
 * Settings from environment variables, as strings: the schema turns them into what they are to be.
 *
 * With a prefix, `BANK_OPENING_CENTS` is `openingCents` and `BANK_DB__URL` is `db.url`. With a table, each setting has
 * the variable that the table says: `{ port: "PORT", "db.url": "DATABASE_URL" }`.
 *
 * @param variables Default: those of the program, or what the application was started with.
 */
export function environment(
  prefix: string | Readonly<Record<string, string>>,
  variables?: Environment,
): ConfigProvider {
  return typeof prefix === "string" ? prefixed(prefix, variables) : listed(prefix, variables);
}

function prefixed(prefix: string, variables: Environment | undefined): ConfigProvider {
  // Without one, every variable of the machine would be a setting.
  if (prefix === "") throw badArgument("prefix", prefix, "a prefix such as BANK_");
  const pathOf = (variable: string): SettingPath | undefined => {
    if (!variable.startsWith(prefix)) return undefined;
    const path = variable.slice(prefix.length).split("__").map(camelCase);
    return path.includes("") ? undefined : path;
  };
  return {
    name: `environment ${prefix}*`,
    load: (context) => {
      const entries: Entry[] = [];
      for (const [variable, value] of Object.entries(variables ?? context.environment)) {
        const path = pathOf(variable);
        if (path !== undefined && value !== undefined) entries.push({ path, value, place: variable });
      }
      return treeOf(entries);
    },
    placeOf: (path, context) => {
      const given = Object.keys(variables ?? context.environment).find((one) => samePath(pathOf(one), path));
      return `environment ${given ?? prefix + path.map((key) => snakeCase(key, "_").toUpperCase()).join("__")}`;
    },
  };
}

function listed(table: Readonly<Record<string, string>>, variables: Environment | undefined): ConfigProvider {
  const settings = Object.entries(table).map(([setting, variable]) => ({ path: setting.split("."), variable }));
  return {
    name: "environment",
    load: (context) =>
      treeOf(
        settings.flatMap(({ path, variable }) => {
          const value = (variables ?? context.environment)[variable];
          return value === undefined ? [] : [{ path, value, place: variable }];
        }),
      ),
    placeOf: (path) => {
      const setting = settings.find((one) => samePath(one.path, path));
      return setting === undefined ? undefined : `environment ${setting.variable}`;
    },
  };
}

/**
 * Settings from command-line flags: `--port=80`, `--port 80`, `--db.pool-size=5` (`db.poolSize`), `--verbose` (true),
 * `--no-verbose` (false). What is no flag, and all after `--`, is left alone.
 *
 * @param given Default: the arguments of the program.
 */
export function flags(given: readonly string[] = process.argv.slice(2)): ConfigProvider {
  return {
    name: "flags",
    load: () => {
      // The last one wins, as with most programs.
      const last = new Map<string, Entry>();
      for (const entry of entriesOf(given)) last.set(entry.path.join("."), entry);
      return treeOf([...last.values()]);
    },
    placeOf: (path) => `flag --${path.map((key) => snakeCase(key, "-").toLowerCase()).join(".")}`,
  };
}

function entriesOf(given: readonly string[]): readonly Entry[] {
  const end = given.indexOf("--");
  const words = end === -1 ? given : given.slice(0, end);
  const entries: Entry[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (!word.startsWith("--")) continue;
    const equals = word.indexOf("=");
    const flag = equals === -1 ? word : word.slice(0, equals);
    const next = words[at + 1];
    let value: unknown = true;
    let name = flag.slice(2);
    if (equals !== -1) value = word.slice(equals + 1);
    else if (name.startsWith("no-")) {
      name = name.slice(3);
      value = false;
    } else if (next !== undefined && !next.startsWith("--")) {
      value = next;
      at++;
    }
    const path = name.split(".").map((key) => camelCase(key.replaceAll("-", "_")));
    if (path.includes("")) throw new Error(`${flag} is no flag of a setting`);
    entries.push({ path, value, place: flag });
  }
  return entries;
}

interface Entry {
  readonly path: SettingPath;
  readonly value: unknown;
  readonly place: string;
}

/** @throws when a setting is given a value and settings of its own */
function treeOf(entries: readonly Entry[]): ConfigTree {
  const tree: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const { path, place, value } of entries) {
    let inner = tree;
    for (const key of path.slice(0, -1)) {
      inner[key] ??= Object.create(null);
      if (!isTree(inner[key])) throw new Error(contradiction(entries, place, path));
      inner = inner[key] as Record<string, unknown>;
    }
    const key = path.at(-1) as string;
    if (inner[key] !== undefined) throw new Error(contradiction(entries, place, path));
    inner[key] = value;
  }
  return tree;
}

function contradiction(entries: readonly Entry[], place: string, path: SettingPath): string {
  const isWithin = (inner: SettingPath, outer: SettingPath): boolean => outer.every((key, at) => inner[at] === key);
  const other = entries.find((one) => one.place !== place && (isWithin(one.path, path) || isWithin(path, one.path)));
  return `${other?.place} and ${place} contradict each other`;
}

function samePath(one: SettingPath | undefined, other: SettingPath): boolean {
  return one !== undefined && one.length === other.length && one.every((key, at) => key === other[at]);
}

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_+([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
}

function snakeCase(name: string, between: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `${between}${letter}`);
}
