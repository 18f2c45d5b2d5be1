/** When a node may not do what it does for others as well: two reasons, each with those whose work it ends. */
import type { LocalNode } from "@interlock/core";

/** Work that a node must be able to halt. */
export interface Work {
  /** The node may not do it any more. Resolves when it has ended here. */
  halt(): Promise<void>;
  /** The node may do it again, as far as this reason goes. */
  goOn(): void;
}

export class Halt {
  readonly #work = new WeakMap<LocalNode, Set<Work>>();
  readonly #halted = new WeakSet<LocalNode>();

  /** Whoever enters while the node is halted is told nothing: it asks `isHalted`. @returns what ends it. */
  enter(local: LocalNode, work: Work): () => void {
    const all = this.#work.get(local) ?? new Set();
    this.#work.set(local, all);
    all.add(work);
    return () => all.delete(work);
  }

  /** Resolves when all of it has ended here. */
  async halt(local: LocalNode): Promise<void> {
    this.#halted.add(local);
    await Promise.all([...(this.#work.get(local) ?? [])].map((one) => one.halt()));
  }

  goOn(local: LocalNode): void {
    this.#halted.delete(local);
    for (const one of this.#work.get(local) ?? []) one.goOn();
  }

  isHalted(local: LocalNode): boolean {
    return this.#halted.has(local);
  }
}

/** The node was part of a network and is not any more. What is held on its behalf is given up before others find it gone. */
export const departure: Halt = new Halt();

/** The node is cut off from the side of its cluster that goes on, as far as it knows. Of work that is done once in a cluster. */
export const suspension: Halt = new Halt();
