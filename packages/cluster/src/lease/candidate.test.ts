import type { NodeName } from "@interlock/core";
import { expect, test } from "vitest";
import { Arbitration } from "../arbiter/arbitration.ts";
import { Standing } from "../names/standing.ts";
import { VirtualTime } from "../names/virtual-time.fixture.ts";
import { candidateName, nodeOf } from "./candidate.ts";
import { election, leaseTiming } from "./elector.ts";

test("a candidate is another one in each of its lives, and always of its node", () => {
  const node = new VirtualTime().node();
  const names = [candidateName(node), candidateName(node)];
  expect(names[0]).not.toBe(names[1]);
  expect(names.map(nodeOf)).toEqual([node.name, node.name]);
});

test("a holder that is no candidate has the same name for a singleton and for the arbiter", () => {
  const node = new VirtualTime().node();
  const timing = leaseTiming();
  const record = { holder: "operator", token: 1, durationMs: timing.durationMs, version: "1" };
  const seen = { record, sinceMs: 0 };
  expect(new Standing(node, { ...election("a@h/1", timing, 0), seen }).holder).toBe("operator");
  const arbitration = new Arbitration("a@h" as NodeName, "a@h/1", { timing, onLoss: "stop" }, 0);
  for (const effect of arbitration.wake(0))
    if (effect.type === "request") arbitration.answered(effect.number, { granted: false, record }, 0);
  expect(arbitration.holder(0)).toBe("operator");
});
