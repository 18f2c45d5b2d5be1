import { spawn as startProgram } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

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
