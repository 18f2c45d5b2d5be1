import type { Timers } from "./runtime.ts";

/** Waits; rejects with the signal's reason when that is aborted first. */
export function pause(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = (): void => {
      timers.clear(timer);
      reject(signal?.reason as Error);
    };
    const timer = timers.set(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
