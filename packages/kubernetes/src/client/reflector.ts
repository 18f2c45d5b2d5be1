/** What an API server has of a kind, kept in step here: the process around `reflector-state.ts`. */
import {
  type ChildOptions,
  type ChildSpec,
  genServer,
  InterlockError,
  type LocalNode,
  noreply,
  type Pid,
  type SystemMessage,
  self,
  sendAfter,
  supervisor,
  type Timer,
  trySend,
  unowned,
} from "@interlock/core";
import { callingProcess, currentNode, onEnd } from "@interlock/core/distribution";

import type { KubernetesApi } from "./api.ts";
import { Deliveries, type Handlers } from "./deliveries.ts";
import { type IndexFunction, ObjectStore } from "./object-store.ts";
import {
  isInStep,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorState,
  reflectorState,
  step,
} from "./reflector-state.ts";
import type { KubernetesObject, Resource, Stored } from "./resource.ts";
import type { Selection, WatchEvent } from "./watch.ts";
import { alreadyStarted } from "./work-queue.ts";

export interface ReflectorOptions<T extends KubernetesObject> extends Selection {
  readonly api: KubernetesApi;
  readonly resource: Resource<T>;
  /** Told of what comes, changes and goes. One that throws is told again, until it does not. */
  readonly handlers?: Handlers<T>;
  /** Told of each failure, for whoever has a place of their own to say it; without it the node reports them. */
  readonly failed?: (problem: unknown) => void;
  /** Further ways to find objects, for `byIndex`. */
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** Milliseconds of silence after which a watch is taken for dead. Servers tell how far they are every minute. Default 90 000. */
  readonly inactivityMs?: number;
  /** Milliseconds after which a watch is begun anew, once to twice as many. Default 300 000. */
  readonly watchMs?: number;
  /** Milliseconds after which everything is listed anew, at the end of a watch. Default 1 800 000. */
  readonly relistMs?: number;
  /** Objects in one answer, of servers that cannot stream lists. Default 500. */
  readonly pageSize?: number;
  /** Milliseconds until the first further try, half of which is left to chance; twice as many each time. Default 800. */
  readonly retryMs?: number;
  /** The most of them. Default 30 000. */
  readonly retryMaxMs?: number;
}

export interface ReflectorStatus {
  readonly phase: "stopped" | "listing" | "streaming" | "opening" | "watching" | "waiting";
  /** Whether all that there is has been seen once. */
  readonly isSynced: boolean;
  /** What is here may be old: no watch is open, or its server has been silent for too long. */
  readonly isStale: boolean;
  /** Milliseconds since the server was last heard. Undefined: never. */
  readonly sinceLastContactMs: number | undefined;
  readonly objects: number;
  /** In a row. */
  readonly failures: number;
  /** The last of them, until a watch tells something again. */
  readonly problem: unknown;
}

export interface Reflector<T extends KubernetesObject> {
  /** For a supervisor. */
  child(options?: Pick<ChildOptions, "id">): ChildSpec;
  /** Resolves when all that there is has been seen once; rejects with the signal's reason. */
  synced(signal?: AbortSignal): Promise<void>;
  /** By `namespace/name`, or the name alone of a kind without namespaces. As last seen, also while the server is away. */
  get(key: string): Stored<T> | undefined;
  list(): readonly Stored<T>[];
  /** Those that the index function puts under `value`. */
  byIndex(index: string, value: string): readonly Stored<T>[];
  readonly status: ReflectorStatus;
}

const defaults = {
  inactivityMs: 90_000,
  watchMs: 300_000,
  relistMs: 1_800_000,
  pageSize: 500,
  retryMs: 800,
  retryMaxMs: 30_000,
};

/**
 * All objects of a resource, kept in step by a watch, without their `managedFields`. What was seen last stands, whatever
 * fails: `status` says how old it is. Nobody may change them: all who ask are given the same ones.
 *
 * Of RBAC it needs `list` and `watch`.
 *
 * @see https://pkg.go.dev/k8s.io/client-go/tools/cache#Reflector
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const api = kubernetesApi({ transport: new FakeApiServer() });
 * const configMaps = resource({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace: "shop" });
 * await api.create(configMaps, { metadata: { name: "a" }, data: { text: "1" } });
 * const { promise: changed, resolve } = Promise.withResolvers<string>();
 * const seen = reflector({
 *   api,
 *   resource: configMaps,
 *   handlers: { update: (now, before) => resolve(`${before.data?.["text"]} is ${now.data?.["text"]} now`) },
 * });
 * const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [seen.child()] });
 * await using top = await Top.start();
 * await seen.synced();
 * console.log(seen.list().length, seen.get("shop/a")?.data?.["text"]); // 1 1
 * await api.patch(configMaps, "a", { data: { text: "2" } });
 * console.log(await changed); // 1 is 2 now
 */
