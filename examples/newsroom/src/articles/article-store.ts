/**
 * The articles, in a PostgreSQL that lives in a directory (PGlite): they are there again after a restart of the
 * process, of the newsroom and of the machine. Plain functions over a connection; the process that owns the
 * connection is in `articles.ts`.
 */
import { mkdir } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import type { Article, Draft, Headline } from "./article.ts";

export type ArticleStore = PGlite;

/** Two PostgreSQLs must never work on one directory, so the next to open it waits for the last to let go. */
const closing = new Map<string, Promise<void>>();

/** Opens the store in `directory` and brings its tables up to date. */
export async function openStore(directory: string): Promise<ArticleStore> {
  await closing.get(directory);
  await mkdir(directory, { recursive: true });
  const store = await PGlite.create(directory);
  await store.exec(`
    create table if not exists article (
      id           integer generated always as identity primary key,
      guid         text not null unique,
      title        text not null,
      section      text not null,
      author       text not null,
      summary      text not null,
      body         text not null,
      published_at timestamptz not null
    );
    create index if not exists article_by_date on article (published_at desc, id desc);
  `);
  return store;
}

/** Lets the directory go once what is being asked has been answered. May be called twice. */
export function closeStore(store: ArticleStore, directory: string): Promise<void> {
  if (store.closed) return Promise.resolve();
  const closed = (closing.get(directory) ?? Promise.resolve()).then(() => (store.closed ? undefined : store.close()));
  // A failure to close is its closer's to report; the next to open finds out for itself.
  closing.set(
    directory,
    closed.catch(() => undefined),
  );
  return closed;
}

/** Resolves when every store that is being closed has been. */
export async function storesClosed(): Promise<void> {
  await Promise.all(closing.values());
}

interface Row {
  readonly id: number;
  readonly guid: string;
  readonly title: string;
  readonly section: string;
  readonly author: string;
  readonly summary: string;
  readonly body: string;
  readonly published_at: Date;
}

/** Newest first. */
export async function latestHeadlines(store: ArticleStore, most: number): Promise<readonly Headline[]> {
  const { rows } = await store.query<Omit<Row, "body" | "guid"> & { readonly words: number }>(
    `select id, title, section, author, summary, published_at,
            array_length(regexp_split_to_array(body, '\\s+'), 1) as words
       from article order by published_at desc, id desc limit $1`,
    [most],
  );
  return rows.map(({ published_at, words, ...row }) => ({
    ...row,
    publishedAt: published_at.toISOString(),
    readingMinutes: Math.max(1, Math.round(words / 200)),
  }));
}

export async function findArticle(store: ArticleStore, id: number): Promise<Article | undefined> {
  const { rows } = await store.query<Row>("select * from article where id = $1", [id]);
  const row = rows[0];
  if (row === undefined) return undefined;
  const { published_at, ...rest } = row;
  return { ...rest, publishedAt: published_at.toISOString() };
}

export async function countArticles(store: ArticleStore): Promise<number> {
  const { rows } = await store.query<{ count: number }>("select count(*)::int as count from article");
  return rows[0]?.count ?? 0;
}

/** Inserts what is not there yet, all or nothing, and answers the ids of the new ones. */
export function insertArticles(store: ArticleStore, drafts: readonly Draft[]): Promise<readonly number[]> {
  return store.transaction(async (transaction) => {
    const ids: number[] = [];
    for (const draft of drafts) {
      const { rows } = await transaction.query<{ id: number }>(
        `insert into article (guid, title, section, author, summary, body, published_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (guid) do nothing returning id`,
        // PostgreSQL's text holds every character but NUL.
        [draft.guid, draft.title, draft.section, draft.author, draft.summary, draft.body]
          .map((text) => text.replaceAll("\0", ""))
          .concat(draft.publishedAt),
      );
      if (rows[0] !== undefined) ids.push(rows[0].id);
    }
    return ids;
  });
}
