/** What a supervisor is told about restarting and giving up. @see supervisor:sup_flags() */
import { badArgument } from "../errors.ts";
import type { Strategy } from "./strategy.ts";

/** Whether the end of significant children ends the supervisor. */
export type AutoShutdown = "never" | "any_significant" | "all_significant";

export interface RestartLimits {
  /** Restarts … Default 1. */
  readonly intensity?: number;
  /** … within so many milliseconds. Default 5 000. */
  readonly periodMs?: number;
}

export interface Flags {
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
}

const STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"];
const AUTO_SHUTDOWNS = ["never", "any_significant", "all_significant"];

/** **Errors** `INTERLOCK_BAD_ARGUMENT` names the first fault. */
export function checkFlags(
  given: RestartLimits & { readonly strategy?: Strategy; readonly autoShutdown?: AutoShutdown },
): Flags {
  const { autoShutdown = "never", intensity = 1, periodMs = 5_000, strategy = "one_for_one" } = given;
  if (!STRATEGIES.includes(strategy)) throw badArgument("strategy", strategy, STRATEGIES.join(", "));
  if (!Number.isInteger(intensity) || intensity < 0)
    throw badArgument("intensity", intensity, "a whole number, 0 or more");
  if (typeof periodMs !== "number" || !(periodMs > 0))
    throw badArgument("periodMs", periodMs, "milliseconds, more than 0");
  if (!AUTO_SHUTDOWNS.includes(autoShutdown))
    throw badArgument("autoShutdown", autoShutdown, AUTO_SHUTDOWNS.join(", "));
  return { strategy, intensity, periodMs, autoShutdown };
}
