/** What one term may cost at most, on both sides; over it is INTERLOCK_WIRE_LIMIT. */
import { WireError } from "../errors.ts";

export interface TermLimits {
  /** Levels of nesting: lists, tuples, maps and what stands for them. */
  readonly depth: number;
  /** Bytes of the external term, uncompressed. */
  readonly sizeBytes: number;
  /** Bytes of the magnitude of one integer. */
  readonly integerBytes: number;
  /** Atoms in one term that nobody here held before. */
  readonly atoms: number;
}

export const defaultLimits: TermLimits = {
  depth: 1_024,
  sizeBytes: 64 * 1_024 * 1_024,
  integerBytes: 64 * 1_024,
  atoms: 4_096,
};

const texts: { readonly [Limit in keyof TermLimits]: string } = {
  depth: "levels of nesting",
  sizeBytes: "bytes",
  integerBytes: "bytes in one integer",
  atoms: "new atoms",
};

export function overLimit(limit: keyof TermLimits, limits: TermLimits): WireError<"INTERLOCK_WIRE_LIMIT"> {
  const most = limits[limit];
  return new WireError("INTERLOCK_WIRE_LIMIT", `A term has at most ${most} ${texts[limit]} (limit ${limit}).`, {
    limit,
    most,
  });
}
