/** Values with how often each is there: a process that has joined a group twice is in it until it has left twice. */
export class Bag<T> {
  readonly #counts = new Map<T, number>();
  #size = 0;

  /** Of all, repeated ones counted. */
  get size(): number {
    return this.#size;
  }

  add(value: T): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#size++;
  }

  /** @returns whether it was there. */
  remove(value: T): boolean {
    const count = this.#counts.get(value);
    if (count === undefined) return false;
    if (count === 1) this.#counts.delete(value);
    else this.#counts.set(value, count - 1);
    this.#size--;
    return true;
  }

  /** Takes all of one value out. @returns how many there were. */
  take(value: T): number {
    const count = this.#counts.get(value) ?? 0;
    this.#counts.delete(value);
    this.#size -= count;
    return count;
  }

  /** Those of `values` that are in it, as often as they are. */
  removeAll(values: Iterable<T>): T[] {
    return [...values].filter((value) => this.remove(value));
  }

  /** All, repeated ones as often as they are there. */
  get values(): T[] {
    // Mostly none is repeated.
    if (this.#counts.size === this.#size) return [...this.#counts.keys()];
    return [...this.#counts].flatMap(([value, count]) => new Array<T>(count).fill(value));
  }
}
