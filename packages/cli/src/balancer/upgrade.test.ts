import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { describe, expect, test, vi } from "vitest";
import { answerOf, Site, type TestNode } from "./upstreams.fixture.ts";

const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "k" };
const accepting =
  "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";

/** A node that takes every upgrade and gives its side of the socket to `handle`. */
async function socketNode(site: Site, id: string, handle: (socket: Socket, head: Buffer) => void): Promise<TestNode> {
  const node = await site.node(id, (_request, response) => void response.end(id));
  node.server.on("upgrade", (_request, socket, head) => {
    socket.on("error", () => socket.destroy());
    // As a WebSocket's server does: these sockets may stay half open.
    socket.on("end", () => socket.end());
    socket.write(accepting);
    handle(socket as Socket, head);
  });
  return node;
}

async function upgraded(
  sending: ClientRequest,
): Promise<{ readonly answer: IncomingMessage; readonly socket: Socket }> {
  sending.end();
  const [answer, socket, head] = (await once(sending, "upgrade")) as [IncomingMessage, Socket, Buffer];
  if (head.length > 0) socket.unshift(head);
  socket.on("error", () => socket.destroy());
  return { answer, socket };
}

describe("a visitor who leaves HTTP", () => {
  test("speaks with the node, both ways, with all that is sent", async () => {
    await using site = await Site.open();
    await socketNode(site, "a-1", (socket) => void socket.pipe(socket));
    const { answer, socket } = await upgraded(site.send("/chat", { headers }));
    expect(answer.headers).toMatchObject({
      upgrade: "websocket",
      "sec-websocket-accept": "x",
      "x-interlock-node": "a-1",
    });
    expect(site.balancer.openAt("a-1")).toBe(1);
    const much = Buffer.alloc(8 * 1024 * 1024, "both ways");
    const back = buffer(socket);
    socket.end(much);
    expect((await back).equals(much)).toBe(true);
    await vi.waitFor(() => expect(site.balancer.openAt("a-1")).toBe(0));
  });

  test("may speak at once, without waiting for the node to agree, and so may the node", async () => {
    await using site = await Site.open();
    await socketNode(site, "a-1", (socket, head) => {
      socket.write("first");
      let heard = String(head);
      socket.on("data", (data) => {
        heard += String(data);
        if (heard === "hello there") socket.end(" heard");
      });
      if (heard === "hello there") socket.end(" heard");
    });
    const { hostname, port } = new URL(site.balancer.url);
    const socket = connect(Number(port), hostname);
    socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello there");
    expect((await text(socket)).split("\r\n\r\n")[1]).toBe("first heard");
  });

  test("is refused as the node refuses, and connections are left in order", async () => {
    await using site = await Site.open();
    const node = await site.node("a-1", (_request, response) => void response.end("plain"));
    node.server.on("upgrade", (_request, socket) => {
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
    });
    const sending = site.send("/", { headers });
    sending.end();
    expect(await answerOf(sending)).toMatchObject({ status: 403, body: "no", node: "a-1" });
    expect(await site.ask("/")).toMatchObject({ status: 200, body: "plain" });
  });

  test("gets another node when the first breaks before it has agreed", async () => {
    await using site = await Site.open();
    const node = await site.node("a-1", () => undefined);
    node.server.on("upgrade", (_request, socket) => void socket.destroy());
    await socketNode(site, "a-2", (socket) => void socket.end("two"));
    const { answer, socket } = await upgraded(site.send("/", { headers }));
    expect([answer.headers["x-interlock-node"], await text(socket)]).toEqual(["a-2", "two"]);
  });

  test("is told when no node is there, and let go", async () => {
    await using site = await Site.open();
    const { hostname, port } = new URL(site.balancer.url);
    const socket = connect(Number(port), hostname);
    socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    const said = await text(socket);
    expect(said).toContain("HTTP/1.1 503 Service Unavailable\r\n");
    expect(said).toContain('"code":"INTERLOCK_NO_NODE_READY"');
  });

  test("keeps a node that drains, and leaves it when it has ended", async () => {
    await using site = await Site.open();
    const sockets: Socket[] = [];
    await socketNode(site, "a-1", (socket) => void sockets.push(socket));
    const { socket } = await upgraded(site.send("/", { headers }));
    site.drain("a-1");
    sockets[0]?.write("still here");
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(String(chunk)).toBe("still here");
    // As its process' end would: no goodbye.
    const closed = once(socket.resume(), "close");
    sockets[0]?.resetAndDestroy();
    await closed;
  });

  test("who vanishes is gone for the node too", async () => {
    await using site = await Site.open();
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    await socketNode(site, "a-1", (socket) => void socket.resume().once("close", resolve));
    const { socket } = await upgraded(site.send("/", { headers }));
    socket.resetAndDestroy();
    await gone;
  });

  test("who leaves before the node has agreed is gone for the node too", async () => {
    await using site = await Site.open();
    const node = await site.node("a-1", () => undefined);
    const { promise: asked, resolve } = Promise.withResolvers<Socket>();
    node.server.on("upgrade", (_request, socket) => resolve(socket.on("error", () => undefined) as Socket));
    const sending = site.send("/", { headers }).on("error", () => undefined);
    sending.end();
    const socket = await asked;
    const ended = once(socket.resume(), "end");
    sending.destroy();
    await ended;
    socket.end();
    await vi.waitFor(() => expect(site.balancer.openAt("a-1")).toBe(0));
  });

  test("is let go when the balancer closes", async () => {
    const site = await Site.open();
    await socketNode(site, "a-1", (socket) => void socket.resume());
    const { socket } = await upgraded(site.send("/", { headers }));
    const closed = once(socket.resume(), "close");
    await site[Symbol.asyncDispose]();
    await closed;
  });
});
