/**
 * WebSocket servers that drain: their clients are told to come back, elsewhere, a few at a time, so that those who take them
 * are not overrun.
 */
import { nodeRuntime, type Runtime } from "@interlock/core";
import { pause } from "@interlock/core/distribution";
import { type PodRegistry, pod } from "../registry.ts";

/** A WebSocket as the package `ws` has it. */
export interface DrainableWebSocket {
  close(code: number, reason: string): void;
  terminate(): void;
}

/** A server as the package `ws` has it: `clients` are those that are open. */
export interface DrainableWebSocketServer {
  readonly clients: ReadonlySet<DrainableWebSocket>;
}

export interface DrainWebSocketsOptions {
  /** Milliseconds over which the closes are spread. Default 5 000. */
  readonly spreadMs?: number;
  /** Default 1012, service restart: clients come back at once. */
  readonly code?: number;
  readonly registry?: PodRegistry;
  readonly runtime?: Runtime;
}

const SPREAD_MS = 5_000;
const SERVICE_RESTART = 1_012;
/** Between two looks for whoever is to be told, or has come in meanwhile. */
const LOOK_MS = 50;

/**
 * Has the clients of a WebSocket server told to come back when the pod drains, once it gets no new ones: with code 1012, spread
 * evenly over `spreadMs`. Those that do not answer the close are cut off when the time for requests is over.
 *
 * @returns what takes it back.
 *
 * @example
 * drainWebSockets({ clients: new Set() })();
 */
export function drainWebSockets(server: DrainableWebSocketServer, options: DrainWebSocketsOptions = {}): () => void {
  const { code = SERVICE_RESTART, registry = pod, runtime = nodeRuntime, spreadMs = SPREAD_MS } = options;
  return registry.onDrain({
    name: "websockets",
    phase: "requests",
    async run(signal) {
      const { clock, timers } = runtime;
      const startMs = clock.now();
      const told = new WeakSet<DrainableWebSocket>();
      let count = 0;
      while (server.clients.size > 0 && !signal.aborted) {
        const untold = [...server.clients].filter((client) => !told.has(client));
        const goal = toBeTold(count + untold.length, clock.now() - startMs, spreadMs);
        for (const client of untold.slice(0, goal - count)) {
          told.add(client);
          client.close(code, "this node restarts: connect again");
        }
        count = Math.max(count, goal);
        await pause(timers, LOOK_MS, signal).catch(() => undefined);
      }
      const cut = server.clients.size;
      for (const client of server.clients) client.terminate();
      return { told: count, cut };
    },
  });
}

/** How many of so many have been told after so long. */
function toBeTold(total: number, afterMs: number, spreadMs: number): number {
  return afterMs >= spreadMs ? total : Math.min(total, Math.ceil((total * (afterMs + LOOK_MS)) / spreadMs));
}
