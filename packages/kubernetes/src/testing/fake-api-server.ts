/**
 * An API server in memory, for tests and simulations: objects of any kind (of groups under `.invalid` it knows none), lists in pages, watches with bookmarks, patches and
 * server-side apply; and what goes wrong with a real one. It has no controllers, no admission and no schema: whatever is
 * written is there.
 */
import { nodeRuntime, type Runtime } from "@interlock/core";

import type { ApiRequest, ApiResponse, ApiTransport } from "../client/transport.ts";
import { applied, claimed, jsonPatched, mergePatched, type Owners } from "./fake-apply.ts";
import { type AnyObject, type Collection, type FakeChange, FakeObjects, FakeRefusal, selects } from "./fake-objects.ts";
import { FakeStream } from "./fake-stream.ts";

/** What becomes of a request instead of its answer. */
export type FakeFault =
  /** Answered with this status; `retryAfterSeconds` is its header. */
  | {
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** It does not arrive. */
  | "refused"
  /** It is carried out, and the answer is lost. */
  | "answer lost"
  /** Nothing comes back, ever. */
  | "hangs";

export interface FakeApiServerOptions {
  readonly runtime?: Runtime;
  /** Whether it can stream a list (`sendInitialEvents`). Default true. */
  readonly streamsLists?: boolean;
}

/** As the real one: half an hour at least. */
const WATCH_SECONDS = 1_800;

interface Place {
  readonly collection: Collection;
  readonly apiVersion: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

interface Watcher {
  readonly place: Place;
  readonly query: URLSearchParams;
  readonly kind: () => string;
  readonly stream: FakeStream;
}

/**
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const server = new FakeApiServer();
 * const api = kubernetesApi({ transport: server });
 * server.fault = ({ method }) => (method === "POST" ? { status: 403, message: "exceeded quota: pods" } : undefined);
 * const pods = resource({ apiVersion: "v1", kind: "Pod", plural: "pods", namespace: "shop" });
 * await api.create(pods, { metadata: { name: "web-0" } }).catch(({ code }) => console.log(code)); // INTERLOCK_KUBERNETES_FORBIDDEN
 */
export class FakeApiServer implements ApiTransport {
  readonly server = "https://fake:443";
  /** What has come in, in order. */
  readonly requests: { readonly method: string; readonly path: string }[] = [];
  /** Asked of each request. Undefined: it goes through. */
  fault: ((request: ApiRequest) => FakeFault | undefined) | undefined;
  readonly #runtime: Runtime;
  readonly #streamsLists: boolean;
  readonly #objects: FakeObjects;
  readonly #kinds = new Map<Collection, string>();
  readonly #owners = new Map<string, Owners>();
  readonly #pages = new Map<string, { readonly version: number; readonly items: readonly AnyObject[] }>();
  readonly #watchers = new Set<Watcher>();
  #pageNumber = 0;
  #resumed: PromiseWithResolvers<void> | undefined;
  #isStopped = false;

  constructor({ runtime = nodeRuntime, streamsLists = true }: FakeApiServerOptions = {}) {
    this.#runtime = runtime;
    this.#streamsLists = streamsLists;
    this.#objects = new FakeObjects(() => new Date(runtime.clock.wallTime()).toISOString());
  }

  /** The version of the last change. */
  get resourceVersion(): string {
    return String(this.#objects.version);
  }

  /** Watches that are open. */
  get watching(): number {
    return this.#live().length;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const { method, path, signal } = request;
    this.requests.push({ method, path });
    await this.#reachable(signal);
    const fault = this.fault?.(request);
    if (fault === "refused") throw new Error("connect ECONNREFUSED");
    if (fault === "hangs") await new Promise((_, reject) => aborted(signal, reject));
    if (typeof fault === "object") return refusal(fault.status, fault, fault.retryAfterSeconds);
    const answer = this.#answer(request);
    if (fault === "answer lost") throw new Error("socket hang up");
    await this.#reachable(signal);
    return answer;
  }

  close(): void {}

  /** The same objects, without any of the faults: for what a test itself does. */
  get unfailing(): ApiTransport {
    const request = async (asked: ApiRequest): Promise<ApiResponse> => this.#answer(asked);
    return { server: this.server, request, close: () => undefined };
  }

  /** Tells all watches that take bookmarks how far they are. */
  bookmark(): void {
    for (const watcher of this.#live()) this.#bookmark(watcher, false);
  }

  /** Breaks all connections. */
  cut(): void {
    for (const { stream } of this.#live()) stream.fail(new Error("read ECONNRESET"));
  }

  /** Ends all watches, as when their time is over. */
  endWatches(): void {
    for (const { stream } of this.#live()) stream.end();
  }

  /** Forgets all versions but the present one: older lists and watches cannot go on (410). */
  compact(): void {
    this.#objects.compact();
    this.#pages.clear();
  }

  /** Answers nothing, and keeps all connections, until `resume`: as with SIGSTOP. */
  pause(): void {
    this.#resumed ??= Promise.withResolvers();
    for (const { stream } of this.#live()) stream.hold(true);
  }

  resume(): void {
    this.#resumed?.resolve();
    this.#resumed = undefined;
    for (const { stream } of this.#live()) stream.hold(false);
  }

  /** Is gone, and with it all connections, until `start`. Its objects are not lost. */
  stop(): void {
    this.#isStopped = true;
    this.cut();
  }

  start(): void {
    this.#isStopped = false;
  }

  async #reachable(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#resumed !== undefined)
      await Promise.race([this.#resumed.promise, new Promise((_, reject) => aborted(signal, reject))]);
    if (this.#isStopped) throw new Error("connect ECONNREFUSED");
  }

  #answer(request: ApiRequest): ApiResponse {
    const [path = "", search = ""] = request.path.split("?");
    const query = new URLSearchParams(search);
    try {
      const place = placeOf(path);
      if (place === undefined)
        throw new FakeRefusal(404, "NotFound", "the server could not find the requested resource");
      const { method, signal } = request;
      if (method === "GET" && place.name === undefined)
        return query.get("watch") === "true" ? this.#watch(place, query, signal) : json(200, this.#list(place, query));
      if (method === "GET") return json(200, this.#get(place));
      const body = request.body === undefined ? {} : (JSON.parse(request.body) as AnyObject);
      if (query.get("dryRun") === "All") return json(200, body);
      const manager = query.get("fieldManager") ?? "unknown";
      if (method === "POST") return json(201, this.#create(place, body, manager));
      if (method === "PUT") return json(200, this.#write(place, body, manager));
      if (method === "DELETE") return json(200, this.#delete(place, body));
      return json(200, this.#patch(place, body, manager, request.headers["content-type"] ?? ""));
    } catch (error) {
      if (error instanceof FakeRefusal) return refusal(error.code, error);
      throw error;
    }
  }

  #get(place: Place): AnyObject {
    const { collection, name = "", namespace } = place;
    const found = this.#objects.find(collection, namespace, name);
    if (found === undefined)
      throw new FakeRefusal(404, "NotFound", `${collection} "${name}" not found`, { name, kind: collection });
    return found;
  }

  #list(place: Place, query: URLSearchParams): AnyObject {
    const token = query.get("continue");
    const asked = token === null ? undefined : this.#pages.get(token);
    if (token !== null && asked === undefined)
      throw new FakeRefusal(410, "Expired", "The provided continue parameter is too old");
    const selected = (): readonly AnyObject[] =>
      this.#objects.all(place.collection, place.namespace).filter((object) => selects(query, place.namespace, object));
    const { items, version } = asked ?? { items: selected(), version: this.#objects.version };
    const limit = Number(query.get("limit") ?? 0) || items.length;
    const rest = items.slice(limit);
    const metadata: AnyObject = { resourceVersion: String(version) };
    if (rest.length > 0) {
      const next = `page-${++this.#pageNumber}`;
      this.#pages.set(next, { version, items: rest });
      metadata["continue"] = next;
      metadata["remainingItemCount"] = rest.length;
    }
    // As in the real one they do not say what they are.
    const bare = items.slice(0, limit).map(({ apiVersion: _apiVersion, kind: _kind, ...object }) => object);
    return { kind: "List", apiVersion: place.apiVersion, metadata, items: bare };
  }

  #create(place: Place, body: AnyObject, manager: string): AnyObject {
    const { generateName } = body["metadata"] ?? {};
    const name = body["metadata"]?.name ?? `${generateName}${this.#objects.version}`;
    const { namespace } = place;
    const object = { ...body, metadata: { ...body["metadata"], name, ...(namespace !== undefined && { namespace }) } };
    this.#kinds.set(place.collection, body["kind"]);
    const change = this.#objects.create(place.collection, object);
    this.#own({ ...place, name }, claimed(new Map(), manager, {}, object));
    return this.#told(change);
  }

  #write(place: Place, body: AnyObject, manager: string): AnyObject {
    const before = this.#get(place);
    const after = place.subresource === "status" ? { ...before, status: body["status"] } : body;
    this.#own(place, claimed(this.#ownersOf(place), manager, before, after));
    return this.#told(this.#objects.replace(place.collection, before, after)) ?? before;
  }

  #patch(place: Place, body: AnyObject, manager: string, contentType: string): AnyObject {
    if (contentType.includes("apply-patch")) return this.#apply(place, body, manager);
    const before = this.#get(place);
    if (contentType.includes("strategic"))
      throw new FakeRefusal(415, "UnsupportedMediaType", "the fake has no strategic merge");
    const after = contentType.includes("json-patch")
      ? jsonPatched(before, body as never)
      : (mergePatched(before, body) as AnyObject);
    return this.#write(place, after, manager);
  }

  #apply(place: Place, body: AnyObject, manager: string): AnyObject {
    const { collection, name = "", namespace } = place;
    const before = this.#objects.find(collection, namespace, name);
    if (before === undefined && place.subresource !== undefined) return this.#get(place);
    const given = place.subresource === "status" ? { metadata: { name }, status: body["status"] ?? {} } : body;
    const { object, owners } = applied(before, this.#ownersOf(place), manager, given);
    if (before === undefined) {
      const created = this.#create(place, object, manager);
      this.#own(place, owners);
      return created;
    }
    const change = this.#objects.replace(collection, before, object);
    this.#own(place, owners);
    return this.#told(change) ?? before;
  }

  #delete(place: Place, body: AnyObject): AnyObject {
    const before = this.#get(place);
    const { resourceVersion, uid } = before["metadata"];
    const { preconditions: wanted = {} } = body;
    if ((wanted.uid ?? uid) !== uid || (wanted.resourceVersion ?? resourceVersion) !== resourceVersion)
      throw new FakeRefusal(409, "Conflict", "the preconditions of the delete do not hold");
    this.#told(this.#objects.delete(place.collection, before));
    return { kind: "Status", apiVersion: "v1", status: "Success" };
  }

  #watch(place: Place, query: URLSearchParams, signal: AbortSignal): ApiResponse {
    const isStreamed = query.get("sendInitialEvents") === "true";
    if (isStreamed && !this.#streamsLists)
      throw new FakeRefusal(422, "Invalid", "sendInitialEvents is forbidden: WatchList is not enabled");
    const { timers } = this.#runtime;
    const lastsSeconds = Number(query.get("timeoutSeconds") ?? WATCH_SECONDS);
    const over = timers.set(() => stream.end(), lastsSeconds * 1_000);
    const stream = new FakeStream(this.#resumed !== undefined, signal, () => timers.clear(over));
    const kind = (): string => this.#kinds.get(place.collection) ?? "Unknown";
    const watcher: Watcher = { place, query, kind, stream };
    const from = query.get("resourceVersion");
    try {
      if (from === null || from === "0" || isStreamed) {
        for (const object of this.#objects.all(place.collection, place.namespace))
          if (selects(query, place.namespace, object)) stream.push(line({ type: "ADDED", object }));
        if (isStreamed) this.#bookmark(watcher, true);
      } else for (const change of this.#objects.since(Number(from))) this.#tell(watcher, change);
      this.#watchers.add(watcher);
    } catch (error) {
      // The real one says it in the stream as well.
      if (!(error instanceof FakeRefusal)) throw error;
      stream.push(line({ type: "ERROR", object: statusOf(error.code, error) }));
      stream.end();
    }
    return { status: 200, headers: {}, body: stream };
  }

  #told(change: FakeChange): AnyObject;
  #told(change: FakeChange | undefined): AnyObject | undefined;
  #told(change: FakeChange | undefined): AnyObject | undefined {
    if (change === undefined) return undefined;
    for (const watcher of this.#live()) this.#tell(watcher, change);
    return change.after ?? change.before;
  }

  /** An object that is selected no more is gone, for whoever selects. */
  #tell({ place, query, stream }: Watcher, { after, before, collection, version }: FakeChange): void {
    if (collection !== place.collection) return;
    const [was, is] = [before, after].map((object) => selects(query, place.namespace, object));
    if (is) stream.push(line({ type: was ? "MODIFIED" : "ADDED", object: after }));
    else if (was) {
      const metadata = { ...before?.["metadata"], resourceVersion: String(version) };
      stream.push(line({ type: "DELETED", object: { ...before, metadata } }));
    }
  }

  #bookmark({ kind, place, query, stream }: Watcher, isInitialEnd: boolean): void {
    if (query.get("allowWatchBookmarks") !== "true") return;
    const annotations = isInitialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
    const metadata = { resourceVersion: this.resourceVersion, ...annotations };
    stream.push(line({ type: "BOOKMARK", object: { kind: kind(), apiVersion: place.apiVersion, metadata } }));
  }

  #live(): readonly Watcher[] {
    for (const watcher of this.#watchers) if (watcher.stream.isOver) this.#watchers.delete(watcher);
    return [...this.#watchers];
  }

  #ownersOf({ collection, name, namespace }: Place): Owners {
    return this.#owners.get(`${collection}/${namespace}/${name}`) ?? new Map();
  }

  #own({ collection, name, namespace }: Place, owners: Owners): void {
    this.#owners.set(`${collection}/${namespace}/${name}`, owners);
  }
}

const group =
  /^\/(?:api\/(?<core>v\w+)|apis\/(?<named>[^/]+\/v\w+))\/(?:namespaces\/(?<namespace>[^/]+)\/)?(?<rest>.+)$/;

function placeOf(path: string): Place | undefined {
  const found = group.exec(path)?.groups;
  if (found === undefined || found["named"]?.includes(".invalid/")) return undefined;
  const [plural = "", name, subresource] = (found["rest"] ?? "").split("/").map(decodeURIComponent);
  const apiVersion = found["core"] ?? found["named"] ?? "";
  return { collection: `${apiVersion}/${plural}`, apiVersion, namespace: found["namespace"], name, subresource };
}

function statusOf(
  code: number,
  { details, message, reason }: { details?: object; message?: string; reason?: string },
): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message, details };
}

function refusal(code: number, what: Parameters<typeof statusOf>[1], retryAfterSeconds?: number): ApiResponse {
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  return { ...json(code, statusOf(code, what)), headers };
}

function json(status: number, value: object): ApiResponse {
  return { status, headers: {}, body: once(JSON.stringify(value)) };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

function line(event: object): string {
  return `${JSON.stringify(event)}\n`;
}

function aborted(signal: AbortSignal, reject: (reason: unknown) => void): void {
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
}
