/**
 * One request of a visitor, and its answer by a node. What can be asked twice (GET, HEAD, OPTIONS without a body) is asked
 * of another node, once, when the first fails before it has begun to answer: what ends every node that is asked it shall not
 * end them all. Anything else goes to another node only while nothing of it was sent.
 */
import type { Buffer } from "node:buffer";
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { pipeline } from "node:stream";
import { CliError, type CliErrorCode } from "../errors.ts";
import { endToEnd, NODE_HEADER, toUpstream, wishOf } from "./headers.ts";
import type { Taken, UpstreamPool } from "./pool.ts";

export interface ExchangeOptions {
  readonly pool: UpstreamPool;
  /** Milliseconds of silence before the head of an answer. */
  readonly answerMs: number;
  /** For a visitor who wants to leave HTTP (a WebSocket): what the connection becomes. */
  readonly upgraded?: (answer: IncomingMessage, socket: Socket, head: Buffer, taken: Taken) => void;
}

/**
 * Makes a connection for each request. Not `agent: false`: that says "Connection: close", and a node that answers before it
 * has read all would then close, which breaks off what is still being sent before its answer is read.
 */
const unshared = new Agent({ keepAlive: true });
// As an option 0 means the default.
unshared.maxFreeSockets = 0;

const REPEATABLE: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS"]);

export function exchange(request: IncomingMessage, response: ServerResponse, options: ExchangeOptions): void {
  const { answerMs, pool, upgraded } = options;
  const headers = toUpstream(request.headersDistinct, {
    address: request.socket.remoteAddress,
    host: request.headers.host,
  });
  if (upgraded !== undefined) Object.assign(headers, { connection: "Upgrade", upgrade: request.headers.upgrade });
  const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
  const hasBody = coding !== undefined || length !== "0";
  const wish = wishOf(request.headersDistinct);
  const tried = new Set<string>();
  /** A kept connection that broke says little about its node: that is asked again, over a new one, when no other is left. */
  let stale: string | undefined;
  let upstream: ClientRequest | undefined;
  let mayRepeat = REPEATABLE.has(request.method) && !hasBody;
  // Finished or given up: what the node still does is of no interest.
  response.once("close", () => upstream?.destroy());

  const take = (): Taken | undefined => {
    const taken = pool.take(tried, wish);
    if (taken !== undefined || stale === undefined) return taken;
    tried.delete(stale);
    return pool.take(tried, wish);
  };
  const attempt = (failure: CliError | undefined): void => {
    const taken = take();
    if (taken === undefined) return refuse(response, failure ?? noneReady(wish.only));
    tried.add(taken.id);
    const { hostname, port } = new URL(taken.url);
    const target = { hostname, port, method: request.method, path: request.url, headers, setHost: false };
    // What cannot be repeated gets a connection of its own: a kept one may be closed by the node at this very moment.
    const sending = httpRequest({
      ...target,
      agent: mayRepeat && upgraded === undefined ? taken.agent : unshared,
    });
    upstream = sending;
    let sent = false;
    let isAnswered = false;
    const send = (): void => {
      sent = true;
      if (hasBody) request.pipe(sending);
      else sending.end();
    };
    sending.once("socket", (socket) => (socket.connecting ? socket.once("connect", send) : send()));
    sending.setTimeout(answerMs, () => sending.destroy(silent(taken.id, answerMs)));
    sending.once("response", (answer) => {
      isAnswered = true;
      sending.setTimeout(0);
      passOn(answer, response, taken);
    });
    sending.once("upgrade", (answer, socket, head) => {
      isAnswered = true;
      sending.setTimeout(0);
      if (upgraded === undefined) socket.destroy();
      else upgraded(answer, socket, head, taken);
    });
    sending.on("error", (error) => {
      request.unpipe(sending);
      if (isAnswered || response.destroyed) return;
      if (error instanceof CliError) return refuse(response, error);
      const failure = lost(taken.id, error);
      if (sent && !mayRepeat) return refuse(response, failure);
      if (sent) mayRepeat = false;
      stale = sending.reusedSocket ? taken.id : undefined;
      attempt(failure);
    });
    sending.once("close", () => {
      if (!isAnswered || upgraded === undefined) taken.release();
    });
  };
  attempt(undefined);
}

/** Half an answer is ended as half an answer: the visitor's connection breaks as the node's did. */
function passOn(answer: IncomingMessage, response: ServerResponse, { id }: Taken): void {
  const { statusCode = 502, statusMessage = "" } = answer;
  try {
    response.writeHead(statusCode, statusMessage, { ...endToEnd(answer.headersDistinct), [NODE_HEADER]: id });
  } catch (error) {
    // A head that cannot be passed on, such as a status below 100.
    answer.destroy();
    return refuse(response, lost(id, error as Error));
  }
  // Events may follow much later.
  response.flushHeaders();
  pipeline(answer, response, () => undefined);
}

const STATUS: { readonly [Code in CliErrorCode]?: number } = {
  INTERLOCK_NO_NODE_READY: 503,
  INTERLOCK_NODE_LOST: 502,
  INTERLOCK_NODE_SILENT: 504,
};

function refuse(response: ServerResponse, { code, hint, message }: CliError): void {
  if (response.destroyed) return;
  const status = STATUS[code] ?? 500;
  const retry = status === 503 ? { "retry-after": "1" } : {};
  const body = JSON.stringify({ code, message, hint });
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...retry }).end(body);
}

function noneReady(wanted: string | undefined): CliError {
  const who = wanted === undefined ? "No node" : `The node ${wanted}, which was asked for by name,`;
  return new CliError("INTERLOCK_NO_NODE_READY", `${who} takes no visitors now`, { wanted });
}

function lost(node: string, cause: Error): CliError {
  const problem = cause.message;
  const details = { node, problem };
  return new CliError("INTERLOCK_NODE_LOST", `${node} was lost before it had answered: ${problem}`, details, { cause });
}

function silent(node: string, afterMs: number): CliError {
  return new CliError("INTERLOCK_NODE_SILENT", `${node} has not begun to answer within ${afterMs} ms`, {
    node,
    afterMs,
  });
}
