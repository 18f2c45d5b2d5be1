import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leaseTiming, stopMsOf } from "../lease/elector.ts";
import { Arbitration, type ArbitrationEffect } from "./arbitration.ts";
import { excluded } from "./exclusion.ts";
import { checkedArbiterMessage } from "./messages.ts";

const timing = leaseTiming();
const held = { holder: "a@h/1", token: 1, durationMs: timing.durationMs, version: "1" };
const many: readonly NodeName[] = ["c@h", "d@h", "e@h"];

function surroundings(live: readonly NodeName[], missing: readonly NodeName[] = []) {
  return { phase: "in" as const, live: new Set(live), missing: new Set(missing) };
}

function told(effects: readonly ArbitrationEffect[]): readonly unknown[] {
  return effects.flatMap((effect) => (effect.type === "tell" ? [effect.message] : []));
}

/** At time 0 it holds the lease, sees all, and is renewed at once whenever it asks. */
class Holder {
  readonly arbitration = new Arbitration("a@h", "a@h/1", { timing, onLoss: "stop" }, 0);
  readonly log: ArbitrationEffect[] = [];

  constructor() {
    this.take(this.arbitration.surrounded({ ...surroundings([]), phase: "forming" }, 0), 0);
    this.take(this.arbitration.surrounded(surroundings(["b@h", ...many]), 0), 0);
  }

  take(effects: readonly ArbitrationEffect[], nowMs: number): void {
    this.log.push(...effects);
    for (const effect of effects)
      if (effect.type === "request") {
        const granted = effect.request.type !== "read";
        this.take(
          this.arbitration.answered(effect.number, { granted, record: granted ? held : undefined }, nowMs),
          nowMs,
        );
      }
  }

  /** Moves to that time, from one alarm to the next. */
  wake(fromMs: number, untilMs: number): void {
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 100) this.take(this.arbitration.wake(nowMs), nowMs);
  }

  has(type: ArbitrationEffect["type"]): boolean {
    return this.log.some((effect) => effect.type === type);
  }
}

describe("a holder that sees fewer than half", () => {
  test("gives the lease up when its own work has ended, and all that was done by its licences", () => {
    const holder = new Holder();
    const { arbitration } = holder;
    expect(arbitration.isAllowed).toBe(true);
    holder.take(arbitration.surrounded(surroundings(["b@h"], many), 1_000), 1_000);
    const may = { type: "may", node: "b@h", number: 1, missing: many, isIdle: false } as const;
    holder.wake(1_000, 5_900);
    const [answer] = told(arbitration.received(may, 5_900));
    const { licence } = answer as { licence: number };
    expect(licence).toBeGreaterThan(0);
    holder.wake(6_000, 6_000);
    expect(arbitration.isAllowed).toBe(false);
    expect(holder.log.at(-1)).toEqual({ type: "unique", allowed: false });
    // No more of them.
    expect(told(arbitration.received({ ...may, number: 2 }, 6_000))).toEqual([]);
    const endMs = 5_900 + licence + stopMsOf(timing);
    holder.wake(6_100, endMs + 1_000);
    expect(holder.has("release")).toBe(false); // Its own work goes on still.
    const late = new Holder();
    late.take(late.arbitration.surrounded(surroundings(["b@h"], many), 1_000), 1_000);
    late.wake(1_000, 5_900);
    late.take(late.arbitration.received(may, 5_900), 5_900);
    late.wake(6_000, 6_000);
    late.take(late.arbitration.ended(6_100), 6_100);
    late.wake(6_200, endMs - 100);
    expect(late.has("release")).toBe(false);
    late.wake(endMs, endMs + 100);
    expect(late.has("release")).toBe(true);
  });
});

test("a cut is as new as it is, however long ago the same two were cut from each other before", () => {
  const holder = new Holder();
  const { arbitration } = holder;
  const licences = (fromMs: number): unknown[] => {
    const answers = [0, 1_000, 2_000].flatMap((afterMs) => {
      holder.wake(fromMs + afterMs, fromMs + afterMs);
      const cut = { type: "may", number: fromMs + afterMs, isIdle: false } as const;
      return [
        ...told(arbitration.received({ ...cut, node: "c@h", missing: ["d@h"] }, fromMs + afterMs)),
        ...told(arbitration.received({ ...cut, node: "d@h", missing: ["c@h"] }, fromMs + afterMs)),
      ];
    });
    return answers.map((answer) => (answer as { licence: unknown }).licence);
  };
  expect(licences(1_000)).not.toContain("refused");
  holder.wake(3_100, 600_000);
  expect(licences(600_000)).not.toContain("refused");
});

