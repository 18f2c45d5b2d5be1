/** How many values a table holds for a while although nobody else does. */
const RECENT = 64;

/**
 * Values by number or text for as long as somebody else holds them: what peers name is remembered, and costs nothing once
 * forgotten. The few that numbers have last been asked for are held here: asking a WeakRef takes longer than all the rest
 * of finding a pid. Hot file: `bench` rows dist_*.
 */
export class WeakTable<Key extends number | string, Value extends object> {
  readonly #entries = new Map<Key, WeakRef<Value>>();
  readonly #recentKeys = new Array<Key | undefined>(RECENT).fill(undefined);
  readonly #recent = new Array<Value | undefined>(RECENT).fill(undefined);
  readonly #collected = new FinalizationRegistry<Key>((key) => {
    if (this.#entries.get(key)?.deref() === undefined) this.#entries.delete(key);
  });

  get(key: Key): Value | undefined {
    if (typeof key !== "number") return this.#entries.get(key)?.deref();
    const slot = key & (RECENT - 1);
    if (this.#recentKeys[slot] === key) return this.#recent[slot];
    const value = this.#entries.get(key)?.deref();
    if (value !== undefined) this.#hold(slot, key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, new WeakRef(value));
    this.#collected.register(value, key);
    if (typeof key === "number") this.#hold(key & (RECENT - 1), key, value);
  }

  #hold(slot: number, key: Key, value: Value): void {
    this.#recentKeys[slot] = key;
    this.#recent[slot] = value;
  }
}
