import type { Timers } from "@interlock/core";

/** A limit of time for what takes a signal. Rejects as `run`, or for the limit, in whatever words `run` says that it was aborted. */
export async function within<T>(timers: Timers, limitMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = timers.set(() => limit.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await run(limit.signal);
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    timers.clear(timer);
  }
}
