import { describe, expect, test } from "vitest";

import { type CookieFile, type CookieSource, cookiesOf } from "./cookie.ts";

const source = (environment: Record<string, string>, file?: { text: string; mode: number }): CookieSource => ({
  environment: (name) => environment[name],
  secretFile: async () => file,
});

const ignored = (): void => undefined;

/** What it is now. */
async function cookieOf(given: string | CookieFile | undefined, from: CookieSource): Promise<string> {
  const cookies = await cookiesOf(given, from, ignored);
  return (typeof cookies === "function" ? await cookies() : cookies).join();
}

describe("the cookie", () => {
  test("is the option, then the environment, then the file, without its newline", async () => {
    expect(await cookieOf("a", source({ INTERLOCK_COOKIE: "b" }))).toBe("a");
    expect(await cookieOf(undefined, source({ INTERLOCK_COOKIE: "b" }))).toBe("b");
    expect(await cookieOf({ file: "/f" }, source({}, { text: "c\n", mode: 0o400 }))).toBe("c");
  });

  test.each([0o440, 0o404, 0o444, 0o620, 0o777])(
    "in a file of mode %o is refused: others could read it",
    async (mode) => {
      await expect(cookieOf({ file: "/f" }, source({}, { text: "secret", mode }))).rejects.toMatchObject({
        code: "INTERLOCK_NODE_OPTION",
        message: expect.not.stringContaining("secret"),
      });
    },
  );

  test("in a file that its group may read serves where that is said, as Kubernetes mounts a Secret", async () => {
    expect(await cookieOf({ file: "/f", group: true }, source({}, { text: "c\n", mode: 0o440 }))).toBe("c");
    for (const mode of [0o444, 0o460, 0o640 | 0o004])
      await expect(cookieOf({ file: "/f", group: true }, source({}, { text: "c", mode }))).rejects.toThrow(
        "its owner and its group",
      );
  });

  test.each([
    ["missing", undefined],
    ["empty", ""],
    ["too long", "x".repeat(256)],
  ])("that is %s is refused, and never shown", async (_what, cookie) => {
    await expect(cookieOf(cookie, source({}))).rejects.toMatchObject({
      code: "INTERLOCK_NODE_OPTION",
      message: expect.not.stringContaining("xx"),
    });
  });

  test("in a file is read again for every handshake, and what cannot be read changes nothing", async () => {
    let file: { text: string; mode: number } | undefined = { text: "old\n", mode: 0o400 };
    const problems: string[] = [];
    const from: CookieSource = { environment: () => undefined, secretFile: async () => file };
    const cookies = await cookiesOf({ file: "/f" }, from, ({ message }) => problems.push(message));
    if (typeof cookies !== "function") throw new Error("they are not read again");
    expect(await cookies()).toEqual(["old"]);
    file = { text: "new\nold\n", mode: 0o400 };
    expect(await cookies()).toEqual(["new", "old"]);
    file = { text: "", mode: 0o400 };
    expect(await cookies()).toEqual(["new", "old"]);
    expect(await cookies()).toEqual(["new", "old"]);
    expect(problems).toHaveLength(1);
    file = undefined;
    expect(await cookies()).toEqual(["new", "old"]);
    expect(problems[1]).toContain("no file /f");
  });
});
