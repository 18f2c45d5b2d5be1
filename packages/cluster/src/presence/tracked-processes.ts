/** Which process of a node holds which keys, until it ends. */
import { type LocalPid, onEnd } from "@interlock/core/distribution";
import type { Changes } from "./delta.ts";
import { sizeOf } from "./messages.ts";
import type { OwnEntries } from "./own-entries.ts";
import type { Entry } from "./topics.ts";

interface Tracked {
  readonly forget: () => void;
  /** By topic and key the clock of the entry. */
  readonly topics: Map<string, Map<string, number>>;
}

const NONE: Changes<Entry> = { joins: [], leaves: [] };

export class TrackedProcesses {
  readonly #own: OwnEntries<Entry>;
  readonly #ended: (changes: Changes<Entry>) => void;
  readonly #tracked = new Map<LocalPid, Tracked>();

  /** `ended` is told of what the end of a process takes away. */
  constructor(own: OwnEntries<Entry>, ended: (changes: Changes<Entry>) => void) {
    this.#own = own;
    this.#ended = ended;
  }

  get count(): number {
    return this.#tracked.size;
  }

  /** **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT` */
  track(pid: LocalPid, entry: Entry): Changes<Entry> {
    const { process } = pid;
    // One that has ended would leave at once.
    if (process?.alive !== true) return NONE;
    const replaced = this.update(pid, entry);
    if (replaced !== NONE) return replaced;
    const clock = this.#own.join(entry, sizeOf(entry));
    let tracked = this.#tracked.get(pid);
    if (tracked === undefined) {
      tracked = { forget: onEnd(process, () => this.#ended(this.untrack(pid))), topics: new Map() };
      this.#tracked.set(pid, tracked);
    }
    const keys = tracked.topics.get(entry.topic) ?? new Map<string, number>();
    tracked.topics.set(entry.topic, keys);
    keys.set(entry.key, clock);
    return { joins: [entry], leaves: [] };
  }

  /** **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT` */
  update(pid: LocalPid, entry: Entry): Changes<Entry> {
    const keys = this.#tracked.get(pid)?.topics.get(entry.topic);
    const clock = keys?.get(entry.key);
    if (keys === undefined || clock === undefined) return NONE;
    const { entry: old, clock: next } = this.#own.replace(clock, entry, sizeOf(entry));
    keys.set(entry.key, next);
    return { joins: [entry], leaves: [old] };
  }

  /** Of one key, of all in a topic, or of all. */
  untrack(pid: LocalPid, topic?: string, key?: string): Changes<Entry> {
    const tracked = this.#tracked.get(pid);
    if (tracked === undefined) return NONE;
    const leaves: Entry[] = [];
    for (const name of topic === undefined ? [...tracked.topics.keys()] : [topic]) {
      const keys = tracked.topics.get(name);
      for (const one of key === undefined ? [...(keys?.keys() ?? [])] : [key]) {
        const entry = this.#own.leave(keys?.get(one) ?? 0);
        if (entry !== undefined) leaves.push(entry);
        keys?.delete(one);
      }
      if (keys?.size === 0) tracked.topics.delete(name);
    }
    if (tracked.topics.size === 0) {
      tracked.forget();
      this.#tracked.delete(pid);
    }
    return { joins: [], leaves };
  }
}
