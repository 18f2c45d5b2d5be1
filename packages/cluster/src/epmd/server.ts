/** An EPMD of our own, for machines where none runs: the first node there hosts it, for Erlang's nodes as well. */
import { EpmdRegistry } from "@interlock/wire";
import type { Address, Listener, Ports, Socket } from "../ports.ts";

/**
 * The machine's name server, for programs that start several nodes: each node hosts it itself when nobody does. Rejects as
 * `node:net` does: with the code EADDRINUSE when one runs already.
 */
export async function startEpmd(ports: Ports, at: Address): Promise<Listener> {
  let registry: EpmdRegistry | undefined;
  const open = new Set<Socket>();
  const listener = await ports.listen(at, (socket) => {
    // Whoever asks for the names is told the port, which may be one that the system has chosen.
    registry ??= new EpmdRegistry({ port: listener.address.port, creation: ports.challenge() });
    const connection = registry.connect();
    open.add(socket);
    socket.open({
      data: (bytes) => {
        try {
          const { output, close } = connection.receive(bytes);
          if (output !== undefined) socket.write(output);
          if (close) socket.end();
        } catch {
          socket.destroy(); // No request of EPMD's: whoever it was hears nothing more.
        }
      },
      drained: () => undefined,
      closed: () => {
        open.delete(socket);
        connection.closed();
      },
    });
  });
  return {
    address: listener.address,
    close: () => {
      for (const socket of open) socket.destroy();
      return listener.close();
    },
  };
}
