import { expect, test } from "vitest";

import { restartGroup, type Strategy } from "./strategy.ts";

const children = ["a", "b", "c", "d"];
const group = (strategy: Strategy, failed: string): string => restartGroup(strategy, children, failed).join("");

test("one_for_one is the failed child alone", () => {
  expect(children.map((failed) => group("one_for_one", failed))).toEqual(["a", "b", "c", "d"]);
});

test("one_for_all is everyone, in start order", () => {
  expect(children.map((failed) => group("one_for_all", failed))).toEqual(["abcd", "abcd", "abcd", "abcd"]);
});

test("rest_for_one is the failed child and those started after it", () => {
  expect(children.map((failed) => group("rest_for_one", failed))).toEqual(["abcd", "bcd", "cd", "d"]);
});

test("one_for_one does not walk along the children", () => {
  const untouched: Iterable<string> = {
    [Symbol.iterator]: () => {
      throw new Error("walked");
    },
  };
  expect(restartGroup("one_for_one", untouched, "b")).toEqual(["b"]);
});
