import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import newsroom from "../newsroom.ts";
import { web } from "./web.ts";

const VISITORS = 200;

/** A frame of a client, masked with zeros. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

test("what visitors say in one breath with their handshake is heard, however many come at once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "newsroom-early-"));
  const running = await newsroom.start({ environment: { PORT: "0", NEWSROOM_DATA: join(folder, "data") } });
  const { hostname, port } = new URL(await web.call.url());
  const sockets = Array.from({ length: VISITORS }, () => connect(Number(port), hostname));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const joined = new Set<number>();
  const upgrade = [
    "GET /chat HTTP/1.1",
    `host: ${hostname}:${port}`,
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${btoa("0123456789abcdef")}`,
  ];
  for (const [index, socket] of sockets.entries()) {
    socket.on("data", (data) => {
      if (data.includes('"type":"joined"')) joined.add(index);
    });
    const join = frameOf(JSON.stringify({ type: "join", room: "atrium", name: `Visitor ${index}` }));
    socket.write(Buffer.concat([Buffer.from(`${upgrade.join("\r\n")}\r\n\r\n`), join]));
  }
  await expect.poll(() => joined.size, { timeout: 20_000 }).toBe(VISITORS);
  for (const socket of sockets) socket.destroy();
  await running.stop();
  rmSync(folder, { recursive: true });
}, 60_000);
