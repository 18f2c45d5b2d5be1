/** Nodes that share global names, on virtual time. */
import { globalName, globalNames } from "@interlock/cluster";
import { type NodeName, type Pid, type Self, whereis } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";

import type { CreateNodeOptions } from "../../packages/cluster/src/node/node.ts";
import { VirtualCluster } from "../../packages/cluster/src/node/virtual-cluster.fixture.ts";
import type { TestNode } from "./nodes.ts";

export class GlobalWorld extends VirtualCluster {
  /** A node that runs global. */
  override node(alive: string, options: Partial<CreateNodeOptions> = {}): Promise<TestNode> {
    return super.node(alive, { visible: true, global: true, ...options });
  }

  /** Several of them, which are not connected yet. */
  async nodes<const N extends readonly string[]>(
    names: N,
    options: Partial<CreateNodeOptions> = {},
  ): Promise<{ readonly [K in keyof N]: TestNode }> {
    const all: TestNode[] = [];
    for (const name of names) all.push(await this.node(name, options));
    return all as readonly TestNode[] as { readonly [K in keyof N]: TestNode };
  }

  /** Connects the first to the others, and resolves when all have the same names. */
  async meet(first: TestNode, ...others: readonly TestNode[]): Promise<void> {
    for (const { name } of others) await this.during(first.node.connect(name));
    await this.time.advance(60_000);
    for (const at of [first, ...others]) await this.during(at.run(() => globalNames.sync()));
  }

  /** Gives `name` to a process of that node that waits, and has what it is sent. */
  async give(at: TestNode, name: unknown, how: Parameters<typeof globalNames.register>[2] = {}): Promise<Waiter> {
    const given = waiter(at);
    await this.during(at.run(() => globalNames.register(name, given.pid, how)));
    return given;
  }

  /** The nodes of whoever has the name, as each of these sees it. */
  holders(all: readonly TestNode[], name: unknown): Promise<readonly (NodeName | undefined)[]> {
    return Promise.all(all.map((at) => at.run(() => whereis(globalName(name))?.node)));
  }
}

export interface Waiter {
  readonly pid: Pid<unknown>;
  readonly got: readonly unknown[];
}

/** A process of that node that waits for its end. */
export function waiter(at: TestNode): Waiter {
  const got: unknown[] = [];
  const { pid } = at.start<unknown>(async (self: Self<unknown>) => {
    for (;;) got.push(await self.receive());
  });
  return { pid: pid as LocalPid<never> as LocalPid<unknown>, got };
}
