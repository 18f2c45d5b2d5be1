/** A cache on every node, kept in step. */
import {
  type ChildOptions,
  type ChildSpec,
  genServer,
  type LocalNode,
  local,
  noreply,
  type Pid,
  type SystemMessage,
  self,
} from "@interlock/core";
import { callingProcess, currentNode, onEnd, type Process } from "@interlock/core/distribution";
import { tuple } from "@interlock/wire";
import { badOption, ClusterError } from "../errors.ts";
import { group } from "../groups/group.ts";
import type { GroupEvent } from "../groups/monitors.ts";
import { type LoadRules, startLoad } from "./loader.ts";
import { type CacheMessage, isKey } from "./messages.ts";
import { type CacheMode, type CacheStatistics, Replica, type ReplicaRules } from "./replica.ts";
import type { CacheKey, Found } from "./state.ts";

export interface CacheOptions {
  /** Of its process on each node, and what makes the caches of several nodes one. */
  readonly name: string;
  /**
   * `local`: nodes know nothing of each other. `invalidate`: a write or delete on one node drops the key on all others, which
   * load it anew. `replicate`: the value itself goes to all others, that of a load too.
   */
  readonly mode: CacheMode;
  /** Milliseconds for which a value is fresh. Default: for ever. */
  readonly ttlMs?: number;
  /** Milliseconds after that for which it is given all the same, while it is loaded anew. Default 0. */
  readonly staleMs?: number;
  /** The value used longest ago makes room. Default 10 000. */
  readonly maxEntries?: number;
  /** On which node of this program the functions work. Default: that of the process that calls. */
  readonly node?: LocalNode;
}

export interface LoadingCacheOptions<K extends CacheKey, V> extends CacheOptions {
  /** Brings a value. Runs in a process of its own, never twice at once for a key on a node. */
  readonly load: (key: K, signal: AbortSignal) => V | Promise<V>;
  /** Milliseconds that a load may take. Default 30 000. */
  readonly loadMs?: number;
  /** Milliseconds for which a failed load is not tried again: its error is given. Default 0. */
  readonly errorTtlMs?: number;
}

/** A value and how old it is. */
export interface Fetched<out V> {
  readonly value: V;
  readonly ageMs: number;
  /** Older than `ttlMs`: it is being loaded anew. */
  readonly stale: boolean;
}

/** What caches with and without `load` share. */
export interface CacheBase<K extends CacheKey, V> {
  readonly name: string;
  /** What is here, fresh or stale, and nothing else: no load, no counting. */
  peek(key: K): V | undefined;
  /**
   * **Errors** `INTERLOCK_CACHE_DOWN` when the cache does not run here; `INTERLOCK_WIRE_UNENCODABLE` in mode `replicate` for a
   * value that other nodes cannot be sent. Nothing is changed then.
   */
  set(key: K, value: V): void;
  /** **Errors** `INTERLOCK_CACHE_DOWN` */
  delete(key: K): void;
  /** Everything, on all nodes that this one is in step with. **Errors** `INTERLOCK_CACHE_DOWN` */
  clear(): void;
  /** **Errors** `INTERLOCK_CACHE_DOWN` */
  keys(): readonly K[];
  /** Of this node. **Errors** `INTERLOCK_CACHE_DOWN` */
  statistics(): CacheStatistics;
  /** For a supervisor of each node. */
  child(options?: Omit<ChildOptions, "name">): ChildSpec;
}

export interface Cache<K extends CacheKey, V> extends CacheBase<K, V> {
  /** What is here, fresh or stale. */
  get(key: K): V | undefined;
}

export interface LoadingCache<K extends CacheKey, V> extends CacheBase<K, V> {
  /** The value when it is here, fresh or stale; otherwise a promise of it. **Errors** as `fetch`. */
  get(key: K): V | Promise<V>;
  /**
   * The value and its age. However many ask at once, one load brings it, and its failure is told to all of them. While the
   * cache does not run here, each is given what a load of its own brings.
   *
   * **Errors** what `load` throws; `INTERLOCK_CACHE_LOAD` when it gives nothing in time or its process is ended.
   */
  fetch(key: K): Promise<Fetched<V>>;
}

const DEFAULT_MAX_ENTRIES = 10_000;
const DEFAULT_LOAD_MS = 30_000;

const replicas = new WeakMap<LocalNode, Map<string, Replica>>();

/**
 * A cache: a child for a supervisor on each node, and functions that any code of the node may call; they do not wait for
 * its process. Values are shared by all that ask: do not change them.
 *
 * Of writes to a key the latest counts, on all nodes; a node that was away asks for what it missed. A value whose load had
 * begun before another node wrote the key is given to who waits for it, and not kept. How old a value is goes by the nodes'
 * time of day: their clocks must agree to within what matters to `ttlMs`.
 *
 * **Errors** `INTERLOCK_NODE_OPTION`
 *
 * @example
 * const articles = cache({
 *   name: "articles",
 *   mode: "invalidate",
 *   ttlMs: 60_000,
 *   load: async (id: number) => `article ${id}`,
 * });
 * await supervisor({ name: "site", strategy: "one_for_one", children: () => [articles.child()] }).start();
 * console.log(await articles.get(7)); // article 7
 * articles.set(7, "a better one"); // Dropped on the other nodes.
 * console.log(articles.get(7)); // a better one
 */
export function cache<K extends CacheKey, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V>;
export function cache<K extends CacheKey, V>(options: CacheOptions): Cache<K, V>;
export function cache(
  options: CacheOptions & Partial<LoadingCacheOptions<CacheKey, unknown>>,
): LoadingCache<CacheKey, unknown> {
  return new NamedCache(options);
}

