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
  return (error instanceof InterlockError || error instanceof ClusterError) && passing.has(error.code);
}
