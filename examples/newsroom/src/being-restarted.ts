/** Whether a call failed for no other reason than that its process is on its way back: worth asking again in a moment. */
import { type ErrorCode, InterlockError } from "@interlock/core";

const passing: ReadonlySet<ErrorCode> = new Set([
  "INTERLOCK_NOPROC",
  "INTERLOCK_CALLEE_EXIT",
  "INTERLOCK_CALL_TIMEOUT",
  "INTERLOCK_MAILBOX_FULL",
]);

export function isBeingRestarted(error: unknown): boolean {
  return error instanceof InterlockError && passing.has((error as InterlockError).code);
}
