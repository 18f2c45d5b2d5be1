/**
 * The process that owns the HTTP server. Requests are answered in its name, so what a request handler throws astray,
 * in a timer say, ends this process and no other: the port is opened again at once, and visitors' sockets, which belong
 * to their own processes, stay connected.
 */
import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { genServer, local, reply, self } from "@interlock/core";
import { drainHttp, drainWebSockets } from "@interlock/kubernetes";
import { WebSocketServer } from "ws";
import { usersSup } from "../chat/chat-sup.ts";
import type { Town } from "../town/town.ts";
import { isForeignUpgrade } from "./same-origin.ts";
import { makeSite } from "./site.ts";

interface Web {
  readonly server: Server;
  readonly url: string;
}

/** A chat message has 500 characters; what is longer than this is no chat message. */
const maxFrameBytes = 8_192;
/** How long requests in progress may take when the newsroom closes. */
const graceMs = 500;

export const WebServer = genServer({
  name: "web",

  init: async (host: string, port: number, town: Town): Promise<Web> => {
    // So that `terminate` runs when the supervisor says shutdown.
    self().trapExit();
    const server = createAdaptorServer({ fetch: makeSite(town).fetch }) as Server;
    server.headersTimeout = 5_000;
    server.requestTimeout = 15_000;
    // Connections go with it: what they ask would be answered in the name of a process that is gone. Chat sockets have
    // left the server with their handshake. (Not the server itself, whose disposer complains when it is closed already.)
    self().own({
      close() {
        server.close();
        server.closeAllConnections();
      },
    });
    drainHttp(server);
    acceptChat(server, town.here);
    server.listen(port, host);
    await once(server, "listening");
    const { port: actual } = server.address() as AddressInfo;
    return { server, url: `http://${host.includes(":") ? `[${host}]` : host}:${actual}/` };
  },

  calls: {
    url: ({ state }) => reply(state.url),
  },

  /** Lets requests in progress finish. Event streams and chats never do, so there is an end to the waiting. */
  async terminate({ state: { server } }) {
    const closed = once(server, "close");
    server.close();
    server.closeIdleConnections();
    await Promise.race([closed, setTimeout(graceMs, undefined, { ref: false })]);
    server.closeAllConnections();
  },
});

export const web = WebServer.at(local("web"));

/** WebSocket handshakes at /chat; everything after the handshake is the visitor's own process. */
function acceptChat(server: Server, here: string): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false });
  drainWebSockets(sockets);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A peer that resets during the handshake is its own problem.
    socket.on("error", () => socket.destroy());
    const refusal = refuseUpgrade(request);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => undefined);
      // What comes before there is a process to hear it would be lost.
      webSocket.pause();
      usersSup.startChild(webSocket, here).catch(() => {
        webSocket.resume();
        webSocket.close(1013, "The chat is full or being restarted.");
      });
    });
  });
}

function refuseUpgrade(request: IncomingMessage): string | undefined {
  if (new URL(request.url ?? "/", "http://newsroom").pathname !== "/chat") return "404 Not Found";
  return isForeignUpgrade(request) ? "403 Forbidden" : undefined;
}
