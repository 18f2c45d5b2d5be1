/**
 * The objects of a fake API server: their versions, and what happened to them in which order. Every change has the next
 * number; a write that changes nothing is none. What is kept is never changed, so a list is a snapshot.
 */
import { isDeepStrictEqual } from "node:util";

import type { KubernetesObject } from "../client/resource.ts";

// biome-ignore lint/suspicious/noExplicitAny: the fake takes objects of every kind
export type AnyObject = Record<string, any>;

/** A kind of objects, by its path: `apps/v1/deployments`. */
export type Collection = string;

export interface FakeChange {
  readonly version: number;
  readonly collection: Collection;
  /** Undefined: it was not there. */
  readonly before: AnyObject | undefined;
  readonly after: AnyObject | undefined;
}

/** An answer that is no success. */
export class FakeRefusal extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: object;

  constructor(code: number, reason: string, message: string, details: object = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

export class FakeObjects {
  readonly #collections = new Map<Collection, Map<string, AnyObject>>();
  #history: FakeChange[] = [];
  #version = 100;
  #compacted = 0;
  #uids = 0;
  readonly #time: () => string;

  constructor(time: () => string) {
    this.#time = time;
  }

  get version(): number {
    return this.#version;
  }

  /** Those before it are gone: whoever wants to go on from there cannot. */
  get compacted(): number {
    return this.#compacted;
  }

  /** Sorted by namespace and name, as the real one does. */
  all(collection: Collection, namespace: string | undefined): readonly AnyObject[] {
    const found = [...(this.#collections.get(collection) ?? [])];
    return found
      .filter(([, { metadata }]) => namespace === undefined || metadata.namespace === namespace)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  find(collection: Collection, namespace: string | undefined, name: string): AnyObject | undefined {
    return this.#collections.get(collection)?.get(`${namespace ?? ""}/${name}`);
  }

  /** What came after that version, in order. */
  since(version: number): readonly FakeChange[] {
    if (version < this.#compacted)
      throw new FakeRefusal(410, "Expired", `too old resource version: ${version} (${this.#compacted})`);
    return this.#history.filter((change) => change.version > version);
  }

  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
  }

  create(collection: Collection, object: AnyObject): FakeChange {
    const { name, namespace } = object["metadata"];
    if (this.find(collection, namespace, name) !== undefined)
      throw new FakeRefusal(409, "AlreadyExists", `${collection} "${name}" already exists`, { name });
    const metadata = {
      ...object["metadata"],
      uid: `00000000-0000-4000-8000-${String(++this.#uids).padStart(12, "0")}`,
      creationTimestamp: this.#time(),
      generation: 1,
    };
    return this.#put(collection, undefined, { ...object, metadata });
  }

  /** @returns undefined when that changes nothing. */
  replace(collection: Collection, before: AnyObject, object: AnyObject): FakeChange | undefined {
    const kept = before["metadata"];
    const given = object["metadata"]?.resourceVersion;
    if (given !== undefined && given !== kept.resourceVersion)
      throw new FakeRefusal(
        409,
        "Conflict",
        "the object has been modified; please apply your changes to the latest version",
      );
    const { creationTimestamp, deletionTimestamp, generation, name, namespace, resourceVersion, uid } = kept;
    const fixed = { creationTimestamp, deletionTimestamp, generation, name, namespace, resourceVersion, uid };
    const after: AnyObject = withoutUndefined({
      ...object,
      metadata: withoutUndefined({ ...object["metadata"], ...fixed }),
    });
    if (isDeepStrictEqual(before, after)) return undefined;
    const spec = ({ metadata: _metadata, status: _status, ...rest }: AnyObject): AnyObject => rest;
    if (!isDeepStrictEqual(spec(before), spec(after)))
      after["metadata"] = { ...after["metadata"], generation: (kept.generation ?? 1) + 1 };
    // The last finalizer of an object that is to go is its end.
    if (deletionTimestamp !== undefined && !after["metadata"].finalizers?.length)
      return this.#put(collection, before, undefined);
    return this.#put(collection, before, after);
  }

  delete(collection: Collection, before: AnyObject): FakeChange | undefined {
    const { metadata } = before;
    if (!metadata.finalizers?.length) return this.#put(collection, before, undefined);
    if (metadata.deletionTimestamp !== undefined) return undefined;
    return this.#put(collection, before, { ...before, metadata: { ...metadata, deletionTimestamp: this.#time() } });
  }

  #put(collection: Collection, before: AnyObject | undefined, after: AnyObject | undefined): FakeChange {
    const version = ++this.#version;
    const stamped = (object: AnyObject): AnyObject => ({
      ...object,
      metadata: { ...object["metadata"], resourceVersion: String(version) },
    });
    const { name, namespace } = (after ?? before)?.["metadata"] ?? {};
    const objects = this.#collections.get(collection) ?? new Map<string, AnyObject>();
    this.#collections.set(collection, objects);
    const key = `${namespace ?? ""}/${name}`;
    const stored = after && stamped(after);
    if (stored === undefined) objects.delete(key);
    else objects.set(key, stored);
    // A deleted object is told in the version of its end.
    const change = {
      version,
      collection,
      before: stored === undefined && before ? stamped(before) : before,
      after: stored,
    };
    this.#history.push(change);
    return change;
  }
}

function withoutUndefined(object: AnyObject): AnyObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** Whether an object is among those that a query selects. */
export function selects(query: URLSearchParams, namespace: string | undefined, object: AnyObject | undefined): boolean {
  if (object === undefined) return false;
  const { labels = {}, name, namespace: own } = (object as KubernetesObject).metadata ?? {};
  if (namespace !== undefined && own !== namespace) return false;
  const fields: Record<string, unknown> = { "metadata.name": name, "metadata.namespace": own };
  return [
    ...terms(query.get("labelSelector")).map(([key, value]) =>
      value === undefined ? key in labels : (labels as Record<string, string>)[key] === value,
    ),
    ...terms(query.get("fieldSelector")).map(([key, value]) => fields[key] === value),
  ].every(Boolean);
}

function terms(selector: string | null): readonly (readonly [string, string | undefined])[] {
  if (!selector) return [];
  return selector.split(",").map((term) => {
    const [key = "", value] = term.split(/==?/);
    return [key, value];
  });
}
