/**
 * The process that owns the article store. Whoever wants an article asks it; if it crashes, its supervisor starts it
 * again, and the articles are where they were: on disk.
 */
import { readFile } from "node:fs/promises";
import { genServer, local, reply, self } from "@interlock/core";
import type { Draft } from "./article.ts";
import {
  type ArticleStore,
  closeStore,
  countArticles,
  findArticle,
  insertArticles,
  latestHeadlines,
  openStore,
} from "./article-store.ts";
import { parseFeed } from "./parse-feed.ts";

/** A newsroom without a single article is given these, once. */
const sampleFeed = new URL("../../data/sample-feed.xml", import.meta.url);

interface Archive {
  readonly store: ArticleStore;
  readonly directory: string;
}

export const Articles = genServer({
  name: "articles",

  init: async (directory: string): Promise<Archive> => {
    const store = await openStore(directory);
    // However this process ends, the files are let go. It does not trap exits to wait for that: a process that dies at
    // once frees its name at once, and its successor waits where the files are (see `openStore`).
    self().own({ close: () => closeStore(store, directory) });
    if ((await countArticles(store)) === 0) {
      await insertArticles(store, parseFeed(await readFile(sampleFeed, "utf8"), new Date()));
    }
    return { store, directory };
  },

  calls: {
    /** The newest articles, without their text. */
    latest: async ({ state }, most: number) => reply(await latestHeadlines(state.store, most)),

    find: async ({ state }, id: number) => reply(await findArticle(state.store, id)),

    /** Prints what is not in the paper yet, and answers the new articles' ids. */
    print: async ({ state }, drafts: readonly Draft[]) => reply(await insertArticles(state.store, drafts)),
  },

  formatStatus: ({ directory }) => ({ directory }),
});

/** The articles of this newsroom, whichever process serves them just now. */
export const articles = Articles.at(local("articles"));
