/** The API server as typed operations. Each is one request; what they need of RBAC is the verb that they are called. */
import { nodeRuntime, type Runtime } from "@interlock/core";

import { isKubernetesError } from "../errors.ts";
import { findConfiguration, type KubeconfigOptions } from "./configuration.ts";
import { httpTransport } from "./http-transport.ts";
import { type Question, Requester, type RequestOptions } from "./requester.ts";
import { type KubernetesObject, pathOf, type Resource, type Stored } from "./resource.ts";
import type { Target } from "./status.ts";
import type { ApiTransport } from "./transport.ts";
import { openWatch, queryOf, type Selection, type WatchEvent, type WatchQuery } from "./watch.ts";

export interface KubernetesApiOptions {
  readonly transport: ApiTransport;
  /** Where whoever asks lives. Default `default`. */
  readonly namespace?: string;
  /** Whose the fields are that `apply` sets. Default `interlock`. */
  readonly fieldManager?: string;
  /** Milliseconds for an answer. Default 30 000. */
  readonly requestMs?: number;
  /** Further attempts when the server asks to come back (429, 503 with Retry-After). Default 4. */
  readonly retries?: number;
  readonly runtime?: Runtime;
}

export interface ListOptions extends Selection, RequestOptions {
  /** How many in one answer. Default 500. */
  readonly limit?: number | undefined;
  /** Of the page before. */
  readonly continue?: string | undefined;
}

/** A part of a list. All parts of one list are of the same version. */
export interface Page<T extends KubernetesObject> {
  readonly items: readonly Stored<T>[];
  readonly resourceVersion: string;
  /** Leads to the next page; undefined: this is the last one. */
  readonly continue: string | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** Whose the fields are. Default: the api's. */
  readonly fieldManager?: string | undefined;
  /** The server checks, and does nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface DeleteOptions extends RequestOptions {
  /** Only this one, and not another one of the same name. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  /** What becomes of the objects that it owns. Default: the server's, `Background`. */
  readonly propagation?: "Background" | "Foreground" | "Orphan" | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

/** An object to be applied: what is not there is left to others. */
export type Applied<T extends KubernetesObject> = T & { readonly metadata: { readonly name: string } };

export interface KubernetesApi {
  /** How messages name the server. */
  readonly server: string;
  /** Where whoever asks lives. */
  readonly namespace: string;
  readonly runtime: Runtime;
  get<T extends KubernetesObject>(of: Resource<T>, name: string, options?: RequestOptions): Promise<Stored<T>>;
  /** Undefined: there is none. */
  find<T extends KubernetesObject>(
    of: Resource<T>,
    name: string,
    options?: RequestOptions,
  ): Promise<Stored<T> | undefined>;
  /** All of them, page by page. **Errors** `INTERLOCK_KUBERNETES_EXPIRED` when that takes minutes. */
  list<T extends KubernetesObject>(of: Resource<T>, options?: ListOptions): Promise<Omit<Page<T>, "continue">>;
  page<T extends KubernetesObject>(of: Resource<T>, options?: ListOptions): Promise<Page<T>>;
  /** Mostly to be had by a reflector, which goes on where a watch ends. */
  watch<T extends KubernetesObject>(
    of: Resource<T>,
    query: WatchQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly WatchEvent<T>[]>>;
  create<T extends KubernetesObject>(of: Resource<T>, object: T, options?: WriteOptions): Promise<Stored<T>>;
  /** Writes all of it, if its `resourceVersion` is still that of the server. RBAC calls it `update`. */
  update<T extends KubernetesObject>(of: Resource<T>, object: Stored<T>, options?: WriteOptions): Promise<Stored<T>>;
  /**
   * Changes what is in `patch`: `merge` and `strategic` take a part of the object (null removes), `json` a list of operations.
   * Custom resources have no strategic merge.
   */
  patch<T extends KubernetesObject>(
    of: Resource<T>,
    name: string,
    patch: object,
    options?: WriteOptions & {
      readonly type?: "merge" | "json" | "strategic" | undefined;
      readonly subresource?: string | undefined;
    },
  ): Promise<Stored<T>>;
  /**
   * Server-side apply: these fields have these values from now on, and those that were applied before and are not there any
   * more are given up. Fields of others are never taken. RBAC calls it `patch`, and `create` when there is none yet.
   *
   * **Errors** `INTERLOCK_KUBERNETES_FIELD_CONFLICT`, with the fields and whose they are.
   */
  apply<T extends KubernetesObject>(of: Resource<T>, object: Applied<T>, options?: WriteOptions): Promise<Stored<T>>;
  /** The same for the status, by a manager of its own: the default is the api's with `-status` behind it. */
  applyStatus<T extends KubernetesObject>(
    of: Resource<T>,
    object: Applied<T>,
    options?: WriteOptions,
  ): Promise<Stored<T>>;
  /** Its end begins; finalizers and a grace period may keep it for a while. */
  delete(of: Resource, name: string, options?: DeleteOptions): Promise<void>;
  /** Ends idle connections. */
  close(): void;
}

const REQUEST_MS = 30_000;
const RETRIES = 4;
const PAGE = 500;

/**
 * The API server behind a transport.
 *
 * **Errors** of all operations: `INTERLOCK_KUBERNETES_UNREACHABLE`, `_UNAUTHORIZED`, `_FORBIDDEN`, `_NOT_FOUND`, `_INVALID`,
 * `_THROTTLED`, `_FAILED`; of writes also `_ALREADY_EXISTS` and `_CONFLICT`.
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const api = kubernetesApi({ transport: new FakeApiServer() });
 * const configMaps = resource({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace: api.namespace });
 * await api.apply(configMaps, { metadata: { name: "greeting" }, data: { text: "hello" } });
 * const { data, metadata } = await api.get(configMaps, "greeting");
 * console.log(data?.["text"], metadata.name); // hello greeting
 * console.log(await api.find(configMaps, "another")); // undefined
 */
export function kubernetesApi(options: KubernetesApiOptions): KubernetesApi {
  return new Api(options);
}

/**
 * The API server that is there: of the pod that this runs in, or of a kubeconfig.
 *
 * **Errors** `INTERLOCK_KUBERNETES_CONFIG`.
 */
export async function connectKubernetes(
  options: KubeconfigOptions & Omit<KubernetesApiOptions, "transport"> = {},
): Promise<KubernetesApi> {
  const configuration = await findConfiguration(options);
  const { namespace } = configuration;
  return new Api({ namespace, ...options, transport: httpTransport(configuration) });
}

class Api implements KubernetesApi {
  readonly namespace: string;
  readonly runtime: Runtime;
  readonly #transport: ApiTransport;
  readonly #fieldManager: string;
  readonly #requester: Requester;

