/** Whom to connect to, and when to try it again. Pure. */
import type { NodeName, Random } from "@interlock/core";
import { backOffMs } from "@interlock/core/distribution";

interface Dial {
  readonly failures: number;
  readonly isPending: boolean;
  readonly nextMs: number;
}

export class Dials {
  readonly #firstMs: number;
  readonly #random: Random;
  readonly #dials = new Map<NodeName, Dial>();

  /** @param firstMs before a node that could not be reached is tried again, the first time. */
  constructor(firstMs: number, random: Random) {
    this.#firstMs = firstMs;
    this.#random = random;
  }

  /** Those of the wanted that are to be tried now; `failed` or `over` is to follow for each. The others are forgotten. */
  due(wanted: ReadonlySet<NodeName>, nowMs: number): readonly NodeName[] {
    const due: NodeName[] = [];
    for (const node of wanted) {
      const dial = this.#dials.get(node) ?? { failures: 0, isPending: false, nextMs: nowMs };
      const isDue = !dial.isPending && nowMs >= dial.nextMs;
      if (isDue) due.push(node);
      this.#dials.set(node, isDue ? { ...dial, isPending: true } : dial);
    }
    for (const [node, { isPending }] of this.#dials) if (!isPending && !wanted.has(node)) this.#dials.delete(node);
    return due;
  }

  failed(node: NodeName, nowMs: number): void {
    const failures = (this.#dials.get(node)?.failures ?? 0) + 1;
    const nextMs = nowMs + backOffMs(failures, { firstMs: this.#firstMs }, this.#random);
    this.#dials.set(node, { failures, isPending: false, nextMs });
  }

  /** It is connected. */
  over(node: NodeName): void {
    this.#dials.delete(node);
  }

  hasFailed(node: NodeName): boolean {
    return (this.#dials.get(node)?.failures ?? 0) > 0;
  }
}
