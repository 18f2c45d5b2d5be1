import { expect, test } from "vitest";
import { eventually } from "../../e2e/eventually.ts";

test("an answer is waited for through what fails, and through no and nothing", async () => {
  const answers = [() => undefined, () => false as const, () => JSON.parse("{") as string, () => "here"];
  expect(await eventually("it is here", () => answers.shift()?.())).toBe("here");
  expect(await eventually("it is empty", () => answers.length === 0)).toBe(true);
});

test("what is waited for in vain says so with the last error, as its cause, too", async () => {
  const problem = new Error("The API server is gone");
  const waiting = eventually("it is here", () => Promise.reject(problem), 0);
  await expect(waiting).rejects.toMatchObject({ cause: problem });
  await expect(waiting).rejects.toThrow("Not within 0 s: it is here; the last error: The API server is gone");
  await expect(eventually("it is here", () => false, 0)).rejects.toThrow(/^Not within 0 s: it is here$/);
});
