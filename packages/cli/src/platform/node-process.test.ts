import { expect, test } from "vitest";
import { inheritedArguments } from "./node-process.ts";

test("a node is started with what Node.js itself was started with, except what is the launcher's alone", () => {
  const given = [
    "--conditions=@interlock/source",
    "--inspect-brk=9229",
    "-C",
    "x",
    "-e",
    "code()",
    "--watch",
    "--expose-gc",
  ];
  expect(inheritedArguments(given)).toEqual(["--conditions=@interlock/source", "-C", "x", "--expose-gc"]);
});
