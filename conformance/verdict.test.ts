import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import cases from "./cases.json" with { type: "json" };
import { type Row, table } from "./table.ts";
import { type Area, casesOf, type Ran, ranges, verdictOf } from "./verdict.ts";

const areas: readonly Area[] = [
  { area: "Links", cases: { 1: "link:twice", 2: "link:noproc", 3: "link:gc" }, notJs: [3] },
  { area: "Names", cases: { 4: "name:a: b", 5: "name:old" }, notJs: [] },
];
const file = "link.conformance.ts";
const rows: readonly Row[] = [
  [1, { test: { file, name: "link:twice" } }],
  [2, { later: "cluster" }],
  [3, { notJs: "one heap" }],
  [4, { test: { file: "name.conformance.ts", name: "name:a: b" } }],
  [5, { notOurs: "no old names" }],
];
const ran: readonly Ran[] = [
  { file, title: "link:twice: one link", passed: true },
  { file, title: "an extra: anything", passed: true },
  { file: "name.conformance.ts", title: "name:a: b: c", passed: true },
];

test("a table that fits the cases and the tests has no problem", () => {
  const { problems, summary } = verdictOf(areas, rows, ran);
  expect(problems).toEqual([]);
  expect(summary).toEqual([
    { area: "Links", cases: 3, passed: 1, notJs: 1, notOurs: 0, later: { cluster: 1 }, missing: [] },
    { area: "Names", cases: 2, passed: 1, notJs: 0, notOurs: 1, later: {}, missing: [] },
  ]);
});

describe("a planted fault is found", () => {
  const problems = (change: { readonly rows?: readonly Row[]; readonly ran?: readonly Ran[] }): readonly string[] =>
    verdictOf(areas, change.rows ?? rows, change.ran ?? ran).problems;

  test("a number without an entry", () => {
    expect(problems({ rows: rows.filter(([number]) => number !== 2) })).toEqual(["Links: nothing in the table for 2"]);
  });
  test("a number with two", () => {
    expect(problems({ rows: [...rows, [2, { later: "cli" }]] })).toEqual(["2 is in the table twice"]);
  });
  test("a number that is no case", () => {
    expect(problems({ rows: [...rows, [9, { later: "cli" }]] })).toEqual(["9 is in the table, and no case"]);
  });
  test("a test that does not exist", () => {
    expect(problems({ ran: ran.slice(1) })).toEqual(["1 link:twice: there is no such test in link.conformance.ts"]);
  });
  test("a test that exists in another file only", () => {
    const moved = ran.map((one) => (one.title.startsWith("link") ? { ...one, file: "name.conformance.ts" } : one));
    expect(problems({ ran: moved })).toHaveLength(2);
  });
  test("a test that did not pass, or only with some parameters", () => {
    for (const failed of [
      ran.map((one) => ({ ...one, passed: !one.title.startsWith("link") })),
      [...ran, { file, title: "link:twice", passed: false }],
    ])
      expect(problems({ ran: failed })).toEqual(["1 link:twice: its test in link.conformance.ts did not pass"]);
  });
  test("a test of no case that did not pass", () => {
    const failed = ran.map((one) => ({ ...one, passed: !one.title.startsWith("an extra") }));
    expect(problems({ ran: failed })).toEqual(["link.conformance.ts: an extra: anything did not pass"]);
  });
  test("an entry with the name of another case", () => {
    const wrong = rows.map((row): Row => (row[0] === 1 ? [1, { test: { file, name: "link:noproc" } }] : row));
    expect(problems({ rows: wrong })).toContain("1 is link:twice, and the table says link:noproc");
  });
  test("a test that claims a case that the table leaves to later", () => {
    expect(problems({ ran: [...ran, { file, title: "link:noproc: an EXIT", passed: true }] })).toEqual([
      "link.conformance.ts claims 2 link:noproc, which the table gives to later: cluster",
    ]);
  });
  test("a case given up as not JS that is not marked", () => {
    const given = rows.map((row): Row => (row[0] === 2 ? [2, { notJs: "too hard" }] : row));
    expect(problems({ rows: given })).toEqual(["2 link:noproc is not marked as not JS"]);
  });
});

test("numbers are shown as ranges", () => {
  expect(ranges([1, 3, 4, 5, 9])).toBe("1, 3-5, 9");
});

test("the committed list of cases is the one beside the project, where that is there", ({ skip }) => {
  const page = join(import.meta.dirname, "..", "..", "shared", "conformance", "otp-cases.md");
  if (!existsSync(page)) skip("otp-cases.md is not on this machine");
  expect(casesOf(readFileSync(page, "utf8"))).toEqual(cases);
});

test("each number is in the table at most once", () => {
  const numbers = table.map(([number]) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
});
