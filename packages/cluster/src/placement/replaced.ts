/** Values within values. Pure. */
import { Tuple } from "@interlock/wire";

/**
 * `value` with every object for which `replacement` gives something replaced by that; a copy only where something within
 * was replaced. What it looks into is what holds values of its users: arrays, plain objects, Map, Set, tuples.
 */
export function replaced(value: unknown, replacement: (one: object) => unknown): unknown {
  // A value that contains itself is refused where it is encoded, by its path.
  const around = new Set<object>();
  const visit = (one: unknown): unknown => {
    if (typeof one !== "object" || one === null || around.has(one)) return one;
    const instead = replacement(one);
    if (instead !== undefined) return instead;
    around.add(one);
    const result = within(one, visit);
    around.delete(one);
    return result;
  };
  return visit(value);
}

function within(one: object, visit: (inner: unknown) => unknown): object {
  if (Array.isArray(one)) return changed(one, visit) ?? one;
  if (one instanceof Tuple) {
    const elements = changed(one.elements, visit);
    return elements === undefined ? one : new Tuple(elements);
  }
  if (one instanceof Set) {
    const members = changed([...one], visit);
    return members === undefined ? one : new Set(members);
  }
  if (one instanceof Map) {
    const entries = changed([...one].flat(), visit);
    if (entries === undefined) return one;
    return new Map(Array.from({ length: one.size }, (_, at) => [entries[2 * at], entries[2 * at + 1]]));
  }
  const prototype = Object.getPrototypeOf(one) as unknown;
  if (prototype !== Object.prototype && prototype !== null) return one;
  const keys = Object.keys(one);
  const values = changed(Object.values(one), visit);
  return values === undefined ? one : Object.fromEntries(keys.map((key, at) => [key, values[at]]));
}

/** Undefined when nothing was replaced. */
function changed(list: readonly unknown[], visit: (inner: unknown) => unknown): unknown[] | undefined {
  let copy: unknown[] | undefined;
  for (const [at, one] of list.entries()) {
    const now = visit(one);
    if (now === one) continue;
    copy ??= [...list];
    copy[at] = now;
  }
  return copy;
}
