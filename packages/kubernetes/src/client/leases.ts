/**
 * Leases of Kubernetes (`coordination.k8s.io`) as the cluster's elector wants them. Their `leaseTransitions` are the fencing
 * token: they grow with every acquisition, by one and the same holder too, and a release leaves them as they are.
 *
 * The times in a Lease are written for people. Nobody here reads them: who holds it counts from when it asked, the others from
 * when they first saw its version (`elector.ts` of the cluster package).
 */
import { createHash } from "node:crypto";
import { type LeaseCell, type LeaseRecord, type Leases, leaseIn } from "@interlock/cluster";
import { unowned } from "@interlock/core";
import { backOffMs, pause } from "@interlock/core/distribution";
import { isKubernetesError } from "../errors.ts";
import type { KubernetesApi } from "./api.ts";
import { microTime } from "./micro-time.ts";
import { type KubernetesType, type Resource, resource, type Stored } from "./resource.ts";

export interface KubernetesLeasesOptions {
  readonly api: KubernetesApi;
  /** Default: the api's. */
  readonly namespace?: string;
  /** Milliseconds for an answer to each question. Default 5 000, half of the renew deadline of client-go. */
  readonly requestMs?: number;
}

/**
 * Leases in a namespace, for `singleton` and whatever else only one may do.
 *
 * Of RBAC they need `get` and `update` on `leases.coordination.k8s.io`, `watch` to take over at once what is released, and
 * `create` where nobody makes them beforehand: an empty Lease of the name `leaseObjectName(name)` is one that nobody holds.
 *
 * **Errors** of the leases' methods: `INTERLOCK_KUBERNETES_UNREACHABLE`, `_FORBIDDEN` and the others of an api: who holds the
 * lease is not known.
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const leases = kubernetesLeases({ api: kubernetesApi({ transport: new FakeApiServer() }), namespace: "shop" });
 * const lease = leases.lease("printer");
 * const { granted, record } = await lease.acquire({ holder: "a@10.0.0.1", durationMs: 15_000 }, await lease.read());
 * console.log(granted, record?.token); // true 1
 * if (record !== undefined) console.log(await lease.release(record)); // true
 */
