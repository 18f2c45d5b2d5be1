/** The entries that count on a node, by topic and key: what is read there, and by whom it is followed. */
import type { Changes } from "./delta.ts";

export interface Entry {
  readonly topic: string;
  readonly key: string;
  readonly meta: unknown;
}

/** The metas of each key. */
export type Metas = ReadonlyMap<string, readonly unknown[]>;

export interface TopicChange {
  readonly joins: Metas;
  readonly leaves: Metas;
}

interface Topic {
  readonly entries: Map<string, Set<Entry>>;
  /** What readers are given, until the next change. */
  list: Metas | undefined;
}

const NOBODY: Metas = new Map();

export class Topics {
  readonly #topics = new Map<string, Topic>();

  get names(): readonly string[] {
    return [...this.#topics.keys()];
  }

  list(name: string): Metas {
    const topic = this.#topics.get(name);
    if (topic === undefined) return NOBODY;
    topic.list ??= new Map([...topic.entries].map(([key, entries]) => [key, [...entries].map(({ meta }) => meta)]));
    return topic.list;
  }

  /** @returns what it changes in each topic. */
  change({ joins, leaves }: Changes<Entry>): ReadonlyMap<string, TopicChange> {
    const changed = new Map<
      string,
      { readonly joins: Map<string, unknown[]>; readonly leaves: Map<string, unknown[]> }
    >();
    const record = (side: "joins" | "leaves", { key, meta, topic }: Entry): void => {
      const change = changed.get(topic) ?? { joins: new Map(), leaves: new Map() };
      changed.set(topic, change);
      const metas = change[side].get(key);
      if (metas === undefined) change[side].set(key, [meta]);
      else metas.push(meta);
    };
    for (const entry of leaves) {
      this.#remove(entry);
      record("leaves", entry);
    }
    for (const entry of joins) {
      this.#add(entry);
      record("joins", entry);
    }
    return changed;
  }

  #add(entry: Entry): void {
    const topic = this.#topics.get(entry.topic) ?? { entries: new Map<string, Set<Entry>>(), list: undefined };
    this.#topics.set(entry.topic, topic);
    topic.list = undefined;
    const entries = topic.entries.get(entry.key);
    if (entries === undefined) topic.entries.set(entry.key, new Set([entry]));
    else entries.add(entry);
  }

  #remove(entry: Entry): void {
    const topic = this.#topics.get(entry.topic);
    const entries = topic?.entries.get(entry.key);
    if (topic === undefined || entries === undefined) return;
    topic.list = undefined;
    entries.delete(entry);
    if (entries.size === 0) topic.entries.delete(entry.key);
    if (topic.entries.size === 0) this.#topics.delete(entry.topic);
  }
}
