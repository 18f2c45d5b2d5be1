import { describe, expect, test } from "vitest";
import { type PodFacts, readiness, startup } from "./health.ts";
import { type LoopDelay, nextLoopDelay } from "./loop-delay.ts";

const well: PodFacts = {
  isStarted: true,
  critical: [{ id: "shop/web_sup", status: "running" }],
  problems: [],
  isClosing: false,
  latePeriods: 0,
  delayMs: 0,
};

describe("a pod is ready", () => {
  test("when nothing speaks against it", () => {
    expect(readiness(well)).toEqual({ ok: true, reasons: [] });
  });

  test.each<[string, Partial<PodFacts>, string]>([
    ["before it has started", { isStarted: false }, "started"],
    [
      "while a critical child is restarted",
      { critical: [{ id: "shop/web_sup", status: "restarting" }] },
      "shop/web_sup",
    ],
    ["when a critical child was stopped", { critical: [{ id: "shop/web_sup", status: "stopped" }] }, "shop/web_sup"],
    ["while a root supervisor does not answer", { critical: [{ id: "shop", status: "busy" }] }, "shop"],
    ["when it is not in its cluster", { problems: [{ check: "joined", reason: "waits for others" }] }, "joined"],
    ["when its listeners are closed", { isClosing: true }, "closing"],
    ["when its event loop is late for a third period", { latePeriods: 3, delayMs: 1_500 }, "event_loop"],
  ])("but not %s, and says so", (_what, facts, check) => {
    const { ok, reasons } = readiness({ ...well, ...facts });
    expect(ok).toBe(false);
    expect(reasons).toEqual([{ check, reason: expect.stringMatching(/\w+ \w+/) }]);
  });

  test("although its event loop was late twice: that is a pause of the garbage collector", () => {
    expect(readiness({ ...well, latePeriods: 2, delayMs: 1_500 }).ok).toBe(true);
  });
});

test("periods of lateness count in a row", () => {
  let seen: LoopDelay = { latePeriods: 0, delayMs: 0 };
  const counts = [1_500, 1_001, 1_000, 1_200, 3].map((delayMs) => {
    seen = nextLoopDelay(seen, delayMs, 1_000);
    return seen.latePeriods;
  });
  expect(counts).toEqual([1, 2, 0, 1, 0]);
});

test("a pod has started whatever becomes of it later", () => {
  expect(startup({ isStarted: true }).ok).toBe(true);
  expect(startup({ isStarted: false }).reasons).toHaveLength(1);
});