  constructor(options: KubernetesApiOptions) {
    const { fieldManager = "interlock", namespace = "default", runtime = nodeRuntime, transport } = options;
    const { requestMs = REQUEST_MS, retries = RETRIES } = options;
    this.namespace = namespace;
    this.runtime = runtime;
    this.#transport = transport;
    this.#fieldManager = fieldManager;
    this.#requester = new Requester({ transport, runtime, requestMs, retries });
  }

  get server(): string {
    return this.#transport.server;
  }

  get<T extends KubernetesObject>(of: Resource<T>, name: string, options?: RequestOptions): Promise<Stored<T>> {
    return this.#ask({ verb: "get", resource: of, name }, { method: "GET", path: pathOf(of, name) }, options);
  }

  async find<T extends KubernetesObject>(
    of: Resource<T>,
    name: string,
    options?: RequestOptions,
  ): Promise<Stored<T> | undefined> {
    try {
      return await this.get(of, name, options);
    } catch (error) {
      // An unknown resource is an error still: nobody can have looked for it.
      if (isKubernetesError(error, "INTERLOCK_KUBERNETES_NOT_FOUND") && error.details.name !== undefined)
        return undefined;
      throw error;
    }
  }

  async list<T extends KubernetesObject>(of: Resource<T>, options: ListOptions = {}): Promise<Page<T>> {
    let page = await this.page(of, options);
    const items = [...page.items];
    while (page.continue !== undefined) {
      page = await this.page(of, { ...options, continue: page.continue });
      for (const item of page.items) items.push(item);
    }
    return { ...page, items };
  }

  async page<T extends KubernetesObject>(of: Resource<T>, options: ListOptions = {}): Promise<Page<T>> {
    const { continue: next, fieldSelector, labelSelector, limit = PAGE, ...request } = options;
    const path = `${pathOf(of)}?${queryOf({ limit, continue: next, labelSelector, fieldSelector })}`;
    const { items, metadata } = await this.#ask<{
      readonly items: readonly Stored<T>[] | null;
      readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
    }>({ verb: "list", resource: of }, { method: "GET", path }, request);
    const { apiVersion, kind } = of;
    return {
      // In a list they do not say what they are.
      items: (items ?? []).map((item) => ({ apiVersion, kind, ...item })),
      resourceVersion: metadata.resourceVersion,
      continue: metadata.continue || undefined,
    };
  }

