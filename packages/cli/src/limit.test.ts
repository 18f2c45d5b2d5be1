import { nodeRuntime, type Timers } from "@interlock/core";
import { expect, test } from "vitest";
import { within } from "./limit.ts";

/** Timers that are over when they are set, and those that are set and not cleared. */
function timers(isOver: boolean): Timers & { readonly left: Set<unknown> } {
  const left = new Set<unknown>();
  return {
    left,
    set: (callback) => {
      left.add(callback);
      if (isOver) nodeRuntime.turns.microtask(callback);
      return callback;
    },
    clear: (handle) => void left.delete(handle),
  };
}

/** Heeds the signal, and says it in its own words. */
const endless = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("socket hang up"))));

test("what takes too long is ended, and its error says how long that was", async () => {
  const over = timers(true);
  await expect(within(over, 5_000, endless)).rejects.toThrow("no answer within 5000 ms");
  expect(over.left.size).toBe(0);
});

test("what ends in time ends as it did, and leaves no timer", async () => {
  const given = timers(false);
  expect(await within(given, 5_000, async () => 7)).toBe(7);
  await expect(within(given, 5_000, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(given.left.size).toBe(0);
});
