import { expect, test } from "vitest";
import { idOf } from "./town-name.ts";

test("nodes of one machine are called by their names, and pods, which share one, by name and address", () => {
  expect(idOf("newsroom-1@127.0.0.1")).toBe("newsroom-1");
  expect(idOf("newsroom@10.244.1.3")).not.toBe(idOf("newsroom@10.244.2.4"));
});
