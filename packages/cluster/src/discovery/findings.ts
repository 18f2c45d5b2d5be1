/** What strategies have said, put together. Pure: an error leaves every set as it was, and is counted. */
import type { NodeName } from "@interlock/core";
import { isNodeName } from "../node/node-name.ts";

export interface DiscoveryStatus {
  readonly strategy: string;
  /** What it said last; undefined: nothing yet. */
  readonly nodes: readonly NodeName[] | undefined;
  /** In a row; 0 after a success. */
  readonly failures: number;
  readonly failuresTotal: number;
  /** The last failure, unless a success came after it. */
  readonly problem: string | undefined;
}

class Finding {
  readonly strategy: string;
  nodes: readonly NodeName[] | undefined;
  failures = 0;
  failuresTotal = 0;
  problem: string | undefined;

  constructor(strategy: string) {
    this.strategy = strategy;
  }
}

export class Findings {
  readonly #all: readonly Finding[];

  constructor(strategies: readonly string[]) {
    this.#all = strategies.map((strategy) => new Finding(strategy));
  }

  /** Throws for what is no node's name: then it is not a success. */
  succeeded(at: number, nodes: Iterable<unknown>): void {
    const names = new Set<NodeName>();
    for (const node of nodes) {
      if (!isNodeName(node)) throw new Error(`${JSON.stringify(node)} is no name of a node`);
      names.add(node);
    }
    const finding = this.#at(at);
    finding.nodes = [...names].sort();
    finding.failures = 0;
    finding.problem = undefined;
  }

  /** @returns how many there have been in a row. */
  failed(at: number, error: unknown): number {
    const finding = this.#at(at);
    finding.failuresTotal++;
    finding.problem = error instanceof Error ? error.message : String(error);
    return ++finding.failures;
  }

  /** All that any strategy sees, or saw when it last could. */
  get nodes(): ReadonlySet<NodeName> {
    return new Set(this.#all.flatMap(({ nodes }) => nodes ?? []));
  }

  /** Whether every strategy can tell, now: only then the set is worth a decision. */
  get complete(): boolean {
    return this.#all.every(({ failures, nodes }) => failures === 0 && nodes !== undefined);
  }

  status(): readonly DiscoveryStatus[] {
    return this.#all.map(({ failures, failuresTotal, nodes, problem, strategy }) => {
      return { strategy, nodes, failures, failuresTotal, problem };
    });
  }

  #at(index: number): Finding {
    const finding = this.#all[index];
    if (finding === undefined) throw new Error(`there is no strategy ${index}`);
    return finding;
  }
}
