/**
 * Registries for tests, on the loopback interface: one in memory that wants a token, by the specification, and Debian's
 * `docker-registry` where it is installed, which wants a password.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../release/layer.ts";

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:41000` */
  readonly host: string;
}

export const user = "anna";
export const password = "a secret";
/** Of that password, by bcrypt. */
const HASH = "$2b$04$BQPYuyxLR1KJcVjdQqAtWeFouOxd9fbzQy9qZHhGfOwCYFPaS/mly";
const PROGRAM = "/usr/bin/docker-registry";

export const hasProgram: boolean = isThere(PROGRAM);

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Debian's, which is CNCF Distribution. */
export async function programRegistry(): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "interlock-registry-"));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: host },
    auth: { htpasswd: { realm: "test", path: join(folder, "users") } },
  };
  await writeFile(join(folder, "users"), `${user}:${HASH}\n`);
  // JSON is YAML.
  await writeFile(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn(PROGRAM, ["serve", join(folder, "config.yml")], { stdio: "ignore" });
  const ended = once(child, "exit");
  for (;;) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    if (answer?.status === 401) break;
    if (child.exitCode !== null) throw new Error(`${PROGRAM} ended with ${child.exitCode}`);
    await pause(20);
  }
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const listener = createListener().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}

/** A registry in memory. */
export class MemoryRegistry implements TestRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  readonly requests: string[] = [];
  /** What it answers the next requests of that method with, instead of doing them. */
  readonly busy: { readonly method: string; readonly status: number; readonly retryAfter?: string }[] = [];
  /** Uploads that have begun. */
  readonly #sessions = new Set<string>();
  #begun = 0;
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  readonly #token = "a token";

  static async start(): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry();
    registry.#server.listen(0, "127.0.0.1");
    await once(registry.#server, "listening");
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", `http://${this.host}`);
    const body = await buffer(request);
    const { authorization } = request.headers;
    if (url.pathname === "/token") {
      const isKnown = authorization === `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
      const isAsked =
        url.searchParams.get("service") === "test" &&
        url.searchParams.get("scope") === "repository:team/bank:pull,push";
      response.writeHead(isKnown && isAsked ? 200 : 401).end(JSON.stringify({ token: this.#token }));
      return;
    }
    this.requests.push(`${request.method} ${url.pathname}`);
    if (authorization !== `Bearer ${this.#token}`) {
      const realm = `Bearer realm="http://${this.host}/token",service="test",scope="repository:team/bank:pull,push"`;
      response.writeHead(401, { "www-authenticate": realm }).end("{}");
      return;
    }
    const refusal = this.busy.findIndex(({ method }) => method === request.method);
    if (refusal !== -1) {
      const [{ retryAfter, status } = { status: 500 }] = this.busy.splice(refusal, 1);
      this.#sessions.delete(url.pathname);
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter }).end("too much to do");
      return;
    }
    this.#answer(request.method ?? "", url, request.headers["content-type"] ?? "", body, response);
  }

  #answer(method: string, url: URL, type: string, body: Buffer, response: ServerResponse): void {
    const [, kind = "", name = ""] = /^\/v2\/team\/bank\/(blobs|manifests)\/(.*)$/.exec(url.pathname) ?? [];
    const unknown = (code: string): void =>
      void response.writeHead(404).end(JSON.stringify({ errors: [{ code, message: "it is not here" }] }));
    if (method === "POST" && name === "uploads/") {
      const session = `/v2/team/bank/blobs/uploads/${++this.#begun}`;
      this.#sessions.add(session);
      // Relative, and with a query of its own: both are allowed.
      response.writeHead(202, { location: `${session}?state=x` }).end();
    } else if (method === "PUT" && kind === "blobs") {
      if (!this.#sessions.delete(url.pathname)) return unknown("BLOB_UPLOAD_UNKNOWN");
      const digest = url.searchParams.get("digest") ?? "";
      if (url.searchParams.get("state") !== "x" || digestOf(body) !== digest) return unknown("BLOB_UPLOAD_INVALID");
      this.blobs.set(digest, body);
      response.writeHead(201).end();
    } else if (method === "PUT") {
      const { config, layers } = JSON.parse(body.toString("utf8"));
      for (const { digest } of [config, ...layers])
        if (!this.blobs.has(digest)) return unknown("MANIFEST_BLOB_UNKNOWN");
      for (const key of [name, digestOf(body)]) this.manifests.set(key, { type, bytes: body });
      response.writeHead(201).end();
    } else if (kind === "blobs") {
      const bytes = this.blobs.get(name);
      if (bytes === undefined) return unknown("BLOB_UNKNOWN");
      response.writeHead(200).end(method === "HEAD" ? undefined : bytes);
    } else {
      const found = this.manifests.get(name);
      if (found === undefined) return unknown("MANIFEST_UNKNOWN");
      response.writeHead(200, { "content-type": found.type }).end(found.bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
