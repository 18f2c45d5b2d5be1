import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** The fenced blocks of a page, in order. */
function blocks(page: string): { readonly language: string; readonly text: string }[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language = "", text = ""]) => ({ language, text }));
}

test("the README's first program crashes, recovers and prints what stands below it", () => {
  const [program, output] = blocks(readFileSync(join(root, "README.md"), "utf8"));
  expect(program?.language).toBe("ts");
  // Within the repository, so that the package is found as it is in a user's project.
  const folder = mkdtempSync(join(root, "tests", ".readme-"));
  try {
    const file = join(folder, "first.ts");
    writeFileSync(file, program?.text ?? "");
    const printed = execFileSync(process.execPath, ["--conditions=@interlock/source", file], { encoding: "utf8" });
    expect(printed).toBe(output?.text);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
