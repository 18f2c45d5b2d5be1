/** Exit reasons in the words of a page: short, without a stack. */
import { inspect } from "node:util";
import { type ExitReason, isError } from "@interlock/core";

export function describeReason(reason: ExitReason): string {
  if (typeof reason === "string") return reason;
  if (typeof reason === "object" && reason !== null) {
    const { error, shutdown } = reason as { readonly error?: unknown; readonly shutdown?: unknown };
    if (error instanceof Error) return error.message;
    if (shutdown !== undefined) return `shutdown: ${describeReason(shutdown as ExitReason)}`;
  }
  return inspect(reason, { depth: 2, breakLength: Number.POSITIVE_INFINITY });
}

/** Why something did not start, down to the child whose fault it was. */
export function describeStartFailure(error: unknown): string {
  if (!isError(error, "INTERLOCK_START_FAILED")) return error instanceof Error ? error.message : String(error);
  let at: unknown = error.details.reason;
  let child: string | undefined;
  for (;;) {
    const { shutdown } = (at ?? {}) as {
      readonly shutdown?: { readonly failed_to_start_child?: string; readonly reason?: unknown };
    };
    if (shutdown?.failed_to_start_child === undefined) break;
    child = shutdown.failed_to_start_child;
    at = shutdown.reason;
  }
  return `${child ?? error.details.label}: ${describeReason(at as ExitReason)}`;
}
