import { expect, test } from "vitest";

import { Atom, atom } from "./atom.ts";

test("two atoms of one name are one object", () => {
  expect(atom("ok")).toBe(atom("ok"));
  expect(atom("ok")).not.toBe(atom("error"));
  expect(atom("ok")).toBeInstanceOf(Atom);
  expect(`${atom("ok")}`).toBe("ok");
});

test("an atom has at most 255 characters, however many bytes they take", () => {
  expect(atom("🙂".repeat(255)).name).toHaveLength(510);
  expect(() => atom("x".repeat(256))).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_LIMIT" }));
  expect(() => atom("🙂".repeat(256))).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_LIMIT" }));
});
