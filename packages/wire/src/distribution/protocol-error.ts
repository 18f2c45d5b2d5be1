/** The one way this folder refuses what a connection carries. */
import { WireError } from "../errors.ts";

export function protocolError(problem: string): WireError<"INTERLOCK_WIRE_PROTOCOL"> {
  return new WireError("INTERLOCK_WIRE_PROTOCOL", `The connection carries ${problem}.`, { problem });
}
