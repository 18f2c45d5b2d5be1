/** How late the event loop is. A port: Node.js measures it. */
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface LoopDelay {
  /** Periods in a row, up to now, of which the 99th percentile was over the limit. */
  readonly latePeriods: number;
  /** Of the last period, in milliseconds. */
  readonly delayMs: number;
}

const PERIOD_MS = 2_000;
/** Each sample wakes the thread: at 20 ms they were a third of what an idle pod took of its processor. */
const RESOLUTION_MS = 100;
const PERCENTILE = 99;

/** What is known after one more period. */
export function nextLoopDelay({ latePeriods }: LoopDelay, delayMs: number, limitMs: number): LoopDelay {
  return { delayMs, latePeriods: delayMs > limitMs ? latePeriods + 1 : 0 };
}

/** @returns what is known now. */
export function watchLoopDelay(limitMs: number): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let seen: LoopDelay = { latePeriods: 0, delayMs: 0 };
  setInterval(() => {
    // What is measured are the intervals between samples.
    const delayMs = Math.max(0, Math.round(histogram.percentile(PERCENTILE) / 1e6) - RESOLUTION_MS);
    seen = nextLoopDelay(seen, delayMs, limitMs);
    histogram.reset();
  }, PERIOD_MS).unref();
  return () => seen;
}
