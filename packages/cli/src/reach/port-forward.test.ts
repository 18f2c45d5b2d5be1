import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Configuration } from "@interlock/kubernetes";
import { expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { portForward } from "./port-forward.ts";

const to = { namespace: "shop", pod: "bank-a", port: 9100 };
const never = new AbortController().signal;
/** The port, as each channel's first message has it: the lower byte first. */
const port = Buffer.from([9100 & 0xff, 9100 >> 8]);
const onChannel = (channel: number, bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([channel]), bytes]);

/** An API server that has a way to one port; `serve` is the machine of the pod. */
async function apiServer(serve: (socket: WebSocket, received: () => Promise<Buffer>) => unknown) {
  const http = createServer((_request, response) => response.writeHead(403).end());
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  const asked: (string | undefined)[] = [];
  http.on("upgrade", (request, socket, head) => {
    asked.push(request.url, request.headers.authorization);
    if (request.headers.authorization !== "Bearer good") return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    sockets.handleUpgrade(request, socket, head, (opened) => {
      for (const channel of [0, 1]) opened.send(onChannel(channel, port));
      const received = async (): Promise<Buffer> => ((await once(opened, "message")) as [Buffer])[0];
      void serve(opened, received);
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const configuration = (token: string): Configuration => ({
    server: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    namespace: "shop",
    credentials: async () => ({ headers: { authorization: `Bearer ${token}` }, tls: {}, agent: undefined }),
    refused: () => undefined,
  });
  return {
    asked,
    configuration,
    [Symbol.dispose]: () => {
      for (const client of sockets.clients) client.terminate();
      http.close();
      http.closeAllConnections();
    },
  };
}

test("bytes go both ways, as they are, however they are cut", async () => {
  const large = Buffer.alloc(3_000_000, "0123456789");
  using server = await apiServer(async (socket, received) => {
    const first = await received();
    socket.send(onChannel(0, Buffer.from(`heard ${first.subarray(1)}; `)));
    for (let at = 0; at < large.length; at += 65_536) socket.send(onChannel(0, large.subarray(at, at + 65_536)));
    socket.close();
  });
  const stream = await portForward(server.configuration("good"), to, never);
  stream.write("hello");
  const all = await buffer(stream);
  expect(all.subarray(0, 13).toString()).toBe("heard hello; ");
  expect(all.subarray(13).equals(large)).toBe(true);
  expect(server.asked).toEqual(["/api/v1/namespaces/shop/pods/bank-a/portforward?ports=9100", "Bearer good"]);
});

test("more is sent than fits at once", async () => {
  const large = Buffer.alloc(4_000_000, "abcdef");
  const heard: Buffer[] = [];
  using server = await apiServer((socket) => {
    socket.on("message", (data: Buffer) => {
      heard.push(data.subarray(1));
      if (heard.reduce((sum, { length }) => sum + length, 0) === large.length) socket.close();
    });
  });
  const stream = await portForward(server.configuration("good"), to, never);
  for (let at = 0; at < large.length; at += 100_000)
    if (!stream.write(large.subarray(at, at + 100_000))) await once(stream, "drain");
  await buffer(stream);
  expect(Buffer.concat(heard).equals(large)).toBe(true);
});

test("what the machine of the pod says of the port ends the connection with it", async () => {
  using server = await apiServer((socket) => {
    socket.send(onChannel(1, Buffer.from("connection refused in the pod\n")));
  });
  const stream = await portForward(server.configuration("good"), to, never);
  await expect(buffer(stream)).rejects.toThrow("connection refused in the pod");
});

test("who may not is told so, and who waits for too long has it ended", async () => {
  using server = await apiServer(() => undefined);
  await expect(portForward(server.configuration("bad"), to, never)).rejects.toMatchObject({
    code: "INTERLOCK_PORT_FORWARD",
    details: { ...to, problem: "you may not create pods/portforward" },
  });
  const late = new AbortController();
  late.abort(new Error("no answer within 5 ms"));
  await expect(portForward(server.configuration("good"), to, late.signal)).rejects.toMatchObject({
    details: { problem: "no answer within 5 ms" },
  });
});
