/** A field that mostly holds nothing or one: only the second one costs a Set. */

export type OneOrMany<T extends object> = T | Set<T> | undefined;

export function add<T extends object>(some: OneOrMany<T>, one: T): OneOrMany<T> {
  if (some === undefined || some === one) return one;
  if (some instanceof Set) return some.add(one);
  return new Set([some, one]);
}

export function remove<T extends object>(some: OneOrMany<T>, one: T): OneOrMany<T> {
  if (some === one) return undefined;
  if (some instanceof Set) {
    some.delete(one);
    if (some.size === 0) return undefined;
  }
  return some;
}

export function has<T extends object>(some: OneOrMany<T>, one: T): boolean {
  return some === one || (some instanceof Set && some.has(one));
}

const NONE: readonly never[] = [];

export function each<T extends object>(some: OneOrMany<T>): Iterable<T> {
  if (some === undefined) return NONE;
  return some instanceof Set ? some : [some];
}
