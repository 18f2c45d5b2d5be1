/**
 * HTTP servers that drain: node:http, node:https, node:http2, and what is made of them (Fastify, Hono, Express, Koa). From the
 * announcement on every answer tells its client not to use the connection again, so that clients go elsewhere by themselves;
 * idle connections are kept for the last request that their client may be sending right now.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Http2SecureServer, Http2Server, Http2ServerResponse, ServerHttp2Session } from "node:http2";
import type { Server as HttpsServer } from "node:https";
import { Server as NetServer, type Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { nodeRuntime, unowned } from "@interlock/core";
import { type PodRegistry, pod } from "../registry.ts";
import { Connections, endGently } from "./connections.ts";
import { Sessions } from "./goaway.ts";

export type DrainableServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer;

type Answer = ServerResponse | Http2ServerResponse;

/**
 * For how long a connection may be idle: longer than clients keep theirs (Go 90 s, load balancers and proxies 60 s). Whoever
 * closes first does so while the other one may be asking, so that has to be the client.
 */
const IDLE_MS = 100_000;
/**
 * Where connections still come after the settle time, somebody has not heard of the pod's end: on a machine that has too much to do
 * that takes longer. For so long none has to come, and never for longer than this part of the settle time.
 */
const QUIET_MS = 1_000;
const QUIET_PART = 1 / 5;
/** What is left of the phase for requests that come in on idle connections last. */
const LAST_REQUEST_MS = 5_000;

/**
 * Has a server drain with its pod. To be called before it listens; it takes itself back when the server is closed.
 *
 * HTTP/1: `Connection: close` on every answer. HTTP/2: GOAWAY. Requests in flight, uploads and slow answers among them, are
 * waited for; then the listener is closed. WebSockets are `drainWebSockets`' to end.
 *
 * From the start on it keeps idle connections for 100 s (`server.keepAliveTimeoutBuffer`), whatever answers promise: a server that
 * ends them before its clients do resets requests that are just being sent.
 *
 * @returns what takes it back.
 *
 * @example
 * import { createServer } from "node:http";
 * const server = createServer((_request, response) => response.end("hello"));
 * drainHttp(server);
 */
export function drainHttp(server: DrainableServer, registry: PodRegistry = pod): () => void {
  const draining = new HttpDrain(server as unknown as HttpServer);
  const name = "http server";
  const ends = [
    registry.onDrain({ name, phase: "announce", run: (_signal, settleMs) => draining.announce(settleMs) }),
    registry.onDrain({ name, phase: "requests", run: (signal, budgetMs) => draining.requests(signal, budgetMs) }),
    registry.onDrain({ name, phase: "close", run: (signal) => draining.close(signal) }),
  ];
  const end = (): void => {
    for (const one of ends) one();
  };
  (server as unknown as HttpServer).once("close", end);
  return end;
}

class HttpDrain {
  readonly #server: HttpServer;
  readonly #connections = new Connections();
  readonly #sessions = new Sessions();
  readonly #answers = new Set<Answer>();
  #isAnnounced = false;
  #quietMs = 0;

  constructor(server: HttpServer) {
    this.#server = server;
    const opened = (socket: Socket): void => this.#connections.opened(socket);
    if (server instanceof TlsServer) {
      server.on("connection", (socket: Socket) => this.#connections.shakesHands(socket));
      server.on("secureConnection", opened);
    } else server.on("connection", opened);
    // Before the server's own: it may write its headers at once.
    server.prependListener("request", (_request, response) => this.#asked(response));
    server.on("session" as "connection", (session: unknown) => this.#sessions.opened(session as ServerHttp2Session));
    for (const event of ["upgrade", "connect"] as const) this.#watchUpgrades(event);
    // HTTP/2 has no such time, and 0 is for ever.
    if (server.keepAliveTimeout > 0)
      server.keepAliveTimeoutBuffer = Math.max(server.keepAliveTimeoutBuffer, IDLE_MS - server.keepAliveTimeout);
    server.on("timeout", (socket) => this.#silent(socket));
  }

  /** A listener of our own, where there was none, would have the server take requests that it does not know. */
  #watchUpgrades(event: "upgrade" | "connect"): void {
    const server = this.#server;
    const upgraded = ({ socket }: IncomingMessage): void => this.#connections.gone(socket);
    if (server.listenerCount(event) > 0) return void server.prependListener(event, upgraded);
    server.on("newListener", function watch(name: string | symbol, listener: unknown) {
      if (name !== event || listener === upgraded) return;
      server.off("newListener", watch);
      server.prependListener(event, upgraded);
    });
  }

  /** Node.js destroys a connection that was silent for too long, unless somebody listens. */
  #silent(socket: Socket): void {
    if (this.#connections.seemsIdle(socket)) return void this.#connections.endIfIdle(socket);
    const answer = [...this.#answers].find(({ req }) => req.socket === socket);
    const isHeard = [answer, answer?.req].some((one) => (one?.listenerCount("timeout") ?? 0) > 0);
    if (!isHeard && this.#server.listenerCount("timeout") === 1) socket.destroy();
  }

  #asked(answer: Answer): void {
    this.#answers.add(answer);
    const answered = isHttp1(answer) ? this.#connections.asks(answer.req.socket) : undefined;
    answer.once("close", () => {
      this.#answers.delete(answer);
      answered?.();
    });
    if (this.#isAnnounced) sayClose(answer);
  }

  announce(settleMs: number): void {
    this.#isAnnounced = true;
    this.#quietMs = Math.min(QUIET_MS, settleMs * QUIET_PART);
    for (const answer of this.#answers) sayClose(answer);
    this.#sessions.announce();
  }

  async requests(signal: AbortSignal, budgetMs: number): Promise<{ readonly cut: number }> {
    const last = new AbortController();
    const { timers } = nodeRuntime;
    const lastMs = budgetMs - Math.min(LAST_REQUEST_MS, budgetMs / 2);
    const timer = unowned(() => timers.set(() => last.abort(), lastMs));
    await this.#connections.untilQuiet(this.#quietMs, AbortSignal.any([signal, last.signal]));
    timers.clear(timer);
    if (!signal.aborted) await this.#connections.endIdle();
    await this.#connections.untilQuiet(this.#quietMs, signal);
    const cut = this.#answers.size;
    this.#sessions.cut();
    this.#connections.cutBusy();
    await this.#connections.endIdle();
    return { cut };
  }

  async close(signal: AbortSignal): Promise<{ readonly cut: number }> {
    await this.#connections.allAccepted(signal);
    // Not the server's own: that begins with destroying idle connections.
    NetServer.prototype.close.call(this.#server);
    this.#sessions.close();
    await this.#connections.endIdle();
    await this.#connections.untilNone(signal);
    const cut = this.#answers.size;
    this.#sessions.cut();
    this.#connections.cutAll();
    this.#server.close();
    return { cut };
  }
}

function isHttp1(answer: Answer): answer is ServerResponse {
  return answer.req.httpVersionMajor < 2;
}

function sayClose(answer: Answer): void {
  // HTTP/2 has no such header: its connections have heard it by GOAWAY.
  if (!isHttp1(answer)) return;
  if (!answer.headersSent) answer.setHeader("connection", "close");
  const { socket } = answer.req;
  // What the server calls when such an answer is out. Its own destroys the connection although an upload may go on.
  socket.destroySoon = () => endGently(socket);
}
