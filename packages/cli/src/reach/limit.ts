/** A limit of time for what takes a signal. */
import { nodeRuntime } from "@interlock/core";

export async function within<T>(limitMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = (): void => limit.abort(new Error(`no answer within ${limitMs} ms`));
  const timer = nodeRuntime.timers.set(late, limitMs);
  try {
    return await run(limit.signal);
  } finally {
    nodeRuntime.timers.clear(timer);
  }
}
