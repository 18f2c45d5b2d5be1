/**
 * In development and test messages are deep-frozen on send, so that two processes sharing an object is found where it
 * is written, not where it hurts. Plain objects and arrays only: class instances, views, Map and Set stay as they are.
 */
export function deepFreeze(value: unknown): void {
  if (!isMutable(value)) return;
  const found: object[] = [value];
  // A list of its own instead of recursion: a message may be nested as deeply as it likes.
  for (let one = found.pop(); one !== undefined; one = found.pop()) {
    Object.freeze(one);
    for (const key of Object.keys(one)) {
      const inner = (one as Record<string, unknown>)[key];
      if (isMutable(inner)) found.push(inner);
    }
  }
}

function isMutable(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return false;
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}
