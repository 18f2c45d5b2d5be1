import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { TestTerminal } from "./commands/commands.fixture.ts";
import { interlock as interlockProgram } from "./program.ts";

const bin = fileURLToPath(new URL("bin.ts", import.meta.url));
const listing = `import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => (process.stderr.write("loads " + url + "\\n"), next(url, context)) });`;

async function interlock(...args: string[]) {
  const hooks = `data:text/javascript,${encodeURIComponent(listing)}`;
  const child = spawn(process.execPath, ["--conditions=@interlock/source", "--import", hooks, bin, ...args]);
  const [[code], out, talk] = await Promise.all([once(child, "exit"), child.stdout.toArray(), child.stderr.toArray()]);
  const lines = talk.join("").split("\n");
  return {
    code,
    out: out.join(""),
    talk: lines.filter((line) => !line.startsWith("loads ")).join("\n"),
    loaded: lines.filter((line) => line.startsWith("loads ")),
  };
}

describe("the command interlock", () => {
  test.for([["--help"], ["explain", "call_timeout"]])(
    "%s loads nothing but the command's own files, so that it comes at once",
    async (args) => {
      const { code, loaded } = await interlock(...args);
      expect(code).toBe(0);
      expect(loaded.length).toBeGreaterThan(3);
      expect(
        loaded.filter((one) =>
          /packages\/(?!cli\/)|node_modules\/(?!commander\/)/.test(
            one.replace(/packages\/cli\/node_modules/, "node_modules"),
          ),
        ),
      ).toEqual([]);
    },
  );

  test("ends with 2 for a command that it has not, and says which one was meant", async () => {
    const { code, talk } = await interlock("statsu");
    expect(code).toBe(2);
    expect(talk).toContain("Did you mean status?");
  });

  test("ends with 5 and an error as JSON where JSON was asked for", async () => {
    const { code, talk } = await interlock("explain", "nothing", "-o", "json");
    expect(code).toBe(5);
    expect(JSON.parse(talk)).toMatchObject({ error: { code: "INTERLOCK_NO_SUCH_CODE", try: expect.any(String) } });
  });

  test("has -o on every command that prints data", () => {
    const { commands } = interlockProgram(new TestTerminal(), () => undefined);
    const without = commands.filter(({ options }) => !options.some(({ short }) => short === "-o"));
    // These run programs, ask for them, or say on stderr what they have changed.
    expect(without.map((command) => command.name()).sort()).toEqual(["dev", "new", "remote", "run", "undo"]);
  });

  test("ends with 2 for an option that a command has not", async () => {
    const { code } = await interlock("status", "--bogus");
    expect(code).toBe(2);
  });
});
