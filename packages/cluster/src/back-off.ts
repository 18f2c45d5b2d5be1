/** How long to wait after so many failures in a row. */
import type { Random } from "@interlock/core";

const LONGEST_MS = 30_000;

/**
 * Twice as long after each failure, up to 30 s; between half of it and all of it, so that many that failed together do not
 * come back together.
 */
export function backOffMs(failures: number, firstMs: number, random: Random): number {
  const longestMs = Math.max(firstMs, LONGEST_MS);
  const fullMs = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return fullMs / 2 + (fullMs / 2) * random();
}
