/**
 * A cache on one node, as long as its process lives: the state, the loads under way, and what the other nodes are told.
 * Reading and writing do not pass through the mailbox; what others tell does.
 */
import { channel } from "node:diagnostics_channel";
import { type ExitReason, type LocalNode, type Pid, unowned } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import type { Group } from "../groups/group.ts";
import { type LoadRules, type RunningLoad, startLoad } from "./loader.ts";
import { type CacheMessage, clearedMessage, digestMessage, itemsMessage, received } from "./messages.ts";
import { type CacheKey, CacheState, type Content, type Found, type Item, type Load } from "./state.ts";

/** `{ cache, node, key, error }`: a load has ended; without error: with a value. */
const loadedChannel = channel("interlock:cache.load");
/** `{ cache, node, values }`: other nodes' writes have taken so many values from this one. */
const invalidatedChannel = channel("interlock:cache.invalidate");

/** Since the cache's process began. */
export interface CacheStatistics {
  /** Values in it, expired ones that nobody has asked for among them. */
  readonly size: number;
  /** Lookups that found a fresh value; those that found a stale one count as `stale`. */
  readonly hits: number;
  readonly misses: number;
  readonly stale: number;
  /** Loads begun, and those of them that failed. */
  readonly loads: number;
  readonly failures: number;
  /** Loads whose value was not kept, because the key was written or invalidated meanwhile. */
  readonly outdated: number;
  /** Values that a write, a delete or a clear on another node has replaced or dropped. */
  readonly invalidations: number;
  /** Values that made room. */
  readonly evictions: number;
}

export type CacheMode = "local" | "invalidate" | "replicate";

export interface ReplicaRules {
  readonly name: string;
  readonly mode: CacheMode;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly maxEntries: number;
  readonly errorTtlMs: number;
  readonly loader: LoadRules | undefined;
}

interface Flight {
  readonly load: Load;
  readonly running: RunningLoad;
  readonly found: Promise<Found>;
}

interface Failure {
  readonly error: unknown;
  readonly untilMs: number;
}

export class Replica {
  readonly #node: LocalNode;
  readonly #rules: ReplicaRules;
  readonly #pid: LocalPid;
  readonly #group: Group<CacheMessage> | undefined;
  readonly #state: CacheState;
  readonly #flights = new Map<CacheKey, Flight>();
  readonly #failed = new Map<CacheKey, Failure>();
  readonly #counts = { hits: 0, misses: 0, stale: 0, loads: 0, failures: 0, outdated: 0, invalidations: 0 };
  readonly #beganMs: number;
  #alive = true;

  constructor(node: LocalNode, rules: ReplicaRules, pid: LocalPid, group: Group<CacheMessage> | undefined) {
    const { clock, random } = node.runtime;
    this.#node = node;
    this.#rules = rules;
    this.#pid = pid;
    this.#group = group;
    this.#beganMs = clock.wallTime() - clock.now();
    const life = Math.floor(random() * 2 ** 48).toString(36);
    this.#state = new CacheState(`${node.name} ${life}`, { ...rules, replicates: rules.mode === "replicate" });
  }

