/** One small site, on every kind of server that people use. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import type { DrainableServer } from "./http.ts";
import type { Scheme } from "./load.fixture.ts";

export interface Backend {
  readonly server: DrainableServer;
  /** What the application itself does at its end. */
  stop(): Promise<unknown>;
}

export interface Kind {
  readonly scheme: Scheme;
  /** `prepared`: called with the server before it listens. */
  open(prepared: (server: DrainableServer) => void): Promise<Backend>;
}

const SLOW_MS = 120;

async function* slowly(): AsyncGenerator<string> {
  yield "slow ";
  await pause(SLOW_MS);
  yield "and slower";
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/slow") return void Readable.from(slowly()).pipe(response);
  if (request.url !== "/upload") return void response.end("quick");
  let length = 0;
  for await (const part of request) length += (part as Buffer).length;
  response.end(String(length));
}

async function listening(server: DrainableServer, prepared: (server: DrainableServer) => void): Promise<Backend> {
  prepared(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** A client that is cut off is its own concern. */
const handler = (request: IncomingMessage, response: ServerResponse): void =>
  void answer(request, response).catch(() => response.destroy());

/** `certificate`: PEM texts. */
export function kinds(certificate: { readonly key: string; readonly cert: string }): Readonly<Record<string, Kind>> {
  return {
    "node:http": { scheme: "http", open: (prepared) => listening(createServer(handler), prepared) },
    "node:https": { scheme: "https", open: (prepared) => listening(createHttpsServer(certificate, handler), prepared) },
    "node:http2 without TLS": {
      scheme: "h2c",
      open: (prepared) => listening(createHttp2Server(handler as never), prepared),
    },
    "node:http2": {
      scheme: "h2",
      open: (prepared) =>
        listening(createSecureServer({ ...certificate, allowHTTP1: true }, handler as never), prepared),
    },
    "node:http2 as HTTP/1": {
      scheme: "https",
      open: (prepared) =>
        listening(createSecureServer({ ...certificate, allowHTTP1: true }, handler as never), prepared),
    },
    express: {
      scheme: "http",
      open: (prepared) => {
        const app = express();
        app.use(handler);
        return listening(createServer(app), prepared);
      },
    },
    hono: {
      scheme: "http",
      open: (prepared) => {
        const app = new Hono();
        app.get("/quick", (c) => c.text("quick"));
        app.get("/slow", (c) =>
          stream(c, async (out) => {
            for await (const part of slowly()) await out.write(part);
          }),
        );
        app.post("/upload", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
        return listening(createAdaptorServer({ fetch: app.fetch }) as Server, prepared);
      },
    },
    fastify: {
      scheme: "http",
      open: async (prepared) => {
        const app = fastify();
        app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
        app.get("/quick", () => "quick");
        app.get("/slow", (_request, reply) => reply.send(Readable.from(slowly())));
        app.post("/upload", ({ body }) => String((body as Buffer).length));
        prepared(app.server);
        await app.listen({ port: 0, host: "127.0.0.1" });
        return { server: app.server, stop: () => app.close() };
      },
    },
  };
}

export function portOf({ server }: Backend): number {
  return (server.address() as AddressInfo).port;
}
