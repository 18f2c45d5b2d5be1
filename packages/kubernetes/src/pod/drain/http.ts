/**
 * HTTP servers that drain: node:http, node:https, node:http2, and what is made of them (Fastify, Hono, Express, Koa). From the
 * announcement on every answer tells its client not to use the connection again, so that clients go elsewhere by themselves;
 * idle connections are kept for the last request that their client may be sending right now.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Http2SecureServer, Http2Server, Http2ServerResponse, ServerHttp2Session } from "node:http2";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { nodeRuntime, unowned } from "@interlock/core";
import { type PodRegistry, pod } from "../registry.ts";

export type DrainableServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer;

/** What all of them have. */
type AnyServer = HttpServer & { closeAllConnections?: () => void; closeIdleConnections?: () => void };

const NO_ERROR = 0;
/** No stream is refused yet: requests that cross the news of the end are still answered. @see RFC 9113 section 6.8 */
const LAST_STREAM = 2 ** 31 - 1;
/** For the news to cross, and for an idle connection to show whether it is one. */
const GOAWAY_MS = 1_000;

/**
 * Has a server drain with its pod. To be called before it listens; it takes itself back when the server is closed.
 *
 * HTTP/1: `Connection: close` on every answer. HTTP/2: GOAWAY. Requests in flight, uploads and slow answers among them, are
 * waited for; then the listener is closed. WebSockets are `drainWebSockets`' to end.
 *
 * @returns what takes it back.
 *
 * @example
 * import { createServer } from "node:http";
 * const server = createServer((_request, response) => response.end("hello"));
 * drainHttp(server);
 */
export function drainHttp(server: DrainableServer, registry: PodRegistry = pod): () => void {
  const draining = new HttpDrain(server as unknown as AnyServer);
  const name = "http server";
  const ends = [
    registry.onDrain({ name, phase: "announce", run: () => draining.announce() }),
    registry.onDrain({ name, phase: "requests", run: (signal) => draining.requests(signal) }),
    registry.onDrain({ name, phase: "close", run: (signal) => draining.close(signal) }),
  ];
  const end = (): void => {
    for (const one of ends) one();
  };
  (server as unknown as AnyServer).once("close", end);
  return end;
}

class HttpDrain {
  readonly #server: AnyServer;
  readonly #sockets = new Set<Socket>();
  /** HTTP/2 connections, and whether they have been told. */
  readonly #sessions = new Map<ServerHttp2Session, { isTold: boolean }>();
  readonly #answers = new Set<ServerResponse | Http2ServerResponse>();
  #isAnnounced = false;
  #quiet: (() => void) | undefined;

  constructor(server: AnyServer) {
    this.#server = server;
    server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#gone(socket));
    });
    // Before the server's own: it may write its headers at once.
    server.prependListener("request", (_request, response) => this.#asked(response));
    server.on("session" as "connection", (session: unknown) => this.#opened(session as ServerHttp2Session));
    for (const event of ["upgrade", "connect"] as const) this.#watchUpgrades(event);
  }

  /** A listener of our own, where there was none, would have the server take requests that it does not know. */
  #watchUpgrades(event: "upgrade" | "connect"): void {
    const server = this.#server;
    const upgraded = ({ socket }: IncomingMessage): void => this.#gone(socket);
    if (server.listenerCount(event) > 0) return void server.prependListener(event, upgraded);
    server.on("newListener", function watch(name: string | symbol, listener: unknown) {
      if (name !== event || listener === upgraded) return;
      server.off("newListener", watch);
      server.prependListener(event, upgraded);
    });
  }

  #asked(response: ServerResponse | Http2ServerResponse): void {
    this.#answers.add(response);
    response.once("close", () => this.#answers.delete(response));
    if (this.#isAnnounced) sayClose(response);
  }

  #opened(session: ServerHttp2Session): void {
    this.#sessions.set(session, { isTold: false });
    session.once("close", () => this.#sessions.delete(session));
    if (this.#isAnnounced) this.#tellSoon(session);
  }

  /**
   * With its next request, or when it has none. A client that is told between two requests may have the second one begun and
   * not sent, and cannot send it any more: Node.js then fails it.
   */
  #tellSoon(session: ServerHttp2Session): void {
    const tell = (): void => {
      const state = this.#sessions.get(session);
      if (state === undefined || state.isTold) return;
      state.isTold = true;
      session.goaway(NO_ERROR, LAST_STREAM);
      // Ends it with its last answer.
      later(() => session.close());
    };
    session.once("stream", tell);
    later(tell);
  }

  #gone(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#quiet?.();
  }

  announce(): void {
    this.#isAnnounced = true;
    for (const response of this.#answers) sayClose(response);
    for (const session of this.#sessions.keys()) this.#tellSoon(session);
  }

  async requests(signal: AbortSignal): Promise<{ readonly cut: number }> {
    await this.#untilQuiet(signal);
    const cut = this.#answers.size;
    this.#end();
    return { cut };
  }

  async close(signal: AbortSignal): Promise<{ readonly cut: number }> {
    this.#server.close();
    for (const session of this.#sessions.keys()) session.close();
    await this.#untilQuiet(signal);
    const cut = this.#answers.size;
    this.#end();
    return { cut };
  }

  #untilQuiet(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#sockets.size === 0 || signal.aborted) return resolve();
      this.#quiet = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #end(): void {
    for (const session of this.#sessions.keys()) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function later(callback: () => void): void {
  unowned(() => nodeRuntime.timers.set(callback, GOAWAY_MS));
}

function sayClose(response: ServerResponse | Http2ServerResponse): void {
  // HTTP/2 has no such header: its connections have heard it by GOAWAY.
  if (response.req.httpVersionMajor < 2 && !response.headersSent) response.setHeader("connection", "close");
}
