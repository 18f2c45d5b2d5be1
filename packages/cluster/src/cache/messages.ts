/** What the processes of a cache tell each other, and what of that a node takes for true. */
import type { Pid } from "@interlock/core";
import { LocalPid } from "@interlock/core/distribution";
import type { CacheKey, Digest, Item } from "./state.ts";
import type { Version } from "./version.ts";

/** `content` is an array of the value, or empty: undefined is a value as well. */
type ToldItem = readonly [key: CacheKey, version: Version, atMs: number, content: readonly unknown[]];

export type CacheMessage =
  | { readonly type: "cache_items"; readonly items: readonly ToldItem[] }
  | {
      readonly type: "cache_digest";
      readonly from: Pid<CacheMessage>;
      readonly floor: Version;
      readonly versions: readonly (readonly [CacheKey, Version])[];
    }
  | { readonly type: "cache_cleared"; readonly floor: Version };

export type Received =
  | { readonly type: "items"; readonly items: readonly Item[] }
  | { readonly type: "digest"; readonly from: Pid<CacheMessage>; readonly digest: Digest }
  | { readonly type: "cleared"; readonly floor: Version };

export function itemsMessage(items: readonly Item[]): CacheMessage {
  return {
    type: "cache_items",
    items: items.map(({ atMs, content, key, version }) => [key, version, atMs, content ? [content.value] : []]),
  };
}

export function digestMessage(from: LocalPid, { floor, versions }: Digest): CacheMessage {
  return { type: "cache_digest", from: from as never, floor, versions: [...versions] };
}

export function clearedMessage(floor: Version): CacheMessage {
  return { type: "cache_cleared", floor };
}

/** Undefined for whatever is none of these messages: a node of a later version, or a stranger, must not end the cache. */
export function received(message: unknown): Received | undefined {
  const { floor, from, items, type, versions } = (message ?? {}) as { readonly [field: string]: unknown };
  if (type === "cache_items" && Array.isArray(items) && items.every(isToldItem))
    return {
      type: "items",
      items: items.map(([key, version, atMs, content]) => {
        return { key, version, atMs, content: content.length === 0 ? undefined : { value: content[0] } };
      }),
    };
  if (type === "cache_cleared" && isVersion(floor)) return { type: "cleared", floor };
  if (type !== "cache_digest" || !isVersion(floor) || !Array.isArray(versions)) return undefined;
  if (!(from instanceof LocalPid)) return undefined;
  if (!versions.every((pair) => Array.isArray(pair) && isKey(pair[0]) && isVersion(pair[1]))) return undefined;
  return {
    type: "digest",
    from: from as never,
    digest: { floor, versions: new Map(versions as [CacheKey, Version][]) },
  };
}

export function isKey(value: unknown): value is CacheKey {
  return (
    typeof value === "string" || typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
  );
}

function isToldItem(value: unknown): value is ToldItem {
  if (!Array.isArray(value)) return false;
  const [key, version, atMs, content] = value as unknown[];
  return isKey(key) && isVersion(version) && Number.isFinite(atMs) && Array.isArray(content);
}

function isVersion(value: unknown): value is Version {
  if (!Array.isArray(value)) return false;
  const [clock, writer, loadedMs, loader] = value as unknown[];
  return (
    Number.isFinite(clock) && typeof writer === "string" && Number.isFinite(loadedMs) && typeof loader === "string"
  );
}
