import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("an empty environment gives the defaults", () => {
  expect(readConfig({})).toMatchObject({
    port: 4_000,
    host: "127.0.0.1",
    dataDirectory: expect.stringMatching(/examples\/newsroom\/\.data$/),
  });
});

test("every variable that is wrong is named, with what it was", () => {
  expect(() => readConfig({ PORT: "eighty", NEWSROOM_DATA: "" })).toThrow(/PORT="eighty": .*; NEWSROOM_DATA="": /);
});
