/**
 * First in, first out, without allocation: a ring whose size is a power of two and doubles when full.
 *
 *     items  [ . . a b c . . . ]      head = 2, length = 3; index i is items[(head + i) & mask]
 */
export class RunQueue<T extends object> {
  #items: (T | undefined)[] = new Array(64).fill(undefined);
  #head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.length++) & (this.#items.length - 1)] = item;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.length--;
    return item;
  }

  /** Takes the one at `index`; the others keep their order. */
  take(index: number): T | undefined {
    const mask = this.#items.length - 1;
    const item = this.#items[(this.#head + index) & mask];
    for (let at = index; at > 0; at--)
      this.#items[(this.#head + at) & mask] = this.#items[(this.#head + at - 1) & mask];
    this.shift();
    return item;
  }

  #grow(): void {
    const items = this.#items;
    const grown: (T | undefined)[] = new Array(items.length * 2).fill(undefined);
    for (let at = 0; at < this.length; at++) grown[at] = items[(this.#head + at) & (items.length - 1)];
    this.#items = grown;
    this.#head = 0;
  }
}
