import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type DrainBudgets, defaultBudgets, fitInto, longestDrainMs } from "./budgets.ts";
import {
  type DrainEffect,
  type DrainEvent,
  type DrainState,
  type DrainStep,
  type DrainTimer,
  drainNext,
  podExitCodes,
  serving,
} from "./machine.ts";

const budgetMs = fc.integer({ min: 0, max: 50_000 });
const budgets: fc.Arbitrary<DrainBudgets> = fc.record({
  settleMs: budgetMs,
  requestsMs: budgetMs,
  handoffMs: budgetMs,
  closeMs: budgetMs,
  stopMs: budgetMs,
  leaveMs: budgetMs,
  flushMs: budgetMs,
});

/** What happens from outside, and when. */
type Outside = { readonly atMs: number } & (
  | { readonly type: "preStop" | "gaveUp" }
  | { readonly type: "signal"; readonly quit: boolean }
);
const outside: fc.Arbitrary<Outside> = fc
  .tuple(
    fc.integer({ min: 0, max: 200_000 }),
    fc.oneof(
      fc.constant({ type: "preStop" } as const),
      fc.constant({ type: "gaveUp" } as const),
      fc.boolean().map((quit) => ({ type: "signal", quit }) as const),
    ),
  )
  .map(([atMs, event]) => ({ atMs, ...event }));

/** How long each step takes; undefined: its end is never heard of. */
const takes = fc.record(
  Object.fromEntries(
    ["handoff", "requests", "close", "stop", "leave", "flush"].map((step) => [
      step,
      fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined }),
    ]),
  ) as Record<DrainStep, fc.Arbitrary<number | undefined>>,
);

interface Run {
  readonly log: readonly { readonly atMs: number; readonly effect: DrainEffect }[];
  readonly askedAt: readonly number[];
  readonly answeredAt: readonly number[];
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly state: DrainState;
}

/** The machine in virtual time: its timers are kept, its steps take what they take. */
function run(given: DrainBudgets, events: readonly Outside[], steps: Record<DrainStep, number | undefined>): Run {
  let state = serving(given);
  let nowMs = 0;
  const queue: { atMs: number; event: DrainEvent; order: number }[] = events.map(({ atMs, ...event }, order) => ({
    atMs,
    event,
    order,
  }));
  const log: { atMs: number; effect: DrainEffect }[] = [];
  const askedAt: number[] = [];
  const answeredAt: number[] = [];
  let startedMs: number | undefined;
  let endedMs: number | undefined;
  let waiting = 0;
  for (let order = queue.length; queue.length > 0; ) {
    queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    const [next] = queue.splice(0, 1);
    if (next === undefined) break;
    nowMs = next.atMs;
    if (next.event.type === "preStop") {
      askedAt.push(nowMs);
      waiting++;
    }
    const [after, effects] = drainNext(state, next.event);
    if (state.phase === "serving" && after.phase !== "serving") startedMs = nowMs;
    state = after;
    for (const effect of effects) {
      log.push({ atMs: nowMs, effect });
      if (effect.type === "timer")
        queue.push({ atMs: nowMs + effect.delayMs, event: { type: "due", timer: effect.timer }, order: order++ });
      const taken = effect.type === "begin" ? steps[effect.step] : undefined;
      if (effect.type === "begin" && taken !== undefined)
        queue.push({ atMs: nowMs + taken, event: { type: "done", step: effect.step }, order: order++ });
      if (effect.type === "answerPreStop") for (; waiting > 0; waiting--) answeredAt.push(nowMs);
      if (effect.type === "exit") endedMs ??= nowMs;
    }
  }
  return { log, askedAt, answeredAt, startedMs, endedMs, state };
}

const all = fc.tuple(budgets, fc.array(outside, { maxLength: 6 }), takes);
const count = ({ log }: Run, matches: (effect: DrainEffect) => boolean): number =>
  log.filter(({ effect }) => matches(effect)).length;

describe("whatever comes in whatever order, and whatever is lost", () => {
  test("a drain that has begun ends within the sum of its budgets, once", () => {
    fc.assert(
      fc.property(all, ([given, events, steps]) => {
        const ran = run(given, events, steps);
        const hasBegun = ran.startedMs !== undefined;
        expect(ran.state.phase).toBe(hasBegun ? "ended" : "serving");
        expect(count(ran, ({ type }) => type === "exit")).toBe(hasBegun ? 1 : 0);
        if (hasBegun) expect(ran.endedMs).toBeLessThanOrEqual((ran.startedMs ?? 0) + longestDrainMs(given));
      }),
    );
  });

  test("every hook is answered, at the latest when the settle time is over", () => {
    fc.assert(
      fc.property(all, ([given, events, steps]) => {
        const ran = run(given, events, steps);
        expect(ran.answeredAt).toHaveLength(ran.askedAt.length);
        for (const [index, askedMs] of ran.askedAt.entries())
          expect(ran.answeredAt[index]).toBeLessThanOrEqual(
            Math.max(askedMs, (ran.startedMs ?? Number.NaN) + given.settleMs),
          );
      }),
    );
  });

  test("nothing is begun twice, and nothing is handed over after the applications were stopped", () => {
    fc.assert(
      fc.property(all, ([given, events, steps]) => {
        const ran = run(given, events, steps);
        for (const step of ["handoff", "requests", "close", "stop", "leave", "flush"] as const)
          expect(count(ran, (effect) => effect.type === "begin" && effect.step === step)).toBeLessThanOrEqual(1);
        const order = ran.log.flatMap(({ effect }) => (effect.type === "begin" ? [effect.step] : []));
        const ranks = { handoff: 0, requests: 0, close: 1, stop: 2, leave: 3, flush: 4 };
        expect(order.map((step) => ranks[step])).toEqual(order.map((step) => ranks[step]).toSorted((a, b) => a - b));
      }),
    );
  });

  test("unless it gave up or was interrupted, it announces, serves the requests in flight, stops, leaves and exits with 0", () => {
    const ordinary = fc.array(
      outside.filter((one) => one.type === "preStop"),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(
        budgets,
        ordinary,
        fc.option(outside.filter((one) => one.type === "signal" && !one.quit)),
        takes,
        (given, events, signal, steps) => {
          const ran = run(given, signal === null ? events : [...events, signal], steps);
          const begun = ran.log.flatMap(({ effect }) => (effect.type === "begin" ? [effect.step] : []));
          expect(ran.log[0]?.effect.type).toBe("announce");
          expect(begun.slice(-5)).toEqual(["requests", "close", "stop", "leave", "flush"]);
          expect(ran.log.map(({ effect }) => effect)).toContainEqual({ type: "exit", code: podExitCodes.drained });
        },
      ),
    );
  });
});

