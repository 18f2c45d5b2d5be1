import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { entryOf } from "./run.ts";

const bin = fileURLToPath(new URL("../bin.ts", import.meta.url));
const fixture = fileURLToPath(new URL("application.fixture.ts", import.meta.url));

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
});
