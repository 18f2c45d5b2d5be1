/** What the arbiters of two nodes say to each other, by way of their memberships. */
import type { NodeName } from "@interlock/core";
import { isNodeName } from "../node/node-name.ts";

export type ArbiterMessage =
  /** May it do unique work, although it misses those? Or: it has just come, and misses nobody. */
  | {
      readonly type: "may";
      readonly node: NodeName;
      readonly number: number;
      readonly missing: readonly NodeName[];
      /** It does none now. */
      readonly isIdle: boolean;
    }
  /** To the question of that number. A number is milliseconds, counted from when it was asked. */
  | { readonly type: "licence"; readonly node: NodeName; readonly number: number; readonly licence: Licence };

/** `free`: nobody is missing here, so none is needed. `refused`: the side of the lease goes on without it. */
export type Licence = number | "free" | "refused";

/** Undefined: not a message, or one of a later version. */
export function checkedArbiterMessage(value: unknown): ArbiterMessage | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { isIdle, licence, missing, node, number, type } = value as Partial<Record<string, unknown>>;
  if (!isNodeName(node) || typeof number !== "number") return undefined;
  const isKnown =
    type === "may"
      ? typeof isIdle === "boolean" && Array.isArray(missing) && missing.every(isNodeName)
      : type === "licence" && isLicence(licence);
  return isKnown ? (value as ArbiterMessage) : undefined;
}

function isLicence(value: unknown): boolean {
  return value === "free" || value === "refused" || (typeof value === "number" && Number.isFinite(value));
}
