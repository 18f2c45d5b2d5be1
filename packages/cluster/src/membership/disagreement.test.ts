import { expect, test } from "vitest";
import { Disagreement } from "./disagreement.ts";
import { type MemberState, viewOf } from "./view.ts";

const view = (...states: readonly MemberState[]) =>
  viewOf(
    "a@h/1",
    states.map((state, at) => ({ node: `${"abc"[at]}@h` as const, incarnation: 1, state })),
  );

test("members that do not agree for half a minute are reported with what they differ in, and ever more rarely", () => {
  const disagreement = new Disagreement();
  const own = view("up", "up", "up");
  const differing = [
    { node: "a@h", view: view("up", "down", "up") },
    { node: "b@h", view: undefined },
  ] as const;
  expect(disagreement.seen(own, differing, 1_000)).toBeUndefined();
  expect(disagreement.seen(own, differing, 30_999)).toBeUndefined();
  expect(disagreement.seen(own, differing, 31_000)).toBe(
    "the members have not agreed for 30 s: b@h is up here and down to a@h, b@h has another view",
  );
  expect(disagreement.seen(own, differing, 60_000)).toBeUndefined();
  expect(disagreement.seen(own, differing, 61_000)).toContain("for 60 s");
  expect(disagreement.seen(own, differing, 100_000)).toBeUndefined();
});

test("members that agree in between are told of as if they had never differed", () => {
  const disagreement = new Disagreement();
  const own = view("up");
  const differing = [{ node: "b@h", view: view("down") }] as const;
  disagreement.seen(own, differing, 0);
  expect(disagreement.seen(own, differing, 40_000)).toBeDefined();
  disagreement.seen(own, [], 50_000);
  expect(disagreement.seen(own, differing, 60_000)).toBeUndefined();
  expect(disagreement.seen(own, differing, 90_000)).toBeDefined();
});
