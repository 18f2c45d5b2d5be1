/**
 * What a cache of one node knows, without its process: values and their versions, what is gone, which loads still count.
 * No clock, no messages: times and what other nodes say are arguments.
 *
 * Of each key the latest version counts, in whatever order they arrive; nothing at or below `floor` is kept. So nodes that
 * have heard the same have the same. What must be remembered of keys without a value is bounded: of the `gone`, the oldest
 * are given up by raising the floor, which drops what is older everywhere. It is a cache: that costs loads and is never wrong.
 */
import { compareVersions, laterVersion, NEVER, type Version, VersionClock } from "./version.ts";

/** Compared as by `Map`, on all nodes. */
export type CacheKey = string | number | bigint | boolean;

export interface Content {
  readonly value: unknown;
}

/** A state of a key. Without content: that version is gone, or not told. */
export interface Item {
  readonly key: CacheKey;
  readonly version: Version;
  /** When it was written or loaded, by the writer's time of day. */
  readonly atMs: number;
  readonly content: Content | undefined;
}

export interface Found {
  readonly value: unknown;
  readonly ageMs: number;
  readonly stale: boolean;
}

export interface Load {
  readonly key: CacheKey;
  readonly version: Version;
}

export interface Digest {
  readonly floor: Version;
  readonly versions: ReadonlyMap<CacheKey, Version>;
}

export interface CacheRules {
  /** Whether nodes tell each other values, or only that a key is not what it was. */
  readonly replicates: boolean;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly maxEntries: number;
}

interface Gone {
  readonly version: Version;
  readonly atMs: number;
}

/** Of every so many that are gone, when there are too many. */
const GIVEN_UP = 4;

export class CacheState {
  readonly #rules: CacheRules;
  readonly #clock: VersionClock;
  /** The one used last is last. */
  readonly #values = new Map<CacheKey, Item>();
  readonly #gone = new Map<CacheKey, Gone>();
  /** Versions of values that were evicted or have expired here: nothing earlier takes their place. Nobody is told. */
  readonly #traces = new Map<CacheKey, Version>();
  readonly #loads = new Map<CacheKey, Load>();
  #floor: Version = NEVER;
  #evictions = 0;

  constructor(origin: string, rules: CacheRules) {
    this.#clock = new VersionClock(origin);
    this.#rules = rules;
  }

  get size(): number {
    return this.#values.size;
  }

  get floor(): Version {
    return this.#floor;
  }

  get evictions(): number {
    return this.#evictions;
  }

