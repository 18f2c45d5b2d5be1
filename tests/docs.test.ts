import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, test } from "vitest";

import { cliPage } from "../scripts/cli-page.ts";
import { errorsPage, explanations } from "../scripts/errors-page.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root }).sort()];

test("docs/errors.md is what npm run errors-page writes", () => {
  expect(read("docs/errors.md")).toBe(errorsPage());
});

test("docs/cli.md is what npm run cli-page writes, from the command's own help", () => {
  expect(read("docs/cli.md")).toBe(cliPage());
});

test("interlock explain says what npm run errors-page writes for it", () => {
  expect(read("packages/cli/src/explanations.json")).toBe(explanations());
});

describe("docs/telemetry.md", () => {
  const page = read("docs/telemetry.md");
  /** The rows of a table, as the words in code of each cell. */
  const rows = page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code)));

  test("names exactly the channels that exist", () => {
    const sources = globSync("packages/{core,cluster}/src/**/*.ts", { cwd: root }).filter(
      (path) => !path.endsWith(".test.ts"),
    );
    const channels = sources.flatMap((path) =>
      [...read(path).matchAll(/\bchannel\("([^"]+)"\)/g)].map(([, name]) => name),
    );
    const named = rows.flatMap(([, first]) => first ?? []).filter((name) => name?.startsWith("interlock:"));
    expect(channels).not.toEqual([]);
    expect(new Set(named)).toEqual(new Set(channels));
  });

  test("names exactly the fields of each report", () => {
    const reports = read("packages/core/src/report/report.ts");
    const declared = [...reports.matchAll(/interface \w+Report \{([\s\S]*?)\n\}/g)].map(([, body = ""]) => {
      const fields = [...body.matchAll(/readonly (\w+):/g)].map(([, field]) => field);
      return [
        /readonly type: "(\w+)"/.exec(body)?.[1],
        ...fields.filter((field) => field !== "type" && field !== "at"),
      ];
    });
    const types = declared.map(([type]) => type);
    const named = rows
      .filter(([, first]) => types.includes(first?.[0]))
      .map(([, first, , fields]) => [first?.[0], ...(fields ?? [])]);
    expect(named).toEqual(declared);
  });
});

describe("docs/limits.md", () => {
  const page = read("docs/limits.md");
  const proofs = [...page.matchAll(/^ {2}\* (?<proof>.*)$/gm)].map(({ groups }) => groups?.["proof"] ?? "");

  test("names a test for each claim", () => {
    const claims = page.match(/^\* \*\*/gm) ?? [];
    expect(claims.length).toBeGreaterThan(15);
    for (const claim of page.split(/^(?=\* \*\*)/m).slice(1)) expect(claim).toMatch(/^ {2}\* /m);
  });

  test.for(proofs)("%s", (proof) => {
    const { name = "", path = "" } = /^\[[^\]]+\]\(\.\.\/(?<path>[^)]+)\): (?<name>.+)$/.exec(proof)?.groups ?? {};
    // After a quote of any kind; a parameter may follow.
    const source = read(path);
    expect(['"', "`"].some((quote) => source.includes(`${quote}${name}`))).toBe(true);
  });
});

test.for(pages)("the links of %s lead somewhere", (page) => {
  const links = [...read(page).matchAll(/\]\(([^)#\s]+)/g)].flatMap(([, link = ""]) =>
    link.includes("://") ? [] : [link],
  );
  expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
});
