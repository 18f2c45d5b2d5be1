/**
 * `npm run conformance`: runs the conformance suites and holds them against OTP's list of cases (`conformance/cases.json`)
 * and the table of who covers which (`conformance/table.ts`). Fails on gaps, on tests that are missing or did not pass,
 * and on tests that claim a case of another number.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import cases from "../conformance/cases.json" with { type: "json" };
import { table } from "../conformance/table.ts";
import { casesOf, type Ran, verdictOf } from "../conformance/verdict.ts";
import { root } from "./step.ts";

interface JsonReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

function runSuites(): { readonly ran: readonly Ran[]; readonly broken: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "interlock-conformance-"));
  const outputFile = join(folder, "report.json");
  try {
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    const args = [
      vitest,
      "run",
      ".conformance.ts",
      "--reporter=dot",
      "--reporter=json",
      `--outputFile.json=${outputFile}`,
    ];
    const { stderr, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });
    if (!existsSync(outputFile)) throw new Error(`vitest gave no report:\n${stdout}${stderr}`);
    const { testResults } = JSON.parse(readFileSync(outputFile, "utf8")) as JsonReport;
    const ran = testResults.flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ status, title }) => ({ file: basename(name), title, passed: status === "passed" })),
    );
    const broken = testResults
      .filter(({ assertionResults }) => assertionResults.length === 0)
      .map(({ message, name }) => `${basename(name)} has no tests: ${message ?? ""}`);
    return { ran, broken };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const page = join(root, "..", "shared", "conformance", "otp-cases.md");
const listProblems =
  existsSync(page) && !isDeepStrictEqual(casesOf(readFileSync(page, "utf8")), cases)
    ? ["conformance/cases.json is not the list of otp-cases.md any more"]
    : [];
const { broken, ran } = runSuites();
const verdict = verdictOf(cases, table, ran);
const problems = new Set([...listProblems, ...broken, ...verdict.problems]);

const total = { cases: 0, passed: 0, notJs: 0, notOurs: 0, later: 0, missing: 0 };
for (const { area, cases: all, later, missing, notJs, notOurs, passed } of verdict.summary) {
  const waiting = Object.entries(later).map(([what, count]) => `${count} later (${what})`);
  const rest = [
    ...(notJs > 0 ? [`${notJs} not JS`] : []),
    ...(notOurs > 0 ? [`${notOurs} not ours`] : []),
    ...waiting,
    ...(missing.length > 0 ? [`${missing.length} MISSING`] : []),
  ];
  console.log(
    `${area.padEnd(80)} ${String(passed).padStart(4)} of ${String(all).padStart(3)} pass${rest.map((part) => `, ${part}`).join("")}`,
  );
  total.cases += all;
  total.passed += passed;
  total.notJs += notJs;
  total.notOurs += notOurs;
  total.later += Object.values(later).reduce((sum, count) => sum + count, 0);
  total.missing += missing.length;
}
console.log(
  `${total.cases} cases: ${total.passed} pass, ${total.later} wait for a part that is not there yet, ${total.notJs} have no meaning in JavaScript, ${total.notOurs} are about what Interlock has not on purpose, ${total.missing} missing. ${ran.length} tests ran.`,
);
for (const problem of problems) console.error(`✖ ${problem}`);
process.exitCode = problems.size === 0 ? 0 : 1;
