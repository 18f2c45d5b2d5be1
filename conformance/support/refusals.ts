/** What an operation is refused with, for `rejects.toMatchObject`. */
import type { ExitReason } from "@interlock/core";

export const problem = (of: "not_found" | "running" | "restarting" | "already_present" | "already_started") => ({
  code: "INTERLOCK_CHILD",
  details: { problem: of },
});

export const startFailed = (reason: ExitReason) => ({ code: "INTERLOCK_START_FAILED", details: { reason } });

export const badArgument = (argument: string) => ({ code: "INTERLOCK_BAD_ARGUMENT", details: { argument } });

/** A supervisor's start that failed because `id` did with `reason`. */
export const childFailed = (id: string, reason: unknown) =>
  startFailed({ shutdown: { failed_to_start_child: id, reason } } as ExitReason);
