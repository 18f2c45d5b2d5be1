import { spawn as startProgram } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { expect, test } from "vitest";

import { LocalNode } from "../node.ts";
import type { Report } from "./report.ts";

/** A program whose process crashes while nobody reads its stderr any more. */
const program = `
  import { monitor, spawn } from "@interlock/core";
  await new Promise((read) => process.stdin.once("data", read));
  for (let n = 0; n < 50; n++) await monitor(spawn(async () => { throw new Error("x".repeat(2_000)); }));
  console.log("alive");
  process.exit(0);
`;

test("a crash whose report nobody can read harms nobody: closed stderr", async () => {
  const child = startProgram(
    process.execPath,
    ["--conditions=@interlock/source", "--input-type=module", "-e", program],
    {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: import.meta.dirname,
    },
  );
  child.stderr.destroy();
  child.stdin.write("go\n");
  const [printed] = (await once(child.stdout, "data")) as [Buffer];
  const [code] = (await once(child, "exit")) as [number];
  expect(printed.toString()).toBe("alive\n");
  expect(code).toBe(0);
});

test("a handler that wants no progress is given none, also where somebody else listens to the channel for it", async () => {
  const node = new LocalNode();
  const handled: string[] = [];
  const published: string[] = [];
  node.onReport = ({ type }) => void handled.push(type);
  node.progress = false;
  const listen = (report: unknown): void => void published.push((report as Report).type);
  subscribe("interlock:report", listen);
  const common = { supervisor: "sup", supervisorPid: node.nobody, childId: "child", childPid: node.nobody, at: 0 };
  node.report({ type: "progress", ...common });
  node.report({ type: "warning", pid: undefined, label: "x", text: "y", details: undefined, at: 0 });
  unsubscribe("interlock:report", listen);
  expect(published).toEqual(["progress", "warning"]);
  expect(handled).toEqual(["warning"]);
});
