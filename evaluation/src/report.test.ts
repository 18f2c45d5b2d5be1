import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { claimsOn } from "./check.ts";
import { faults } from "./faults.ts";
import { plotsOf } from "./plots.ts";
import { pageOf } from "./report.ts";
import { resultsOf, runOf } from "./results.fixture.ts";
import type { Results } from "./results.ts";

const docs = join(import.meta.dirname, "../../docs");

describe("the page", () => {
  test("has a section for each fault, and says of those that were not run that they were not", () => {
    const page = pageOf(resultsOf([runOf("plain", "crash")]));
    for (const { title } of faults) expect(page).toContain(`### ${title}\n`);
    expect(page).toContain("Not measured: good-practice, newsroom-1, newsroom-3.");
  });

  test("does not round a loss away", () => {
    const page = pageOf(resultsOf([runOf("plain", "crash", { lost: 1, requests: 100_000, availability: 0.999_99 })]));
    expect(page).toContain("| 99.99 % | 1 of 100000 |");
  });

  test("says of what did not heal how long that was watched", () => {
    expect(pageOf(resultsOf([runOf("plain", "killed", { healMs: undefined })]))).toContain("| not in 2 s |");
  });

  test("gives the reason where something could not be measured", () => {
    const omissions = [{ deployment: "newsroom-1", fault: "cut-off", problem: "no program for machines" }] as const;
    expect(pageOf({ ...resultsOf([]), omissions })).toContain(
      "**newsroom-1** could not be measured: no program for machines",
    );
  });
});

test("the plots name each fault and each deployment that was measured", async () => {
  const plots = await plotsOf(resultsOf([runOf("plain", "crash"), runOf("newsroom-3", "killed", { stateLost: 7 })]));
  for (const { svg } of plots)
    for (const text of ["plain", "newsroom-3", "Crash in a request", "Process killed"]) expect(svg).toContain(text);
});

describe.skipIf(!existsSync(join(docs, "evaluation.json")))("docs/evaluation", () => {
  const read = (name: string): string => readFileSync(join(docs, name), "utf8");
  const results = (): Results => JSON.parse(read("evaluation.json")) as Results;

  test("is what npm run evaluate -- --render writes", () => {
    expect(read("evaluation.md")).toBe(pageOf(results()));
  });

  test("has what has to hold of Interlock in its numbers", () => {
    expect(claimsOn(results()).filter(({ holds }) => !holds)).toEqual([]);
  });
});
