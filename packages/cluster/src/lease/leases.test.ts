import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";

import { fileLeases } from "./file-leases.ts";
import type { LeaseRecord } from "./lease.ts";
import { leaseContract } from "./lease-contract.fixture.ts";
import { memoryLeases } from "./memory-leases.ts";

const root = mkdtempSync(join(tmpdir(), "interlock-leases-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = (): string => join(root, String(++folders));

const a = { holder: "a", durationMs: 1_000 };

leaseContract("in memory", () => memoryLeases());
leaseContract("in files", () => fileLeases({ folder: newFolder() }));

describe("a lease in files", () => {
  const program = new URL("file-lease-program.fixture.ts", import.meta.url).pathname;
  const args = (...given: string[]): string[] => ["--conditions=@interlock/source", program, ...given];

  test("is never two programs' at once, however they race", async () => {
    const folder = newFolder();
    const run = promisify(execFile);
    const outputs = await Promise.all(["a", "b", "c"].map((name) => run(process.execPath, args(folder, name, "20"))));
    const tokens = outputs.map(({ stdout }) => JSON.parse(stdout) as number[]);
    for (const own of tokens) expect(own).toEqual(own.toSorted((x, y) => x - y));
    expect(new Set(tokens.flat()).size).toBe(60);
    expect(await fileLeases({ folder }).lease("race").read()).toMatchObject({ holder: undefined, token: 60 });
    // Nothing is left of the versions before.
    expect(readdirSync(folder).length).toBeLessThanOrEqual(3);
  });

  test("is whole after a program that wrote it was killed at any time", async () => {
    const folder = newFolder();
    const lease = fileLeases({ folder }).lease("race");
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, args(folder, `victim${round}`, "1000000"), { stdio: "ignore" });
      const before = (await lease.read())?.token ?? 0;
      while (((await lease.read())?.token ?? 0) < before + 3 + round);
      child.kill("SIGKILL");
      await once(child, "exit");
      const seen = (await lease.read()) as LeaseRecord;
      const { granted, record } = await lease.acquire(a, seen);
      expect(granted).toBe(true);
      expect(await lease.release(record as LeaseRecord)).toBe(true);
    }
  });

  test("that cannot be read is an error, never a lease that nobody holds", async () => {
    const folder = newFolder();
    const lease = fileLeases({ folder }).lease("bank");
    await lease.acquire(a, undefined);
    writeFileSync(join(folder, "bank.2.lease"), "not a record");
    await expect(lease.read()).rejects.toMatchObject({ code: "INTERLOCK_LEASE", details: { lease: "bank" } });
    const inFile = fileLeases({ folder: join(folder, "bank.2.lease") }).lease("bank");
    await expect(inFile.read()).rejects.toMatchObject({ code: "INTERLOCK_LEASE" });
    await expect(inFile.acquire(a, undefined)).rejects.toMatchObject({ code: "INTERLOCK_LEASE" });
  });
});
