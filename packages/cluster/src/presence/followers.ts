/** Who on a node is told of the changes of a presence: functions at once, processes by a message. */
import { unowned } from "@interlock/core";
import { deliverMessage, type LocalPid, onEnd } from "@interlock/core/distribution";
import { Subscriptions } from "../pubsub/subscriptions.ts";
import type { TopicChange } from "./topics.ts";

export type Watcher = (change: TopicChange) => void;

export class Followers {
  readonly #failed: (error: unknown) => void;
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #subscriptions = new Subscriptions<LocalPid>();
  /** What is told at the end of each subscriber, to be taken back. */
  readonly #ends = new Map<LocalPid, () => void>();
  /** What watchers are still to be told of, each with those who watched when it happened. */
  readonly #untold: (readonly [change: TopicChange, watchers: ReadonlySet<Watcher>, those: readonly Watcher[]])[] = [];
  #telling = false;

  /** `failed` is told of what a watcher throws. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  get count(): number {
    return [...this.#watchers.values()].reduce((sum, { size }) => sum + size, this.#ends.size);
  }

  /** @returns what ends it. */
  watch(topic: string, watcher: Watcher): () => void {
    // Of its own: the same function may watch twice.
    const own: Watcher = (change) => watcher(change);
    const watchers = this.#watchers.get(topic) ?? new Set();
    this.#watchers.set(topic, watchers);
    watchers.add(own);
    return () => {
      watchers.delete(own);
      if (watchers.size === 0 && this.#watchers.get(topic) === watchers) this.#watchers.delete(topic);
    };
  }

  subscribe(topic: string, pid: LocalPid): void {
    const { process } = pid;
    if (process === undefined || !this.#subscriptions.add(topic, pid)) return;
    const ended = (): void => {
      this.#ends.delete(pid);
      this.#subscriptions.removeAll(pid);
    };
    this.#ends.set(pid, onEnd(process, ended));
  }

  unsubscribe(topic: string, pid: LocalPid): void {
    if (!this.#subscriptions.remove(topic, pid)) return;
    this.#ends.get(pid)?.();
    this.#ends.delete(pid);
  }

  tell(changes: ReadonlyMap<string, TopicChange>): void {
    for (const [topic, change] of changes) {
      for (const { process } of this.#subscriptions.to(topic))
        if (process !== undefined) deliverMessage(process, { type: "presence", topic, ...change });
      const watchers = this.#watchers.get(topic);
      if (watchers !== undefined) this.#untold.push([change, watchers, [...watchers]]);
    }
    // A watcher has changed something: everybody is told of the first change before the second one.
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
      const [change, watchers, those] = next;
      for (const watcher of those) if (watchers.has(watcher)) this.#call(watcher, change);
    }
    this.#telling = false;
  }

  #call(watcher: Watcher, change: TopicChange): void {
    try {
      unowned(() => watcher(change));
    } catch (error) {
      this.#failed(error);
    }
  }
}
