/**
 * Items in the order of their keys, in chunks of bounded length:
 *
 *     [[1 2 3] [5 8] [9 12 40]]
 *
 * Finding is a binary search of the chunks and one within a chunk. Inserting moves at most a chunk, so that sorted,
 * reversed and random input cost about the same.
 */
const LONGEST_CHUNK = 512;

export class SortedList<Key, Item> implements Iterable<Item> {
  readonly #keyOf: (item: Item) => Key;
  readonly #compare: (left: Key, right: Key) => number;
  readonly #longestChunk: number;
  /** None is empty. */
  #chunks: Item[][] = [];
  #size = 0;
  /** Counts changes: an iterator that sees none need not search its place. */
  #version = 0;

  constructor(
    keyOf: (item: Item) => Key,
    compare: (left: Key, right: Key) => number,
    longestChunk: number = LONGEST_CHUNK,
  ) {
    this.#longestChunk = longestChunk;
    this.#keyOf = keyOf;
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  get(key: Key): Item | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)];
    const item = chunk?.[this.#place(chunk, key)];
    return item !== undefined && this.#compare(this.#keyOf(item), key) === 0 ? item : undefined;
  }

  /** Adds `item`, or puts it in the place of the one with an equal key, which is returned. */
  set(item: Item): Item | undefined {
    const key = this.#keyOf(item);
    const index = this.#chunkFor(key);
    const chunk = this.#chunks[index];
    this.#version++;
    if (chunk === undefined) {
      this.#chunks.push([item]);
      this.#size++;
      return undefined;
    }
    const place = this.#place(chunk, key);
    const there = chunk[place];
    if (there !== undefined && this.#compare(this.#keyOf(there), key) === 0) {
      chunk[place] = item;
      return there;
    }
    this.#size++;
    if (place === chunk.length) chunk.push(item);
    else chunk.splice(place, 0, item);
    if (chunk.length > this.#longestChunk) this.#split(index, chunk, place === chunk.length - 1);
    return undefined;
  }

  delete(key: Key): Item | undefined {
    const index = this.#chunkFor(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return undefined;
    const place = this.#place(chunk, key);
    const item = chunk[place];
    if (item === undefined || this.#compare(this.#keyOf(item), key) !== 0) return undefined;
    this.#version++;
    this.#size--;
    if (chunk.length === 1) this.#chunks.splice(index, 1);
    else chunk.splice(place, 1);
    return item;
  }

  clear(): void {
    this.#version++;
    this.#chunks = [];
    this.#size = 0;
  }

  first(): Item | undefined {
    return this.#chunks[0]?.[0];
  }

  last(): Item | undefined {
    return this.#chunks.at(-1)?.at(-1);
  }

  /** The first item after `key`, which need not be in the list. */
  after(key: Key): Item | undefined {
    const index = this.#chunkFor(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return undefined;
    let place = this.#place(chunk, key);
    const item = chunk[place];
    if (item !== undefined && this.#compare(this.#keyOf(item), key) === 0) place++;
    return place < chunk.length ? chunk[place] : this.#chunks[index + 1]?.[0];
  }

  /** The last item before `key`, which need not be in the list. */
  before(key: Key): Item | undefined {
    const index = this.#chunkFor(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return undefined;
    const place = this.#place(chunk, key);
    return place > 0 ? chunk[place - 1] : this.#chunks[index - 1]?.at(-1);
  }

  /** In order. Items may be added and deleted meanwhile: those still to come are met if they are there then. */
  *[Symbol.iterator](): Generator<Item, void> {
    let version = this.#version;
    let index = 0;
    let place = 0;
    for (;;) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) return;
      const item = chunk[place];
      if (item === undefined) {
        index++;
        place = 0;
        continue;
      }
      yield item;
      if (version === this.#version) {
        place++;
        continue;
      }
      version = this.#version;
      const next = this.after(this.#keyOf(item));
      if (next === undefined) return;
      const key = this.#keyOf(next);
      index = this.#chunkFor(key);
      place = this.#place(this.#chunks[index] as Item[], key);
    }
  }

  /** The chunk in which `key` is or belongs: the last one that does not begin after it. */
  #chunkFor(key: Key): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#compare(this.#keyOf((this.#chunks[middle] as Item[])[0] as Item), key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The first place in `chunk` whose key is not below `key`. */
  #place(chunk: readonly Item[], key: Key): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#keyOf(chunk[middle] as Item), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(index: number, chunk: Item[], appended: boolean): void {
    // Ascending input leaves full chunks behind it instead of half ones.
    const upper = chunk.splice(appended ? chunk.length - 1 : chunk.length >>> 1);
    this.#chunks.splice(index + 1, 0, upper);
  }
}
