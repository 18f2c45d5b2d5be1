/**
 * The wires between this node and the others, for the page that cuts them: Node.js' own sockets, except that some addresses
 * cannot be dialled. A wire is cut when both ends have done so and the connection between them is gone.
 */
import { type Address, nodePorts, type Ports } from "@interlock/cluster";

export class Wires {
  readonly #cut = new Map<string, number>();

  readonly ports: Ports = {
    ...nodePorts,
    dial: (to, signal, credentials) => {
      if ([...this.#cut.values()].includes(to.port))
        return Promise.reject(new Error(`The wire to port ${to.port} is cut`));
      return nodePorts.dial(to, signal, credentials);
    },
  };

  /** The nodes to which the wire is cut. */
  get cuts(): readonly string[] {
    return [...this.#cut.keys()];
  }

  /** A node that was started anew has another port, and its wire is whole. */
  cut(node: string, { port }: Address): void {
    this.#cut.set(node, port);
  }

  heal(): void {
    this.#cut.clear();
  }
}