export function reflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector<T> {
  return new ResourceReflector(options);
}

type Note<T extends KubernetesObject> = ReflectorEvent<T>;

class ResourceReflector<T extends KubernetesObject> implements Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #name: string;
  readonly #store: ObjectStore<T>;
  readonly #deliveries: Deliveries<T> | undefined;
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  #state: ReflectorState<T>;
  #node: LocalNode | undefined;
  #pid: Pid<Note<T>> | undefined;
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined;
  /** The request under way. */
  #ending = new AbortController();
  #stream: AsyncIterator<readonly WatchEvent<T>[]> | undefined;

  constructor(options: ReflectorOptions<T>) {
    const { inactivityMs, pageSize, relistMs, retryMaxMs, retryMs, watchMs } = { ...defaults, ...options };
    const backOff = { firstMs: retryMs, longestMs: retryMaxMs };
    this.#options = options;
    const { handlers, indexes, resource } = options;
    this.#name = `reflector of ${resource.plural}${resource.namespace === undefined ? "" : ` in ${resource.namespace}`}`;
    this.#store = new ObjectStore(indexes);
    this.#deliveries = handlers && new Deliveries(this.#name, this.#store, handlers);
    this.#state = reflectorState({ inactivityMs, pageSize, relistMs, watchMs, backOff });
  }

  child(options: Pick<ChildOptions, "id"> = {}): ChildSpec {
    const { id = this.#name } = options;
    const server = this.#server().child([], { id });
    const queue = this.#deliveries?.child();
    if (queue === undefined) return server;
    const both = { name: "reflector", strategy: "one_for_one", children: () => [queue, server] } as const;
    return supervisor(both).child([], { id });
  }

  synced(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return this.#synced.promise;
    return new Promise((resolve, reject) => {
      const aborted = (): void => reject(signal.reason as Error);
      if (signal.aborted) return aborted();
      signal.addEventListener("abort", aborted, { once: true });
      void this.#synced.promise.then(() => {
        signal.removeEventListener("abort", aborted);
        resolve();
      });
    });
  }

  get(key: string): Stored<T> | undefined {
    return this.#store.get(key);
  }

  list(): readonly Stored<T>[] {
    return [...this.#store.all()];
  }

  byIndex(index: string, value: string): readonly Stored<T>[] {
    const found = this.#store.indexed(index, value);
    if (found !== undefined) return found;
    const expected = "one of the reflector's indexes";
    const details = { argument: "index", got: JSON.stringify(index), expected };
    throw new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad index: got ${details.got}, expected ${expected}`, details);
  }

  get status(): ReflectorStatus {
    const { contactMs, failures, phase, problem } = this.#state;
    const nowMs = (this.#node ?? currentNode()).runtime.clock.now();
    const sinceLastContactMs = contactMs === undefined ? undefined : nowMs - contactMs;
    const isRunning = this.#pid !== undefined;
    return {
      phase: isRunning ? phase.type : "stopped",
      isSynced: this.#isSynced,
      isStale: !(isRunning && this.#isSynced && isInStep(this.#state, nowMs)),
      sinceLastContactMs,
      objects: this.#store.size,
      failures,
      problem,
    };
  }

  #server() {
    return genServer({
      name: "reflector",
      init: () => {
        const process = callingProcess("a reflector");
        const me = self();
        if (this.#pid !== undefined) throw alreadyStarted(this.#name, this.#pid);
        me.setLabel(this.#name);
        this.#node = process.node;
        this.#pid = me.pid as Pid<Note<T>>;
        onEnd(process, () => this.#ended());
        // What was seen stands; what is not known is how to go on from there.
        const { contactMs, rules } = this.#state;
        this.#state = { ...reflectorState(rules), contactMs };
        this.#take({ type: "start" });
        return undefined;
      },
      info: (_ctx, message: SystemMessage | Note<T>) => {
        if (isNote<T>(message)) {
          if (message.type === "alarm") this.#timer = undefined;
          this.#take(message);
        }
        return noreply();
      },
    });
  }

  #take(event: ReflectorEvent<T>): void {
    const { clock, random } = (this.#node as LocalNode).runtime;
    const before = this.#state.problem;
    const [state, effects] = step(this.#state, event, { nowMs: clock.now(), random: random() });
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (state.problem !== undefined && state.problem !== before) this.#complain(state);
  }

  #carryOut(effect: ReflectorEffect<T>): void {
    switch (effect.type) {
      case "list":
        return this.#list(effect.attempt, effect.limit, effect.continue);
      case "watch":
        return this.#watch(effect);
      case "read":
        return this.#read(effect.attempt);
      case "cancel":
        return this.#ending.abort();
      case "replace":
        this.#tell(this.#store.replace(effect.objects));
        this.#isSynced = true;
        return this.#synced.resolve();
      case "change":
        return this.#tell(this.#store.change(effect.events));
      case "wake":
        return this.#wake(effect.atMs);
    }
  }

  #tell(keys: readonly string[]): void {
    this.#deliveries?.add(keys);
  }

  #list(attempt: number, limit: number, next: string | undefined): void {
    const { api, fieldSelector, labelSelector, resource } = this.#options;
    const { signal } = this.#begin();
    // What the server says to come back for is the machine's to wait for.
    const options = { limit, continue: next, fieldSelector, labelSelector, signal, retries: 0 };
    this.#ask(attempt, async () => {
      const page = await api.page(resource, options);
      return { type: "page", attempt, ...page, items: page.items.map(trimmed) };
    });
  }

  #watch({
    attempt,
    resourceVersion,
    sendInitialEvents,
    timeoutSeconds,
  }: Extract<ReflectorEffect<T>, { type: "watch" }>): void {
    const { api, fieldSelector, labelSelector, resource } = this.#options;
    const { signal } = this.#begin();
    const query = {
      fieldSelector,
      labelSelector,
      resourceVersion,
      timeoutSeconds,
      ...(sendInitialEvents && { sendInitialEvents }),
    };
    this.#ask(attempt, async () => {
      const events = await api.watch(resource, query, signal);
      // Another one has taken its place meanwhile.
      signal.throwIfAborted();
      this.#stream = events[Symbol.asyncIterator]();
      return { type: "opened", attempt };
    });
  }

  /** One piece at a time: what is not handled yet is not read. */
  #read(attempt: number): void {
    const stream = this.#stream as AsyncIterator<readonly WatchEvent<T>[]>;
    this.#ask(attempt, async () => {
      const { done, value } = await stream.next();
      if (done) return { type: "ended", attempt };
      const events = value.map((event) => ("object" in event ? { ...event, object: trimmed(event.object) } : event));
      return { type: "events", attempt, events };
    });
  }

  /** There is one request at a time. */
  #begin(): AbortController {
    this.#ending.abort();
    this.#ending = new AbortController();
    return this.#ending;
  }

  /** What it brings belongs to no process: this one may have ended by then. */
  #ask(attempt: number, ask: () => Promise<ReflectorEvent<T>>): void {
    const pid = this.#pid as Pid<Note<T>>;
    unowned(() => {
      ask().then(
        (event) => trySend(pid, event),
        (error: unknown) => trySend(pid, { type: "failed", attempt, error }),
      );
    });
  }

  #wake(atMs: number): void {
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#timer?.timer.cancel();
    const { clock } = (this.#node as LocalNode).runtime;
    const timer = sendAfter(Math.max(0, atMs - clock.now()), this.#pid as Pid<Note<T>>, { type: "alarm" });
    this.#timer = { timer, atMs };
  }

  #ended(): void {
    this.#pid = undefined;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#ending.abort();
  }

  /** At powers of two: what fails all night fills no log. */
  #complain({ failures, problem }: ReflectorState<T>): void {
    const { failed } = this.#options;
    if (failed !== undefined) return failed(problem);
    if ((failures & (failures - 1)) !== 0) return;
    const node = this.#node as LocalNode;
    const at = node.runtime.clock.wallTime();
    const text = failures === 1 ? "is not in step with the API server" : `failed ${failures} times in a row`;
    node.report({ type: "warning", pid: undefined, label: this.#name, text, details: problem, at });
  }
}

/** Whose the fields are is half of many an object, and of use to the server alone: a write without it changes nothing of it. */
function trimmed<T extends KubernetesObject>(object: Stored<T>): Stored<T> {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const notes = new Set<unknown>(["page", "opened", "events", "ended", "failed", "alarm"]);

function isNote<T extends KubernetesObject>(message: SystemMessage | Note<T>): message is Note<T> {
  return notes.has(message.type);
}
