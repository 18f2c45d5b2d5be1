import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CliError } from "../errors.ts";
import { renderError } from "./error.ts";
import { table } from "./table.ts";

const error = new CliError("INTERLOCK_ENTRY", "There is no program\nat src/main.ts", {
  entry: "src/main.ts",
  problem: "it is not there",
});
const stream = { write: () => undefined, columns: 80 };

describe("the error renderer", () => {
  test("says what, with the code, what to try and where to read, and no stack", () => {
    const text = renderError(error, stream);
    expect(text).toMatch(/^✖ There is no program {2,}INTERLOCK_ENTRY\nat src\/main.ts\n\n {2}Try {3}Name the file/);
    expect(text).toContain("  More  interlock explain INTERLOCK_ENTRY\n");
    expect(text).not.toContain("error.test.ts");
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test.each(["json", "yaml"])("gives programs the same fields: %s", (format) => {
    expect(parse(renderError(error, stream, { format }))).toEqual({
      error: {
        code: "INTERLOCK_ENTRY",
        message: error.message,
        details: { entry: "src/main.ts", problem: "it is not there" },
        try: error.hint,
      },
    });
  });

  test("adds where it comes from when that is asked for, and always for what nobody planned", () => {
    expect(renderError(error, stream, { verbose: true })).toContain("error.test.ts");
    const text = renderError(new TypeError("x is no function"), stream);
    expect(text).toMatch(/^✖ x is no function\n/);
    expect(text).toContain("error.test.ts");
  });
});

test("a table's columns are as wide as their cells, and its last one is cut to the terminal", () => {
  const rows = [
    ["NAME", "WHY"],
    ["web-0", "it waits for the archive"],
  ];
  expect(table(rows)).toBe("NAME   WHY\nweb-0  it waits for the archive\n");
  expect(table(rows, 0)).toBe(table(rows));
  expect(table(rows, 20)).toBe("NAME   WHY\nweb-0  it waits for…\n");
});
