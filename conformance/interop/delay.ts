/** A wait within a process: its own timer, so that it ends with it. */
import { setTimeout } from "node:timers/promises";
import { self } from "@interlock/core";

export function delay(ms: number): Promise<void> {
  return setTimeout(ms, undefined, { signal: self().signal });
}
