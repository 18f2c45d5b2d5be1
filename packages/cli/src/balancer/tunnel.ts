/** Two sockets as one: what comes out of either goes into the other, at the pace of the slower. */
import type { Socket } from "node:net";

/** Milliseconds without a byte after which a tunnel that one side has ended is given up. */
const LINGER_MS = 10_000;

export function joinSockets(a: Socket, b: Socket): void {
  join(a, b);
  join(b, a);
}

function join(one: Socket, other: Socket): void {
  one.setTimeout(0);
  one.setNoDelay(true);
  one.setKeepAlive(true);
  one.on("error", () => one.destroy());
  one.once("end", () => {
    // The rest on its way to the other side may still arrive; one that never closes its own side is not waited for.
    for (const socket of [one, other]) socket.setTimeout(LINGER_MS, () => socket.destroy());
  });
  one.once("close", () => {
    if (!one.readableEnded) return void other.destroy();
    other.resume();
    other.end();
  });
  one.pipe(other);
}
