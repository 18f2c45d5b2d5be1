import { expect, test } from "vitest";

import type { Delta } from "./delta.ts";
import { OtherReplicas, type Speaker } from "./other-replicas.ts";

const RULES = { downMs: 100, permdownMs: 1_000, answerMs: 20 };
const a: Speaker<string> = { replica: "a/0", pid: "<a.1>", node: "a" };

function delta(
  after: number,
  upTo: number,
  joins: Delta<string>["joins"],
  leaves: readonly number[] = [],
): Delta<string> {
  return { after, upTo, joins, leaves };
}

/** What b knows once a has answered with ann, who joined first, and bob, who joined second. */
function met(): OtherReplicas<string, string> {
  const others = new OtherReplicas<string, string>(RULES);
  const { ask } = others.heard(a, 2, 0);
  const joins = [
    [1, "ann"],
    [2, "bob"],
  ] as const;
  others.answered(a.replica, { ref: ask?.ref ?? -1, last: true, delta: delta(0, 2, joins) }, 0);
  return others;
}

test("a replica counts from the last part of its answer on, all at once", () => {
  const others = new OtherReplicas<string, string>(RULES);
  const { ask, joins } = others.heard(a, 2, 0);
  expect([ask, joins]).toEqual([{ to: "<a.1>", ref: 1, have: 0 }, []]);
  const first = others.answered(a.replica, { ref: 1, last: false, delta: delta(0, 1, [[1, "ann"]]) }, 0);
  expect(first.joins).toEqual([]);
  const last = others.answered(a.replica, { ref: 1, last: true, delta: delta(1, 2, [[2, "bob"]]) }, 0);
  expect([last.joins, last.ask]).toEqual([["ann", "bob"], undefined]);
});

test("a delta that another one has told of in part joins nobody who has left since", () => {
  const others = met();
  others.told(a, delta(2, 5, [], [1]), 0);
  const changes = others.told(
    a,
    delta(1, 6, [
      [3, "cid"],
      [6, "dan"],
    ]),
    0,
  );
  // Of the events 2 to 6 bob's join is not named: he has left.
  expect([changes.joins, changes.leaves]).toEqual([["dan"], ["bob"]]);
});

test("a gap makes a question, and one only until it is answered or too late", () => {
  const others = met();
  const gap = delta(3, 4, [[4, "dan"]]);
  expect(others.told(a, gap, 0)).toEqual({ joins: [], leaves: [], ask: { to: "<a.1>", ref: 2, have: 2 } });
  expect(others.heard(a, 4, RULES.answerMs - 1).ask).toBeUndefined();
  // A part of the answer: the rest is on its way.
  others.answered(a.replica, { ref: 2, last: false, delta: delta(2, 3, [[3, "cid"]]) }, RULES.answerMs - 1);
  expect(others.heard(a, 4, RULES.answerMs).ask).toBeUndefined();
  expect(others.heard(a, 4, 2 * RULES.answerMs).ask).toEqual({ to: "<a.1>", ref: 3, have: 3 });
});

test("a process that was restarted is asked at once: the one before it does not answer", () => {
  const others = met();
  others.heard(a, 3, 0);
  expect(others.heard({ ...a, pid: "<a.2>" }, 3, 0).ask).toEqual({ to: "<a.2>", ref: 3, have: 2 });
});

test("an answer from before the connection was lost does not bring a replica back", () => {
  const others = met();
  const { ask } = others.heard(a, 3, 0);
  expect(others.nodeDown("a", 0).leaves).toEqual(["ann", "bob"]);
  const late = others.answered(a.replica, { ref: ask?.ref ?? -1, last: true, delta: delta(2, 3, [[3, "cid"]]) }, 0);
  expect(late).toEqual({ joins: [], leaves: [], ask: undefined });
  const { ask: again } = others.told(a, delta(2, 3, [[3, "cid"]]), 0);
  expect(again).toEqual({ to: "<a.1>", ref: 3, have: 2 });
});

test("a replica that comes back tells only what has changed, and counts again without those who left", () => {
  const others = met();
  others.nodeDown("a", 0);
  const { ask } = others.heard(a, 4, 50);
  expect(ask?.have).toBe(2);
  const back = others.answered(
    a.replica,
    { ref: ask?.ref ?? -1, last: true, delta: delta(2, 4, [[4, "dan"]], [1]) },
    50,
  );
  expect([back.joins, back.leaves]).toEqual([["bob", "dan"], []]);
});

test("silence makes a replica go away, and after a long time it is forgotten", () => {
  const others = met();
  expect(others.tick(RULES.downMs - 1).leaves).toEqual([]);
  expect(others.tick(RULES.downMs).leaves).toEqual(["ann", "bob"]);
  expect(others.tick(RULES.downMs + RULES.permdownMs - 1).leaves).toEqual([]);
  expect(others.statistics).toMatchObject({ up: 0, away: 1 });
  others.tick(RULES.downMs + RULES.permdownMs);
  expect(others.statistics).toMatchObject({ up: 0, away: 0 });
});

test("the silence while nobody listened does not count", () => {
  const others = met();
  others.resume(5_000);
  expect(others.tick(5_000).leaves).toEqual([]);
  expect(others.tick(5_000 + RULES.downMs).leaves).toEqual(["ann", "bob"]);
});

test("a goodbye counts, unless the replica has been heard of since", () => {
  const others = met();
  others.heard(a, 3, 0);
  expect(others.gone(a.replica, 2).leaves).toEqual([]);
  expect(others.gone(a.replica, 3).leaves).toEqual(["ann", "bob"]);
  expect(others.gone(a.replica, 3).leaves).toEqual([]);
  expect(others.statistics).toMatchObject({ up: 0, away: 0 });
});