  keys(nowMs: number): readonly CacheKey[] {
    return [...this.#values.values()].filter((item) => !this.#isOver(item, nowMs)).map(({ key }) => key);
  }

  peek(key: CacheKey, nowMs: number): Found | undefined {
    const item = this.#values.get(key);
    if (item?.content === undefined || this.#isOver(item, nowMs)) return undefined;
    const ageMs = Math.max(0, nowMs - item.atMs);
    return { value: item.content.value, ageMs, stale: ageMs >= this.#rules.ttlMs };
  }

  /** As `peek`, and the key counts as used. */
  lookup(key: CacheKey, nowMs: number): Found | undefined {
    const item = this.#values.get(key);
    if (item === undefined) return undefined;
    this.#values.delete(key);
    if (this.#isOver(item, nowMs)) this.#trace(key, item.version);
    else this.#values.set(key, item);
    return this.peek(key, nowMs);
  }

  /** A write of this node, to be told and taken. Undefined: the key is deleted. */
  written(key: CacheKey, content: Content | undefined, nowMs: number): Item {
    return { key, version: this.#clock.write(nowMs), atMs: nowMs, content };
  }

  /** A load of `key` begins; an earlier one counts no more. */
  begin(key: CacheKey, nowMs: number): Load {
    const load = { key, version: this.#clock.load(this.#known(key), nowMs) };
    this.#loads.set(key, load);
    return load;
  }

  /** Undefined when the key was written, deleted or invalidated since the load began: its value must not be kept. */
  loaded(load: Load, content: Content, nowMs: number): Item | undefined {
    if (!this.abandon(load)) return undefined;
    return { key: load.key, version: load.version, atMs: nowMs, content };
  }

  /** @returns whether the load counted until now. */
  abandon(load: Load): boolean {
    return this.#loads.get(load.key) === load && this.#loads.delete(load.key);
  }

  isCurrent(load: Load): boolean {
    return this.#loads.get(load.key) === load;
  }

  /** Takes a state of a key, of this node or another. @returns whether a value that was here is not any more. */
  take(item: Item, nowMs: number): boolean {
    const { content, key, version } = item;
    this.#clock.seen(version);
    const known = this.#known(key);
    const order = compareVersions(version, known);
    // Not only for a later one: of two writes at the same time this node cannot know which one the load has seen.
    if (order !== 0) this.#loads.delete(key);
    if (order <= 0) return false;
    const had = this.#values.delete(key);
    this.#gone.delete(key);
    this.#traces.delete(key);
    if (content === undefined) this.#bury(key, { version, atMs: item.atMs }, nowMs);
    else if (this.#isOver(item, nowMs)) this.#trace(key, version);
    else this.#keep(item, nowMs);
    return had;
  }

  /**
   * Another node has written the key. Its version decides what is told further; but a value that is here goes in any case:
   * of two writes at the same time neither node can know which one came last where the values are loaded from.
   */
  invalidate(key: CacheKey, version: Version, atMs: number, nowMs: number): boolean {
    this.#loads.delete(key);
    const had = this.#values.get(key);
    this.take({ key, version, atMs, content: undefined }, nowMs);
    if (this.#values.delete(key)) this.#bury(key, had as Item, nowMs);
    return had !== undefined;
  }

  /** Everything up to now is gone. @returns the floor to be told. */
  clear(nowMs: number): Version {
    const floor = this.#clock.write(nowMs);
    this.raise(floor);
    return floor;
  }

  /** @returns how many values went. */
  raise(floor: Version): number {
    this.#clock.seen(floor);
    if (compareVersions(floor, this.#floor) <= 0) return 0;
    this.#floor = floor;
    this.#loads.clear();
    const before = this.#values.size;
    const under = (version: Version): boolean => compareVersions(version, floor) <= 0;
    for (const [key, { version }] of this.#values) if (under(version)) this.#values.delete(key);
    for (const [key, { version }] of this.#gone) if (under(version)) this.#gone.delete(key);
    for (const [key, version] of this.#traces) if (under(version)) this.#traces.delete(key);
    return before - this.#values.size;
  }

  digest(): Digest {
    const versions = new Map<CacheKey, Version>();
    for (const [key, { version }] of this.#values) versions.set(key, version);
    for (const [key, { version }] of this.#gone) versions.set(key, version);
    return { floor: this.#floor, versions };
  }

  /** What this node has and the one of that digest has not, or in an earlier version. */
  missing({ versions }: Digest, nowMs: number): readonly Item[] {
    const missing: Item[] = [];
    const lacks = (key: CacheKey, version: Version): boolean =>
      compareVersions(versions.get(key) ?? NEVER, version) < 0;
    for (const item of this.#values.values())
      if (lacks(item.key, item.version) && !this.#isOver(item, nowMs)) missing.push(item);
    for (const [key, { atMs, version }] of this.#gone)
      if (lacks(key, version)) missing.push({ key, version, atMs, content: undefined });
    if (this.#rules.replicates) return missing;
    // A value that was only loaded says nothing to nodes that load their own.
    return missing
      .filter(({ content, version }) => content === undefined || version[2] === 0)
      .map((item) => ({ ...item, content: undefined }));
  }

  #known(key: CacheKey): Version {
    const known = this.#values.get(key)?.version ?? this.#gone.get(key)?.version ?? this.#traces.get(key) ?? NEVER;
    return laterVersion(known, this.#floor);
  }

  #isOver({ atMs }: { readonly atMs: number }, nowMs: number): boolean {
    return nowMs - atMs >= this.#rules.ttlMs + this.#rules.staleMs;
  }

  #keep(item: Item, nowMs: number): void {
    this.#values.set(item.key, item);
    if (this.#values.size <= this.#rules.maxEntries) return;
    const [key, oldest] = this.#values.entries().next().value as [CacheKey, Item];
    this.#values.delete(key);
    this.#evictions++;
    // Where values are not told, a write of this node must still be heard of by nodes that were away.
    if (!this.#rules.replicates && oldest.version[2] === 0) this.#bury(key, oldest, nowMs);
    else this.#trace(key, oldest.version);
  }

  #trace(key: CacheKey, version: Version): void {
    this.#traces.set(key, version);
    if (this.#traces.size > this.#rules.maxEntries) this.#traces.delete(this.#traces.keys().next().value as CacheKey);
  }

  #bury(key: CacheKey, { atMs, version }: Gone, nowMs: number): void {
    this.#gone.set(key, { version, atMs });
    if (this.#gone.size <= this.#rules.maxEntries) return;
    // What is older than one that has expired has expired as well.
    for (const [other, gone] of this.#gone) if (this.#isOver(gone, nowMs)) this.#gone.delete(other);
    if (this.#gone.size <= this.#rules.maxEntries) return;
    const versions = [...this.#gone.values()].map((gone) => gone.version).sort(compareVersions);
    this.raise(versions[Math.floor(versions.length / GIVEN_UP)] as Version);
  }
}
