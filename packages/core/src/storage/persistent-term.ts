/**
 * Values that everything on a node may read and hardly anybody writes: configuration, compiled tables. They last until
 * they are erased. @see persistent_term(3)
 */
import { badArgument } from "../errors.ts";
import { currentNode } from "../naming/name.ts";
import type { LocalNode } from "../node.ts";
import { deepFreeze } from "../process/freeze.ts";
import { fence } from "../process/send.ts";

const terms = new WeakMap<LocalNode, Map<unknown, unknown>>();

/**
 * @example
 * persistentTerm.put("limits", { rooms: 10_000 });
 * const { rooms } = persistentTerm.get<{ rooms: number }>("limits");
 * console.log(rooms); // 10000
 */
export const persistentTerm: {
  put(key: unknown, value: unknown): void;
  /** **Errors** `INTERLOCK_BAD_ARGUMENT` for a key without a value, unless there is an `otherwise`. */
  get<T>(key: unknown): T;
  get<T>(key: unknown, otherwise: T): T;
  /** @returns whether there was one. */
  erase(key: unknown): boolean;
} = {
  put(key, value) {
    fence();
    const node = currentNode();
    if (node.freeze) deepFreeze(value);
    let ofNode = terms.get(node);
    if (ofNode === undefined) {
      ofNode = new Map();
      terms.set(node, ofNode);
    }
    ofNode.set(key, value);
  },
  get<T>(key: unknown, ...otherwise: readonly [T?]): T {
    const ofNode = terms.get(currentNode());
    const value = ofNode?.get(key);
    if (value !== undefined || ofNode?.has(key) === true) return value as T;
    if (otherwise.length > 0) return otherwise[0] as T;
    throw badArgument("key", key, "the key of a persistent term");
  },
  erase(key) {
    fence();
    return terms.get(currentNode())?.delete(key) ?? false;
  },
};