test("a node that misses others is not told by one that sees all that it may go on", () => {
  const arbitration = new Arbitration("b@h", "b@h/1", { timing, onLoss: "stop" }, 0);
  const asked = told(arbitration.surrounded(surroundings(["c@h"]), 0));
  expect(asked).toEqual([{ type: "may", node: "b@h", number: 1, missing: [], isIdle: true }]);
  const free = { type: "licence", node: "c@h", licence: "free" } as const;
  arbitration.received({ ...free, number: 1 }, 10);
  expect(arbitration.isAllowed).toBe(true);
  arbitration.surrounded(surroundings(["c@h"], ["a@h"]), 1_000);
  for (let nowMs = 1_000; nowMs <= 1_000 + timing.durationMs; nowMs += 500)
    for (const message of told(arbitration.wake(nowMs)))
      arbitration.received({ ...free, number: (message as { number: number }).number }, nowMs);
  expect(arbitration.isAllowed).toBe(false);
});

describe("who goes when nodes do not reach each other", () => {
  const nodes: readonly NodeName[] = ["a@h", "b@h", "c@h", "d@h"];

  test("is nobody without a cut, one of two, and the one with the most cuts", () => {
    expect([...excluded(new Map())]).toEqual([]);
    expect([...excluded(new Map([["a@h", ["b@h"]]]))]).toEqual(["b@h"]);
    expect([...excluded(new Map([["a@h", ["b@h", "c@h"]]]))]).toEqual(["a@h"]);
    expect([...excluded(new Map([["a@h", ["b@h"]]]), new Set(["a@h"]))]).toEqual(["a@h"]);
  });

  test("are so many that the rest reach each other, and nobody whose going helps nobody; of those out, all with a cut", () => {
    const cuts = fc.uniqueArray(fc.tuple(fc.constantFrom(...nodes), fc.constantFrom(...nodes)), { maxLength: 8 });
    fc.assert(
      fc.property(cuts, fc.subarray([...nodes]), (pairs, before) => {
        const map = new Map<NodeName, NodeName[]>();
        for (const [one, other] of pairs) map.set(one, [...(map.get(one) ?? []), other]);
        const out = excluded(map, new Set(before));
        const real = pairs.filter(([one, other]) => one !== other);
        for (const [one, other] of real) expect(out.has(one) || out.has(other)).toBe(true);
        for (const node of out) expect(real.some((pair) => pair.includes(node))).toBe(true);
      }),
    );
  });
});

test("what arbiters say is known again when it has come whole, and anything else is not heard", () => {
  const node = fc.constantFrom<NodeName>("a@h", "b@10.0.0.1");
  const number = fc.nat();
  const message = fc.oneof(
    fc.record({ type: fc.constant("may"), node, number, missing: fc.array(node), isIdle: fc.boolean() }),
    fc.record({
      type: fc.constant("licence"),
      node,
      number,
      licence: fc.oneof(fc.constantFrom("free", "refused"), fc.double({ noNaN: true, noDefaultInfinity: true })),
    }),
  );
  fc.assert(fc.property(message, (one) => checkedArbiterMessage(one) === (one as unknown)));
  fc.assert(
    fc.property(message, fc.anything(), fc.nat(4), (one, junk, at) => {
      const field = Object.keys(one)[at % Object.keys(one).length] as string;
      if (typeof junk === typeof one[field as keyof typeof one] || Array.isArray(junk)) return;
      // A licence is a number or a word.
      if (field === "licence" && typeof junk === "number") return;
      if (field === "licence" && (junk === "free" || junk === "refused")) return;
      expect(checkedArbiterMessage({ ...one, [field]: junk })).toBeUndefined();
    }),
  );
  for (const junk of [undefined, null, 1, "may", {}, { type: "digest" }])
    expect(checkedArbiterMessage(junk)).toBeUndefined();
});
