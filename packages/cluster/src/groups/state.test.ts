import { expect, test } from "vitest";

import { GroupName } from "./group-name.ts";
import { type GroupEffect, GroupState } from "./state.ts";

const red = new GroupName("red");
const green = new GroupName("green");

/** Effects with the names of groups in place of the groups. */
function shown(effects: readonly GroupEffect<string>[]): unknown {
  return JSON.parse(JSON.stringify(effects, (_, value) => (value instanceof GroupName ? value.value : value)));
}

test("a scope that is discovered sends all it has, and discovers the other one unless it knows it", () => {
  const state = new GroupState<string>();
  state.joinLocal(red, ["p", "q", "p"]);
  const sync = { type: "tell", peers: ["x"], message: { type: "sync", groups: [["red", ["p", "p", "q"]]] } };
  expect(shown(state.received("x", { type: "discover" }))).toEqual([
    sync,
    { type: "monitor", peer: "x" },
    { type: "tell", peers: ["x"], message: { type: "discover" } },
  ]);
  expect(shown(state.received("x", { type: "discover" }))).toEqual([sync]);
});

test("a sync tells of the differences only", () => {
  const state = new GroupState<string>();
  const first = state.received("x", { type: "sync", groups: [[red, ["p", "p", "q"]]] });
  expect(shown(first)).toEqual([
    { type: "monitor", peer: "x" },
    { type: "changed", change: "join", group: "red", pids: ["p", "p", "q"] },
  ]);
  const again = state.received("x", { type: "sync", groups: [[red, ["p", "r", "q"]]] });
  expect(shown(again)).toEqual([
    { type: "changed", change: "leave", group: "red", pids: ["p"] },
    { type: "changed", change: "join", group: "red", pids: ["r"] },
  ]);
  expect(state.received("x", { type: "sync", groups: [[red, ["p", "q", "r"]]] })).toEqual([]);
  expect(shown(state.received("x", { type: "sync", groups: [] }))).toEqual([
    { type: "changed", change: "leave", group: "red", pids: ["p", "q", "r"] },
  ]);
  expect(state.names).toEqual([]);
});

test("what an unknown scope announces does not count", () => {
  const state = new GroupState<string>();
  expect(state.received("x", { type: "join", group: red, pids: ["p"] })).toEqual([]);
  expect(state.received("x", { type: "leave", groups: [red], pids: ["p"] })).toEqual([]);
  expect(state.peerEnded("x")).toEqual([]);
  expect(state.names).toEqual([]);
});

test("a peer takes away only what it brought itself", () => {
  const state = new GroupState<string>();
  state.joinLocal(red, ["p"]);
  state.received("x", { type: "sync", groups: [[red, ["p"]]] });
  state.received("y", { type: "sync", groups: [[red, ["p"]]] });
  expect(state.members(red)).toEqual(["p", "p", "p"]);
  expect(state.received("x", { type: "leave", groups: [red, red], pids: ["p", "p"] })).toHaveLength(1);
  state.peerEnded("y");
  expect(state.members(red)).toEqual(["p"]);
});

test("a member that ends leaves each group as often as it has joined it", () => {
  const state = new GroupState<string>();
  state.received("x", { type: "discover" });
  state.joinLocal(red, ["p", "q"]);
  state.joinLocal(red, ["p"]);
  state.joinLocal(green, ["p"]);
  expect(shown(state.localEnded("p"))).toEqual([
    { type: "tell", peers: ["x"], message: { type: "leave", groups: ["red", "red", "green"], pids: ["p"] } },
    { type: "changed", change: "leave", group: "red", pids: ["p", "p"] },
    { type: "changed", change: "leave", group: "green", pids: ["p"] },
  ]);
  expect([state.members(red), state.names.map(({ value }) => value)]).toEqual([["q"], ["red"]]);
  expect(state.localEnded("p")).toEqual([]);
});

test("who was given the members of a group keeps them as they were", () => {
  const state = new GroupState<string>();
  state.joinLocal(red, ["p"]);
  const before = state.members(red);
  expect(state.members(red)).toBe(before);
  state.joinLocal(red, ["q"]);
  expect([before, state.members(red)]).toEqual([["p"], ["p", "q"]]);
});
