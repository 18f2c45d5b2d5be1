import { execFile } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { blocksOf, examplesOf, namesOf, type Program, withImports } from "./example-code.ts";

const root = join(import.meta.dirname, "..");
// Within the repository, so that the packages are found as they are in a user's project.
const folder = mkdtempSync(join(root, "tests", ".examples-"));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface File extends Program {
  /** Within `folder`. */
  readonly file: string;
}

const examples = globSync("packages/*/src/**/*.ts", { cwd: root })
  .filter((path) => !/\.(test|fixture)\.ts$/.test(path))
  .sort()
  .flatMap((path) => examplesOf(path, read(path)))
  .map((example, at): File => {
    const [, short = ""] = example.path.split("/");
    const packages = [...new Set(["core", short])].map((name) => {
      return [`@interlock/${name}`, namesOf(read(`packages/${name}/src/index.ts`))] as const;
    });
    const code = withImports(example.code, Object.fromEntries(packages));
    return { ...example, code, file: `example-${at}.ts` };
  });

// A page is a project of its own: its later blocks may import the files that earlier ones are.
const blocks = ["README.md", ...globSync("docs/*.md", { cwd: root }).sort()].flatMap((path) => {
  const project = path.replaceAll(/\W/g, "-");
  return blocksOf(path, read(path)).map(
    (block): File => ({ ...block, file: `${project}/${block.of ?? `${block.line}.ts`}` }),
  );
});

const files = [...examples, ...blocks];
for (const { code, file } of files) {
  mkdirSync(join(folder, file, ".."), { recursive: true });
  writeFileSync(join(folder, file), code);
}
const compilerOptions = { noEmit: true, customConditions: ["@interlock/source"], allowImportingTsExtensions: true };
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({ extends: "../../tsconfig.base.json", compilerOptions, include: ["**/*.ts"] }),
);

interface Ran {
  readonly failed: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      cwd: folder,
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: join(folder, "cache") },
      timeout: 25_000,
    };
    execFile(command, args, options, (error, stdout, stderr) => resolve({ failed: error !== null, stdout, stderr }));
  });
}

/** The compiler and Node.js speak of the written files; whoever reads it wants the place in the documentation. */
function placed(text: string): string {
  return text.replaceAll(
    /(?:file:\S*\/\.examples-\w+\/)?([\w/-]+\.ts)[(:](\d+)(?:,\d+\)|:\d+)?/g,
    (all, name, line) => {
      const found = files.find(({ file }) => file === name);
      return found === undefined ? all : `${found.path}:${found.line + Number(line) - 1}`;
    },
  );
}

test("the documentation's code compiles", async () => {
  const { failed, stdout } = await run(join(root, "node_modules", ".bin", "tsc"), ["-p", folder, "--pretty", "false"]);
  expect(placed(stdout)).toBe("");
  expect(failed).toBe(false);
});

describe.each([
  ["an example", examples],
  // A file is run by the blocks that import it.
  ["a block", blocks.filter(({ of, prints }) => of === undefined || prints !== "")],
])("%s runs and prints what it says", (_what, programs) => {
  test.concurrent.for(programs.map((program) => [`${program.path}:${program.line}`, program] as const))(
    "%s",
    async ([where, { file, prints }]) => {
      const args = ["--conditions=@interlock/source", file];
      const { failed, stderr, stdout } = await run(process.execPath, args);
      expect(failed ? placed(stderr) : "", `${where} fails`).toBe("");
      expect(stdout, `${where} prints something else`).toBe(prints);
    },
  );
});

test.for([
  "agent",
  "application",
  "bind",
  "cache",
  "counters",
  "dynamicSupervisor",
  "genEvent",
  "genServer",
  "genStatem",
  "group",
  "later",
  "link",
  "monitor",
  "own",
  "persistentTerm",
  "presence",
  "pubsub",
  "receive",
  "registry",
  "send",
  "sendAfter",
  "spawn",
  "step",
  "supervisor",
  "sys",
  "table",
  "task",
  "taskStream",
  "unowned",
])("%s has an example", (name) => {
  expect(examples.map((example) => example.of)).toContain(name);
});
