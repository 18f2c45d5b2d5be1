import { expect, test } from "vitest";
import { claimsOn } from "./check.ts";
import { resultsOf, runOf } from "./results.fixture.ts";

const broken = (results: Parameters<typeof claimsOn>[0]): readonly string[] =>
  claimsOn(results).flatMap(({ holds, text }) => (holds ? [] : [text]));

test("a rolling update of the newsroom may lose no request, no message and no state", () => {
  const run = runOf("newsroom-3", "rolling-update");
  expect(broken(resultsOf([run]))).toEqual([]);
  for (const measured of [{ lost: 1 }, { messagesDoubled: 1 }, { stateLost: 1 }, { healMs: undefined }])
    expect(broken(resultsOf([{ ...run, measured: { ...run.measured, ...measured } }]))).toHaveLength(1);
});

test("nothing is claimed of what the newsroom is compared with", () => {
  const run = runOf("plain", "rolling-update", { lost: 99, stateLost: 40, healMs: undefined });
  expect(broken(resultsOf([run]))).toEqual([]);
});

test("a process that is killed takes its requests along, but has to come back", () => {
  expect(broken(resultsOf([runOf("newsroom-1", "killed", { lost: 99, stateLost: 40 })]))).toEqual([]);
  expect(broken(resultsOf([runOf("newsroom-1", "killed", { healMs: undefined })]))).toHaveLength(1);
});

test("what could not be measured does not hold", () => {
  const omissions = [{ deployment: "newsroom-3", fault: "crash", problem: "no image" }] as const;
  expect(broken({ ...resultsOf([]), omissions })).toEqual(["newsroom-3, crash: no image"]);
});
