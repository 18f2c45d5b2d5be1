/** Whether a call failed for no other reason than that its process is on its way back: worth asking again in a moment. */
import { ClusterError, type ClusterErrorCode } from "@interlock/cluster";
import { type ErrorCode, InterlockError } from "@interlock/core";

const passing: ReadonlySet<ErrorCode | ClusterErrorCode> = new Set([
  "INTERLOCK_NOPROC",
  "INTERLOCK_NOCONNECTION",
  "INTERLOCK_SINGLETON",
  "INTERLOCK_CALLEE_EXIT",
  "INTERLOCK_CALL_TIMEOUT",
  "INTERLOCK_MAILBOX_FULL",
]);

export function isBeingRestarted(error: unknown): boolean {
  if (error instanceof ClusterError && error.code === "INTERLOCK_PLACEMENT")
    // This node is on the losing side of a split, and gets its rooms back when that has healed.
    return (error as ClusterError<"INTERLOCK_PLACEMENT">).details.problem === "cut_off";
  return (error instanceof InterlockError || error instanceof ClusterError) && passing.has(error.code);
}
