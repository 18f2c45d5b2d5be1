/**
 * The two ways a table finds its rows: by hash (`set`, `bag`) and in order (`ordered_set`). `Content` is what lies under
 * a key: one row, or the rows of a bag.
 */
import { SortedList } from "./sorted-list.ts";

export interface Slot<Key, Content> {
  readonly key: Key;
  content: Content;
}

export interface TableKeys<Key, Content> {
  readonly size: number;
  get(key: Key): Slot<Key, Content> | undefined;
  set(key: Key, content: Content): void;
  delete(key: Key): Slot<Key, Content> | undefined;
  clear(): void;
  /** Safe while rows come and go. */
  slots(): Iterable<Slot<Key, Content>>;
  /** For stepping from key to key; `who` steps. */
  first(who: object): Slot<Key, Content> | undefined;
  last(who: object): Slot<Key, Content> | undefined;
  /** "lost" when `key` has no place: it is not there and not where `who` stood last. */
  next(key: Key, who: object): Slot<Key, Content> | undefined | "lost";
  previous(key: Key, who: object): Slot<Key, Content> | undefined | "lost";
  sameKey(left: Key, right: Key): boolean;
}

export class OrderedKeys<Key, Content> implements TableKeys<Key, Content> {
  readonly #slots: SortedList<Key, Slot<Key, Content>>;
  readonly #compare: (left: Key, right: Key) => number;

  constructor(compare: (left: Key, right: Key) => number) {
    this.#compare = compare;
    this.#slots = new SortedList((slot) => slot.key, compare);
  }

  get size(): number {
    return this.#slots.size;
  }

  get(key: Key): Slot<Key, Content> | undefined {
    return this.#slots.get(key);
  }

  set(key: Key, content: Content): void {
    this.#slots.set({ key, content });
  }

  delete(key: Key): Slot<Key, Content> | undefined {
    return this.#slots.delete(key);
  }

  clear(): void {
    this.#slots.clear();
  }

  slots(): Iterable<Slot<Key, Content>> {
    return this.#slots;
  }

  first(): Slot<Key, Content> | undefined {
    return this.#slots.first();
  }

  last(): Slot<Key, Content> | undefined {
    return this.#slots.last();
  }

  next(key: Key): Slot<Key, Content> | undefined {
    return this.#slots.after(key);
  }

  previous(key: Key): Slot<Key, Content> | undefined {
    return this.#slots.before(key);
  }

  sameKey(left: Key, right: Key): boolean {
    return this.#compare(left, right) === 0;
  }
}

class HashedSlot<Key, Content> implements Slot<Key, Content> {
  readonly key: Key;
  content: Content;
  /** Its place among all slots ever made. */
  readonly order: number;

  constructor(key: Key, content: Content, order: number) {
    this.key = key;
    this.content = content;
    this.order = order;
  }
}

export class HashedKeys<Key, Content> implements TableKeys<Key, Content> {
  readonly #slots = new Map<Key, HashedSlot<Key, Content>>();
  /** The slots by age, made when somebody steps from key to key: most tables are only looked up in. */
  #byAge: SortedList<number, HashedSlot<Key, Content>> | undefined = undefined;
  /** The slot that each process was given last, so that it can go on from there when that has been deleted. */
  #cursors = new WeakMap<object, HashedSlot<Key, Content>>();
  #made = 0;

  get size(): number {
    return this.#slots.size;
  }

  get(key: Key): Slot<Key, Content> | undefined {
    return this.#slots.get(key);
  }

  set(key: Key, content: Content): void {
    const there = this.#slots.get(key);
    if (there !== undefined) {
      there.content = content;
      return;
    }
    const slot = new HashedSlot(key, content, ++this.#made);
    this.#slots.set(key, slot);
    this.#byAge?.set(slot);
  }

  delete(key: Key): Slot<Key, Content> | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#byAge?.delete(slot.order);
    return slot;
  }

  clear(): void {
    this.#slots.clear();
    this.#byAge?.clear();
  }

  slots(): Iterable<Slot<Key, Content>> {
    return this.#slots.values();
  }

  first(who: object): Slot<Key, Content> | undefined {
    return this.#stepped(who, this.#ages().first());
  }

  last(who: object): Slot<Key, Content> | undefined {
    return this.#stepped(who, this.#ages().last());
  }

  next(key: Key, who: object): Slot<Key, Content> | undefined | "lost" {
    const order = this.#orderOf(key, who);
    return order === undefined ? "lost" : this.#stepped(who, this.#ages().after(order));
  }

  previous(key: Key, who: object): Slot<Key, Content> | undefined | "lost" {
    const order = this.#orderOf(key, who);
    return order === undefined ? "lost" : this.#stepped(who, this.#ages().before(order));
  }

  sameKey(left: Key, right: Key): boolean {
    return left === right || Object.is(left, right);
  }

  #orderOf(key: Key, who: object): number | undefined {
    const there = this.#slots.get(key);
    if (there !== undefined) return there.order;
    const cursor = this.#cursors.get(who);
    return cursor !== undefined && this.sameKey(cursor.key, key) ? cursor.order : undefined;
  }

  #stepped(who: object, slot: HashedSlot<Key, Content> | undefined): Slot<Key, Content> | undefined {
    if (slot !== undefined) this.#cursors.set(who, slot);
    return slot;
  }

  #ages(): SortedList<number, HashedSlot<Key, Content>> {
    if (this.#byAge === undefined) {
      this.#byAge = new SortedList(
        (slot) => slot.order,
        (left, right) => left - right,
      );
      for (const slot of this.#slots.values()) this.#byAge.set(slot);
    }
    return this.#byAge;
  }
}