  /** The time of day, which other nodes have too; but it never goes back. */
  get #nowMs(): number {
    return this.#beganMs + this.#node.runtime.clock.now();
  }

  get statistics(): CacheStatistics {
    return { size: this.#state.size, ...this.#counts, evictions: this.#state.evictions };
  }

  keys(): readonly CacheKey[] {
    return this.#state.keys(this.#nowMs);
  }

  peek(key: CacheKey): Found | undefined {
    return this.#state.peek(key, this.#nowMs);
  }

  /** What is here; a stale value is loaded anew behind the caller's back. */
  lookup(key: CacheKey): Found | undefined {
    const found = this.#state.lookup(key, this.#nowMs);
    if (found === undefined) this.#counts.misses++;
    else if (!found.stale) this.#counts.hits++;
    else {
      this.#counts.stale++;
      if (this.#rules.loader !== undefined && this.#failure(key) === undefined)
        void this.#flight(key, this.#rules.loader);
    }
    return found;
  }

  /** After a lookup that found nothing. */
  load(key: CacheKey, loader: LoadRules): Promise<Found> {
    const failure = this.#failure(key);
    return failure === undefined ? this.#flight(key, loader).found : Promise.reject(failure.error as Error);
  }

  /** Undefined: deletes. */
  write(key: CacheKey, content: Content | undefined): void {
    const nowMs = this.#nowMs;
    const item = this.#state.written(key, content, nowMs);
    // The others first: what they cannot be sent must not be here either.
    this.#tell(item);
    this.#failed.delete(key);
    this.#state.take(item, nowMs);
  }

  clear(): void {
    this.#failed.clear();
    const floor = this.#state.clear(this.#nowMs);
    this.#broadcast(clearedMessage(floor));
  }

  /** Other processes of the cache have joined: they are told what is here, and answer with what is not. */
  met(pids: readonly Pid<CacheMessage>[]): void {
    const digest = digestMessage(this.#pid, this.#state.digest());
    for (const pid of pids) this.#send(pid, digest);
  }

  hear(message: unknown): void {
    const heard = received(message);
    if (heard === undefined) return;
    const before = this.#counts.invalidations;
    if (heard.type === "items") for (const item of heard.items) this.#take(item);
    else this.#counts.invalidations += this.#state.raise(heard.type === "digest" ? heard.digest.floor : heard.floor);
    if (heard.type === "digest") {
      const missing = this.#state.missing(heard.digest, this.#nowMs);
      for (let at = 0; at < missing.length; at += TOLD_AT_ONCE)
        this.#send(heard.from, itemsMessage(missing.slice(at, at + TOLD_AT_ONCE)));
    }
    const values = this.#counts.invalidations - before;
    if (values > 0) this.#publish(invalidatedChannel, { values });
  }

  /** The process has ended. After a failure whoever waits for a load still gets its value; it is not kept. */
  ended(reason: ExitReason): void {
    this.#alive = false;
    if (isOrderly(reason)) for (const { running } of this.#flights.values()) running.end("shutdown");
  }

  #take(item: Item): void {
    const { atMs, key, version } = item;
    const nowMs = this.#nowMs;
    this.#failed.delete(key);
    const lost =
      this.#rules.mode === "replicate"
        ? this.#state.take(item, nowMs)
        : this.#state.invalidate(key, version, atMs, nowMs);
    if (lost) this.#counts.invalidations++;
  }

  #flight(key: CacheKey, loader: LoadRules): Flight {
    const under = this.#flights.get(key);
    if (under !== undefined && this.#state.isCurrent(under.load)) return under;
    this.#counts.loads++;
    const load = this.#state.begin(key, this.#nowMs);
    const running = unowned(() => startLoad(this.#node, loader, key));
    const found = unowned(() => this.#landed(load, running.value));
    // Those that wait are told; behind a stale value nobody does.
    found.catch(() => undefined);
    const flight: Flight = { load, running, found };
    this.#flights.set(key, flight);
    return flight;
  }

  async #landed(load: Load, loading: Promise<unknown>): Promise<Found> {
    const { key } = load;
    try {
      const value = await loading;
      const nowMs = this.#nowMs;
      const item = this.#alive ? this.#state.loaded(load, { value }, nowMs) : undefined;
      if (item === undefined) this.#counts.outdated++;
      else {
        if (this.#rules.mode === "replicate") this.#tell(item);
        this.#state.take(item, nowMs);
      }
      this.#publish(loadedChannel, { key, error: undefined });
      return { value, ageMs: 0, stale: false };
    } catch (error) {
      this.#counts.failures++;
      if (this.#state.abandon(load)) this.#keepFailure(key, error);
      this.#publish(loadedChannel, { key, error });
      throw error;
    } finally {
      if (this.#flights.get(key)?.load === load) this.#flights.delete(key);
    }
  }

  #failure(key: CacheKey): Failure | undefined {
    const failure = this.#failed.get(key);
    if (failure === undefined || failure.untilMs > this.#nowMs) return failure;
    this.#failed.delete(key);
    return undefined;
  }

  #keepFailure(key: CacheKey, error: unknown): void {
    const { errorTtlMs, maxEntries } = this.#rules;
    if (errorTtlMs <= 0) return;
    this.#failed.delete(key);
    this.#failed.set(key, { error, untilMs: this.#nowMs + errorTtlMs });
    if (this.#failed.size > maxEntries) this.#failed.delete(this.#failed.keys().next().value as CacheKey);
  }

  #tell(item: Item): void {
    this.#broadcast(itemsMessage([this.#rules.mode === "replicate" ? item : { ...item, content: undefined }]));
  }

  #broadcast(message: CacheMessage): void {
    for (const pid of this.#group?.members() ?? []) this.#send(pid, message);
  }

  /** From the cache's process, whoever writes: a load behind a stale value is nobody's. Not to the own node. */
  #send(to: Pid<CacheMessage>, message: CacheMessage): void {
    const pid = to as unknown as LocalPid;
    pid.home.route?.send(this.#pid, pid, message);
  }

  #publish(to: ReturnType<typeof channel>, event: object): void {
    if (!to.hasSubscribers) return;
    unowned(() => to.publish({ cache: this.#rules.name, node: this.#node.name, ...event }));
  }
}

/** Items in one message: a node that has much to tell lets others speak in between. */
const TOLD_AT_ONCE = 256;

function isOrderly(reason: ExitReason): boolean {
  if (reason === "normal" || reason === "shutdown") return true;
  return typeof reason === "object" && reason !== null && "shutdown" in reason;
}
