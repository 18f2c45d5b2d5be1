/**
 * Telling handlers what has become of objects: for each key what they were told last is compared with what there is now. So
 * what changes often is told once, what is told in vain is told again, and nothing depends on how many events there were.
 */
import type { ChildSpec } from "@interlock/core";

import type { ObjectStore } from "./object-store.ts";
import type { KubernetesObject, Stored } from "./resource.ts";
import { type WorkQueue, workQueue } from "./work-queue.ts";

/** Each may be asynchronous; never two at once for one object. What they are given may not be changed: others have it too. */
export interface Handlers<T extends KubernetesObject> {
  readonly add?: (object: Stored<T>) => void | Promise<void>;
  readonly update?: (object: Stored<T>, before: Stored<T>) => void | Promise<void>;
  /** As it was last seen. */
  readonly delete?: (object: Stored<T>) => void | Promise<void>;
}

export class Deliveries<T extends KubernetesObject> {
  readonly #store: ObjectStore<T>;
  readonly #handlers: Handlers<T>;
  readonly #told = new Map<string, Stored<T>>();
  readonly #queue: WorkQueue;

  constructor(name: string, store: ObjectStore<T>, handlers: Handlers<T>) {
    this.#store = store;
    this.#handlers = handlers;
    this.#queue = workQueue({ name: `handlers of the ${name}`, work: (key) => this.#tell(key) });
  }

  child(): ChildSpec {
    return this.#queue.child({ id: "handlers" });
  }

  add(keys: readonly string[]): void {
    for (const key of keys) this.#queue.add(key);
  }

  async #tell(key: string): Promise<void> {
    const handlers = this.#handlers;
    const before = this.#told.get(key);
    const now = this.#store.get(key);
    // Of that name there may be another one by now, of which the old one's end was not seen.
    const isOther = before !== undefined && before.metadata.uid !== now?.metadata.uid;
    if (isOther) {
      await handlers.delete?.(before);
      this.#told.delete(key);
    }
    if (now === undefined) return;
    if (before === undefined || isOther) await handlers.add?.(now);
    else await handlers.update?.(now, before);
    this.#told.set(key, now);
  }
}