export function kubernetesLeases(options: KubernetesLeasesOptions): Leases {
  const { api, namespace = api.namespace, requestMs = REQUEST_MS } = options;
  const of = resource({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases", namespace });
  return { lease: (name) => leaseIn(name, new KubernetesCell(api, of, leaseObjectName(name), requestMs)) };
}

const REQUEST_MS = 5_000;
/** Of an empty Lease, as client-go. */
const DURATION_SECONDS = 15;
const WATCH_SECONDS = 300;
const WATCH_BACK_OFF = { firstMs: 1_000, longestMs: 30_000 };
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** The name of the Lease object: that of the lease, or one made of it where Kubernetes would not take it. */
export function leaseObjectName(name: string): string {
  if (name.length <= 253 && subdomain.test(name)) return name;
  const words = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 200)
    .replaceAll(/^-|-$/g, "");
  return `${words || "lease"}-${createHash("sha256").update(name).digest("hex").slice(0, 10)}`;
}

type LeaseType = KubernetesType<"coordination.k8s.io/v1", "Lease">;
type Content = Omit<LeaseRecord, "version">;

class KubernetesCell implements LeaseCell {
  readonly #api: KubernetesApi;
  readonly #of: Resource<LeaseType>;
  readonly #name: string;
  readonly #requestMs: number;
  /** What a record was read from: labels and annotations of others survive a write. */
  readonly #objects = new WeakMap<LeaseRecord, Stored<LeaseType>>();
  /** Of all tokens seen. A Lease that somebody has deleted begins after it, not anew. */
  #highest = 0;
  #writes = 0;
  /**
   * What a watch has told last. Candidates look every two seconds, and need not ask the server for what it tells them anyway.
   * Should it be old, an attempt by its version is refused, and after that the server is asked.
   */
  #told: { readonly object: Stored<LeaseType> | undefined } | undefined;

  constructor(api: KubernetesApi, of: Resource<LeaseType>, name: string, requestMs: number) {
    this.#api = api;
    this.#of = of;
    this.#name = name;
    this.#requestMs = requestMs;
  }

  async read(): Promise<LeaseRecord | undefined> {
    const found = this.#told === undefined ? await this.#find() : this.#told.object;
    return found && this.#recordOf(found);
  }

  async replace(content: Content, over: LeaseRecord | undefined): Promise<LeaseRecord | undefined> {
    try {
      return await this.#write(content, over);
    } finally {
      this.#told = undefined;
    }
  }

  async #write(
    { durationMs, holder, token }: Content,
    over: LeaseRecord | undefined,
  ): Promise<LeaseRecord | undefined> {
    // Never the same twice: a write that changes nothing would leave the version as it is.
    const now = microTime(this.#api.runtime.clock.wallTime(), this.#writes++ % 1_000);
    const spec = {
      holderIdentity: holder ?? "",
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      leaseTransitions: over === undefined ? Math.max(token, this.#highest + 1) : token,
      renewTime: now,
    };
    // A write without an answer is not repeated here: it may have been done, and the next one is the elector's to decide.
    const options = { requestMs: this.#requestMs, retries: 0 };
    try {
      if (over === undefined) {
        const metadata = { name: this.#name };
        return this.#recordOf(
          await this.#api.create(this.#of, { metadata, spec: { ...spec, acquireTime: now } }, options),
        );
      }
      const base = this.#objects.get(over) ?? (await this.#find());
      if (base?.metadata.resourceVersion !== over.version) return undefined;
      const { acquireTime = now } = token === over.token ? { ...base.spec } : {};
      const next = { ...base, spec: { ...base.spec, ...spec, acquireTime } };
      return this.#recordOf(await this.#api.update(this.#of, next, options));
    } catch (error) {
      if (isKubernetesError(error, "INTERLOCK_KUBERNETES_CONFLICT", "INTERLOCK_KUBERNETES_ALREADY_EXISTS"))
        return undefined;
      // Deleted meanwhile; an unknown namespace is an error still.
      if (over !== undefined && isKubernetesError(error, "INTERLOCK_KUBERNETES_NOT_FOUND")) return undefined;
      throw error;
    }
  }

  watch(changed: () => void): () => void {
    const ending = new AbortController();
    unowned(() => void this.#follow(changed, ending.signal));
    return () => ending.abort();
  }

  /** Without it, changes are found by reading, which says what is wrong. */
  async #follow(changed: () => void, signal: AbortSignal): Promise<void> {
    const { random, timers } = this.#api.runtime;
    const fieldSelector = `metadata.name=${this.#name}`;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        // From no version: what has changed meanwhile is told at once.
        const events = await this.#api.watch(this.#of, { fieldSelector, timeoutSeconds: WATCH_SECONDS }, signal);
        for await (const all of events) {
          const event = all.findLast((one) => one.type !== "BOOKMARK");
          if (event === undefined) continue;
          failures = 0;
          this.#told = { object: event.type === "DELETED" ? undefined : event.object };
          changed();
        }
      } catch {
        // Tried again.
      } finally {
        this.#told = undefined;
      }
      await pause(timers, backOffMs(failures, WATCH_BACK_OFF, random), signal).catch(() => undefined);
    }
  }

  #find(): Promise<Stored<LeaseType> | undefined> {
    return this.#api.find(this.#of, this.#name, { requestMs: this.#requestMs });
  }

  #recordOf(object: Stored<LeaseType>): LeaseRecord {
    const { holderIdentity, leaseDurationSeconds, leaseTransitions = 0 } = object.spec ?? {};
    const record = {
      holder: holderIdentity || undefined,
      token: leaseTransitions,
      durationMs: (leaseDurationSeconds ?? DURATION_SECONDS) * 1_000,
      version: object.metadata.resourceVersion,
    };
    this.#highest = Math.max(this.#highest, record.token);
    this.#objects.set(record, object);
    return record;
  }
}
