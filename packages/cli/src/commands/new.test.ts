import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readAppSpec } from "../deploy/app-spec.ts";
import { TestTerminal } from "./commands.fixture.ts";
import { newProject } from "./new.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "interlock-new-"));
});
afterEach(() => rm(parent, { recursive: true }));

function node(folder: string, ...args: string[]) {
  const env = { ...process.env, NODE_OPTIONS: "--conditions=@interlock/source", PORT: "0", INTERLOCK_APP: undefined };
  // A test runner inside this one would report to it.
  return spawn(process.execPath, args, { cwd: folder, env: { ...env, NODE_TEST_CONTEXT: undefined } });
}

describe("interlock new", () => {
  test("makes a project whose test passes and whose program serves and ends in order", async () => {
    const given = new TestTerminal();
    const folder = join(parent, "bank");
    await newProject(folder, given);
    expect(given.talk.text).toContain(`cd ${folder} && npm install && npx interlock dev`);
    // What npm install would do.
    await mkdir(join(folder, "node_modules"));
    const packages = fileURLToPath(new URL("../../../../node_modules/@interlock", import.meta.url));
    await symlink(packages, join(folder, "node_modules/@interlock"));

    const tested = node(folder, "--test");
    const [[code], text] = await Promise.all([once(tested, "exit"), tested.stdout.toArray()]);
    expect(text.join("")).toMatch(/pass 1\b/);
    expect(code).toBe(0);

    const bin = fileURLToPath(new URL("../bin.ts", import.meta.url));
    const program = node(folder, bin, "run");
    const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
    const url = /bank is at (.+)$/.exec((await lines.next()).value ?? "")?.[1] ?? "";
    expect(await (await fetch(url)).text()).toBe("hello from bank, visitor 1\n");
    program.kill("SIGTERM");
    expect((await once(program, "exit"))[0]).toBe(0);
  });

  test("writes an interlock.yaml that deploy takes, and pipelines that are YAML", async () => {
    const folder = join(parent, "bank");
    await newProject(folder, new TestTerminal());
    expect(await readAppSpec(join(folder, "interlock.yaml"))).toMatchObject({ name: "bank", entry: "src/main.ts" });
    const gitlab = parse(await readFile(join(folder, ".gitlab-ci.yml"), "utf8"));
    expect(gitlab.stages).toEqual(["test", "release", "deploy"]);
    const github = parse(await readFile(join(folder, ".github/workflows/interlock.yml"), "utf8"));
    expect(Object.keys(github.jobs)).toEqual(["test", "deploy"]);
  });

  test("refuses a folder with something in it, and leaves that as it is", async () => {
    const folder = join(parent, "taken");
    await mkdir(folder);
    await writeFile(join(folder, "diary.txt"), "mine");
    await expect(newProject(folder, new TestTerminal())).rejects.toMatchObject({ code: "INTERLOCK_FOLDER_NOT_EMPTY" });
    expect(await readdir(folder)).toEqual(["diary.txt"]);
  });

  test("refuses a name that Kubernetes would not take", async () => {
    await expect(newProject(join(parent, "Bank_1"), new TestTerminal())).rejects.toMatchObject({
      code: "INTERLOCK_LAUNCH_OPTION",
    });
  });
});
