/**
 * Configuration: trees from ordered providers, merged deep, with the source of every value, and validated by any
 * Standard Schema before anything starts. A value whose key looks like a secret is never put into a message.
 * @see https://standardschema.dev
 */
import { InterlockError, show } from "../errors.ts";
import { reasonOf, showReason } from "../process/exit-reason.ts";
import type { Files } from "../runtime.ts";

type MaybePromise<T> = T | Promise<T>;

export interface ConfigTree {
  readonly [key: string]: unknown;
}

/** The public Standard Schema interface: zod, valibot and arktype implement it. */
export interface StandardSchema<out Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The keys that lead to a value. */
export type SettingPath = readonly string[];

/** What a provider may use. */
export interface LoadContext {
  readonly application: string;
  readonly files: Files;
  readonly environment: Environment;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Gives a part of the configuration. Later providers win over earlier ones. */
export interface ConfigProvider {
  /** Names the source of its values in messages: `file /etc/bank.json`. */
  readonly name: string;
  /** Its values are shown to nobody: not in messages, not in a trace. A key that looks like a secret hides its value anyway. */
  readonly secret?: boolean;
  load(context: LoadContext): MaybePromise<ConfigTree>;
  /** The files and folders that it reads, for whoever watches them to load anew. */
  reads?(context: LoadContext): readonly string[];
  /** Where in this source a value comes from or would have to stand, if that can be said better than by `name`. */
  placeOf?(path: SettingPath, context: LoadContext): string | undefined;
}

/** One thing that is wrong. `got` and `message` show no secrets. */
export interface ConfigIssue {
  /** Keys joined by dots; empty for the whole. */
  readonly path: string;
  readonly message: string;
  readonly got: string;
  /** `environment BANK_PORT`; for a missing value where it could be given. */
  readonly source: string;
}

/** A merged tree that remembers where its values come from. */
export interface LoadedConfig {
  readonly tree: ConfigTree;
  /** The place of a value, or of the values below it; undefined for one that nobody gave. */
  sourceOf(path: SettingPath): string | undefined;
  /** Every place that could give a value. */
  placesFor(path: SettingPath): readonly string[];
  /** Every place that did give exactly this value, in order: the last one won. */
  givenBy(path: SettingPath): readonly string[];
  /** Whether a value may be shown to nobody. */
  isSecret(path: SettingPath): boolean;
  /** A text without the secrets that are in it, be it because a schema has put one into something else. */
  hide(text: string): string;
}

type MutableTree = Record<string, unknown>;

/** Loads from each provider in turn and merges. @throws INTERLOCK_CONFIG_INVALID when one cannot be read */
export async function loadConfig(providers: readonly ConfigProvider[], context: LoadContext): Promise<LoadedConfig> {
  const tree: MutableTree = {};
  const sources = new Map<string, string>();
  const given = new Map<string, string[]>();
  const secrets = new Set<string>();
  for (const provider of providers) {
    try {
      const part = await provider.load(context);
      if (!isTree(part)) throw new Error("gave no object of settings");
      mergeInto(tree, part, [], {
        set: (path) => {
          const [key, place] = [keyOf(path), provider.placeOf?.(path, context) ?? provider.name];
          sources.set(key, place);
          given.set(key, [...(given.get(key) ?? []), place]);
          // For good: what a later source puts in its place is the same secret.
          if (provider.secret === true) secrets.add(key);
        },
        forget: (path) => forgetSources(sources, path),
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : showReason(reasonOf(error));
      throw configInvalid(context.application, [{ path: "", message, got: "nothing", source: provider.name }], error);
    }
  }
  const isSecret = (path: SettingPath): boolean =>
    path.some((key, at) => SECRET.test(key) || secrets.has(keyOf(path.slice(0, at + 1))));
  const secretTexts = secretsIn(tree, [], isSecret);
  return {
    tree,
    sourceOf: (path) => sourceIn(sources, tree, path),
    placesFor: (path) => providers.flatMap((provider) => provider.placeOf?.(path, context) ?? []),
    givenBy: (path) => given.get(keyOf(path)) ?? [],
    isSecret,
    hide: (text) => secretTexts.reduce((hidden, secret) => hidden.replaceAll(secret, HIDDEN), hideCredentials(text)),
  };
}

/**
 * Checks a loaded configuration.
 *
 * @throws INTERLOCK_CONFIG_INVALID with every issue
 */
export async function validateConfig<Config>(
  application: string,
  schema: StandardSchema<Config> | undefined,
  loaded: LoadedConfig,
): Promise<Config> {
  if (schema === undefined) return loaded.tree as Config;
  const result = await schema["~standard"].validate(loaded.tree);
  if (result.issues === undefined) return result.value;
  throw configInvalid(
    application,
    result.issues.map((issue) => issueOf(issue, loaded)),
  );
}

/**
 * Refuses a configuration that differs from what was fixed when the program was built.
 *
 * @throws INTERLOCK_CONFIG_INVALID
 * @see Elixir's Config.Provider.validate_compile_env/1
 */
export function validateCompileEnv(
  application: string,
  fixed: ConfigTree,
  config: unknown,
  loaded: LoadedConfig,
): void {
  const issues: ConfigIssue[] = [];
  const compare = (expected: ConfigTree, path: SettingPath): void => {
    for (const [key, value] of Object.entries(expected)) {
      const at = [...path, key];
      const actual = valueAt(config, at);
      if (isTree(value) && isTree(actual)) compare(value, at);
      else if (!sameValue(value, actual))
        issues.push({
          path: at.join("."),
          message: `the program was built with ${showSetting(at, value, loaded)}: build it anew, or give the same value`,
          got: showSetting(at, actual, loaded),
          source: placeOfValue(at, loaded),
        });
    }
  };
  compare(fixed, []);
  if (issues.length > 0) throw configInvalid(application, issues);
}

/** What differs between two configurations, by top-level key. @see config_change/3 of application(3) */
export interface ConfigDifference {
  /** New values of keys that were there before. */
  readonly changed: ConfigTree;
  readonly added: ConfigTree;
  readonly removed: readonly string[];
}

export function differenceOf(before: unknown, after: unknown): ConfigDifference {
  const [old, next] = [isTree(before) ? before : {}, isTree(after) ? after : {}];
  const changed: MutableTree = {};
  const added: MutableTree = {};
  for (const [key, value] of Object.entries(next)) {
    if (!Object.hasOwn(old, key)) added[key] = value;
    else if (!sameValue(old[key], value)) changed[key] = value;
  }
  return { changed, added, removed: Object.keys(old).filter((key) => !Object.hasOwn(next, key)) };
}

/** The application itself refuses a change: each key that differs, with its source. */
export function changeRefused(
  application: string,
  { added, changed, removed }: ConfigDifference,
  loaded: LoadedConfig,
  error: unknown,
): InterlockError<"INTERLOCK_CONFIG_INVALID"> {
  const message = loaded.hide(error instanceof Error ? error.message : showReason(reasonOf(error)));
  const differing = [...Object.entries({ ...changed, ...added }), ...removed.map((key) => [key, undefined] as const)];
  const issues = differing.map(([key, value]) => ({
    path: key,
    message,
    got: showSetting([key], value, loaded),
    source: placeOfValue([key], loaded),
  }));
  return configInvalid(application, issues, error);
}

export function isEmptyDifference({ added, changed, removed }: ConfigDifference): boolean {
  return removed.length === 0 && Object.keys(changed).length === 0 && Object.keys(added).length === 0;
}

/**
 * Plain objects are merged key by key; everything else, arrays too, replaces what was there; `undefined` leaves it.
 *
 * @example
 * console.log(deepMerge({ db: { url: "a", size: 1 } }, { db: { size: 2 } })); // { db: { url: 'a', size: 2 } }
 */
export function deepMerge(...trees: readonly ConfigTree[]): ConfigTree {
  const merged: MutableTree = {};
  for (const tree of trees) mergeInto(merged, tree, [], undefined);
  return merged;
}

/** Told where values are set, and which ones are replaced with all below them. */
interface MergeListener {
  set(path: SettingPath): void;
  forget(path: SettingPath): void;
}

function mergeInto(
  target: MutableTree,
  part: ConfigTree,
  path: SettingPath,
  listener: MergeListener | undefined,
): void {
  for (const [key, value] of Object.entries(part)) {
    if (value === undefined) continue; // Not given: what is there stays.
    if (key === "__proto__") throw new Error(`${[...path, key].join(".")} is not a name that a setting can have`);
    const at = [...path, key];
    if (!isTree(value)) {
      listener?.forget(at);
      target[key] = value;
      listener?.set(at);
      continue;
    }
    if (!Object.hasOwn(target, key) || !isTree(target[key])) {
      listener?.forget(at);
      target[key] = {};
    }
    const inner = target[key] as MutableTree;
    // An object without keys is a value as well: somebody has given it.
    if (Object.keys(value).length === 0 && Object.keys(inner).length === 0) listener?.set(at);
    mergeInto(inner, value, at, listener);
  }
}

export function isTree(value: unknown): value is ConfigTree {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

function valueAt(tree: unknown, path: SettingPath): unknown {
  let value = tree;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function sameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, at) => sameValue(item, other[at]));
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
  if (one instanceof URL && other instanceof URL) return one.href === other.href;
  if (!isTree(one) || !isTree(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && sameValue(one[key], other[key]))
  );
}

// A path as a key: no setting's name holds a NUL.
function keyOf(path: SettingPath): string {
  return path.join("\0");
}

function forgetSources(sources: Map<string, string>, path: SettingPath): void {
  const key = keyOf(path);
  for (const known of sources.keys()) if (known === key || known.startsWith(`${key}\0`)) sources.delete(known);
}

function sourceIn(sources: ReadonlyMap<string, string>, tree: ConfigTree, path: SettingPath): string | undefined {
  // Inside a value that came whole, such as an array: its own source.
  for (let length = path.length; length > 0; length--) {
    const outer = path.slice(0, length);
    const source = sources.get(keyOf(outer));
    if (source !== undefined && (length === path.length || !isTree(valueAt(tree, outer)))) return source;
  }
  const prefix = path.length === 0 ? "" : `${keyOf(path)}\0`;
  const below = new Set([...sources].filter(([key]) => key.startsWith(prefix)).map(([, source]) => source));
  return below.size === 0 ? undefined : [...below].join(", ");
}

const SECRET = /secret|password|token|key/i;
const HIDDEN = "(secret)";

/** Shorter ones would be found everywhere. */
const SHORTEST_SECRET = 4;

/** The texts that are secret, the longest first: one may be within another. */
function secretsIn(value: unknown, path: SettingPath, isSecret: (path: SettingPath) => boolean): readonly string[] {
  if (typeof value === "object" && value !== null)
    return Object.entries(value)
      .flatMap(([key, inner]) => secretsIn(inner, [...path, key], isSecret))
      .sort((a, b) => b.length - a.length);
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  return text.length >= SHORTEST_SECRET && isSecret(path) ? [text] : [];
}

/** A value for a message: nothing of a secret, and no user and password of a URL. */
export function showSetting(
  path: SettingPath,
  value: unknown,
  loaded: Pick<LoadedConfig, "hide" | "isSecret">,
): string {
  if (value === undefined) return "nothing";
  return loaded.isSecret(path) ? HIDDEN : loaded.hide(show(withoutSecrets(path, value, loaded)));
}

function withoutSecrets(path: SettingPath, value: unknown, loaded: Pick<LoadedConfig, "isSecret">): unknown {
  if (loaded.isSecret(path)) return HIDDEN;
  if (Array.isArray(value)) return value.map((inner, at) => withoutSecrets([...path, String(at)], inner, loaded));
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutSecrets([...path, key], inner, loaded)]),
  );
}

