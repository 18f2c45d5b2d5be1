import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { joinSockets } from "./tunnel.ts";

const sockets: Socket[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Both ends of a connection; neither closes its side only because the other did. */
async function connection(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const near = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  const [far] = (await once(server, "connection")) as [Socket];
  for (const socket of [near, far]) sockets.push(socket.on("error", () => socket.destroy()));
  return [near, far];
}

async function tunnel(lingerMs: number): Promise<{ visitor: Socket; left: Socket; right: Socket; node: Socket }> {
  const [visitor, left] = await connection();
  const [right, node] = await connection();
  joinSockets(left, right, lingerMs);
  return { visitor, left, right, node };
}

/** All that a socket says until it ends its side; its own stays open. */
async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (bytes) => {
    text += String(bytes);
  });
  await once(socket, "end");
  return text;
}

function closed(...ends: readonly Socket[]): Promise<unknown> {
  return Promise.all(ends.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
}

const hour = 3_600_000;

describe("a tunnel", () => {
  test("that one side has ended brings the other's last words still", async () => {
    const { left, node, right, visitor } = await tunnel(hour);
    const ended = closed(left, right);
    visitor.end("question");
    expect(await heard(node)).toBe("question");
    node.end("answer");
    expect(await heard(visitor)).toBe("answer");
    await ended;
  });

  test("that one side has ended is given up when the other never does", async () => {
    const { left, node, right, visitor } = await tunnel(50);
    const ended = closed(left, right);
    node.resume();
    visitor.end();
    await ended;
  });

  test("that one side has broken off ends the other, and is given up when that never closes", async () => {
    const { left, node, right, visitor } = await tunnel(50);
    const ended = closed(left, right);
    node.resume();
    const told = once(node, "end");
    visitor.resetAndDestroy();
    await Promise.all([told, ended]);
  });
});
