import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Draft, Printed } from "./article.ts";
import {
  type ArticleStore,
  countArticles,
  findArticle,
  insertArticles,
  latestHeadlines,
  nextNumber,
  openStore,
} from "./article-store.ts";

let directory: string;
let store: ArticleStore;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "newsroom-store-"));
  store = await openStore(join(directory, "articles"));
}, 60_000);
afterAll(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

function draft(guid: string, publishedAt: string, body = "One two three."): Draft {
  return {
    guid,
    title: `Title of ${guid}`,
    section: "Town",
    author: "Jo Reed",
    summary: "In short.",
    body,
    publishedAt,
  };
}

/** As the editor in office does it. */
async function print(...drafts: readonly Draft[]): Promise<readonly Printed[]> {
  const printed = await insertArticles(store, drafts, { token: 1, first: await nextNumber(store) });
  if ("refused" in printed) throw new Error(printed.refused);
  return printed;
}

test("articles come back newest first, once each, and survive the store's end", async () => {
  expect(await countArticles(store)).toBe(0);
  const [older, newer] = await print(draft("a", "2026-01-01T00:00:00.000Z"), draft("b", "2026-02-01T00:00:00.000Z"));
  expect([older?.number, newer?.number]).toEqual([1, 2]);
  expect(await print(draft("a", "2026-01-01T00:00:00.000Z"))).toEqual([{ ...older, fresh: false }]);

  await store.close();
  store = await openStore(join(directory, "articles"));

  expect((await latestHeadlines(store, 10)).map((headline) => headline.title)).toEqual(["Title of b", "Title of a"]);
  expect(await latestHeadlines(store, 1)).toHaveLength(1);
  expect(await findArticle(store, older?.id ?? 0)).toMatchObject({
    guid: "a",
    body: "One two three.",
    publishedAt: "2026-01-01T00:00:00.000Z",
  });
  expect(await findArticle(store, 4_711)).toBeUndefined();
}, 60_000);

test("quotes, markup and NUL in a text are only text", async () => {
  const [printed] = await print(draft("o'hara", "2026-03-01T00:00:00.000Z", "'; drop table article; -- <script>\0"));
  expect(await findArticle(store, printed?.id ?? 0)).toMatchObject({
    guid: "o'hara",
    body: "'; drop table article; -- <script>",
  });
});

test("an import that fails half-way leaves nothing", async () => {
  const before = await countArticles(store);
  await expect(print(draft("good", "2026-03-01T00:00:00.000Z"), draft("bad", "not a date"))).rejects.toThrow();
  expect(await countArticles(store)).toBe(before);
});

test("an editor who was replaced prints nothing, and neither does one who has lost count", async () => {
  const next = await nextNumber(store);
  const news = [draft("scoop", "2026-04-01T00:00:00.000Z")];
  expect(await insertArticles(store, news, { token: 7, first: next })).toMatchObject([{ number: next, fresh: true }]);
  const more = [draft("late", "2026-04-02T00:00:00.000Z")];
  expect(await insertArticles(store, more, { token: 6, first: next + 1 })).toEqual({
    refused: "stale_editor",
    token: 7,
    next: next + 1,
  });
  expect(await insertArticles(store, more, { token: 7, first: next })).toMatchObject({ refused: "number_taken" });
  expect(await nextNumber(store)).toBe(next + 1);
});
