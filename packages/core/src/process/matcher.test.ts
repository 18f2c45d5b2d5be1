import { describe, expect, test } from "vitest";

import { anyMessage, anyOf, keyOf, type Matcher, selectionOf, when } from "./matcher.ts";

interface Order {
  readonly type: "order";
  readonly amount: number;
}
const matches = (pattern: unknown, message: unknown): boolean => selectionOf(pattern).matches(message);

describe("a pattern", () => {
  test("{ type } takes messages of that type, whatever else they hold", () => {
    expect(matches({ type: "order" }, { type: "order", amount: 5 })).toBe(true);
    expect(matches({ type: "order" }, { type: "other" })).toBe(false);
    for (const message of ["order", null, undefined, 7, ["order"]])
      expect(matches({ type: "order" }, message)).toBe(false);
  });

  test("with more fields takes messages in which all of them are the same", () => {
    const pattern = { type: "order", amount: 5 };
    expect(matches(pattern, { type: "order", amount: 5, more: true })).toBe(true);
    expect(matches(pattern, { type: "order", amount: 6 })).toBe(false);
    expect(matches(pattern, { type: "order" })).toBe(false);
    expect(matches({ type: "order", amount: Number.NaN }, { type: "order", amount: Number.NaN })).toBe(true);
    expect(matches({ amount: 5 }, { type: "whatever", amount: 5 })).toBe(true);
  });

  test("that is no object takes itself alone", () => {
    expect(matches("stop", "stop")).toBe(true);
    expect(matches("stop", { type: "stop" })).toBe(false);
    expect(matches(7, 7)).toBe(true);
    expect(matches(7, "7")).toBe(false);
  });

  test("that is missing is refused", () => {
    for (const pattern of [undefined, anyMessage])
      expect(() => selectionOf(pattern)).toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
  });
});

describe("when", () => {
  test("narrows a pattern by a guard, which is asked only about what the pattern takes", () => {
    const asked: unknown[] = [];
    const big = when({ type: "order" }, (order: Order) => {
      asked.push(order);
      return order.amount > 100;
    });
    expect(big.matches({ type: "order", amount: 101 })).toBe(true);
    expect(big.matches({ type: "order", amount: 100 })).toBe(false);
    expect(big.matches({ type: "other", amount: 101 })).toBe(false);
    expect(asked).toHaveLength(2);
  });

  test("without a guard is the pattern, and takes a type predicate", () => {
    const isOrder = (message: unknown): message is Order => (message as Order | null)?.type === "order";
    expect(when<Order>(isOrder).matches({ type: "order", amount: 1 })).toBe(true);
    expect(when<Order>({ type: "order" }).matches({ type: "other" })).toBe(false);
  });
});

describe("anyOf", () => {
  const order = when<Order>({ type: "order" });
  const stop: Matcher<"stop"> = when<"stop">((message): message is "stop" => message === "stop");

  test("takes what any of its matchers takes", () => {
    const either = anyOf(order, stop);
    expect(either.matches({ type: "order", amount: 1 })).toBe(true);
    expect(either.matches("stop")).toBe(true);
    expect(either.matches({ type: "stop" })).toBe(false);
    expect(anyOf().matches("stop")).toBe(false);
  });

  test("is looked up by key only when each of its matchers has one", () => {
    expect(selectionOf(anyOf(order, when<Order>({ type: "order" }))).keys).toEqual(["order", "order"]);
    expect(selectionOf(anyOf(order, stop)).keys).toBeUndefined();
  });
});

test("a message is indexed by its type, or by itself when it is no object", () => {
  expect(["order", 7, null, { type: "order" }, { amount: 1 }].map(keyOf)).toEqual([
    "order",
    7,
    null,
    "order",
    undefined,
  ]);
});

test("patterns and predicates take no signals, a matcher of the user's own takes both", () => {
  const sides = (pattern: unknown): unknown => {
    const { signals, user } = selectionOf(pattern);
    return { user, signals };
  };
  expect(sides({ type: "EXIT" })).toEqual({ user: true, signals: false });
  expect(sides(() => true)).toEqual({ user: true, signals: false });
  expect(sides({ matches: () => true })).toEqual({ user: true, signals: true });
});
