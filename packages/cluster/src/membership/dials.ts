/** Whom to connect to, and when to try it again. Pure. */
import type { NodeName, Random } from "@interlock/core";
import { backOffMs } from "@interlock/core/distribution";

/**
 * So often a node whose connection has ended is tried without a pause. Of one that was killed, its machine says that nobody listens
 * only as long as its address is there, and before that ends those who come while the listener is being closed.
 */
const AT_ONCE = 3;

interface Dial {
  readonly failures: number;
  /** Further tries without a pause. */
  readonly atOnce: number;
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
      const dial = this.#dials.get(node) ?? { failures: 0, atOnce: 0, isPending: false, nextMs: nowMs };
      const isDue = !dial.isPending && nowMs >= dial.nextMs;
      if (isDue) due.push(node);
      this.#dials.set(node, isDue ? { ...dial, isPending: true } : dial);
    }
    for (const [node, { isPending }] of this.#dials) if (!isPending && !wanted.has(node)) this.#dials.delete(node);
    return due;
  }

  failed(node: NodeName, nowMs: number): void {
    const { atOnce = 0, failures: before = 0 } = this.#dials.get(node) ?? {};
    const failures = before + 1;
    const pauseMs = atOnce > 0 ? 0 : backOffMs(failures, { firstMs: this.#firstMs }, this.#random);
    this.#dials.set(node, { failures, atOnce: Math.max(0, atOnce - 1), isPending: false, nextMs: nowMs + pauseMs });
  }

  /** Its connection, which was there for so long, has ended. Whoever ends each at once is one that cannot be reached. */
  ended(node: NodeName, afterMs: number, nowMs: number): void {
    if (afterMs < this.#firstMs) return this.failed(node, nowMs);
    this.#dials.set(node, { failures: 0, atOnce: AT_ONCE - 1, isPending: false, nextMs: nowMs });
  }

  /** It is connected. */
  over(node: NodeName): void {
    this.#dials.delete(node);
  }

  hasFailed(node: NodeName): boolean {
    return (this.#dials.get(node)?.failures ?? 0) > 0;
  }
}
