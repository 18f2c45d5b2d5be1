import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { Authority } from "../../../cluster/src/node/certificates.fixture.ts";
import type { Configuration } from "./configuration.ts";
import { httpTransport } from "./http-transport.ts";
import type { ApiRequest, ApiResponse, ApiTransport } from "./transport.ts";

let authority: Authority;
let credentials: ReturnType<Authority["issue"]>;
let server: Server;
let transport: ApiTransport;
let handler: RequestListener;
let sockets: Socket[];
const seen: IncomingMessage[] = [];
let refusals: number;

beforeAll(() => {
  authority = new Authority();
  credentials = authority.issue("IP:127.0.0.1");
});
afterAll(() => authority[Symbol.dispose]());

beforeEach(async () => {
  sockets = [];
  seen.length = refusals = 0;
  handler = (_request, response) => response.end("well");
  server = createServer({ ...credentials, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    seen.push(request);
    handler(request, response);
  });
  server.on("secureConnection", (socket) => sockets.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const configuration: Configuration = {
    server: `https://127.0.0.1:${port}/behind/a/proxy`,
    namespace: "shop",
    credentials: async () => ({
      headers: { authorization: `Bearer ${refusals}` },
      tls: { ca: credentials.ca, cert: credentials.cert, key: credentials.key },
      agent: undefined,
    }),
    refused: () => void refusals++,
  };
  transport = httpTransport(configuration);
});
afterEach(async () => {
  transport.close();
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const ask = (given: Partial<ApiRequest> = {}): Promise<ApiResponse> =>
  transport.request({
    method: "GET",
    path: "/api/v1/pods?limit=1",
    headers: { accept: "application/json" },
    body: undefined,
    signal: new AbortController().signal,
    ...given,
  });
async function text({ body }: ApiResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("a request shows who asks, and an answer has a status, headers and a body", async () => {
  handler = (_request, response) => {
    response.writeHead(201, { "Retry-After": "3" });
    response.end("created");
  };
  const answer = await ask({ method: "POST", body: "ø" });
  expect(answer).toMatchObject({ status: 201, headers: { "retry-after": "3" } });
  expect(await text(answer)).toBe("created");
  expect(seen[0]).toMatchObject({
    method: "POST",
    url: "/behind/a/proxy/api/v1/pods?limit=1",
    headers: { authorization: "Bearer 0", accept: "application/json", "content-length": "2" },
  });
  const { socket } = seen[0] as IncomingMessage;
  expect((socket as TLSSocket).getPeerCertificate()).toMatchObject({ subject: { CN: "node" } });
});

test("one connection serves request after request", async () => {
  for (let count = 0; count < 5; count++) await text(await ask());
  expect(seen).toHaveLength(5);
  expect(sockets).toHaveLength(1);
});

test("credentials that are refused are asked for again, once", async () => {
  handler = ({ headers }, response) => {
    response.statusCode = headers.authorization === "Bearer 1" ? 200 : 401;
    response.end("x");
  };
  expect((await ask()).status).toBe(200);
  refusals = 1;
  handler = (_request, response) => {
    response.statusCode = 401;
    response.end("x");
  };
  seen.length = 0;
  expect((await ask()).status).toBe(401);
  expect(seen).toHaveLength(2);
});

test("a server without a certificate of the authority is not spoken to", async () => {
  using other = new Authority();
  const { port } = server.address() as AddressInfo;
  const stranger = httpTransport({
    server: `https://127.0.0.1:${port}`,
    namespace: "shop",
    credentials: async () => ({ headers: {}, tls: { ca: other.issue("IP:127.0.0.1").ca }, agent: undefined }),
    refused: () => undefined,
  });
  const signal = new AbortController().signal;
  await expect(
    stranger.request({ method: "GET", path: "/", headers: {}, body: undefined, signal }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/CERT|UNABLE_TO_VERIFY|SIGNATURE/) });
  expect(seen).toEqual([]);
});

test("an idle connection that the server has closed meanwhile is no failure of a question, and never repeats a write", async () => {
  await text(await ask());
  // It takes the next request, and closes: as if it had closed just before.
  const closing: RequestListener = ({ socket }) => socket.destroy();
  let times = 1;
  handler = (request, response) => (times-- > 0 ? closing(request, response) : response.end("again"));
  expect(await text(await ask())).toBe("again");
  await text(await ask());
  times = 1;
  seen.length = 0;
  await expect(ask({ method: "POST", body: "{}" })).rejects.toThrow();
  expect(seen).toHaveLength(1);
});

test("an answer that breaks off is an error for whoever reads it, wherever it breaks off", async () => {
  const begun = Promise.withResolvers<ServerResponse>();
  handler = (_request, response) => {
    response.write("beginning");
    begun.resolve(response);
  };
  const answer = await ask();
  (await begun.promise).destroy();
  await expect(text(answer)).rejects.toThrow();
});

test("a signal ends the wait for an answer, and the answer", async () => {
  const arrived = Promise.withResolvers<ServerResponse>();
  handler = (_request, response) => arrived.resolve(response);
  const waiting = new AbortController();
  const asked = ask({ signal: waiting.signal });
  const response = await arrived.promise;
  waiting.abort(new Error("no time"));
  await expect(asked).rejects.toThrow();
  if (!response.closed) await once(response, "close");

  const streaming = new AbortController();
  const begun = Promise.withResolvers<ServerResponse>();
  handler = (_request, given) => {
    given.write("beginning");
    begun.resolve(given);
  };
  const answer = await ask({ signal: streaming.signal });
  const stream = await begun.promise;
  const reading = text(answer);
  streaming.abort(new Error("no time"));
  await expect(reading).rejects.toThrow();
  if (!stream.closed) await once(stream, "close");
});

test("an answer that nobody reads may be given up without an error that nobody hears", async () => {
  const begun = Promise.withResolvers<void>();
  handler = (_request, response) => {
    response.write("beginning");
    begun.resolve();
  };
  const giving = new AbortController();
  await ask({ signal: giving.signal });
  await begun.promise;
  giving.abort(new Error("no time"));
  await once(sockets[0] as Socket, "close");
});
