import { readFileSync } from "node:fs";
import { cliHints } from "@interlock/cli";
import { hints } from "@interlock/core";
import { kubernetesHints } from "@interlock/kubernetes";
import { describe, expect, test } from "vitest";
import { TestTerminal } from "./commands.fixture.ts";
import { exitCodeOf } from "./exit-code.ts";
import { explain } from "./explain.ts";

describe("interlock explain", () => {
  test("knows every code of the page of errors, with its hint", async () => {
    const page = readFileSync(new URL("../../../../docs/errors.md", import.meta.url), "utf8");
    const codes = [...page.matchAll(/^### (\w+)$/gm)].map(([, code]) => code);
    const given = new TestTerminal();
    await explain(undefined, { output: "json" }, given);
    const all = JSON.parse(given.out.text) as { code: string; try: string }[];
    expect(all.map(({ code }) => code)).toEqual(codes);
    const byCode = new Map(all.map((one) => [one.code, one.try]));
    for (const [code, hint] of Object.entries({ ...hints, ...kubernetesHints, ...cliHints }))
      expect(byCode.get(code)).toBe(hint);
  });

  test("shows meaning and hint of a code, however it is written", async () => {
    for (const spelling of ["INTERLOCK_CALL_TIMEOUT", "call-timeout", "Call_Timeout"]) {
      const given = new TestTerminal();
      await explain(spelling, {}, given);
      expect(given.out.text).toContain("Call timeout  INTERLOCK_CALL_TIMEOUT  @interlock/core");
      expect(given.out.text).toContain("A call had no answer within its time.");
      expect(given.out.text).toMatch(/^ {2}Try {2}The callee is alive but slow/m);
    }
  });

  test("says what was meant by a code that is not there, and ends as not found", async () => {
    const refused = explain("INTERLOCK_CALL_TIMOUT", {}, new TestTerminal());
    await expect(refused).rejects.toMatchObject({
      code: "INTERLOCK_NO_SUCH_CODE",
      message: expect.stringContaining("Did you mean INTERLOCK_CALL_TIMEOUT?"),
    });
    expect(await refused.catch(exitCodeOf)).toBe(5);
    await expect(explain("nothing_like_this_exists", {}, new TestTerminal())).rejects.toMatchObject({
      details: { similar: [] },
    });
  });

  test("refuses a format that it has not", async () => {
    await expect(explain("noproc", { output: "xml" }, new TestTerminal())).rejects.toMatchObject({
      code: "INTERLOCK_LAUNCH_OPTION",
    });
  });
});
