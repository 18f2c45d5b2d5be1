/**
 * The service: every answer names the pod and the phase of its drain, so that a client knows where it landed. Slow answers, uploads
 * and WebSockets as the load needs them.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "@interlock/cluster";
import { genServer, self } from "@interlock/core";
import { drainHttp, drainWebSockets } from "@interlock/kubernetes";
import { type WebSocket, WebSocketServer } from "ws";
import type { Here } from "./here.ts";
import { isMoving, journals } from "./journals.ts";
import { phaseOf } from "./phase.ts";

const pod = process.env["INTERLOCK_POD_NAME"] ?? "here";
const version = process.env["PROOF_VERSION"] ?? "?";
/** Longer than any client of the load is idle: what closes a connection is a drain. */
const keepAliveMs = 75_000;
const againMs = 50;
const patienceMs = 20_000;

export const SiteServer = genServer({
  name: "site",
  init: async (port: number, joined: Cluster): Promise<Server> => {
    self().trapExit();
    cluster = joined;
    const server = createServer((request, response) => {
      answer(request, response).catch((error: Error) => {
        process.stderr.write(`${request.method} ${request.url} failed: ${error.stack}\n`);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    });
    server.keepAliveTimeout = keepAliveMs;
    server.on("connection", (socket) => {
      const { remotePort } = socket;
      // For a client that lost a request: who closed the connection, and when.
      socket.once("close", () => {
        const phase = phaseOf();
        if (phase !== "serving") console.log(`closed ${remotePort} in ${phase} at ${Date.now()}`);
      });
    });
    self().own({
      close() {
        server.close();
        server.closeAllConnections();
      },
    });
    drainHttp(server);
    const sockets = new WebSocketServer({ server, path: "/ws", perMessageDeflate: false });
    drainWebSockets(sockets);
    sockets.on("connection", (socket, request) => converse(socket, new URL(request.url ?? "/", "http://proof")));
    connections = sockets.clients;
    server.listen(port, "0.0.0.0");
    await once(server, "listening");
    return server;
  },
  async terminate({ state: server }) {
    const closed = once(server, "close");
    server.close();
    server.closeIdleConnections();
    await Promise.race([closed, delay(500, undefined, { ref: false })]);
    server.closeAllConnections();
  },
});

let connections: ReadonlySet<unknown> = new Set();
let cluster: Cluster | undefined;

function here(): Here {
  const up = cluster?.members().filter(({ state }) => state === "up") ?? [];
  return {
    pod,
    version,
    phase: phaseOf(),
    journals: journals.local().length,
    sockets: connections.size,
    cluster: cluster?.view().cluster,
    members: up.map(({ node }) => node),
    missing: cluster?.arbiter()?.missing ?? [],
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://proof");
  const [, what = "", key = ""] = url.pathname.split("/");
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const say = (body: object, status = 200): void => {
    const text = JSON.stringify(body);
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "x-pod": pod,
      "x-phase": phaseOf(),
    });
    response.end(text);
  };
  switch (what) {
    case "hello":
      return say({ pod, version, bytes, sha256: hash.digest("hex") });
    case "slow":
      await delay(Number(url.searchParams.get("ms") ?? 1_500));
      return say({ pod, version, bytes });
    case "journal":
      return say(await patiently(() => journals.at(key).call.read()));
    case "here":
      return say(here());
    default:
      return say({ error: `there is no ${url.pathname}` }, 404);
  }
}

/** A client writes its numbers to its journal; they are written one after the other, in the order in which they came. */
function converse(socket: WebSocket, url: URL): void {
  const key = url.searchParams.get("key") ?? "nobody";
  const tell = (message: object): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  };
  let last: Promise<void> = Promise.resolve();
  socket.on("error", () => undefined);
  socket.on("message", (data: Buffer) => {
    const number = Number(data.toString());
    last = last
      .then(async () => tell({ written: number, count: await patiently(() => journals.at(key).call.write(number)) }))
      .catch((error: Error) => tell({ failed: number, error: error.message }));
  });
  tell({ welcome: pod, phase: phaseOf(), version });
}

/** Calls again while the process is between two nodes. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (const sinceMs = performance.now(); ; await delay(againMs)) {
    try {
      return await call();
    } catch (error) {
      if (!isMoving(error) || performance.now() - sinceMs > patienceMs) throw error;
    }
  }
}
