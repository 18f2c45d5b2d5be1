/** Events of Kubernetes (`events.k8s.io`): what happens to objects, told where people look for it. */
import { createHash } from "node:crypto";
import type { ChildOptions, ChildSpec } from "@interlock/core";
import { currentNode } from "@interlock/core/distribution";

import { isKubernetesError, KubernetesError } from "../errors.ts";
import type { KubernetesApi } from "./api.ts";
import { EventSeries, type RecordedEvent, type Series } from "./event-series.ts";
import { microTime } from "./micro-time.ts";
import { type KubernetesObject, type KubernetesType, type Resource, resource } from "./resource.ts";
import { type WorkContext, type WorkQueue, workQueue } from "./work-queue.ts";

export interface EventRecorderOptions {
  readonly api: KubernetesApi;
  /** Who reports, as a name with a domain: `interlock.dev/operator`. */
  readonly controller: string;
  /** Which one of them: the name of the pod. */
  readonly instance: string;
  /** Milliseconds within which the same event again counts as one more of a series. Default 360 000. */
  readonly seriesMs?: number;
  /** Milliseconds between two writes of one series. Default 10 000. */
  readonly updateMs?: number;
  /** Writes per second in the long run, and at once. Default 1 and 25. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
}

export interface EventRecorder {
  /** For a supervisor. */
  child(options?: Pick<ChildOptions, "id" | "restart" | "shutdownMs">): ChildSpec;
  /** Never fails and waits for nothing: what could not be told is counted. */
  record(event: RecordedEvent): void;
  /** Events that could not be told: too many at a time, or the API server refused them. */
  readonly dropped: number;
}

const SERIES_MS = 360_000;
const UPDATE_MS = 10_000;
const RATE = { perSecond: 1, burst: 25 };
const MAX_SERIES = 1_000;
/** What has not been told by then is of no use to anybody. */
const ATTEMPTS = 6;
const NOTE_LENGTH = 1_024;

/**
 * Tells of what happens to objects. The same event again within six minutes is one event with a count, written every ten
 * seconds at most, and no more than one write a second in the long run: a loop that fails fills no etcd.
 *
 * Of RBAC it needs `create` and `patch` on `events.events.k8s.io`.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const api = kubernetesApi({ transport: new FakeApiServer() });
 * const pods = resource({ apiVersion: "v1", kind: "Pod", plural: "pods", namespace: "shop" });
 * const web = await api.create(pods, { metadata: { name: "web-0" } });
 * const events = eventRecorder({ api, controller: "interlock.dev/operator", instance: "operator-0" });
 * const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [events.child()] });
 * const top = await Top.start();
 * events.record({ regarding: web, reason: "DrainStarted", action: "Drain", note: "the pod is about to end" });
 * await top.stop();
 * const written = await api.list(eventResource("shop"));
 * console.log(written.items[0]?.regarding?.name, written.items[0]?.reason); // web-0 DrainStarted
 */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

type EventType = KubernetesType<"events.k8s.io/v1", "Event">;

