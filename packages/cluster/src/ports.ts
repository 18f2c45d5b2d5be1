/**
 * The ports of this package: sockets and names of hosts. `nodePorts` is Node.js itself; simulation plugs in a network of
 * its own. Clock and timers come from the core's Runtime. No other file here touches a socket, a file or the environment.
 */

import type { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createConnection, createServer, type Socket as NetSocket, type Server } from "node:net";
import { unowned } from "@interlock/core";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What happens on a socket; set once, before the first event. */
export interface SocketEvents {
  /** Bytes, valid until the call returns unless copied. */
  data(bytes: Uint8Array): void;
  /** What was written has left this program. */
  drained(): void;
  /** The end, once; with the error if it was one. */
  closed(error: Error | undefined): void;
}

export interface Socket {
  readonly remote: string;
  /** Bytes that were written and have not left yet. */
  readonly buffered: number;
  open(events: SocketEvents): void;
  /** All of them leave together. */
  write(...chunks: readonly Uint8Array[]): void;
  /** Closes when what was written has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface Listener {
  readonly address: Address;
  /** Takes no more connections; those that are open stay. */
  close(): Promise<void>;
}

export interface Ports {
  /** Rejects as `node:net` does, with a `code`. */
  listen(at: Address, accepted: (socket: Socket) => void): Promise<Listener>;
  dial(to: Address, signal: AbortSignal): Promise<Socket>;
  /** 32 bits that nobody can guess. */
  challenge(): number;
  environment(name: string): string | undefined;
  /** The text of a file and its permission bits; undefined if there is none. */
  secretFile(path: string): Promise<{ readonly text: string; readonly mode: number } | undefined>;
}

class NodeSocket implements Socket {
  readonly #socket: NetSocket;

  constructor(socket: NetSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    socket.pause();
  }

  get remote(): string {
    return `${this.#socket.remoteAddress ?? "?"}:${this.#socket.remotePort ?? "?"}`;
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  open(events: SocketEvents): void {
    let failure: Error | undefined;
    this.#socket
      .on("data", (bytes: Buffer) => events.data(bytes))
      .on("drain", () => events.drained())
      .on("error", (error) => {
        failure = error;
      })
      .on("close", () => events.closed(failure));
    this.#socket.resume();
  }

  write(...chunks: readonly Uint8Array[]): void {
    if (this.#socket.destroyed) return;
    if (chunks.length > 1) this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    if (chunks.length > 1) this.#socket.uncork();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Node.js itself. Its sockets belong to no process: an error of one is the link's end, never a process'. */
export const nodePorts: Ports = {
  listen: (at, accepted) =>
    unowned(
      () =>
        new Promise((resolve, reject) => {
          const server: Server = createServer((socket) => accepted(new NodeSocket(socket)));
          server.once("error", reject);
          server.listen({ host: at.host, port: at.port }, () => {
            server.off("error", reject);
            server.on("error", () => undefined); // Of one accept: the next may succeed.
            server.unref();
            const bound = server.address();
            const port = typeof bound === "object" && bound !== null ? bound.port : at.port;
            resolve({
              address: { host: at.host, port },
              close: () => new Promise((closed) => server.close(() => closed())),
            });
          });
        }),
    ),
  dial: (to, signal) =>
    unowned(
      () =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(signal.reason as Error);
          const socket = createConnection({ host: to.host, port: to.port });
          const aborted = (): void => {
            socket.destroy(signal.reason as Error);
          };
          signal.addEventListener("abort", aborted, { once: true });
          socket.once("error", (error) => {
            signal.removeEventListener("abort", aborted);
            reject(error);
          });
          socket.once("connect", () => {
            signal.removeEventListener("abort", aborted);
            socket.removeAllListeners("error");
            resolve(new NodeSocket(socket));
          });
        }),
    ),
  challenge: () => randomBytes(4).readUInt32BE(),
  environment: (name) => process.env[name],
  secretFile: async (path) => {
    try {
      return { text: await readFile(path, "utf8"), mode: (await stat(path)).mode & 0o777 };
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return undefined;
      throw error;
    }
  },
};
