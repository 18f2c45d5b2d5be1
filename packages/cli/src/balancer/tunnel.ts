/** Two sockets as one: what comes out of either goes into the other, at the pace of the slower. */
import type { Socket } from "node:net";

/** Milliseconds without a byte after which a tunnel that one side has ended is given up. */
const LINGER_MS = 10_000;

export function joinSockets(a: Socket, b: Socket, lingerMs: number = LINGER_MS): void {
  join(a, b, lingerMs);
  join(b, a, lingerMs);
}

function join(one: Socket, other: Socket, lingerMs: number): void {
  // What is on its way to the other side may still arrive; but a side that never closes is not waited for.
  const linger = (): void => {
    for (const socket of [one, other]) socket.setTimeout(lingerMs, () => socket.destroy());
  };
  one.setTimeout(0);
  one.setNoDelay(true);
  one.setKeepAlive(true);
  one.on("error", () => one.destroy());
  one.once("end", linger);
  one.once("close", () => {
    linger();
    other.resume();
    other.end();
  });
  one.pipe(other);
}
