import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { RestartHistory } from "./restart-intensity.ts";

describe("restart intensity", () => {
  test("with 0 the first restart is one too many", () => {
    expect(new RestartHistory().allows(0, 0, 1_000)).toBe(false);
  });

  test("that many are allowed within the period, one more is not", () => {
    const history = new RestartHistory();
    expect([0, 10, 20, 30].map((at) => history.allows(at, 3, 1_000))).toEqual([true, true, true, false]);
  });

  test("the end of the period belongs to it, a moment later does not", () => {
    const history = new RestartHistory();
    history.allows(0, 1, 1_000);
    expect(history.allows(1_000, 1, 1_000)).toBe(false);
    const other = new RestartHistory();
    other.allows(0, 1, 1_000);
    expect(other.allows(1_000.001, 1, 1_000)).toBe(true);
  });

  test("a new limit holds for restarts that were counted under the old one", () => {
    const history = new RestartHistory();
    for (let at = 0; at < 5; at++) history.allows(at, 10, 1_000);
    expect(history.allows(5, 3, 1_000)).toBe(false);
    expect(history.allows(6, 3, 2)).toBe(true);
  });

  test("the window that slides in place decides as one that is counted anew each time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 400 }),
        fc.nat({ max: 20 }),
        fc.integer({ min: 1, max: 200 }),
        (pauses, intensity, periodMs) => {
          const history = new RestartHistory();
          const all: number[] = [];
          let now = 0;
          for (const pause of pauses) {
            now += pause;
            all.push(now);
            const within = all.filter((at) => now - at <= periodMs).length;
            expect(history.allows(now, intensity, periodMs)).toBe(within <= intensity);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