/** Events in a namespace, or in all. */
export function eventResource(namespace?: string): Resource<EventType> {
  return resource({ apiVersion: "events.k8s.io/v1", kind: "Event", plural: "events", namespace });
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series: EventSeries;
  readonly #queue: WorkQueue;
  #refused = 0;
  /** Why the last one could not be told. */
  #said: string | undefined;

  constructor(options: EventRecorderOptions) {
    const { controller, rate = RATE, seriesMs = SERIES_MS } = options;
    this.#options = options;
    this.#series = new EventSeries({ seriesMs, maxSeries: MAX_SERIES });
    const name = `events of ${controller}`;
    this.#queue = workQueue({ name, rate, work: (key, context) => this.#write(key, context) });
  }

  child(options: Pick<ChildOptions, "id" | "restart" | "shutdownMs"> = {}): ChildSpec {
    return this.#queue.child(options);
  }

  get dropped(): number {
    return this.#series.dropped + this.#refused;
  }

  record(event: RecordedEvent): void {
    const { updateMs = UPDATE_MS } = this.#options;
    const key = this.#series.record(event, this.#nowMs());
    // The first at once, further ones together.
    if (key !== undefined) this.#queue.addAfter(key, this.#series.get(key)?.name === undefined ? 0 : updateMs);
  }

  /** Brings the API server to know what there is of a series; forgets it when it is over. */
  async #write(key: string, { attempt, signal }: WorkContext): Promise<{ readonly afterMs: number } | undefined> {
    const series = this.#series.get(key);
    if (series === undefined) return undefined;
    if (series.count > series.written) {
      try {
        this.#series.wrote(key, await this.#put(key, series, signal), series.count);
        this.#said = undefined;
      } catch (error) {
        if (attempt < ATTEMPTS && isPassing(error)) throw error;
        this.#refused += series.count - series.written;
        this.#series.forget(key);
        this.#complain(error);
        return undefined;
      }
    }
    const afterMs = this.#series.remainingMs(key, this.#nowMs());
    return afterMs === undefined ? undefined : { afterMs };
  }

  /** @returns the name of the object. */
  async #put(key: string, series: Series, signal: AbortSignal): Promise<string> {
    const { api } = this.#options;
    const { count, event, lastMs, name } = series;
    const of = eventResource(namespaceOf(event.regarding));
    const repeated = count > 1 ? { series: { count, lastObservedTime: microTime(lastMs) } } : {};
    // The server keeps events for an hour: one that is gone is told as a new one.
    if (name !== undefined && (await unless("NOT_FOUND", api.patch(of, name, repeated, { signal })))) return name;
    const made = this.#object(key, series);
    // There already: only the answer was lost.
    await unless("ALREADY_EXISTS", api.create(of, { ...made, ...repeated }, { signal }));
    return made.metadata.name;
  }

  #object(key: string, { event, firstMs }: Series): EventType & { readonly metadata: { readonly name: string } } {
    const { controller, instance } = this.#options;
    const { action, note, reason, regarding, related, type = "Normal" } = event;
    const digest = createHash("sha256").update(`${instance} ${key}`).digest("hex").slice(0, 8);
    // The same for the same event: whether a create without an answer was carried out shows by its name.
    const name = `${regarding.metadata?.name?.slice(0, 200)}.${Math.floor(firstMs).toString(16)}${digest}`;
    return {
      metadata: { name, namespace: namespaceOf(regarding) },
      eventTime: microTime(firstMs),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      action,
      reason,
      type,
      note: note.length > NOTE_LENGTH ? `${note.slice(0, NOTE_LENGTH - 1)}…` : note,
      regarding: referenceTo(regarding),
      ...(related && { related: referenceTo(related) }),
    };
  }

  /** Not with every event: what is not granted is not granted for all of them. */
  #complain(error: unknown): void {
    const said = error instanceof KubernetesError ? error.code : String(error);
    if (said === this.#said) return;
    this.#said = said;
    const node = currentNode();
    const at = node.runtime.clock.wallTime();
    const label = `events of ${this.#options.controller}`;
    node.report({ type: "warning", pid: undefined, label, text: "could not be told", details: error, at });
  }

  #nowMs(): number {
    return this.#options.api.runtime.clock.wallTime();
  }
}

/** Events of what belongs to the cluster are kept in this one. */
function namespaceOf({ metadata }: KubernetesObject): string {
  return metadata?.namespace ?? "default";
}

function referenceTo({ apiVersion, kind, metadata }: KubernetesObject): NonNullable<EventType["regarding"]> {
  const { name, namespace, resourceVersion, uid } = metadata ?? {};
  const given = { apiVersion, kind, name, namespace, resourceVersion, uid };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** @returns false when it was refused with that code. */
async function unless(code: "NOT_FOUND" | "ALREADY_EXISTS", asking: Promise<unknown>): Promise<boolean> {
  try {
    await asking;
    return true;
  } catch (error) {
    if (isKubernetesError(error, `INTERLOCK_KUBERNETES_${code}`)) return false;
    throw error;
  }
}

function isPassing(error: unknown): boolean {
  if (isKubernetesError(error, "INTERLOCK_KUBERNETES_FAILED")) return error.details.status >= 500;
  return isKubernetesError(error, "INTERLOCK_KUBERNETES_UNREACHABLE", "INTERLOCK_KUBERNETES_THROTTLED");
}
