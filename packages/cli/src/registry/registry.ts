/**
 * A registry of images, over HTTP.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
import type { Runtime } from "@interlock/core";
import type { CliError } from "../errors.ts";
import { within } from "../limit.ts";
import { type Blob, digestOf } from "../release/layer.ts";
import { basic, bearerToken, challengeIn, isThisMachine } from "./authorization.ts";
import type { Credentials } from "./credentials.ts";
import { registryFailure } from "./failure.ts";
import type { ImageReference } from "./reference.ts";
import { asOftenAsItSays } from "./retry-after.ts";

export interface RegistryOptions {
  readonly image: ImageReference;
  readonly credentials: Credentials | undefined;
  /** What is asked for rights: to pull alone, or to push as well. */
  readonly scope: "pull" | "pull,push";
  readonly runtime: Pick<Runtime, "clock" | "timers">;
}

interface Request {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

interface Asked {
  /** `GET /v2/team/bank/manifests/1.4.0` */
  readonly what: string;
  readonly answer: Response;
}

export interface Fetched {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Milliseconds for one request, the sending of a layer included. */
const REQUEST_MS = 600_000;

export class Registry {
  readonly #options: RegistryOptions;
  readonly #base: string;
  #authorization: string | undefined;

  constructor(options: RegistryOptions) {
    const { registry, repository } = options.image;
    this.#options = options;
    this.#base = `${isThisMachine(registry) ? "http" : "https"}://${registry}/v2/${repository}/`;
  }

  /** By tag or digest. **Errors** `INTERLOCK_REGISTRY`. */
  async manifest(reference: string, accept: readonly string[]): Promise<Fetched> {
    const answer = await this.#ask("GET", `manifests/${reference}`, { headers: { accept: accept.join(", ") } });
    const bytes = await this.#bytes(answer, `manifests/${reference}`);
    const mediaType = answer.headers.get("content-type")?.split(";")[0] ?? "";
    if (reference.startsWith("sha256:")) this.#check(bytes, reference);
    return { mediaType, bytes };
  }

  /** **Errors** `INTERLOCK_REGISTRY`, also for bytes that are not what their digest says. */
  async blob(digest: string): Promise<Uint8Array> {
    const bytes = await this.#bytes(await this.#ask("GET", `blobs/${digest}`, {}), `blobs/${digest}`);
    this.#check(bytes, digest);
    return bytes;
  }

  /** @returns whether it had to be sent. **Errors** `INTERLOCK_REGISTRY`. */
  async push({ bytes, digest }: Blob): Promise<boolean> {
    const found = await this.#ask("HEAD", `blobs/${digest}`, {}, [404]);
    if (found.status === 200) return false;
    const sent = await this.#patiently(async () => {
      const begun = await this.#send("POST", "blobs/uploads/", { headers: { "content-length": "0" } });
      if (!begun.answer.ok) return begun;
      await begun.answer.arrayBuffer();
      const location = begun.answer.headers.get("location");
      if (location === null) throw this.#failure(begun.what, "it has not said where to send it", begun.answer.status);
      const to = new URL(location, this.#base);
      to.searchParams.set("digest", digest);
      // Never again by itself: where it was to be sent to may be gone with the first attempt.
      return this.#send("PUT", to.href, { headers: { "content-type": "application/octet-stream" }, body: bytes });
    });
    await sent.arrayBuffer();
    return true;
  }

  /** What it refers to has to be there. **Errors** `INTERLOCK_REGISTRY`. */
  async pushManifest(reference: string, mediaType: string, bytes: Uint8Array): Promise<void> {
    const answer = await this.#ask("PUT", `manifests/${reference}`, {
      headers: { "content-type": mediaType },
      body: bytes,
    });
    await answer.arrayBuffer();
  }

  #ask(method: string, path: string, request: Request, also: readonly number[] = []): Promise<Response> {
    return this.#patiently(() => this.#send(method, path, request), also);
  }

  /** `attempt` may be made several times, each from its beginning. */
  async #patiently(attempt: () => Promise<Asked>, also: readonly number[] = []): Promise<Response> {
    const { answer, what } = await asOftenAsItSays(this.#options.runtime, attempt);
    if (answer.ok || also.includes(answer.status)) return answer;
    throw this.#failure(what, problemIn(await answer.text(), answer), answer.status);
  }

  /** Once, but for having to say who asks. */
  async #send(method: string, path: string, { body, headers = {} }: Request): Promise<Asked> {
    const url = new URL(path, this.#base);
    const what = `${method} ${url.pathname}`;
    const once = (): Promise<Response> =>
      within(this.#options.runtime.timers, REQUEST_MS, (signal) => {
        // Uploads may go elsewhere, where nobody else's token is to be shown.
        const isOwn = url.origin === new URL(this.#base).origin;
        const shown = this.#authorization === undefined || !isOwn ? {} : { authorization: this.#authorization };
        const init = {
          method,
          headers: { ...headers, ...shown },
          signal,
          ...(body && { body: body as Uint8Array<ArrayBuffer> }),
        };
        return fetch(url, init);
      }).catch((cause: unknown) => {
        const { cause: deeper, message } = cause as Error;
        throw this.#failure(what, deeper instanceof Error ? deeper.message : message, undefined, cause);
      });
    const answer = await once();
    if (answer.status !== 401) return { what, answer };
    await answer.arrayBuffer();
    this.#authorization = await this.#authorize(what, answer.headers.get("www-authenticate"));
    return { what, answer: await once() };
  }

  async #authorize(what: string, header: string | null): Promise<string> {
    const { credentials, image, scope } = this.#options;
    const challenge = challengeIn(header ?? "");
    try {
      if (challenge?.scheme === "basic" && credentials?.type === "password") return basic(credentials);
      if (challenge?.scheme === "bearer") {
        const asked = challenge.scope ?? `repository:${image.repository}:${scope}`;
        const token = (signal: AbortSignal) => bearerToken(challenge, asked, credentials, signal);
        return `Bearer ${await within(this.#options.runtime.timers, REQUEST_MS, token)}`;
      }
    } catch (cause) {
      throw this.#failure(what, (cause as Error).message, 401, cause);
    }
    throw this.#failure(what, "it does not know who asks", 401);
  }

  async #bytes(answer: Response, what: string): Promise<Uint8Array> {
    try {
      return new Uint8Array(await answer.arrayBuffer());
    } catch (cause) {
      throw this.#failure(`GET ${what}`, `its answer broke off: ${(cause as Error).message}`, answer.status, cause);
    }
  }

  #check(bytes: Uint8Array, digest: string): void {
    if (digestOf(bytes) !== digest)
      throw this.#failure(`GET ${digest}`, "the bytes are not what their digest says", 200);
  }

  #failure(
    request: string,
    problem: string,
    status: number | undefined,
    cause?: unknown,
  ): CliError<"INTERLOCK_REGISTRY"> {
    return registryFailure(this.#options.image.registry, { request, problem, status, cause });
  }
}

/** What the registry says of it, else its status. */
function problemIn(text: string, { status, statusText }: Response): string {
  try {
    const { errors = [] } = JSON.parse(text) as {
      readonly errors?: readonly { readonly code: string; readonly message?: string }[];
    };
    const said = errors.map(({ code, message }) => [code, message].filter(Boolean).join(": ")).join("; ");
    if (said !== "") return said;
  } catch {
    // Not of the registry, but of something before it.
  }
  return `it answered ${status} ${statusText}`.trim();
}
