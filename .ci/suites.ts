/**
 * Runs every suite of the project one after the other, counts their tests and closes with `N passed, N failed`. To add a
 * suite, add a line to `suites`. Arguments name the suites to run; without any, all run.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  /** The sources that the suite runs; as long as they are absent it is passed over, and the run says so. */
  readonly needs: string;
  readonly limitMs: number;
  /** Reads the totals from the output; without it the suite counts as one test that its exit code decides. */
  readonly count?: (output: string) => Totals | undefined;
  /** Says which tests failed and why; without it the end of the output has to tell. */
  readonly failures?: () => string[];
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), "interlock-ci-"));
const vitestReport = join(scratch, "vitest.json");
const interopReport = join(scratch, "interop.json");
const netsplitReport = join(scratch, "netsplit.json");
const kubernetesReport = join(scratch, "kubernetes.json");
const e2eReport = join(scratch, "e2e.json");
const minutes = (count: number): number => count * 60_000;
const reporting = (file: string): string[] => ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];

const suites: readonly Suite[] = [
  { name: "check", command: ["npm", "run", "check"], needs: "scripts/check.ts", limitMs: minutes(5) },
  {
    name: "test",
    // Without those of the suites `interop`, which has two Erlangs, and `kubernetes`.
    command: [
      ...["npm", "test", "--", "--exclude=conformance/interop/**", "--exclude=**/*.kubernetes.test.ts"],
      ...reporting(vitestReport),
    ],
    needs: "tests",
    limitMs: minutes(15),
    ...vitest(vitestReport),
  },
  {
    name: "interop",
    command: ["npm", "run", "test:interop", "--", ...reporting(interopReport)],
    needs: "conformance/interop",
    limitMs: minutes(10),
    ...vitest(interopReport),
  },
  {
    name: "netsplit",
    command: ["npm", "run", "test:netsplit", "--", ...reporting(netsplitReport)],
    needs: "conformance/netsplit",
    limitMs: minutes(8),
    ...vitest(netsplitReport),
  },
  {
    name: "kubernetes",
    command: [".ci/on-kubernetes", "npm", "run", "test:kubernetes", "--", ...reporting(kubernetesReport)],
    needs: "packages/kubernetes",
    limitMs: minutes(10),
    ...vitest(kubernetesReport),
  },
  {
    name: "e2e",
    command: [".ci/on-kubernetes", "npm", "run", "test:e2e", "--", ...reporting(e2eReport)],
    needs: "e2e/vitest.config.ts",
    limitMs: minutes(40),
    ...vitest(e2eReport),
  },
  {
    name: "evaluation",
    command: [
      ...[".ci/on-kubernetes", "npm", "run", "evaluate", "--", "--quick", "--faults=crash,rolling-update"],
      ...["--check", `--out=${join(scratch, "evaluation")}`],
    ],
    needs: "evaluation/src/main.ts",
    limitMs: minutes(10),
    count: fromClosingLine,
  },
  {
    name: "conformance",
    command: ["npm", "run", "conformance"],
    needs: "scripts/conformance.ts",
    limitMs: minutes(10),
    count: fromClosingLine,
  },
  {
    name: "browser",
    command: ["npm", "run", "test:browser"],
    needs: "examples/newsroom/e2e",
    limitMs: minutes(8),
    count: fromNodeTest,
  },
  {
    name: "soak",
    command: ["npm", "run", "soak"],
    needs: "scripts/soak.ts",
    limitMs: minutes(8),
    count: fromClosingLine,
  },
  {
    name: "bench",
    command: ["npm", "run", "bench", "--", "--quick", `--json=${join(scratch, "bench.json")}`],
    needs: "bench/src/main.ts",
    limitMs: minutes(6),
  },
  {
    name: "smoke-start",
    command: ["node", "scripts/smoke-start.mjs"],
    needs: "examples/newsroom/src/main.ts",
    limitMs: minutes(6),
  },
];

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No suite is named ${unknown.join(", ")}. There are ${suites.map((suite) => suite.name).join(", ")}.`);
  process.exit(2);
}

const sum = { passed: 0, failed: 0, skipped: 0 };
const summary: string[] = [];
const failures: string[] = [];
for (const suite of suites) {
  if (chosen.length > 0 && !chosen.includes(suite.name)) continue;
  if (!existsSync(join(root, suite.needs))) {
    summary.push(`${suite.name.padEnd(12)} passed over: ${suite.needs} does not exist`);
    continue;
  }
  console.log(`\n=== ${new Date().toISOString().slice(11, 19)}  ${suite.name}: ${suite.command.join(" ")}`);
  const startMs = performance.now();
  const { problem, output } = await run(suite);
  const totals = settle(suite, problem, output);
  sum.passed += totals.passed;
  sum.failed += totals.failed;
  sum.skipped += totals.skipped;
  if (totals.failed > 0) {
    const told = suite.failures?.() ?? [];
    failures.push(...(told.length > 0 ? told : [lastLines(output)]).map((text) => `--- ${suite.name}: ${text}`));
  }
  const seconds = `${((performance.now() - startMs) / 1000).toFixed(0)} s`;
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
  const why = problem === undefined ? "" : `   (${problem})`;
  summary.push(
    `${suite.name.padEnd(12)} ${seconds.padStart(6)}   ${totals.passed} passed, ${totals.failed} failed${skipped}${why}`,
  );
}

// Once more at the end, where a reader of a log of many thousand lines, or of its last hundred, finds them.
if (failures.length > 0) console.log(`\n=== what failed\n${failures.join("\n\n")}`);
console.log(`\n=== summary\n${summary.join("\n")}\n`);
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;

/** A suite that broke off, or that ran nothing, counts as a failure whatever it printed. */
function settle(suite: Suite, problem: string | undefined, output: string): Totals {
  const totals = suite.count?.(output);
  if (problem === undefined) {
    if (suite.count === undefined || totals === undefined) return { passed: 1, failed: 0, skipped: 0 };
    return totals.passed + totals.failed === 0 ? { ...totals, failed: 1 } : totals;
  }
  if (totals === undefined) return { passed: 0, failed: 1, skipped: 0 };
  return { ...totals, failed: Math.max(1, totals.failed) };
}

function run(suite: Suite): Promise<{ problem: string | undefined; output: string }> {
  const [command = "", ...args] = suite.command;
  return new Promise((resolve) => {
    // A group of its own, so that what a suite leaves behind ends with it.
    const child = spawn(command, args, { cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: string[] = [];
    let problem: string | undefined;
    const endGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // The group has ended by itself.
      }
    };
    const limit = setTimeout(() => {
      problem = `ended after its limit of ${suite.limitMs / 60_000} min`;
      endGroup();
    }, suite.limitMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        chunks.push(chunk);
        process.stdout.write(chunk);
      });
    }
    child.on("error", (error) => {
      problem = error.message;
    });
    child.on("exit", (code, signal) => {
      if (code !== 0) problem ??= `exit ${code ?? signal}`;
      endGroup();
    });
    child.on("close", () => {
      clearTimeout(limit);
      resolve({ problem, output: chunks.join("") });
    });
  });
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

function vitest(path: string): Required<Pick<Suite, "count" | "failures">> {
  const read = (): VitestReport | undefined =>
    existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as VitestReport) : undefined;
  return {
    count: () => {
      const report = read();
      return (
        report && {
          passed: report.numPassedTests,
          failed: report.numFailedTests,
          skipped: report.numPendingTests + report.numTodoTests,
        }
      );
    },
    failures: () =>
      (read()?.testResults ?? []).flatMap((file) => {
        const tests = file.assertionResults.filter(({ status }) => status === "failed");
        const name = relative(root, file.name);
        // A file that could not be loaded, or whose set-up failed, has no failed test of its own.
        if (tests.length === 0) return file.status === "failed" ? [`${name}\n${firstLines(file.message)}`] : [];
        return tests.map((test) => `${name} > ${test.fullName}\n${firstLines(test.failureMessages.join("\n"))}`);
      }),
  };
}

/** Without what the test runner itself was doing. */
function firstLines(text: string): string {
  const lines = plain(text).split("\n");
  return lines
    .filter((line) => !line.includes("/node_modules/vitest/"))
    .slice(0, 25)
    .join("\n");
}

function lastLines(output: string): string {
  return `the end of its output\n${plain(output).trimEnd().split("\n").slice(-25).join("\n")}`;
}

/** The totals that node:test prints last, in its spec form (`ℹ pass 3`) or as TAP (`# pass 3`). */
function fromNodeTest(output: string): Totals | undefined {
  const last = (name: string): number => {
    const found = [...plain(output).matchAll(new RegExp(`^(?:ℹ|#) ${name} (\\d+)$`, "gm"))].at(-1);
    return Number(found?.[1] ?? Number.NaN);
  };
  const [passed, failed, cancelled, skipped] = [last("pass"), last("fail"), last("cancelled"), last("skipped")];
  if (Number.isNaN(passed + failed)) return undefined;
  return { passed, failed: failed + (cancelled || 0), skipped: skipped || 0 };
}

/** The last line of the form `[name: ]N passed, N failed[, N skipped]`. */
function fromClosingLine(output: string): Totals | undefined {
  const line = /^(?:\S+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm;
  const found = [...plain(output).matchAll(line)].at(-1);
  if (found === undefined) return undefined;
  return { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3] ?? 0) };
}

function plain(output: string): string {
  return output.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"), "").replaceAll("\r", "");
}
