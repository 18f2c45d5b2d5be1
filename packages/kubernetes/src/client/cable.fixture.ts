/** A cable to the API server that tests cut, or from which they take the current. */
import { connect, createServer, type Server, type Socket } from "node:net";

import type { Configuration } from "./configuration.ts";

export class Cable implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isSilent = false;
  /** Connections so far. */
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** The configuration as it is at this end of the cable. */
  static async to(configuration: Configuration): Promise<{ cable: Cable; configuration: Configuration }> {
    const { hostname, port } = new URL(configuration.server);
    const server = createServer();
    const cable = new Cable(server);
    server.on("connection", (near) => {
      cable.connections++;
      const far = connect({ host: hostname, port: Number(port) });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        cable.#sockets.add(from);
        from.on("error", () => undefined);
        from.on("data", (bytes) => {
          if (!cable.#isSilent) to.write(bytes);
        });
        from.on("close", () => {
          cable.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const own = typeof address === "object" ? address?.port : undefined;
    // The certificate is for that address, whatever the port.
    return { cable, configuration: { ...configuration, server: `https://127.0.0.1:${own}` } };
  }

  /** All connections are reset. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** What is sent is lost from now on, and nobody is told. What was open then stays silent afterwards, too. */
  silence(): void {
    this.#isSilent = true;
  }

  /** New connections work again. */
  restore(): void {
    for (const socket of this.#sockets) socket.removeAllListeners("data").resume();
    this.#isSilent = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
