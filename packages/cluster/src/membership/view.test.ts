import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkedMessage } from "./messages.ts";
import { type Member, type MemberState, viewDifferences, viewOf } from "./view.ts";

const members = fc.uniqueArray(
  fc.record({
    node: fc.constantFrom<NodeName>("a@h", "b@h", "c@h", "B@h"),
    incarnation: fc.integer({ min: 1, max: 2 }),
    state: fc.constantFrom<MemberState>("joining", "up", "leaving", "left", "down"),
  }),
  { selector: ({ node }) => node },
);
const views = fc.tuple(fc.constantFrom("x", "y"), members).map(([cluster, all]) => viewOf(cluster, all));

test("two views have one digest exactly if they do not differ; who is gone is no difference", () => {
  fc.assert(
    fc.property(views, views, (one, other) => {
      // With nobody in either there is nothing to differ in but the cluster.
      fc.pre(one.cluster === other.cluster || one.members.length + other.members.length > 0);
      expect(viewDifferences(one, other).length === 0).toBe(one.digest === other.digest);
      expect(viewDifferences(one, other).map(({ here, node, there }) => ({ node, here: there, there: here }))).toEqual(
        viewDifferences(other, one),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("the order in which members were heard of does not matter", () => {
  fc.assert(
    fc.property(members, (all) => {
      expect(viewOf("x", [...all].reverse())).toEqual(viewOf("x", all));
    }),
  );
});

const member: Member = { node: "a@h", incarnation: 1, state: "up" };
const greeting = {
  type: "greeting",
  name: "default",
  node: "a@h",
  incarnation: 1,
  state: "up",
  cluster: "x",
  answer: true,
  nodes: ["a@h"],
  digest: "d",
};

test.each([
  [greeting],
  [{ ...greeting, state: "waiting", cluster: undefined, nodes: undefined, digest: undefined }],
  [{ ...greeting, more: "of a later version" }],
  [{ type: "digest", node: "a@h", digest: "d" }],
  [{ type: "ask", node: "a@h" }],
  [{ type: "view", node: "a@h", cluster: "x", members: [member] }],
  [{ type: "heard", node: "a@h", state: "left" }],
  [{ type: "ended", node: "a@h", ended: "b@h", incarnation: 1 }],
])("a message is taken as it is: %j", (message) => {
  expect(checkedMessage(message)).toBe(message);
});

test.each([
  [undefined],
  [null],
  ["greeting"],
  [{ ...greeting, node: "no name" }],
  [{ ...greeting, cluster: undefined }],
  [{ ...greeting, state: "waiting" }],
  [{ ...greeting, state: "down" }],
  [{ ...greeting, nodes: ["no name"] }],
  [{ ...greeting, digest: 1 }],
  [{ ...greeting, incarnation: "1" }],
  [{ ...greeting, type: "later" }],
  [{ type: "digest", node: "a@h" }],
  [{ type: "view", node: "a@h", cluster: "x", members: [{ ...member, state: "waiting" }] }],
  [{ type: "view", node: "a@h", cluster: "x", members: [null] }],
  [{ type: "heard", node: "a@h", state: "gone" }],
  [{ type: "ended", node: "a@h", ended: "b", incarnation: 1 }],
  [{ type: "ended", node: "a@h", ended: "b@h" }],
])("what is no message is not taken: %j", (message) => {
  expect(checkedMessage(message)).toBeUndefined();
});
