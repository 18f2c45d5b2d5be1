/** How tests wait for what takes its time. */
import { setTimeout as delay } from "node:timers/promises";

const AGAIN_MS = 200;

/**
 * Asks again and again, at least once, until there is an answer: anything but `false` and `undefined`. Asking may fail meanwhile.
 * Throws after `limitMs`, with what was waited for in vain, and with the last error as its cause if there was any.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | false | undefined> | T | false | undefined,
  limitMs = 60_000,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  let cause: Error | undefined;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error as Error;
    }
    if (performance.now() >= endMs) break;
    await delay(AGAIN_MS);
  }
  const last = cause === undefined ? "" : `; the last error: ${cause.message}`;
  throw new Error(`Not within ${limitMs / 1_000} s: ${what}${last}`, { cause });
}
