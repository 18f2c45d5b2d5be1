import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryGroup } from "../../../kubernetes/src/pod/container-groups.fixture.ts";
import { entryOf } from "./run.ts";

const bin = fileURLToPath(new URL("../bin.ts", import.meta.url));
const fixture = fileURLToPath(new URL("application.fixture.ts", import.meta.url));

const group = memoryGroup(256);
afterAll(() => group?.end());
const skipped = group === undefined ? " (skipped: no memory group of cgroup v1 can be made here)" : "";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-run-"));
});
afterEach(() => rm(folder, { recursive: true }));

function interlock(...args: string[]) {
  const flags = ["--conditions=@interlock/source", bin, ...args];
  return spawn(process.execPath, flags, { cwd: folder, env: { ...process.env, INTERLOCK_APP: undefined } });
}

describe("interlock run", () => {
  test("runs an application until it is told to end, and stops it in order", async () => {
    const child = interlock("run", fixture);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("hello");
    child.kill("SIGTERM");
    expect((await lines.next()).value).toBe("goodbye");
    expect((await once(child, "exit"))[0]).toBe(0);
  });

  test("loads a program that runs by itself", async () => {
    await writeFile(join(folder, "main.mjs"), "console.log('by itself'); process.exitCode = 7;");
    const child = interlock("run", "main.mjs");
    const [[code], text] = await Promise.all([once(child, "exit"), child.stdout.toArray()]);
    expect([code, text.join("")]).toEqual([7, "by itself\n"]);
  });

  test("finds the program in interlock.yaml, else in package.json, and says when there is none", async () => {
    const file = join(folder, "interlock.yaml");
    await expect(entryOf(undefined, file)).rejects.toMatchObject({ code: "INTERLOCK_ENTRY" });
    await writeFile(join(folder, "package.json"), '{"main": "index.js"}');
    expect(await entryOf(undefined, file)).toBe(join(folder, "index.js"));
    const head = "apiVersion: interlock.dev/v1alpha1\nkind: InterlockApp\nmetadata: { name: bank }\n";
    await writeFile(file, `${head}spec: { entry: src/bank.ts }\n`);
    expect(await entryOf(undefined, file)).toBe(join(folder, "src/bank.ts"));
    const child = interlock("run");
    const [[code], text] = await Promise.all([once(child, "exit"), child.stderr.toArray()]);
    expect(code).toBe(2);
    expect(text.join("")).toContain("interlock explain INTERLOCK_ENTRY");
  });

  test.skipIf(group === undefined)(`gives a pod's program its heap before it is loaded${skipped}`, async () => {
    const code = "console.log(require('node:v8').getHeapStatistics().heap_size_limit / 1_048_576)";
    await writeFile(join(folder, "main.cjs"), code);
    const [file, ...args] = [...(group?.within ?? []), process.execPath, "--conditions=@interlock/source", bin];
    const env = { ...process.env, NODE_OPTIONS: "", INTERLOCK_APP: "bank" };
    const child = spawn(file, [...args, "run", "main.cjs"], { cwd: folder, env });
    // One line: it was loaded once.
    const [heapMiB = 0, ...others] = (await child.stdout.toArray()).join("").trim().split("\n").map(Number);
    expect(others).toEqual([]);
    expect(heapMiB).toBeGreaterThanOrEqual(192);
    expect(heapMiB).toBeLessThan(256);
  });
});
