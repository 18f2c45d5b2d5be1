import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type LauncherFacts, launchers, leaveLauncherFile } from "./launcher-file.ts";

let folder: string;
const before = process.env["XDG_STATE_HOME"];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-launchers-"));
  process.env["XDG_STATE_HOME"] = folder;
});
afterEach(async () => {
  if (before === undefined) delete process.env["XDG_STATE_HOME"];
  else process.env["XDG_STATE_HOME"] = before;
  await rm(folder, { recursive: true });
});

const facts = (pid: number): LauncherFacts => ({
  app: "bank",
  pid,
  cookie: "a secret",
  epmd: { host: "127.0.0.1", port: 1 },
  url: "http://127.0.0.1:2",
  token: "a token",
});

test("a launcher is found by whoever started it while it runs, and nobody else may read of it", async () => {
  expect(await launchers()).toEqual([]);
  const takeAway = await leaveLauncherFile(facts(process.pid));
  expect(await launchers()).toEqual([facts(process.pid)]);
  const place = join(folder, "interlock", "launchers");
  expect((await stat(place)).mode & 0o777).toBe(0o700);
  expect((await stat(join(place, `${process.pid}.json`))).mode & 0o777).toBe(0o600);
  await takeAway();
  expect(await readdir(place)).toEqual([]);
});

test("what one that was killed has left goes with the next look; what is no such file stays", async () => {
  const killed = spawn(process.execPath, ["--eval", ""]);
  await once(killed, "exit");
  await leaveLauncherFile(facts(killed.pid ?? 0));
  const place = join(folder, "interlock", "launchers");
  await writeFile(join(place, "notes.txt"), "mine");
  await writeFile(join(place, `${process.pid}.json`), "{ half of it");
  expect(await launchers()).toEqual([]);
  expect((await readdir(place)).sort()).toEqual([`${process.pid}.json`, "notes.txt"]);
});

test("a program of somebody else's is not the launcher that had its number", async () => {
  await leaveLauncherFile(facts(process.pid));
  using kill = vi.spyOn(process, "kill");
  kill.mockImplementation(() => {
    throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
  });
  expect(await launchers()).toEqual([]);
  expect(await readdir(join(folder, "interlock", "launchers"))).toEqual([]);
});
