/** Nodes on one clock that stands still until the test moves it, on a network where everything takes as long as it says. */
import type { NodeName } from "@interlock/core";

import { VirtualTime } from "../../packages/cluster/src/names/virtual-time.fixture.ts";
import { DelayedNetwork } from "../../packages/cluster/src/node/delayed-network.fixture.ts";
import type { CreateNodeOptions } from "../../packages/cluster/src/node/node.ts";
import { TestCluster, type TestNode } from "../../packages/cluster/src/node/nodes.fixture.ts";
import type { Ports } from "../../packages/cluster/src/ports.ts";

export class VirtualCluster implements AsyncDisposable {
  readonly time: VirtualTime = new VirtualTime();
  readonly #network: DelayedNetwork;
  readonly #cluster = new TestCluster(0);
  readonly #names: NodeName[] = [];

  /** `delayMs`: of the next thing that is on its way. */
  constructor(delayMs: () => number = () => 1) {
    const { clock, timers } = this.time.node().runtime;
    this.#network = new DelayedNetwork(timers, clock.now, delayMs);
  }

  get ports(): Ports {
    return this.#network.ports;
  }

  node(alive: string, options: Partial<CreateNodeOptions> = {}): Promise<TestNode> {
    const port = this.#names.push(`${alive}@127.0.0.1`);
    return this.#cluster.node(alive, {
      local: this.time.node(),
      ports: this.ports,
      listen: { port },
      lookup: async (name) => {
        const at = this.#names.indexOf(name);
        if (at < 0) throw new Error("there is no such node");
        return { host: "127.0.0.1", port: at + 1 };
      },
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#cluster[Symbol.asyncDispose]();
    await this.time.advance(60_000);
    await ended;
  }
}
