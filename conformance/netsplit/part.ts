/** Something that a node takes part in: what its supervisor runs for it, and what the test may ask of it. */
import type { ChildSpec } from "@interlock/core";
import type { Operations } from "./control.ts";

export interface Part {
  children(): readonly ChildSpec[];
  readonly operations: Operations;
}