function hideCredentials(text: string): string {
  return text.replaceAll(/\/\/[^/@\s"]*@/g, "//(secret)@");
}

function issueOf({ message, path = [] }: StandardIssue, loaded: LoadedConfig): ConfigIssue {
  const at = path.map((segment) => String(typeof segment === "object" ? segment.key : segment));
  const value = valueAt(loaded.tree, at);
  return {
    path: at.join("."),
    message: loaded.hide(loaded.isSecret(at) ? hideIn(message, value) : message),
    got: showSetting(at, value, loaded),
    source: placeOfValue(at, loaded),
  };
}

/** A schema's own message may quote what it got. */
function hideIn(message: string, value: unknown): string {
  const quoted = typeof value === "string" || typeof value === "number" ? String(value) : "";
  return quoted === "" ? message : message.replaceAll(quoted, HIDDEN);
}

function placeOfValue(path: SettingPath, loaded: LoadedConfig): string {
  const source = loaded.sourceOf(path);
  if (source !== undefined) return source;
  const places = path.length === 0 ? [] : loaded.placesFor(path);
  return places.length === 0 ? "not given" : `not given; it can be given by ${places.join(" or ")}`;
}

function configInvalid(
  application: string,
  issues: readonly ConfigIssue[],
  cause?: unknown,
): InterlockError<"INTERLOCK_CONFIG_INVALID"> {
  const lines = issues.map(({ got, message, path, source }) =>
    path === "" ? `  ${message} (${source})` : `  ${path}: ${message}; got ${got} (${source})`,
  );
  return new InterlockError(
    "INTERLOCK_CONFIG_INVALID",
    `The configuration of ${application} is invalid:\n${lines.join("\n")}`,
    { application, issues },
    cause === undefined ? undefined : { cause },
  );
}
