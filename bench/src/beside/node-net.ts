/**
 * What `node:net` itself carries: one side writes buffers of a message's size, the other, a program of its own, counts what
 * comes (`raw_send_*`), or copies each message into bytes of its own, as whoever delivers messages must (`raw_whole_*`).
 * The same sizes and counts as `dist_send_*`.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { emitRate, quick, runPrograms } from "../figure.ts";

const REPETITIONS = 3;
const sizes: readonly (readonly [name: string, bytes: number, count: number])[] = [
  ["1kb", 1_024, 100_000],
  ["64kb", 65_536, 6_000],
  ["1mb", 1_048_576, 400],
];
const times = (count: number): number => Math.round(count * (quick ? 0.2 : 1));

async function measure(name: string, receiver: "count" | "whole", bytes: number, count: number): Promise<void> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const args = [import.meta.filename, "receive", receiver, port, bytes, count].map(String);
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  const [socket] = (await once(server, "connection")) as [Socket];
  socket.setNoDelay(true);
  const message = new Uint8Array(bytes).fill(200);
  const taken: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const start = performance.now();
    const all = once(socket, "data");
    for (let sent = 0; sent < count; sent++) if (!socket.write(message)) await once(socket, "drain");
    await all;
    taken.push((performance.now() - start) / 1_000);
  }
  emitRate(name, count, taken, "msgs/s");
  socket.destroy();
  server.close();
  await once(child, "exit");
}

/** The other side: says so whenever all of one repetition has come. */
function receive(whole: boolean, port: number, bytes: number, count: number): void {
  const socket = connect(port, "127.0.0.1");
  let left = bytes * count;
  let message = new Uint8Array(bytes);
  let at = 0;
  let messages = 0;
  const copy = (chunk: Uint8Array): void => {
    for (let from = 0; from < chunk.length; ) {
      if (at === bytes) {
        message = Buffer.allocUnsafeSlow(bytes);
        at = 0;
        messages++;
      }
      const taken = Math.min(chunk.length - from, bytes - at);
      message.set(chunk.subarray(from, from + taken), at);
      at += taken;
      from += taken;
    }
  };
  socket.on("data", (chunk: Uint8Array) => {
    if (whole) copy(chunk);
    left -= chunk.length;
    if (left > 0) return;
    left += bytes * count;
    socket.write(String(messages));
  });
  socket.on("error", () => process.exit(0)).on("close", () => process.exit(0));
}

const [role, receiver, ...numbers] = process.argv.slice(2);
if (role === "receive") {
  const [port = 0, bytes = 0, count = 0] = numbers.map(Number);
  receive(receiver === "whole", port, bytes, count);
} else
  await runPrograms({
    raw: async () => {
      for (const [size, bytes, count] of sizes) {
        await measure(`raw_send_${size}`, "count", bytes, times(count));
        await measure(`raw_whole_${size}`, "whole", bytes, times(count));
      }
    },
  });
