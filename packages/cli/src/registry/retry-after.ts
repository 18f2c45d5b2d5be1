/** What a registry that has too much to do says of when to come again. */
import type { Runtime } from "@interlock/core";
import { pause } from "@interlock/core/distribution";

const MOST_REPEATS = 3;
/** Whoever waits for a release would not wait longer for one request; nor is it asked again before the time that it has said. */
const MOST_MS = 30_000;

/** Undefined: it is not asked again. */
export function retryAfterMs(status: number, header: string | null, nowMs: number): number | undefined {
  if ((status !== 429 && status !== 503) || header === null) return undefined;
  const text = header.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Math.max(0, Date.parse(text) - nowMs);
  return waitMs <= MOST_MS ? waitMs : undefined;
}

/** `ask`: something that may be done again from its beginning. @returns the last answer. */
export async function asOftenAsItSays<T extends { readonly answer: Response }>(
  { clock, timers }: Pick<Runtime, "clock" | "timers">,
  ask: () => Promise<T>,
): Promise<T> {
  for (let repeats = 0; ; repeats++) {
    const asked = await ask();
    const { headers, status } = asked.answer;
    const waitMs = retryAfterMs(status, headers.get("retry-after"), clock.wallTime());
    if (waitMs === undefined || repeats === MOST_REPEATS) return asked;
    // What is not read keeps its connection.
    await asked.answer.body?.cancel();
    await pause(timers, waitMs);
  }
}
