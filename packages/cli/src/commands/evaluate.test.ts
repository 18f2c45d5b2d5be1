import { createContext } from "node:vm";
import { expect, test } from "vitest";
import { evaluate, isUnfinished } from "./evaluate.ts";

test("what is typed is evaluated, waited for, and kept under the name that it is given", async () => {
  const context = createContext({
    later: async (value: number) => value,
    fails: () => Promise.reject(new Error("no")),
  });
  const run = (code: string) => evaluate(code, context);
  expect(await run("1 + 1")).toBe(2);
  expect(await run("{}")).toEqual({});
  expect(await run("later(3);\n")).toBe(3);
  expect(await run("(await later(3)) + 1")).toBe(4);
  expect(await run("const kept = await later(5)")).toBeUndefined();
  expect(await run("const two = later(kept)")).toBeUndefined();
  expect(await run("kept + two")).toBe(10);
  await run("function twice(n) { return 2 * n }");
  expect(await run("twice(kept)")).toBe(10);
  expect(await run("")).toBeUndefined();
  await expect(run("fails()")).rejects.toThrow("no");
  await expect(run("const x = fails()")).rejects.toThrow("no");
  await expect(run("nope")).rejects.toThrow("nope is not defined");
  await expect(run("1 +* 2")).rejects.toThrow(SyntaxError as never);
});

test("what is not finished asks for more, and what is wrong does not", () => {
  for (const code of ["ps(", "[1,", "function f() {", "`a", "const x ="])
    expect([code, isUnfinished(code)]).toEqual([code, true]);
  for (const code of ["ps()", "1 +* 2", "if (", ")"])
    expect([code, isUnfinished(code)]).toEqual([code, code === "if ("]);
});
