import { globSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { violationsOf } from "./source-rules.ts";

const root = new URL("..", import.meta.url).pathname;

const isTest = (path: string): boolean => /\.(test|fixture)\.ts$/.test(path) || path.includes("/fixtures/");

describe("the sources of the packages", () => {
  const paths = globSync("packages/*/src/**/*.ts", { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !isTest(path))
    .sort();

  test("exist", () => {
    expect(paths).not.toEqual([]);
  });

  test("import only downward and leave clock, timers and randomness to the runtime's ports", () => {
    expect(paths.flatMap((path) => violationsOf(path, readFileSync(`${root}/${path}`, "utf8")))).toEqual([]);
  });
});

describe("a planted violation is found", () => {
  const core = (file: string, source: string): string[] => violationsOf(`packages/core/src/${file}`, source);

  test.each([
    ["core importing a package of the registry", "process/a.ts", 'import { z } from "zod";'],
    ["core importing a type of another package", "process/a.ts", 'import type { Frame } from "@interlock/wire";'],
    ["core importing by import()", "process/a.ts", 'const zod = await import("zod");'],
    ["core re-exporting another package", "index.ts", 'export * from "@interlock/cluster";'],
    ["a folder importing from above", "process/a.ts", 'import { genServer } from "../behaviour/gen-server.ts";'],
    ["a folder importing a type from above", "storage/a.ts", 'import type { A } from "../supervision/strategy.ts";'],
    ["a folder naming a type from above inline", "behaviour/a.ts", 'let a: import("../application/config.ts").Config;'],
    ["a folder re-exporting from above", "naming/a.ts", 'export { a } from "../supervision/supervisor.ts";'],
    ["a folder importing the package's index", "supervision/a.ts", 'import { spawn } from "../index.ts";'],
    ["an import of a value where only types may go up", "errors.ts", 'import { pid } from "./process/pid.ts";'],
    ["a folder without a place in the order", "utilities/a.ts", 'import { send } from "../process/send.ts";'],
    ["an import that leaves the package", "process/a.ts", 'import { a } from "../../../wire/src/term/encode.ts";'],
  ])("%s", (_what, file, source) => {
    expect(core(file, `// planted\n${source}\n`)).toEqual([expect.stringMatching(/^packages\/core\/src\/.*:2 /)]);
  });

  test.each([
    ["Date.now()", "const a = Date.now();"],
    ["Date.now taken out", "const { now } = Date;"],
    ["Date without arguments", "const a = new Date();"],
    ["Date called", "const a = Date();"],
    ["Date passed on", "make(Date);"],
    ["performance", "const a = performance.now();"],
    ["setTimeout", "setTimeout(() => {}, 1);"],
    ["setInterval", "const every = setInterval;"],
    ["setImmediate in a template", `const a = \`\${setImmediate(f)}\`;`],
    ["a timer in a short-hand property", "const timers = { setTimeout };"],
    ["globalThis.setTimeout", "globalThis.setTimeout(f, 1);"],
    ["globalThis['performance']", 'globalThis["performance"].mark("a");'],
    ["globalThis.Math.random", "const a = globalThis.Math.random();"],
    ["Math.random", "const a = Math.random();"],
    ["Math['random']", 'const a = Math["random"]();'],
    ["process.hrtime", "const a = process.hrtime.bigint();"],
    ["AbortSignal.timeout", "const a = AbortSignal.timeout(5);"],
    ["crypto.randomUUID", "const a = crypto.randomUUID();"],
    ["an import of node:timers", 'import { setTimeout as later } from "node:timers";'],
    ["an import of node:timers/promises", 'import * as timers from "node:timers/promises";'],
    ["an import of node:perf_hooks", 'import { monitorEventLoopDelay } from "node:perf_hooks";'],
    ["an import of randomBytes", 'import { createHash, randomBytes } from "node:crypto";'],
    ["an import of all of node:crypto", 'import * as everything from "node:crypto";'],
  ])("%s", (_what, source) => {
    const found = core("process/a.ts", source);
    expect(found).not.toEqual([]);
    expect(found.join("\n")).toContain("Runtime record");
  });

  test.each([
    ["wire", "core"],
    ["cluster", "kubernetes"],
    ["resilience", "cluster"],
    ["kubernetes", "operator"],
    ["observe", "gateway"],
    ["operator", "cli"],
  ])("%s importing %s", (from, to) => {
    expect(violationsOf(`packages/${from}/src/a.ts`, `import "@interlock/${to}";`)).toHaveLength(1);
  });

  test("a package without a line in the order", () => {
    expect(violationsOf("packages/common/src/a.ts", 'import "node:fs";')).toHaveLength(1);
  });
});

describe("what is allowed passes", () => {
  test.each([
    ["packages/core/src/runtime.ts", 'import { performance } from "node:perf_hooks"; setTimeout(f, Date.now());'],
    ["packages/core/src/process/a.ts", 'import { AsyncResource } from "node:async_hooks";'],
    ["packages/core/src/process/a.ts", 'import { b } from "./b.ts"; import { e } from "../errors.ts";'],
    ["packages/core/src/errors.ts", 'import type { ExitReason } from "./process/exit-reason.ts";'],
    ["packages/core/src/supervision/a.ts", 'import { genServer } from "../behaviour/gen-server.ts";'],
    ["packages/core/src/process/a.ts", "// setTimeout(Date.now())\nconst text = 'Math.random()';"],
    ["packages/core/src/process/a.ts", "const isDate = (value: Date) => value instanceof Date; new Date(0).getTime();"],
    ["packages/core/src/process/a.ts", "node.performance = timers.setTimeout; const a = { performance: 1 };"],
    ["packages/core/src/process/a.ts", "interface A { setTimeout(): void; performance: typeof performance }"],
    ["packages/core/src/process/a.ts", 'import { createHash } from "node:crypto";'],
    ["packages/core/src/process/a.ts", "const module = await import(url);"],
    ["packages/cluster/src/a.ts", 'import "@interlock/core"; import "@interlock/wire"; import { z } from "zod";'],
  ])("%s: %s", (path, source) => {
    expect(violationsOf(path, source)).toEqual([]);
  });
});
