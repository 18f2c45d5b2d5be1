/** Nodes on one clock that stands still until the test moves it, on a network where everything takes as long as it says. */
import type { NodeName } from "@interlock/core";
import { VirtualTime } from "../names/virtual-time.fixture.ts";
import type { Ports } from "../ports.ts";
import { DelayedNetwork } from "./delayed-network.fixture.ts";
import type { CreateNodeOptions } from "./node.ts";
import { TestCluster, type TestNode } from "./nodes.fixture.ts";

/** Of virtual time, for whatever must come to an end. */
const PATIENCE_MS = 3_600_000;
const STEP_MS = 1_000;

export class VirtualCluster implements AsyncDisposable {
  readonly time: VirtualTime = new VirtualTime();
  readonly #network: DelayedNetwork;
  readonly #cluster = new TestCluster(0);
  readonly #names: NodeName[] = [];
  readonly #nodes: TestNode[] = [];
  /** Which side of a split each node is on. */
  #sides = new Map<NodeName, number>();
  readonly #cuts = new Set<string>();

  /** `delayMs`: of the next thing that is on its way. */
  constructor(delayMs: () => number = () => 1) {
    const { clock, timers } = this.time.node().runtime;
    this.#network = new DelayedNetwork(timers, () => clock.now(), delayMs);
  }

  get ports(): Ports {
    return this.#network.ports;
  }

  async node(alive: string, options: Partial<CreateNodeOptions> = {}): Promise<TestNode> {
    const name: NodeName = `${alive}@127.0.0.1`;
    const ports = this.ports;
    const made = await this.#cluster.node(alive, {
      local: this.time.node(),
      listen: { port: this.#names.push(name) },
      lookup: async (other) => {
        const at = this.#names.lastIndexOf(other);
        if (at < 0) throw new Error("there is no such node");
        if (this.#isParted(name, other)) throw new Error("it is on the other side of a split");
        return { host: "127.0.0.1", port: at + 1 };
      },
      ports,
      ...options,
    });
    this.#nodes.push(made);
    return made;
  }

  /** What comes of `work`, with all the time that it takes. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    for (let waitedMs = 0; !isOver && waitedMs < PATIENCE_MS; waitedMs += STEP_MS)
      await this.time.advance(isOver ? 0 : STEP_MS);
    if (!isOver) throw new Error(`nothing has come of it in ${PATIENCE_MS} ms`);
    return work;
  }

  /** Moves the clock until `holds`. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let waitedMs = 0; !(await holds()); waitedMs += STEP_MS) {
      if (waitedMs >= PATIENCE_MS) throw new Error(`it does not hold after ${PATIENCE_MS} ms`);
      await this.time.advance(STEP_MS);
    }
  }

  /** Parts the nodes into sides that do not reach each other; all that are not named are one side of their own. */
  async split(...sides: readonly (readonly TestNode[])[]): Promise<void> {
    this.#sides = new Map(sides.flatMap((side, index) => side.map(({ name }) => [name, index + 1])));
    for (const { name, node } of this.#nodes)
      for (const other of node.nodes("connected")) if (this.#isParted(name, other)) node.disconnect(other);
    await this.time.advance(1_000);
  }

  /** Parts two nodes from each other alone. */
  cut(one: TestNode, other: TestNode): void {
    this.#cuts.add([one.name, other.name].sort().join());
    one.node.disconnect(other.name);
  }

  /** All can reach each other again; nobody is connected by that alone. */
  heal(): void {
    this.#sides.clear();
    this.#cuts.clear();
  }

  #isParted(one: NodeName, other: NodeName): boolean {
    return this.#sides.get(one) !== this.#sides.get(other) || this.#cuts.has([one, other].sort().join());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#cluster[Symbol.asyncDispose]();
    await this.time.advance(60_000);
    await ended;
  }
}
