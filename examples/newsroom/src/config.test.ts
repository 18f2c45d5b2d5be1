import { isError } from "@interlock/core";
import { expect, test } from "vitest";
import { newsroomConfig } from "./config.ts";
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
