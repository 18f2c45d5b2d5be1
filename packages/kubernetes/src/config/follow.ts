/**
 * Follows the files that the configuration of an application is read from: a change is loaded, checked and told to the
 * application while it runs; one that is refused leaves all as it was, and its reason is said and kept to be shown.
 */
import { readdirSync, realpathSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import {
  type AnyApplication,
  type ConfigSetting,
  changeConfig,
  configFiles,
  defaultNode,
  isError,
  type LocalNode,
  traceConfig,
  unowned,
} from "@interlock/core";
import { folderOf } from "./mounted.ts";
import { initialReload, type ReloadAction, type ReloadState, reload, type Version } from "./reload-state.ts";

export interface FollowConfigOptions {
  /** Milliseconds between two looks that need no news: the net below news that were lost. Default 10 000. */
  readonly pollMs?: number;
  /** Takes a line for people. Default: none; what is refused is a report anyway. */
  readonly print?: (line: string) => void;
  /** Default: that of the program. */
  readonly node?: LocalNode;
  readonly files?: ConfigFiles;
}

/** What is asked of files. Default: those of the machine. */
export interface ConfigFiles {
  /** Equal as long as nothing in these files and folders has changed. */
  versionOf(paths: readonly string[]): Version;
  /** `changed` may come too often and may be missed. @returns what ends it. */
  watch(path: string, changed: () => void): () => void;
}

/** How a configuration stands. */
export interface ConfigStatus {
  readonly application: string;
  /** Every value with its source; secrets are not shown. */
  readonly settings: readonly ConfigSetting[];
  /** How many changes of its files have been taken over. */
  readonly changes: number;
  /** Why what the files say is not in force. */
  readonly refused: string | undefined;
}

export interface FollowedConfig extends Disposable {
  readonly status: ConfigStatus;
}

const POLL_MS = 10_000;
/** A change is several steps: it is looked at when they are done. */
const SETTLE_MS = 50;

/**
 * Has a running application hear of changes of the files that its configuration comes from, until it is disposed of. What
 * `changeConfig` does is done: the schema, the application's `configChange`, the processes that `watchConfig`.
 *
 * Changes are noticed at once where the system tells of them, and otherwise within `pollMs`; a mounted ConfigMap is a minute
 * behind the object, as its kubelet looks for it that seldom.
 */
export function followConfig(application: AnyApplication | string, options: FollowConfigOptions = {}): FollowedConfig {
  const name = typeof application === "string" ? application : application.name;
  // Nobody's: a process that began it may end before.
  return unowned(() => new Follower(name, options));
}

class Follower implements FollowedConfig {
  readonly #name: string;
  readonly #node: LocalNode;
  readonly #print: (line: string) => void;
  readonly #pollMs: number;
  readonly #files: ConfigFiles;
  readonly #watches = new Map<string, () => void>();
  #state: ReloadState = initialReload;
  #timer: unknown;
  #isOpen = true;

  constructor(name: string, options: FollowConfigOptions) {
    const { files = machineFiles, node = defaultNode(), pollMs = POLL_MS, print = () => undefined } = options;
    this.#name = name;
    this.#node = node;
    this.#print = print;
    this.#pollMs = pollMs;
    this.#files = files;
    // What has changed between the application's start and now is a change like any other.
    this.#look();
  }

  get status(): ConfigStatus {
    const { changes, refusal } = this.#state;
    return {
      application: this.#name,
      settings: traceConfig(this.#name, { node: this.#node }),
      changes,
      refused: refusal,
    };
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#node.runtime.timers.clear(this.#timer);
    for (const end of this.#watches.values()) end();
    this.#watches.clear();
  }

  #look(): void {
    if (!this.#isOpen) return;
    const paths = configFiles(this.#name, { node: this.#node });
    // It reads no files, or it has ended.
    if (paths.length === 0) return this[Symbol.dispose]();
    // What was not there before may be there now.
    for (const path of paths) if (!this.#watches.has(path)) this.#watch(path);
    this.#next(this.#pollMs);
    this.#step({ type: "seen", version: this.#files.versionOf(paths) });
  }

  #next(delayMs: number): void {
    const { timers } = this.#node.runtime;
    timers.clear(this.#timer);
    this.#timer = timers.set(() => this.#look(), delayMs);
    // What keeps the program alive is the application.
    (this.#timer as { unref?(): void } | undefined)?.unref?.();
  }

  #watch(path: string): void {
    try {
      this.#watches.set(
        path,
        this.#files.watch(path, () => this.#next(SETTLE_MS)),
      );
    } catch {
      // It is looked at all the same, only later.
    }
  }

  #step(event: Parameters<typeof reload>[1]): void {
    if (!this.#isOpen) return;
    const { actions, state } = reload(this.#state, event);
    this.#state = state;
    for (const action of actions) this.#act(action);
  }

  #act(action: ReloadAction): void {
    if (action === "load") void this.#load();
    else if (action === "refused") this.#warn(`the configuration stays as it was: ${this.#state.refusal}`);
    else
      this.#print(
        `${this.#name}: ${action === "changed" ? "a new configuration is in force" : "the configuration is valid again"}`,
      );
  }

  async #load(): Promise<void> {
    try {
      const { added, changed, removed } = await changeConfig(this.#name, {}, { node: this.#node });
      const keys = [...Object.keys(changed), ...Object.keys(added), ...removed];
      this.#step({ type: "accepted", changed: keys.length > 0 });
    } catch (error) {
      if (isError(error, "INTERLOCK_APPLICATION")) this[Symbol.dispose]();
      else this.#step({ type: "refused", reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #warn(text: string): void {
    this.#node.report({
      type: "warning",
      pid: undefined,
      label: `application ${this.#name}`,
      text,
      details: undefined,
      at: this.#node.runtime.clock.wallTime(),
    });
    this.#print(`${this.#name}: ${text}`);
  }
}

export const machineFiles: ConfigFiles = {
  versionOf: (paths) => paths.map(versionOf).join("\n"),
  watch: (path, changed) => {
    const isFolder = statSync(path).isDirectory();
    // A file by its folder: one that is replaced is another file.
    const watcher = watch(isFolder ? path : dirname(path), { persistent: false }, (_event, name) => {
      if (isFolder || name === null || name === basename(path)) changed();
    });
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  },
};

function versionOf(path: string): Version {
  try {
    const folder = folderOf(path);
    const one = (file: string): string => {
      const { ino, mtimeMs, size } = statSync(file);
      return `${realpathSync(file)} ${ino} ${mtimeMs} ${size}`;
    };
    if (!statSync(folder).isDirectory()) return one(folder);
    const names = readdirSync(folder).filter((name) => !name.startsWith(".."));
    return [folder, ...names.sort().map((name) => one(`${folder}/${name}`))].join("\n");
  } catch (error) {
    return `none: ${(error as { code?: string }).code}`;
  }
}