  watch<T extends KubernetesObject>(
    of: Resource<T>,
    query: WatchQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly WatchEvent<T>[]>> {
    return openWatch(this.#requester, of, query, signal);
  }

  create<T extends KubernetesObject>(of: Resource<T>, object: T, options: WriteOptions = {}): Promise<Stored<T>> {
    const path = `${pathOf(of)}?${this.#written(options)}`;
    const target = { verb: "create", resource: of, name: object.metadata?.name };
    return this.#ask(target, { method: "POST", path, body: whole(of, object) }, options);
  }

  update<T extends KubernetesObject>(
    of: Resource<T>,
    object: Stored<T>,
    options: WriteOptions = {},
  ): Promise<Stored<T>> {
    const { name } = object.metadata;
    const path = `${pathOf(of, name)}?${this.#written(options)}`;
    return this.#ask({ verb: "update", resource: of, name }, { method: "PUT", path, body: whole(of, object) }, options);
  }

  patch<T extends KubernetesObject>(
    of: Resource<T>,
    name: string,
    patch: object,
    options: Parameters<KubernetesApi["patch"]>[3] = {},
  ): Promise<Stored<T>> {
    const { subresource, type = "merge" } = options;
    const contentType = `application/${type === "json" ? "json-patch" : type === "merge" ? "merge-patch" : "strategic-merge-patch"}+json`;
    const path = `${pathOf(of, name, subresource)}?${this.#written(options)}`;
    const target = { verb: "patch", resource: of, name, subresource };
    return this.#ask(target, { method: "PATCH", path, contentType, body: patch }, options);
  }

  apply<T extends KubernetesObject>(
    of: Resource<T>,
    object: Applied<T>,
    options: WriteOptions = {},
  ): Promise<Stored<T>> {
    return this.#apply(of, object, undefined, options);
  }

  applyStatus<T extends KubernetesObject>(
    of: Resource<T>,
    object: Applied<T>,
    options: WriteOptions = {},
  ): Promise<Stored<T>> {
    const { fieldManager = `${this.#fieldManager}-status` } = options;
    return this.#apply(of, object, "status", { ...options, fieldManager });
  }

  async delete(of: Resource, name: string, options: DeleteOptions = {}): Promise<void> {
    const { gracePeriodSeconds, propagation, resourceVersion, uid } = options;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid, resourceVersion },
      propagationPolicy: propagation,
      gracePeriodSeconds,
    };
    await this.#ask(
      { verb: "delete", resource: of, name },
      { method: "DELETE", path: pathOf(of, name), body },
      options,
    );
  }

  close(): void {
    this.#transport.close();
  }

  #apply<T extends KubernetesObject>(
    of: Resource<T>,
    object: Applied<T>,
    subresource: string | undefined,
    options: WriteOptions,
  ): Promise<Stored<T>> {
    const { name } = object.metadata;
    const path = `${pathOf(of, name, subresource)}?${this.#written(options)}`;
    // JSON is YAML.
    const question: Question = {
      method: "PATCH",
      path,
      contentType: "application/apply-patch+yaml",
      body: whole(of, object),
    };
    return this.#ask({ verb: "patch", resource: of, name, subresource }, question, options);
  }

  #written({ dryRun, fieldManager = this.#fieldManager }: WriteOptions): string {
    return queryOf({ fieldManager, dryRun: dryRun ? "All" : undefined });
  }

  async #ask<Answer>(target: Target, question: Question, options?: RequestOptions): Promise<Answer> {
    return (await this.#requester.ask(target, question, options)) as Answer;
  }
}

/** Says what it is, which its type leaves open. */
function whole<T extends KubernetesObject>({ apiVersion, kind, namespace }: Resource<T>, object: T): T {
  const { metadata } = object;
  // One that says where it is stays byte for byte as it is.
  const isSaid = namespace === undefined || metadata?.namespace !== undefined;
  return { ...object, apiVersion, kind, metadata: isSaid ? metadata : { namespace, ...metadata } };
}
