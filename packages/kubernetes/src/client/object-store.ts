/** The objects that a reflector has seen, by key and by index. What was seen last stands until something else is seen. */
import { type KubernetesObject, keyOf, type Stored } from "./resource.ts";
import type { WatchEvent } from "./watch.ts";

/** The keys under which an object is found, besides its own. */
export type IndexFunction<T extends KubernetesObject> = (object: Stored<T>) => readonly string[];

export class ObjectStore<T extends KubernetesObject> {
  readonly #objects = new Map<string, Stored<T>>();
  readonly #indexes: ReadonlyMap<string, { readonly of: IndexFunction<T>; readonly keys: Map<string, Set<string>> }>;

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    this.#indexes = new Map(Object.entries(indexes).map(([name, of]) => [name, { of, keys: new Map() }]));
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): Stored<T> | undefined {
    return this.#objects.get(key);
  }

  all(): Iterable<Stored<T>> {
    return this.#objects.values();
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  /** Undefined: there is no such index. */
  indexed(index: string, value: string): readonly Stored<T>[] | undefined {
    const found = this.#indexes.get(index);
    if (found === undefined) return undefined;
    return [...(found.keys.get(value) ?? [])].map((key) => this.#objects.get(key) as Stored<T>);
  }

  /** These are all. @returns the keys of what has come, gone or changed. */
  replace(objects: readonly Stored<T>[]): readonly string[] {
    const now = new Map(objects.map((object) => [keyOf(object), object]));
    const changed: string[] = [];
    for (const [key, before] of this.#objects) {
      const after = now.get(key);
      if (after === undefined || !isSame(before, after)) changed.push(key);
      if (after === undefined) this.#put(key, undefined);
    }
    for (const [key, after] of now) {
      if (!this.#objects.has(key)) changed.push(key);
      this.#put(key, after);
    }
    return changed;
  }

  /** @returns the keys of what has come, gone or changed. */
  change(events: readonly WatchEvent<T>[]): readonly string[] {
    return events.flatMap((event) => {
      if (event.type === "BOOKMARK") return [];
      const key = keyOf(event.object);
      this.#put(key, event.type === "DELETED" ? undefined : event.object);
      return [key];
    });
  }

  #put(key: string, after: Stored<T> | undefined): void {
    const before = this.#objects.get(key);
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    for (const { keys, of } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : of(before)) {
        const under = keys.get(value);
        under?.delete(key);
        if (under?.size === 0) keys.delete(value);
      }
      for (const value of after === undefined ? [] : of(after)) {
        const under = keys.get(value) ?? new Set();
        keys.set(value, under.add(key));
      }
    }
  }
}

/** Whether two are the same object in the same version; a name may have been given anew meanwhile. */
function isSame(a: KubernetesObject, b: KubernetesObject): boolean {
  return a.metadata?.uid === b.metadata?.uid && a.metadata?.resourceVersion === b.metadata?.resourceVersion;
}
