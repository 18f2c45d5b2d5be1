import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Draft } from "./article.ts";
import {
  type ArticleStore,
  countArticles,
  findArticle,
  insertArticles,
  latestHeadlines,
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

test("articles come back newest first, once each, and survive the store's end", async () => {
  expect(await countArticles(store)).toBe(0);
  const [older] = await insertArticles(store, [
    draft("a", "2026-01-01T00:00:00.000Z"),
    draft("b", "2026-02-01T00:00:00.000Z"),
  ]);
  expect(await insertArticles(store, [draft("a", "2026-01-01T00:00:00.000Z")])).toEqual([]);

  await store.close();
  store = await openStore(join(directory, "articles"));

  expect((await latestHeadlines(store, 10)).map((headline) => headline.title)).toEqual(["Title of b", "Title of a"]);
  expect(await latestHeadlines(store, 1)).toHaveLength(1);
  expect(await findArticle(store, older ?? 0)).toMatchObject({
    guid: "a",
    body: "One two three.",
    publishedAt: "2026-01-01T00:00:00.000Z",
  });
  expect(await findArticle(store, 4_711)).toBeUndefined();
}, 60_000);

test("quotes, markup and NUL in a text are only text", async () => {
  const [id] = await insertArticles(store, [
    draft("o'hara", "2026-03-01T00:00:00.000Z", "'; drop table article; -- <script>\0"),
  ]);
  expect(await findArticle(store, id ?? 0)).toMatchObject({
    guid: "o'hara",
    body: "'; drop table article; -- <script>",
  });
});

test("an import that fails half-way leaves nothing", async () => {
  const before = await countArticles(store);
  await expect(
    insertArticles(store, [draft("good", "2026-03-01T00:00:00.000Z"), draft("bad", "not a date")]),
  ).rejects.toThrow();
  expect(await countArticles(store)).toBe(before);
});
