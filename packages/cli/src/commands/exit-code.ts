/** What the tool's exit codes mean; the same for all commands. */
import { isCoded } from "../ui/error.ts";

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  timedOut: 4,
  notFound: 5,
  interrupted: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (!isCoded(error)) return exitCodes.failed;
  if (error.code === "INTERLOCK_APP_FILE" || error.code === "INTERLOCK_LAUNCH_OPTION") return exitCodes.usage;
  if (/TIMEOUT$/.test(error.code)) return exitCodes.timedOut;
  if (/NOT_FOUND$|NO_SUCH/.test(error.code)) return exitCodes.notFound;
  return exitCodes.failed;
}
