/** Who on one node has subscribed to what. A topic without subscribers is not there. */

const NOBODY: readonly never[] = [];

interface Topic<P> {
  readonly subscribers: Set<P>;
  /** What a broadcast goes through, until the next change: who subscribes meanwhile does not get it. */
  all: readonly P[] | undefined;
}

export class Subscriptions<P> {
  readonly #topics = new Map<string, Topic<P>>();
  readonly #of = new Map<P, Set<string>>();

  get topics(): readonly string[] {
    return [...this.#topics.keys()];
  }

  to(name: string): readonly P[] {
    const topic = this.#topics.get(name);
    if (topic === undefined) return NOBODY;
    topic.all ??= [...topic.subscribers];
    return topic.all;
  }

  /** @returns whether it is the first one of this subscriber. */
  add(name: string, subscriber: P): boolean {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { subscribers: new Set(), all: undefined };
      this.#topics.set(name, topic);
    }
    topic.subscribers.add(subscriber);
    topic.all = undefined;
    const names = this.#of.get(subscriber);
    if (names === undefined) this.#of.set(subscriber, new Set([name]));
    else names.add(name);
    return names === undefined;
  }

  /** @returns whether it was the last one of this subscriber. */
  remove(name: string, subscriber: P): boolean {
    const names = this.#of.get(subscriber);
    if (names?.delete(name) !== true) return false;
    this.#drop(name, subscriber);
    if (names.size > 0) return false;
    this.#of.delete(subscriber);
    return true;
  }

  /** The subscriber has ended. */
  removeAll(subscriber: P): void {
    for (const name of this.#of.get(subscriber) ?? []) this.#drop(name, subscriber);
    this.#of.delete(subscriber);
  }

  #drop(name: string, subscriber: P): void {
    const topic = this.#topics.get(name) as Topic<P>;
    topic.subscribers.delete(subscriber);
    topic.all = undefined;
    if (topic.subscribers.size === 0) this.#topics.delete(name);
  }
}
