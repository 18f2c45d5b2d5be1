/**
 * WebSocket servers that drain: their clients are told to come back, elsewhere, a few at a time, so that those who take them
 * are not overrun.
 */
import { nodeRuntime, type Runtime } from "@interlock/core";
import { pause } from "../../client/pause.ts";
import { type PodRegistry, pod } from "../registry.ts";

/** A WebSocket as the package `ws` has it. */
export interface DrainableWebSocket {
  close(code: number, reason: string): void;
  terminate(): void;
  once(event: "close", listener: () => void): unknown;
}

/** A server as the package `ws` has it: `clients` are those that are open. */
export interface DrainableWebSocketServer {
  readonly clients: Iterable<DrainableWebSocket>;
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
/** Between two looks for whoever has come in meanwhile. */
const LOOK_MS = 100;

/**
 * Has the clients of a WebSocket server told to come back when the pod drains, once it gets no new ones: with code 1012, spread
 * over `spreadMs`. @returns what takes it back.
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
      let told = 0;
      const asked = new Set<DrainableWebSocket>();
      const end = (): void => {
        for (const client of server.clients) client.terminate();
      };
      signal.addEventListener("abort", end, { once: true });
      const startMs = runtime.clock.now();
      while (!signal.aborted) {
        const untold = [...server.clients].filter((client) => !asked.has(client));
        const leftMs = startMs + spreadMs - runtime.clock.now();
        // As many of those that are there as is this look's share of the time that is left.
        const share = leftMs <= LOOK_MS ? untold.length : Math.ceil((untold.length * LOOK_MS) / leftMs);
        for (const client of untold.slice(0, share)) {
          asked.add(client);
          client.close(code, "this node restarts: connect again");
          told++;
        }
        if ([...server.clients].length === 0) break;
        await pause(runtime.timers, LOOK_MS, signal).catch(() => undefined);
      }
      return { told };
    },
  });
}
