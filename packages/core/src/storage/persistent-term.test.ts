import { expect, test } from "vitest";
import { currentNode } from "../naming/name.ts";
import { LocalNode } from "../node.ts";
import { spawnProcess } from "../process/spawn.ts";
import { persistentTerm } from "./persistent-term.ts";

test("a term is there until it is erased", () => {
  persistentTerm.put("limits", { rooms: 1 });
  expect(persistentTerm.get<{ rooms: number }>("limits").rooms).toBe(1);
  persistentTerm.put("limits", { rooms: 2 });
  expect(persistentTerm.get("limits", { rooms: 0 })).toEqual({ rooms: 2 });
  expect(persistentTerm.erase("limits")).toBe(true);
  expect(persistentTerm.erase("limits")).toBe(false);
  expect(() => persistentTerm.get("limits")).toThrow(/persistent term/);
  expect(persistentTerm.get("limits", "none")).toBe("none");
  expect(persistentTerm.get("limits", undefined)).toBeUndefined();
});

test("undefined may be a term", () => {
  persistentTerm.put("nothing", undefined);
  expect(persistentTerm.get("nothing", "otherwise")).toBeUndefined();
});

test("each node has its own", async () => {
  persistentTerm.put("here", 1);
  const node = new LocalNode();
  const { promise, resolve } = Promise.withResolvers<unknown>();
  spawnProcess(
    node,
    () => resolve([currentNode() === node, persistentTerm.get("here", "elsewhere")]),
    undefined,
    false,
    undefined,
  );
  expect(await promise).toEqual([true, "elsewhere"]);
});

test("a term is frozen in development", () => {
  persistentTerm.put("frozen", { list: [1] });
  expect(() => persistentTerm.get<{ list: number[] }>("frozen").list.push(2)).toThrow(TypeError);
});
