import { isError } from "@interlock/core";
import { expect, test } from "vitest";
import { newsroomConfig, refuseFixed } from "./config.ts";
import newsroom from "./newsroom.ts";

test("nothing given gives the defaults", () => {
  const config = newsroomConfig.parse({});
  expect(config).toMatchObject({ port: 4_000, host: "127.0.0.1" });
  expect(config.dataDirectory).toMatch(/examples\/newsroom\/\.data$/);
});

test("a newsroom with wrong variables does not start, and names each", async () => {
  const started = newsroom.start({ environment: { PORT: "eighty", NEWSROOM_DATA: "" } });
  const error = await started.catch((reason: unknown) => reason);
  if (!isError(error, "INTERLOCK_CONFIG_INVALID")) throw error;
  expect(error.message).toContain("PORT");
  expect(error.message).toContain("NEWSROOM_DATA");
});

test("the motto and the rules of the chat may change while it is open, nothing else may", () => {
  expect(() => refuseFixed({ motto: "New", chat: { perSecond: 1, burst: 2 } })).not.toThrow();
  expect(() => refuseFixed({ motto: "New", port: 80 })).toThrow("port cannot change while the newsroom is open");
});
