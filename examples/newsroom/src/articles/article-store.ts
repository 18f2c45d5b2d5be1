/**
 * The articles, in a PostgreSQL that lives in a directory (PGlite): they are there again after a restart of the
 * process, of the newsroom and of the machine. Plain functions over a connection; they run in the thread of
 * `store-thread.ts`, and the process that owns it is in `articles.ts`.
 */
import { mkdir } from "node:fs/promises";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import type { Article, Draft, Headline, Printed } from "./article.ts";

export type ArticleStore = PGlite;

/** One connection and a few articles: of the 160 MiB that it would hold for its pages by default they need next to nothing. */
const postgresqlconf = ["shared_buffers=4MB"];

/** Opens the store in `directory` and brings its tables up to date. */
export async function openStore(directory: string): Promise<ArticleStore> {
  await mkdir(directory, { recursive: true });
  const store = await PGlite.create(directory, { postgresqlconf });
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
    -- A paper of before there were numbers is numbered as it was printed.
    alter table article add column if not exists number integer unique;
    update article set number = numbered.number
      from (select id, row_number() over (order by id) as number from article) as numbered
      where article.id = numbered.id and article.number is null;
    -- The fence: the token of the latest editor that has printed anything.
    create table if not exists editor (only_one boolean primary key default true check (only_one), token integer not null);
    insert into editor (token) values (0) on conflict do nothing;
  `);
  return store;
}

interface Row {
  readonly id: number;
  readonly number: number;
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
    `select id, number, title, section, author, summary, published_at,
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

/** Under which term of office articles are printed, and what the first new one is numbered. */
export interface Imprint {
  /** The editor's fencing token. */
  readonly token: number;
  readonly first: number;
}

/** Why nothing was printed: somebody else has been the editor since, or has given the number. */
export type PrintRefusal = {
  readonly refused: "stale_editor" | "number_taken";
  readonly token: number;
  readonly next: number;
};

export async function nextNumber(store: ArticleStore): Promise<number> {
  const { rows } = await store.query<{ next: number }>("select coalesce(max(number), 0) + 1 as next from article");
  return rows[0]?.next ?? 1;
}

/**
 * Inserts what is not there yet, all or nothing. Here is where two editors would show: whoever comes with a token lower than
 * one that was seen before, or with a number that is not the next, is refused.
 */
export function insertArticles(
  store: ArticleStore,
  drafts: readonly Draft[],
  imprint: Imprint,
): Promise<readonly Printed[] | PrintRefusal> {
  return store.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ token: number; next: number }>(
      "select token, (select coalesce(max(number), 0) + 1 from article) as next from editor for update",
    );
    const { token, next } = rows[0] ?? { token: 0, next: 1 };
    if (imprint.token < token) return { refused: "stale_editor", token, next };
    if (imprint.first !== next) return { refused: "number_taken", token, next };
    await transaction.query("update editor set token = $1", [imprint.token]);
    const printed: Printed[] = [];
    let number = imprint.first;
    for (const draft of drafts) {
      const inserted = await transaction.query<{ id: number }>(
        `insert into article (guid, title, section, author, summary, body, published_at, number)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (guid) do nothing returning id`,
        [...columnsOf(draft), number],
      );
      const id = inserted.rows[0]?.id;
      if (id === undefined) printed.push(await printedBefore(transaction, draft));
      else printed.push({ id, number: number++, fresh: true });
    }
    return printed;
  });
}

function columnsOf(draft: Draft): readonly string[] {
  return (
    [draft.guid, draft.title, draft.section, draft.author, draft.summary, draft.body]
      // PostgreSQL's text holds every character but NUL.
      .map((text) => text.replaceAll("\0", ""))
      .concat(draft.publishedAt)
  );
}

async function printedBefore(transaction: Transaction, { guid }: Draft): Promise<Printed> {
  const { rows } = await transaction.query<{ id: number; number: number }>(
    "select id, number from article where guid = $1",
    [guid.replaceAll("\0", "")],
  );
  if (rows[0] === undefined) throw new Error(`The article ${guid} is neither new nor there`);
  return { ...rows[0], fresh: false };
}