const through = (given: DrainBudgets, ...events: readonly DrainEvent[]): readonly (readonly DrainEffect[])[] => {
  let state = serving(given);
  return events.map((event) => {
    const [next, effects] = drainNext(state, event);
    state = next;
    return effects;
  });
};
const preStop: DrainEvent = { type: "preStop" };
const sigterm: DrainEvent = { type: "signal", quit: false };
const due = (timer: DrainTimer): DrainEvent => ({ type: "due", timer });
const begins = (effects: readonly DrainEffect[] | undefined): readonly string[] =>
  (effects ?? []).flatMap((effect) =>
    effect.type === "begin" || effect.type === "cut" ? [`${effect.type} ${effect.step}`] : [],
  );

describe("signals", () => {
  test("SIGTERM after an answered hook changes nothing", () => {
    const [, settled, signalled] = through(defaultBudgets, preStop, due("settle"), sigterm);
    expect(begins(settled)).toEqual(["begin handoff", "begin requests"]);
    expect(signalled).toEqual([]);
  });

  test("SIGTERM without a hook settles by itself", () => {
    const [first, second] = through(defaultBudgets, sigterm, due("settle"));
    expect(first).toEqual([{ type: "announce" }, { type: "timer", timer: "settle", delayMs: defaultBudgets.settleMs }]);
    expect(begins(second)).toEqual(["begin handoff", "begin requests"]);
  });

  test("the second one skips a hand-off that has not begun, and cuts one that has", () => {
    expect(begins(through(defaultBudgets, sigterm, sigterm)[1])).toEqual(["begin requests"]);
    expect(begins(through(defaultBudgets, sigterm, due("settle"), sigterm)[2])).toEqual(["cut handoff"]);
  });

  test("the third one, and SIGQUIT, end at once with 130", () => {
    const exit: DrainEffect = { type: "exit", code: podExitCodes.interrupted };
    expect(through(defaultBudgets, sigterm, sigterm, sigterm)[2]).toContainEqual(exit);
    expect(through(defaultBudgets, { type: "signal", quit: true })[0]).toEqual([exit]);
  });

  test("one that comes before the hook's answer means a grace that is over: within 2 s it has left", () => {
    const [, hurried] = through(defaultBudgets, preStop, sigterm);
    expect(hurried).toContainEqual({ type: "answerPreStop" });
    expect(begins(hurried)).toEqual(["begin requests"]);
    const never = {
      handoff: undefined,
      requests: undefined,
      close: undefined,
      stop: undefined,
      leave: undefined,
      flush: undefined,
    };
    const ran = run(
      defaultBudgets,
      [
        { atMs: 0, type: "preStop" },
        { atMs: 3_000, type: "signal", quit: false },
      ],
      never,
    );
    expect(ran.endedMs).toBeLessThan(5_000);
  });
});

test("an application that gave up leaves the cluster, and ends with 1", () => {
  const [left, , ended] = through(defaultBudgets, { type: "gaveUp" }, due("leave"), due("flush"));
  expect(begins(left)).toEqual(["begin leave"]);
  expect(ended).toContainEqual({ type: "exit", code: podExitCodes.failed });
});

describe("a grace", () => {
  test("is never exceeded by the budgets that are fitted into it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200_000 }), budgets, (graceMs, given) => {
        const fitted = fitInto(graceMs, given);
        expect(longestDrainMs(fitted)).toBeLessThanOrEqual(graceMs);
        for (const name of Object.keys(given) as (keyof DrainBudgets)[]) {
          expect(fitted[name]).toBeGreaterThanOrEqual(0);
          expect(fitted[name]).toBeLessThanOrEqual(given[name]);
        }
      }),
    );
  });

  test.each([
    [90_000, 5_000, 30_000],
    [30_000, 5_000, 19_500],
    [25_000, 5_000, 15_250],
    [10_000, 5_000, 3_000],
  ])("of %i ms leaves %i ms to settle and %i ms for requests", (graceMs, settleMs, requestsMs) => {
    expect(fitInto(graceMs, defaultBudgets)).toMatchObject({ settleMs, requestsMs });
  });
});