class NamedCache implements LoadingCache<CacheKey, unknown> {
  readonly name: string;
  readonly child: LoadingCache<CacheKey, unknown>["child"];
  readonly #node: LocalNode | undefined;
  readonly #loader: LoadRules | undefined;

  constructor(options: CacheOptions & Partial<LoadingCacheOptions<CacheKey, unknown>>) {
    const rules = checkedRules(options);
    this.name = rules.name;
    this.#node = options.node;
    this.#loader = rules.loader;
    const server = cacheServer(rules);
    const name = local(rules.name);
    this.child = (childOptions) => server.child([], { ...childOptions, name });
  }

  peek(key: CacheKey): unknown {
    return this.#running()?.peek(checkedKey(key))?.value;
  }

  get(key: CacheKey): unknown {
    const found = this.#running()?.lookup(checkedKey(key));
    if (found !== undefined) return found.value;
    return this.#loader && this.#load(key, this.#loader).then(({ value }) => value);
  }

  fetch(key: CacheKey): Promise<Fetched<unknown>> {
    const found = this.#running()?.lookup(checkedKey(key));
    if (found !== undefined) return Promise.resolve(found);
    if (this.#loader !== undefined) return this.#load(key, this.#loader);
    return Promise.reject(badOption("load", "undefined", `a function, for fetch of the cache ${this.name}`));
  }

  set(key: CacheKey, value: unknown): void {
    this.#mustRun("set").write(checkedKey(key), { value });
  }

  delete(key: CacheKey): void {
    this.#mustRun("delete").write(checkedKey(key), undefined);
  }

  clear(): void {
    this.#mustRun("clear").clear();
  }

  keys(): readonly CacheKey[] {
    return this.#mustRun("keys").keys();
  }

  statistics(): CacheStatistics {
    return this.#mustRun("statistics").statistics;
  }

  get #on(): LocalNode {
    return this.#node ?? currentNode();
  }

  #running(): Replica | undefined {
    return replicas.get(this.#on)?.get(this.name);
  }

  #mustRun(operation: string): Replica {
    const running = this.#running();
    if (running !== undefined) return running;
    const { name } = this;
    const on = this.#on.name;
    throw new ClusterError("INTERLOCK_CACHE_DOWN", `Cannot ${operation}: the cache ${name} does not run on ${on}`, {
      cache: name,
      node: on,
      operation,
    });
  }

  #load(key: CacheKey, loader: LoadRules): Promise<Found> {
    const running = this.#running();
    if (running !== undefined) return running.load(key, loader);
    // A cache that is down must not take down those that read by it.
    return startLoad(this.#on, loader, key).value.then((value) => ({ value, ageMs: 0, stale: false }));
  }
}

function cacheServer(rules: ReplicaRules) {
  return genServer({
    name: rules.name,
    init: (): Replica => {
      const process = callingProcess("a cache");
      const { node } = process;
      const pid = self().pid as Pid<CacheMessage | GroupEvent<CacheMessage>>;
      const nodes =
        rules.mode === "local" ? undefined : group<CacheMessage>(tuple("interlock_cache", rules.name), { node });
      const replica = new Replica(node, rules, process.pid, nodes);
      keep(process, rules.name, replica);
      if (nodes !== undefined) {
        const { members } = nodes.monitor(pid);
        nodes.join(pid);
        replica.met(members);
      }
      return replica;
    },
    info({ state: replica }, message: SystemMessage | CacheMessage | GroupEvent<CacheMessage>) {
      if (message?.type !== "group") replica.hear(message);
      else if (message.change === "join") replica.met(message.pids);
      return noreply();
    },
    formatStatus: (replica) => replica.statistics,
  });
}

/** Found by whoever calls on that node, until the process ends. */
function keep(process: Process, name: string, replica: Replica): void {
  const ofNode = replicas.get(process.node) ?? new Map<string, Replica>();
  replicas.set(process.node, ofNode);
  ofNode.set(name, replica);
  onEnd(process, (reason) => {
    ofNode.delete(name);
    replica.ended(reason);
  });
}

function checkedRules(options: CacheOptions & Partial<LoadingCacheOptions<CacheKey, unknown>>): ReplicaRules {
  const { load, mode, name } = options;
  if (typeof name !== "string" || name === "") throw badOption("name", String(name), "a text that is not empty");
  if (mode !== "local" && mode !== "invalidate" && mode !== "replicate")
    throw badOption("mode", String(mode), "local, invalidate or replicate");
  const maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
  if (!Number.isInteger(maxEntries) || maxEntries < 1)
    throw badOption("maxEntries", String(maxEntries), "a whole number, 1 or more");
  const loadMs = notNegative("loadMs", options.loadMs ?? DEFAULT_LOAD_MS);
  return {
    name,
    mode,
    maxEntries,
    ttlMs: notNegative("ttlMs", options.ttlMs ?? Number.POSITIVE_INFINITY),
    staleMs: notNegative("staleMs", options.staleMs ?? 0),
    errorTtlMs: notNegative("errorTtlMs", options.errorTtlMs ?? 0),
    loader: load && { name, load, loadMs },
  };
}

function notNegative(option: string, got: number): number {
  if (typeof got === "number" && got >= 0) return got;
  throw badOption(option, String(got), "milliseconds, 0 or more");
}

function checkedKey(key: CacheKey): CacheKey {
  if (isKey(key)) return key;
  throw badOption("key", String(key), "a string, a number, a bigint or a boolean");
}
