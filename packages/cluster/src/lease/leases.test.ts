import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";

import { fileLeases } from "./file-leases.ts";
import type { LeaseRecord, Leases } from "./lease.ts";
import { memoryLeases } from "./memory-leases.ts";

const root = mkdtempSync(join(tmpdir(), "interlock-leases-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = (): string => join(root, String(++folders));

const a = { holder: "a", durationMs: 1_000 };
const b = { holder: "b", durationMs: 2_000 };

describe.each<[string, () => Leases]>([
  ["in memory", () => memoryLeases()],
  ["in files", () => fileLeases({ folder: newFolder() })],
])("a lease %s", (_kind, make) => {
  test("is given to one of those who saw the same, and the others are told whose it is", async () => {
    const leases = make();
    const lease = leases.lease("bank");
    expect(await lease.read()).toBeUndefined();
    const answers = await Promise.all([lease.acquire(a, undefined), leases.lease("bank").acquire(b, undefined)]);
    expect(answers.filter(({ granted }) => granted)).toHaveLength(1);
    expect(answers[0]?.record).toEqual(answers[1]?.record);
    expect(await lease.read()).toEqual(answers[0]?.record);
    expect(await leases.lease("another").read()).toBeUndefined();
  });

  test("keeps its token when renewed, and has a higher one whenever it is acquired, also after a release", async () => {
    const lease = make().lease("bank.of/../england");
    const first = (await lease.acquire(a, undefined)).record as LeaseRecord;
    const renewed = (await lease.renew(first)).record as LeaseRecord;
    expect(renewed).toMatchObject({ holder: "a", token: 1, durationMs: 1_000 });
    expect(renewed.version).not.toBe(first.version);
    // An answer that was lost: by the version before it is the holder's still.
    expect(await lease.renew(first)).toMatchObject({ granted: true });
    expect(await lease.release(first)).toBe(true);
    const free = await lease.read();
    expect(free).toMatchObject({ holder: undefined, token: 1 });
    const second = await lease.acquire(b, free);
    expect(second).toMatchObject({ granted: true, record: { holder: "b", token: 2, durationMs: 2_000 } });
    expect(await lease.renew(first)).toMatchObject({ granted: false, record: { holder: "b" } });
    expect(await lease.release(first)).toBe(false);
    expect(await lease.acquire(a, free)).toMatchObject({ granted: false, record: { holder: "b" } });
  });

  test("tells who watches of a change", async () => {
    const lease = make().lease("bank");
    const told = Promise.withResolvers<void>();
    await lease.acquire(a, undefined);
    const end = lease.watch?.(() => told.resolve());
    let last = await lease.read();
    // The watch of files begins a little later.
    while ((await Promise.race([told.promise.then(() => true), lease.renew(last as LeaseRecord)])) !== true)
      last = await lease.read();
    end?.();
  });
});

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
