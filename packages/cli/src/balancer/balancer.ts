/** One port in front of many nodes: HTTP/1.1, server-sent events, WebSockets. */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CliError } from "../errors.ts";
import type { Upstream } from "./choose.ts";
import { exchange } from "./exchange.ts";
import { NODE_HEADER } from "./headers.ts";
import { UpstreamPool } from "./pool.ts";
import { joinSockets } from "./tunnel.ts";

export interface BalancerOptions {
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** The nodes that take visitors, as of now; asked for each one. */
  readonly upstreams: () => readonly Upstream[];
  /** Milliseconds of silence before the head of an answer; then 504. Default 60 000. */
  readonly answerMs?: number;
}

export interface Balancer extends AsyncDisposable {
  readonly url: string;
  /** Exchanges that a node has open: requests, streams of events, WebSockets. */
  openAt(id: string): number;
  /** `upstreams` says something new: connections kept to those that have gone are closed at once, not with the next visitor. */
  refresh(): void;
  /** Ends all that is open, at once. */
  close(): Promise<void>;
}

const DEFAULT_ANSWER_MS = 60_000;
/** Longer than browsers keep an idle connection: whoever closes first cannot meet a request on its way. */
const KEEP_ALIVE_MS = 75_000;
/** What a visitor may send before the node has agreed to leave HTTP; then it is not read any further. */
const MOST_EARLY_BYTES = 65_536;

/**
 * Serves at one port what the nodes serve at theirs: the node with the fewest open exchanges gets the next visitor.
 * `x-interlock-node` of an answer names who gave it; the same header of a request asks for one node and no other, the
 * cookie `interlock-node` for that node as long as it is there.
 *
 * **Errors** `INTERLOCK_BALANCER_PORT`; visitors are told `INTERLOCK_NO_NODE_READY`, `INTERLOCK_NODE_LOST` and
 * `INTERLOCK_NODE_SILENT` as JSON.
 */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  const { answerMs = DEFAULT_ANSWER_MS, host, port, upstreams } = options;
  const pool = new UpstreamPool(upstreams);
  const tunnels = new Set<Duplex>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    exchange(request, response, { pool, answerMs });
  });
  server.on("upgrade", (request, socket, head) => {
    tunnels.add(socket);
    socket.once("close", () => void tunnels.delete(socket));
    upgrade(request, socket as Socket, head, pool, answerMs);
  });
  await listen(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    for (const socket of tunnels) socket.destroy();
    pool.close();
    await closed;
  };
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    openAt: (id) => pool.openAt(id),
    refresh: () => pool.refresh(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Until a node has agreed to leave HTTP this is an exchange like any other, and may be refused like any other. */
function upgrade(request: IncomingMessage, socket: Socket, head: Buffer, pool: UpstreamPool, answerMs: number): void {
  // The server has let go of the socket: nobody else hears of its errors, or that the visitor has left.
  socket.on("error", () => socket.destroy());
  const early = [head];
  const collect = (bytes: Buffer): void => {
    early.push(bytes);
    if (Buffer.concat(early).length > MOST_EARLY_BYTES) socket.pause();
  };
  const left = (): void => void socket.destroy();
  socket.on("data", collect).once("end", left);
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once("finish", () => socket.destroySoon());
  exchange(request, response, {
    pool,
    answerMs,
    upgraded: (answer, upstream, upstreamHead, { id, release }) => {
      upstream.once("close", release);
      response.detachSocket(socket);
      const lines = [`HTTP/1.1 101 ${answer.statusMessage ?? "Switching Protocols"}`, `${NODE_HEADER}: ${id}`];
      const { rawHeaders } = answer;
      for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
      socket.write(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), upstreamHead]));
      socket.off("data", collect).off("end", left);
      upstream.write(Buffer.concat(early));
      joinSockets(socket, upstream);
    },
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (cause: Error & { readonly code?: string }) => {
    const problem = cause.code === "EADDRINUSE" ? "another program has it" : cause.message;
    const message = `Cannot listen at ${host}:${port}: ${problem}`;
    reject(new CliError("INTERLOCK_BALANCER_PORT", message, { host, port, problem }, { cause }));
  });
  server.listen(port, host, resolve);
  return promise;
}
