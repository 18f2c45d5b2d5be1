import fc from "fast-check";
import { expect, test } from "vitest";
import { initialReload, type ReloadAction, type ReloadEvent, type ReloadState, reload } from "./reload-state.ts";

const event: fc.Arbitrary<ReloadEvent> = fc.oneof(
  fc.record({ type: fc.constant("seen" as const), version: fc.constantFrom("a", "b", "c") }),
  fc.record({ type: fc.constant("accepted" as const), changed: fc.boolean() }),
  fc.record({ type: fc.constant("refused" as const), reason: fc.constantFrom("bad", "worse") }),
);

/** Carries out all events, with what the machine said of each. */
function run(events: readonly ReloadEvent[]) {
  let state: ReloadState = initialReload;
  const steps: {
    readonly event: ReloadEvent;
    readonly before: ReloadState;
    readonly after: ReloadState;
    readonly actions: readonly ReloadAction[];
  }[] = [];
  for (const event of events) {
    const before = state;
    const next = reload(state, event);
    state = next.state;
    steps.push({ event, before, after: state, actions: next.actions });
  }
  return { state, steps };
}

test("one load at a time, and only of a version that is not the one that was tried last", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      for (const { actions, after, before, event } of run(events).steps) {
        if (!actions.includes("load")) continue;
        expect(before.isLoading && event.type === "seen").toBe(false);
        expect(after).toMatchObject({ isLoading: true, tried: after.seen });
        expect(after.tried).not.toBe(before.tried);
      }
    }),
  );
});

test("the version that was seen last is tried, however loads and news are interleaved", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let { state } = run(events);
      const { isLoading } = state;
      for (let loads = 0; state.isLoading; loads++) {
        expect(loads).toBeLessThan(3);
        ({ state } = reload(state, { type: "accepted", changed: false }));
      }
      expect(state.tried).toBe(state.seen);
      if (isLoading) expect(state.refusal).toBeUndefined();
    }),
  );
});

test("every load that ended is counted or refused, and a reason is said once until it is another or gone", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { state, steps } = run(events);
      const ended = steps.filter(({ before, event }) => before.isLoading && event.type !== "seen");
      expect(state.changes).toBe(ended.filter(({ event }) => event.type === "accepted" && event.changed).length);
      for (const { actions, after, before, event } of ended) {
        if (event.type === "refused") {
          expect(after.refusal).toBe(event.reason);
          expect(actions.includes("refused")).toBe(before.refusal !== event.reason);
        } else expect(after.refusal).toBeUndefined();
        expect(actions.includes("changed")).toBe(event.type === "accepted" && event.changed);
      }
      for (const { actions, before, event } of steps)
        if (!before.isLoading && event.type !== "seen") expect(actions).toEqual([]);
    }),
  );
});
