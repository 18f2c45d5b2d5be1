/** `node echo-client.ts PORT MILLISECONDS`: one 64-byte message at a time to an echo server; prints the round trips' figures. */

import { connect } from "node:net";
import { percentile } from "../figure.ts";

const [port, durationMs] = process.argv.slice(2).map(Number);
const message = Buffer.alloc(64, "x");
const roundTrips: number[] = [];
const end = performance.now() + (durationMs ?? 1_000);
let sentAt = 0;
let received = 0;

const socket = connect(port ?? 0, "127.0.0.1", ask);
socket.setNoDelay(true);
socket.on("data", (chunk) => {
  received += chunk.length;
  if (received < message.length) return;
  received = 0;
  roundTrips.push(performance.now() - sentAt);
  if (performance.now() < end) return ask();
  socket.end();
  const count = roundTrips.length;
  console.log(
    JSON.stringify({
      p50: percentile(roundTrips, 50),
      p99: percentile(roundTrips, 99),
      max: Math.max(...roundTrips.slice(-100_000)),
      count,
    }),
  );
});

function ask(): void {
  sentAt = performance.now();
  socket.write(message);
}
