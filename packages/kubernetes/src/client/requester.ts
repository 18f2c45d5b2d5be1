/**
 * One request to the API server from its words to its answer, or to an error of this package. Time limits are here, and the
 * patience with a server that says when to come back (API Priority and Fairness).
 */
import type { Runtime } from "@interlock/core";
import { pause } from "@interlock/core/distribution";
import { isKubernetesError, KubernetesError } from "../errors.ts";
import { errorOf, namesOf, type Status, statusIn, type Target, words } from "./status.ts";
import type { ApiRequest, ApiResponse, ApiTransport } from "./transport.ts";

export interface RequestOptions {
  /** Gives the request up; it may have been done. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for an answer to each attempt. Default 30 000. */
  readonly requestMs?: number | undefined;
  /** Further attempts when the server asks to come back (429, 503 with Retry-After). Default 4. */
  readonly retries?: number | undefined;
}

export interface Question {
  readonly method: ApiRequest["method"];
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: unknown;
}

export interface RequesterOptions {
  readonly transport: ApiTransport;
  readonly runtime: Runtime;
  readonly requestMs: number;
  readonly retries: number;
}

export class Requester {
  readonly #options: RequesterOptions;

  constructor(options: RequesterOptions) {
    this.#options = options;
  }

  /** The value that the server answers. */
  async ask(target: Target, question: Question, options: RequestOptions = {}): Promise<unknown> {
    const { retries = this.#options.retries } = options;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#within(options, async (signal) => {
          const answer = await this.#send(target, question, signal);
          return this.parsed(target, await this.#whole(target, answer, signal));
        });
      } catch (error) {
        const pauseMs = retryAfterOf(error);
        if (pauseMs === undefined || attempt >= retries) throw error;
        // Those that were sent away together need not come back together.
        const { random, timers } = this.#options.runtime;
        await pause(timers, pauseMs * (1 + random() / 2), options.signal);
      }
    }
  }

  /** The answer with its stream: only the wait for its beginning is limited. Not tried again. */
  open(target: Target, question: Question, signal: AbortSignal): Promise<ApiResponse> {
    return this.#within({ signal }, (limited) => this.#send(target, question, limited));
  }

  /** What went wrong below HTTP. */
  broken(target: Target, cause: unknown): KubernetesError<"INTERLOCK_KUBERNETES_UNREACHABLE"> {
    const { server } = this.#options.transport;
    const problem = problemOf(cause);
    const message = `Cannot ${target.verb} ${words(target)}: no answer of ${server}: ${problem}`;
    const details = { server, verb: target.verb, ...namesOf(target), problem };
    return new KubernetesError("INTERLOCK_KUBERNETES_UNREACHABLE", message, details, { cause });
  }

  /** What the server says in the stream of an answer, instead of an object. */
  refused(target: Target, status: Status): KubernetesError {
    const { retryAfterSeconds } = status.details ?? {};
    const afterMs = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1_000;
    return errorOf(target, this.#options.transport.server, status.code ?? 500, status, afterMs);
  }

  parsed(target: Target, text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      const status = { message: `its answer is no JSON: ${text.slice(0, 80)}` };
      throw errorOf(target, this.#options.transport.server, 200, status);
    }
  }

  async #send(target: Target, question: Question, signal: AbortSignal): Promise<ApiResponse> {
    const { body, contentType = "application/json", method, path } = question;
    const headers = {
      accept: "application/json",
      "user-agent": "interlock",
      ...(body !== undefined && { "content-type": contentType }),
    };
    const { transport } = this.#options;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.#reaching(target, signal, () =>
      transport.request({ method, path, headers, body: text, signal }),
    );
    if (answer.status >= 200 && answer.status < 300) return answer;
    const status = statusIn(await this.#whole(target, answer, signal));
    throw errorOf(target, transport.server, answer.status, status, retryAfterMs(answer));
  }

  #whole(target: Target, { body }: ApiResponse, signal: AbortSignal): Promise<string> {
    return this.#reaching(target, signal, async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return Buffer.concat(chunks).toString("utf8");
    });
  }

  async #reaching<T>(target: Target, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      // Of the configuration: it is this package's already.
      if (isKubernetesError(error, "INTERLOCK_KUBERNETES_CONFIG")) throw error;
      throw this.broken(target, signal.aborted ? signal.reason : error);
    }
  }

  async #within<T>(
    { requestMs = this.#options.requestMs, signal }: RequestOptions,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { timers } = this.#options.runtime;
    const limit = new AbortController();
    const late = new Error(`it took longer than ${requestMs} ms`);
    const timer = timers.set(() => limit.abort(late), requestMs);
    try {
      return await run(signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      // Whoever gave it up need not be told that there was no answer.
      signal?.throwIfAborted();
      throw error;
    } finally {
      timers.clear(timer);
    }
  }
}

/** When the server wants to be asked again; it has done nothing. Undefined: it did not say. */
export function retryAfterOf(error: unknown): number | undefined {
  if (isKubernetesError(error, "INTERLOCK_KUBERNETES_THROTTLED")) return error.details.retryAfterMs;
  const isAway = isKubernetesError(error, "INTERLOCK_KUBERNETES_FAILED") && error.details.status === 503;
  return isAway ? error.details.retryAfterMs : undefined;
}

/** The server gives seconds; a date would need its clock to be ours. */
function retryAfterMs({ headers }: ApiResponse): number | undefined {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return seconds >= 0 ? Math.min(seconds, 60) * 1_000 : undefined;
}

function problemOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === "") return cause.errors.map(problemOf).join("; ");
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
