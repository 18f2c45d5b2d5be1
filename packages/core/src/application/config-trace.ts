/** Where every value of a configuration comes from: for people who ask why it is what it is. */
import { isTree, type LoadedConfig, type SettingPath, showSetting } from "./config.ts";

/** One value of a configuration. */
export interface ConfigSetting {
  /** Keys joined by dots: `db.poolSize`. */
  readonly path: string;
  /** The value as it may be shown: nothing of a secret. */
  readonly shown: string;
  /** `environment BANK_PORT`, or `default of the schema`. */
  readonly source: string;
  /** The sources that gave it as well and had to give way, the strongest first. */
  readonly instead: readonly string[];
}

/** `config` is what the schema has made of `loaded`. */
export function traceOf(config: unknown, loaded: LoadedConfig): readonly ConfigSetting[] {
  const settings: ConfigSetting[] = [];
  const visit = (value: unknown, path: SettingPath): void => {
    if (isTree(value) && (path.length === 0 || Object.keys(value).length > 0)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key]);
      return;
    }
    const [source, ...instead] = loaded.givenBy(path).toReversed();
    settings.push({
      path: path.join("."),
      shown: showSetting(path, value, loaded),
      source: source ?? loaded.sourceOf(path) ?? "default of the schema",
      instead,
    });
  };
  visit(config, []);
  return settings;
}
