/**
 * Which events are one and the same, seen again: what is to be written, and when a series is over. Deterministic: the time is
 * an argument. Events are alike when all but their note is; the first note stays, as in client-go.
 */
import type { KubernetesObject } from "./resource.ts";

/** Something that happened to an object, for whoever asks `kubectl describe` or `kubectl events`. */
export interface RecordedEvent {
  /** As it was got from the API server: with `kind`, `name` and, unless it belongs to the cluster, its namespace. */
  readonly regarding: KubernetesObject;
  /** Why, in one word for programs: `RolloutStarted`. */
  readonly reason: string;
  /** What was done, in one word for programs: `Rollout`. */
  readonly action: string;
  /** For people. Of more than 1 024 characters the end is left out. */
  readonly note: string;
  /** Default `Normal`. */
  readonly type?: "Normal" | "Warning";
  readonly related?: KubernetesObject;
}

export interface Series {
  readonly event: RecordedEvent;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  /** The name of its object; undefined: it has none yet. */
  readonly name: string | undefined;
  /** How many of `count` the API server knows. */
  readonly written: number;
}

export interface SeriesRules {
  /** An event that comes after so long is the first of another series. */
  readonly seriesMs: number;
  readonly maxSeries: number;
}

export class EventSeries {
  readonly #rules: SeriesRules;
  readonly #all = new Map<string, Series>();
  /** Events for which there was no room. */
  dropped = 0;

  constructor(rules: SeriesRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#all.size;
  }

  get(key: string): Series | undefined {
    return this.#all.get(key);
  }

  /** @returns the key of its series; undefined when it is dropped. */
  record(event: RecordedEvent, nowMs: number): string | undefined {
    const key = keyOfSeries(event);
    const known = this.#all.get(key);
    if (known !== undefined && nowMs - known.lastMs < this.#rules.seriesMs) {
      this.#all.set(key, { ...known, count: known.count + 1, lastMs: nowMs });
      return key;
    }
    if (known === undefined && this.#all.size >= this.#rules.maxSeries) {
      this.dropped++;
      return undefined;
    }
    this.#all.set(key, { event, firstMs: nowMs, lastMs: nowMs, count: 1, name: undefined, written: 0 });
    return key;
  }

  /** It is at the server as `name`, with that count. */
  wrote(key: string, name: string, count: number): void {
    const known = this.#all.get(key);
    if (known !== undefined) this.#all.set(key, { ...known, name, written: count });
  }

  /** Milliseconds until the series is over; it is forgotten when that is now. Undefined: there is none. */
  remainingMs(key: string, nowMs: number): number | undefined {
    const known = this.#all.get(key);
    if (known === undefined) return undefined;
    const leftMs = known.lastMs + this.#rules.seriesMs - nowMs;
    if (leftMs > 0) return leftMs;
    this.#all.delete(key);
    return undefined;
  }

  forget(key: string): void {
    this.#all.delete(key);
  }
}

function keyOfSeries({ action, reason, regarding, related, type = "Normal" }: RecordedEvent): string {
  const named = ({ apiVersion, kind, metadata }: KubernetesObject): string =>
    `${apiVersion} ${kind} ${metadata?.namespace ?? ""}/${metadata?.name} ${metadata?.uid}`;
  return `${type} ${reason} ${action} ${named(regarding)}${related === undefined ? "" : ` ${named(related)}`}`;
}
