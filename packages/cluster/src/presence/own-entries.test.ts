import { expect, test } from "vitest";

import type { Delta } from "./delta.ts";
import { OwnEntries } from "./own-entries.ts";

function made(deltaBytes = 1_000, leavesKept = 100): OwnEntries<string> {
  return new OwnEntries({ deltaBytes, leavesKept });
}

function all(deltas: Iterator<Delta<string>, undefined>): Delta<string>[] {
  const found: Delta<string>[] = [];
  for (let next = deltas.next(); next.value !== undefined; next = deltas.next()) found.push(next.value);
  return found;
}

test("what happened since the others were told is one delta, without those who came and went", () => {
  const own = made();
  const ann = own.join("ann", 1);
  expect(own.takeUntold()).toEqual([{ after: 0, upTo: 1, joins: [[1, "ann"]], leaves: [] }]);
  const bob = own.join("bob", 1);
  own.leave(bob);
  own.replace(ann, "ann, away", 1);
  expect(own.takeUntold()).toEqual([{ after: 1, upTo: 5, joins: [[5, "ann, away"]], leaves: [1] }]);
  expect(own.takeUntold()).toEqual([]);
});

test("what is much is told in parts that follow each other", () => {
  const own = made(10);
  for (let number = 1; number <= 7; number++) own.join(`${number}`, 4);
  own.leave(1);
  const parts = own.takeUntold();
  expect(parts.map(({ after, joins, upTo }) => [after, upTo, joins.length])).toEqual([
    [0, 3, 3],
    [3, 6, 3],
    [6, 8, 1],
  ]);
  const whole = all(own.since(0));
  expect(whole.map(({ after, joins, leaves, upTo }) => [after, upTo, joins.length, leaves.length])).toEqual([
    [0, 3, 2, 0],
    [3, 5, 2, 0],
    [5, 8, 2, 0],
  ]);
});

test("one that has missed something is told of that, as of when it asked", () => {
  const own = made();
  const ann = own.join("ann", 1);
  own.join("bob", 1);
  own.leave(ann);
  const deltas = own.since(1);
  own.join("cid", 1);
  expect(all(deltas)).toEqual([{ after: 1, upTo: 3, joins: [[2, "bob"]], leaves: [1] }]);
  expect(all(own.since(own.clock))).toEqual([{ after: 4, upTo: 4, joins: [], leaves: [] }]);
});

test("one that has missed more leaves than are kept is told of everything", () => {
  const own = made(1_000, 1);
  const clocks = ["ann", "bob", "cid", "dan"].map((name) => own.join(name, 1));
  for (const clock of clocks.slice(0, 3)) own.leave(clock);
  expect(all(own.since(4))).toEqual([{ after: 0, upTo: 7, joins: [[4, "dan"]], leaves: [] }]);
  expect(all(own.since(5))).toEqual([{ after: 5, upTo: 7, joins: [], leaves: [2, 3] }]);
});
