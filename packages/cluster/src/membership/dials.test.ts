import type { NodeName } from "@interlock/core";
import { expect, test } from "vitest";
import { Dials } from "./dials.ts";

const wanted = new Set<NodeName>(["a@x", "b@x"]);

test("whoever is wanted is tried once, and again only when that has failed and its pause is over", () => {
  const dials = new Dials(1_000, () => 1);
  expect(dials.due(wanted, 0)).toEqual(["a@x", "b@x"]);
  expect(dials.due(wanted, 60_000)).toEqual([]);
  dials.failed("a@x", 60_000);
  expect(dials.hasFailed("a@x")).toBe(true);
  expect(dials.hasFailed("b@x")).toBe(false);
  expect(dials.due(wanted, 60_999)).toEqual([]);
  expect(dials.due(wanted, 61_000)).toEqual(["a@x"]);
  dials.failed("a@x", 61_000);
  expect(dials.due(wanted, 62_999)).toEqual([]);
  expect(dials.due(wanted, 63_000)).toEqual(["a@x"]);
});

test("whoever is connected, or wanted no more, has failed never when it is wanted again", () => {
  const dials = new Dials(1_000, () => 1);
  dials.due(wanted, 0);
  dials.failed("a@x", 0);
  dials.failed("b@x", 0);
  dials.over("a@x");
  dials.due(new Set<NodeName>(["a@x"]), 0);
  expect([dials.hasFailed("a@x"), dials.hasFailed("b@x")]).toEqual([false, false]);
  expect(dials.due(wanted, 0)).toEqual(["b@x"]);
});

test("whoever is lost is tried three times at once, for its machine to say that nobody listens, and then after pauses", () => {
  const dials = new Dials(1_000, () => 1);
  const one = new Set<NodeName>(["a@x"]);
  dials.ended("a@x", 1_000, 5_000);
  for (let turn = 0; turn < 3; turn++) {
    expect(dials.due(one, 5_000)).toEqual(["a@x"]);
    dials.failed("a@x", 5_000);
  }
  expect(dials.due(one, 8_999)).toEqual([]);
  expect(dials.due(one, 9_000)).toEqual(["a@x"]);
});

test("whoever ends each connection as soon as it is made is tried after pauses", () => {
  const dials = new Dials(1_000, () => 1);
  dials.ended("a@x", 999, 5_000);
  expect(dials.due(new Set<NodeName>(["a@x"]), 5_999)).toEqual([]);
  expect(dials.due(new Set<NodeName>(["a@x"]), 6_000)).toEqual(["a@x"]);
});
