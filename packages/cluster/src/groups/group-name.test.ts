import { defaultNode, makeRef } from "@interlock/core";
import { atom, Binary, Charlist, Float, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { GroupName } from "./group-name.ts";

const { nobody } = defaultNode();

test("names are equal when their terms are", () => {
  const same: readonly (readonly [unknown, unknown])[] = [
    ["rooms", new Binary(Buffer.from("rooms"))],
    [true, atom("true")],
    [null, atom("nil")],
    [[97, 98], new Charlist("ab")],
    [tuple(atom("room"), 1, nobody), tuple(atom("room"), 1, nobody)],
  ];
  for (const [one, other] of same) expect(new GroupName(one).key).toBe(new GroupName(other).key);
});

test("names of different terms differ", () => {
  const ref = makeRef();
  const values = ["rooms", atom("rooms"), 1, new Float(1), "1", [1], tuple(1), nobody, ref, makeRef(), {}, []];
  expect(new Set(values.map((value) => new GroupName(value).key)).size).toBe(values.length);
});

test("a name gives its term for the wire, and the value as this program writes it", () => {
  const name = new GroupName(tuple("room", 1.5, nobody, atom("nil")));
  const term = tuple(new Binary(new TextEncoder().encode("room")), new Float(1.5), nobody, atom("nil"));
  expect(name.term).toEqual(term);
  expect(name.value).toEqual(tuple("room", 1.5, nobody, null));
});

test("what is no term names no group", () => {
  expect(() => new GroupName(() => 1)).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_UNENCODABLE" }));
  expect(() => new GroupName(new Date())).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_UNENCODABLE" }));
});
