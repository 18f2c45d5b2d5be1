/** A handshake on its socket: the questions of the state machine are answered, its bytes written, its time limited. */
import type { Runtime } from "@interlock/core";
import {
  type Established,
  type HandshakeOptions,
  type HandshakeStep,
  type Standing,
  startHandshake,
} from "@interlock/wire";
import type { Socket, SocketEvents } from "../ports.ts";

export interface HandshakeSession {
  readonly options: HandshakeOptions;
  /** How we stand with a node that dials us; asked before it has shown that it knows the cookie. */
  standing(peer: string): Standing;
  /** Whether a peer that believes us connected is to make a new connection. */
  isWanted(peer: string): boolean;
  /** Milliseconds for all of it. OTP's default: 7 000. */
  readonly timeoutMs: number;
  readonly runtime: Runtime;
}

/** The socket was closed before the handshake was over. */
export class ClosedEarly extends Error {
  /** Whether it said anything, and who it said it was. */
  readonly hasSpoken: boolean;
  readonly peer: string | undefined;

  constructor(why: string, hasSpoken: boolean, peer: string | undefined, cause: Error | undefined) {
    super(cause === undefined ? why : `${why} (${cause.message})`, { cause });
    this.hasSpoken = hasSpoken;
    this.peer = peer;
  }
}

/**
 * Resolves with the socket's next owner to be named by `hand`: from then on events go there, bytes that came behind the
 * handshake first. Rejects with a WireError or ClosedEarly; then the socket is closed.
 */
export function shakeHands(
  socket: Socket,
  session: HandshakeSession,
): Promise<Established & { readonly hand: (to: SocketEvents) => void }> {
  const { promise, resolve, reject } = Promise.withResolvers<Established & { hand: (to: SocketEvents) => void }>();
  const { runtime, timeoutMs } = session;
  let next: SocketEvents | undefined;
  /** What happens between the end of the handshake and `hand`. */
  const early: ((to: SocketEvents) => void)[] = [];
  let over = false;
  let hasSpoken = false;
  let asked: string | undefined;
  const failed = (error: Error): void => {
    if (over) return;
    over = true;
    runtime.timers.clear(timer);
    socket.end();
    reject(error);
  };
  const timer = runtime.timers.set(
    () => failed(new Error(`no handshake within ${timeoutMs} ms with ${socket.remote}`)),
    timeoutMs,
  );
  const pass = (event: (to: SocketEvents) => void): void => {
    if (next === undefined) early.push(event);
    else event(next);
  };

  const { handshake, output } = startHandshake(session.options);
  const act = (step: HandshakeStep): void => {
    for (const bytes of step.output) socket.write(bytes);
    for (const event of step.events) {
      switch (event.type) {
        case "asked":
          asked = event.peer;
          act(handshake.decide(session.standing(event.peer)));
          break;
        case "alive":
          act(handshake.confirm(session.isWanted(event.peer)));
          break;
        case "supersedes":
          break; // Acted on once the peer has shown that it knows the cookie.
        case "refused":
          failed(event.error);
          break;
        case "established":
          if (over) break;
          over = true;
          runtime.timers.clear(timer);
          resolve({
            ...event,
            hand: (to) => {
              next = to;
              if (event.rest.length > 0) to.data(event.rest);
              for (const one of early.splice(0)) one(to);
            },
          });
      }
    }
  };

  socket.open({
    data: (bytes) => {
      // Outside any process' stack: what goes wrong here is this handshake's end, never the node's.
      if (next !== undefined) return next.data(bytes);
      hasSpoken = true;
      if (over) {
        const copy = bytes.slice();
        return pass((to) => to.data(copy));
      }
      try {
        act(handshake.receive(bytes));
      } catch (error) {
        failed(error as Error);
      }
    },
    room: () => next?.room?.(),
    drained: () => pass((to) => to.drained()),
    closed: (error) => {
      const why =
        session.options.role === "dialer"
          ? "that node closed the connection during the handshake: it has another cookie, or wants none"
          : `${asked ?? "the other side"} closed the connection during the handshake`;
      failed(new ClosedEarly(why, hasSpoken, asked, error));
      pass((to) => to.closed(error));
    },
  });
  for (const bytes of output) socket.write(bytes);
  return promise;
}
