/** A watch: the stream of what changes, as one array for each piece of it that arrives. */
import { Lines } from "./lines.ts";
import type { Requester } from "./requester.ts";
import { type KubernetesObject, pathOf, type Resource, type Stored } from "./resource.ts";
import type { Status, Target } from "./status.ts";

/** Which objects of a resource. */
export interface Selection {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface WatchQuery extends Selection {
  /** What comes after that version. Undefined: all objects that there are, as `ADDED`, and then what changes. */
  readonly resourceVersion?: string | undefined;
  /** Has the server mark the end of what there is (streaming list). Refused by servers that cannot: `INTERLOCK_KUBERNETES_INVALID`. */
  readonly sendInitialEvents?: boolean | undefined;
  /** After so many seconds the server ends the watch. Default: its own, 30 to 60 minutes. */
  readonly timeoutSeconds?: number | undefined;
}

export type WatchEvent<T extends KubernetesObject = KubernetesObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Stored<T> }
  /** All changes up to this version have been sent; `isInitialEnd`: all that there was, too. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly isInitialEnd: boolean };

const INITIAL_END = "k8s.io/initial-events-end";

/**
 * Begins a watch. The stream ends when the server ends it; it throws when it breaks off, when the server says why there is no
 * more (`INTERLOCK_KUBERNETES_EXPIRED` …), and by the signal.
 */
export async function openWatch<T extends KubernetesObject>(
  requester: Requester,
  resource: Resource<T>,
  query: WatchQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<readonly WatchEvent<T>[]>> {
  const name = /^metadata\.name=([^,]+)$/.exec(query.fieldSelector ?? "")?.[1];
  const target: Target = { verb: "watch", resource, name };
  const parameters = queryOf({
    watch: true,
    allowWatchBookmarks: true,
    ...query,
    // The version to begin with is the newest; without this the server takes the parameter for an error.
    resourceVersionMatch: query.sendInitialEvents ? "NotOlderThan" : undefined,
  });
  const { body } = await requester.open(target, { method: "GET", path: `${pathOf(resource)}?${parameters}` }, signal);
  return eventsOf(requester, target, body, signal);
}

async function* eventsOf<T extends KubernetesObject>(
  requester: Requester,
  target: Target,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<readonly WatchEvent<T>[]> {
  const lines = new Lines();
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await nextOf(chunks, requester, target, signal);
      if (done) break;
      const events: WatchEvent<T>[] = [];
      for (const line of lines.push(value)) {
        const event = requester.parsed(target, line) as { readonly type?: unknown; readonly object?: unknown };
        if (event.type === "ERROR") {
          // What came before it counts.
          if (events.length > 0) yield events.splice(0);
          throw requester.refused(target, (event.object ?? {}) as Status);
        }
        const known = eventOf<T>(event);
        if (known !== undefined) events.push(known);
      }
      if (events.length > 0) yield events;
    }
    if (lines.rest !== "") throw requester.broken(target, "it broke off within an event");
  } finally {
    await chunks.return?.();
  }
}

async function nextOf(
  chunks: AsyncIterator<Uint8Array>,
  requester: Requester,
  target: Target,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    signal.throwIfAborted();
    throw requester.broken(target, error);
  }
}

/** Undefined: of a type that is not known. */
function eventOf<T extends KubernetesObject>(event: {
  readonly type?: unknown;
  readonly object?: unknown;
}): WatchEvent<T> | undefined {
  const { type } = event;
  const object = event.object as Stored<T>;
  if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") return { type, object };
  if (type !== "BOOKMARK") return undefined;
  const { annotations, resourceVersion } = object.metadata;
  return { type, resourceVersion, isInitialEnd: annotations?.[INITIAL_END] === "true" };
}

/** The parameters that are given, encoded. */
export function queryOf(given: object): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.toString();
}
