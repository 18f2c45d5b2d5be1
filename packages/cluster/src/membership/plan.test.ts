import type { NodeName } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { type Action, type BootstrapRules, type Contact, type Observed, plan } from "./plan.ts";

const rules: BootstrapRules = { requiredContactPoints: 2, stableMarginMs: 5_000, newClusterEnabled: true };
const agreeing: Contact = { agreement: "same" };

/** Candidates by the part of their names before the @; undefined: it does not answer. */
function observed(candidates: Record<string, Contact | undefined>, own: Partial<Observed> = {}): Observed {
  const all = Object.entries(candidates).map(([alive, contact]): [NodeName, Contact | undefined] => [
    `${alive}@h`,
    contact,
  ]);
  return {
    self: "a@h",
    clusters: [],
    candidates: new Map(all),
    complete: true,
    agreement: "same",
    stableSinceMs: 0,
    ...own,
  };
}

function decide(what: Observed, nowMs = 5_000, own: Partial<BootstrapRules> = {}): Action {
  return plan(what, { ...rules, ...own }, nowMs);
}

const two = { a: agreeing, b: agreeing };

describe("a node in no cluster", () => {
  test("begins one when all agree for as long as the margin, and it is the lowest", () => {
    expect(decide(observed(two))).toEqual({ type: "form" });
    expect(decide(observed(two), 4_999)).toMatchObject({ type: "wait" });
    expect(decide(observed(two, { self: "b@h" }))).toEqual({ type: "wait", reason: "a@h is to begin the cluster" });
    expect(decide(observed({ ...two, b: { agreement: "other" } }))).toMatchObject({ type: "wait" });
    expect(decide(observed({ ...two, b: { agreement: undefined } }))).toMatchObject({ type: "wait" });
  });

  test("may be alone if no more than one is required, after the margin too", () => {
    const alone = observed({ a: agreeing });
    expect(decide(alone)).toMatchObject({ type: "wait" });
    expect(decide(alone, 4_999, { requiredContactPoints: 1 })).toMatchObject({ type: "wait" });
    expect(decide(alone, 5_000, { requiredContactPoints: 1 })).toEqual({ type: "form" });
  });

  test("joins the cluster that most are in, whatever else holds; of equal ones all choose the same", () => {
    const nothing = observed({}, { complete: false });
    expect(decide({ ...nothing, clusters: ["y", "x"] }, 0, { newClusterEnabled: false })).toEqual({
      type: "join",
      cluster: "x",
    });
    expect(decide({ ...nothing, clusters: ["x", "y", "y"] })).toEqual({ type: "join", cluster: "y" });
  });

  test("begins none while discovery fails, does not find it, or it may not", () => {
    expect(decide(observed(two, { complete: false }))).toMatchObject({ type: "wait", reason: "discovery fails" });
    expect(decide(observed({ b: agreeing, c: agreeing }))).toMatchObject({ type: "wait" });
    expect(decide(observed(two), 5_000, { newClusterEnabled: false })).toMatchObject({ type: "wait" });
  });

  test("needs more than half of those that are found, and names the silent ones", () => {
    expect(decide(observed({ ...two, c: undefined }))).toEqual({ type: "form" });
    expect(decide(observed({ ...two, c: undefined, d: undefined }))).toEqual({
      type: "wait",
      reason: "no majority of the nodes found: c@h, d@h do not answer",
    });
    expect(decide(observed({ a: agreeing, b: undefined }), 5_000, { requiredContactPoints: 1 })).toMatchObject({
      type: "wait",
    });
  });
});
