import { ClusterError } from "@interlock/cluster";
import { expect, test } from "vitest";
import { isBeingRestarted } from "./being-restarted.ts";

test("a room on the other side of a split comes back, one whose placement was never started does not", () => {
  const failed = (problem: "cut_off" | "not_started"): ClusterError<"INTERLOCK_PLACEMENT"> =>
    new ClusterError("INTERLOCK_PLACEMENT", "No room", { placement: "rooms", node: "newsroom@10.0.0.1", problem });
  expect(isBeingRestarted(failed("cut_off"))).toBe(true);
  expect(isBeingRestarted(failed("not_started"))).toBe(false);
  expect(isBeingRestarted(new Error("No room"))).toBe(false);
});
