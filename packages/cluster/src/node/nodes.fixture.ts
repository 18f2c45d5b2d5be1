/** Nodes within one test: each has processes of its own, its own name server is one of theirs, all on loopback. */
import { randomInt } from "node:crypto";
import { LocalNode, type NodeName, type Report, type Self } from "@interlock/core";
import { type Process, spawnProcess } from "@interlock/core/distribution";

import { nodePorts } from "../ports.ts";
import { type ClusterNode, type CreateNodeOptions, createNode } from "./node.ts";

export interface TestNode {
  readonly name: NodeName;
  readonly local: LocalNode;
  readonly node: ClusterNode;
  readonly reports: Report[];
  /** Runs `body` in a process of this node and gives its result. */
  run<T, M = unknown>(body: (self: Self<M>) => T | Promise<T>): Promise<T>;
  /** Starts a process there that is not waited for. */
  start<M>(body: (self: Self<M>) => void | Promise<void>): Process;
}

/** Of all nodes that are given no other. */
export const cookie = "a secret of this test";
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/**
 * A free port: of a listener that is closed again. Below those that the system gives out by itself: nobody else in this
 * test, not even the first node's listener, is given it meanwhile.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const at = { host: "127.0.0.1", port: randomInt(FIRST_PORT, LAST_PORT) };
    const listener = await nodePorts.listen(at, (socket) => socket.destroy()).catch(() => undefined);
    if (listener === undefined) continue; // Taken.
    await listener.close();
    return at.port;
  }
}

export class TestCluster implements AsyncDisposable {
  readonly epmdPort: number;
  readonly #nodes: TestNode[] = [];

  constructor(epmdPort: number) {
    this.epmdPort = epmdPort;
  }

  static async make(): Promise<TestCluster> {
    return new TestCluster(await freePort());
  }

  async node(alive: string, options: Partial<CreateNodeOptions> = {}): Promise<TestNode> {
    const name: NodeName = `${alive}@127.0.0.1`;
    const local = options.local ?? new LocalNode();
    const reports: Report[] = [];
    local.onReport = (report) => void reports.push(report);
    local.progress = false;
    const node = await createNode({ name, cookie, local, epmd: { port: this.epmdPort }, ...options });
    const start: TestNode["start"] = (body) =>
      spawnProcess(local, body as (self: Self<unknown>) => void | Promise<void>, undefined, false, undefined);
    const made: TestNode = {
      name,
      local,
      node,
      reports,
      start,
      run: (body) => {
        const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof body>>>();
        start(async (self) => {
          try {
            resolve(await body(self as never));
          } catch (error) {
            reject(error as Error);
          }
        });
        return promise as never;
      },
    };
    this.#nodes.push(made);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.#nodes.toReversed()) await node.stop();
  }
}

/** Resolves with the next event of that type. */
export function nextEvent(at: TestNode, type: "nodeup" | "nodedown"): Promise<{ readonly node: NodeName }> {
  return new Promise((resolve) => {
    const end = at.node.watchNodes((event) => {
      if (event.type !== type) return;
      end();
      resolve(event);
    });
  });
}
