import { expect, test } from "vitest";

import { PresenceState } from "./state.ts";

test("a join that a leave has not seen wins over it", () => {
  const [a, b] = [new PresenceState<string>("a#1"), new PresenceState<string>("b#1")];
  const first = a.join("ann, by phone");
  b.merge(first.delta);
  const again = a.join("ann, by web");
  const leave = a.leave([first.dot]);
  expect(b.merge(leave)).toEqual({ joins: [], leaves: ["ann, by phone"] });
  expect(b.merge(again.delta)).toEqual({ joins: ["ann, by web"], leaves: [] });
  expect([...b.values()]).toEqual(["ann, by web"]);
});

test("a leave that comes before its join leaves nothing behind", () => {
  const [a, b] = [new PresenceState<string>("a#1"), new PresenceState<string>("b#1")];
  const { delta, dot } = a.join("ann");
  expect(b.merge(a.leave([dot]))).toEqual({ joins: [], leaves: [] });
  expect(b.merge(delta)).toEqual({ joins: [], leaves: [] });
  expect([...b.values()]).toEqual([]);
});

test("an update is one change for everyone", () => {
  const [a, b] = [new PresenceState<string>("a#1"), new PresenceState<string>("b#1")];
  const { delta, dot } = a.join("ann: here");
  b.merge(delta);
  expect(b.merge(a.update(dot, "ann: away").delta)).toEqual({ joins: ["ann: away"], leaves: ["ann: here"] });
});

test("a replica whose node is gone takes its presences with it, and says who left", () => {
  const [a, b] = [new PresenceState<string>("a#1"), new PresenceState<string>("b#1")];
  b.join("bob");
  b.merge(a.join("ann").delta);
  const { changes, delta } = b.replicaGone("a#1");
  expect(changes).toEqual({ joins: [], leaves: ["ann"] });
  expect(b.merge(a.full())).toEqual({ joins: [], leaves: [] });
  const c = new PresenceState<string>("c#1");
  c.merge(a.full());
  c.merge(delta);
  expect([...c.values(), ...b.values()]).toEqual(["bob"]);
});

test("a replica that was given up although it lives learns of it, and says nothing more", () => {
  const [a, b] = [new PresenceState<string>("a#1"), new PresenceState<string>("b#1")];
  b.merge(a.join("ann").delta);
  const { delta } = b.replicaGone("a#1");
  expect(a.isGone).toBe(false);
  expect(a.merge(delta)).toEqual({ joins: [], leaves: ["ann"] });
  expect(a.isGone).toBe(true);
  expect(() => a.join("ann")).toThrow("given up");
  const again = new PresenceState<string>("a#2");
  expect(b.merge(again.join("ann").delta)).toEqual({ joins: ["ann"], leaves: [] });
});

test("what has been seen stays short: a number for each replica once no gap is left", () => {
  const [a, b] = [new PresenceState<number>("a#1"), new PresenceState<number>("b#1")];
  const joins = Array.from({ length: 100 }, (_, number) => a.join(number));
  for (const { delta } of joins.slice(1)) b.merge(delta);
  expect(b.seen.beyond).toHaveLength(99);
  expect([b.isBehind(a.seen), a.isBehind(b.seen)]).toEqual([true, false]);
  b.merge((joins[0] as (typeof joins)[0]).delta);
  expect(b.seen).toEqual({ upTo: { "a#1": 100 }, beyond: [] });
  for (const { dot } of joins) b.merge(a.leave([dot]));
  expect([[...b.values()], b.seen]).toEqual([[], a.seen]);
});
