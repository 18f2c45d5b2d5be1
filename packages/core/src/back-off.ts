/** How long to wait after so many failures in a row. */
import type { Random } from "./runtime.ts";

export interface BackOff {
  /** After the first failure. */
  readonly firstMs: number;
  /** Default 30 000; never below the first. */
  readonly longestMs?: number;
}

/**
 * Twice as long after each failure; between half of it and all of it, so that many that failed together do not come back
 * together.
 */
export function backOffMs(failures: number, { firstMs, longestMs = 30_000 }: BackOff, random: Random): number {
  const fullMs = Math.min(Math.max(firstMs, longestMs), firstMs * 2 ** Math.min(failures - 1, 30));
  return fullMs / 2 + (fullMs / 2) * random();
}
