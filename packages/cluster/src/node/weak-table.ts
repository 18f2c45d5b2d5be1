/** Values by key for as long as somebody else holds them: what peers name is remembered, and costs nothing once forgotten. */
export class WeakTable<Key, Value extends object> {
  readonly #entries = new Map<Key, WeakRef<Value>>();
  readonly #collected = new FinalizationRegistry<Key>((key) => {
    if (this.#entries.get(key)?.deref() === undefined) this.#entries.delete(key);
  });

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.deref();
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, new WeakRef(value));
    this.#collected.register(value, key);
  }
}
