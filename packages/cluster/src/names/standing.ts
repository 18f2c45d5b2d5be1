/** What a node knows of a singleton: kept by the singleton's child there, read by whoever uses its name. */
import type { LocalNode, NodeName } from "@interlock/core";
import { nodeOf } from "../lease/candidate.ts";
import { type Election, holderAt, tokenAt } from "../lease/elector.ts";

export class Standing {
  election: Election;
  readonly #node: LocalNode;

  constructor(node: LocalNode, election: Election) {
    this.#node = node;
    this.election = election;
  }

  /** This node's fencing token while it holds the lease by its own clock. */
  get token(): number | undefined {
    return tokenAt(this.election, this.#node.runtime.clock.now());
  }

  /** The node that the lease names. */
  get holder(): NodeName | undefined {
    const holder = holderAt(this.election, this.#node.runtime.clock.now());
    return holder === undefined ? undefined : nodeOf(holder);
  }
}

const standings = new WeakMap<LocalNode, Map<string, Standing>>();

export function standingOf(node: LocalNode, name: string): Standing | undefined {
  return standings.get(node)?.get(name);
}

export function setStanding(node: LocalNode, name: string, standing: Standing): void {
  const ofNode = standings.get(node) ?? new Map<string, Standing>();
  standings.set(node, ofNode);
  ofNode.set(name, standing);
}

/** Not of the child that has taken its place meanwhile. */
export function dropStanding(node: LocalNode, name: string, standing: Standing): void {
  const ofNode = standings.get(node);
  if (ofNode?.get(name) === standing) ofNode.delete(name);
}
