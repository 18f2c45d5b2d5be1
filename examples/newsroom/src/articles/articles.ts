/**
 * The archive: the process that owns the article store. One node of the town has it, and whoever wants an article asks it,
 * through the group that it is in; if it crashes, its supervisor starts it again, and the articles are where they were: on disk.
 */
import { readFile } from "node:fs/promises";
import { group } from "@interlock/cluster";
import { genServer, reply, self } from "@interlock/core";
import { Refusal } from "../http/refusal.ts";
import type { Draft } from "./article.ts";
import type { Imprint } from "./article-store.ts";
import { parseFeed } from "./parse-feed.ts";
import { StoreThread } from "./store-thread.ts";

/** A newsroom without a single article is given these, once. */
const sampleFeed = new URL("../../data/sample-feed.xml", import.meta.url);

interface Archive {
  readonly store: StoreThread;
  readonly directory: string;
}

const archives = group("archive");

export const Articles = genServer({
  name: "articles",

  init: async (directory: string): Promise<Archive> => {
    const store = await StoreThread.open(directory);
    // However this process ends, the files are let go. It does not trap exits to wait for that: a process that dies at
    // once frees its name at once, and its successor waits where the files are (see `StoreThread`).
    self().own(store);
    if ((await store.ask("countArticles")) === 0) {
      const sample = parseFeed(await readFile(sampleFeed, "utf8"), new Date());
      await store.ask("insertArticles", sample, { token: 0, first: 1 });
    }
    archives.join(self().pid);
    return { store, directory };
  },

  calls: {
    /** The newest articles, without their text. */
    latest: async ({ state }, most: number) => reply(await state.store.ask("latestHeadlines", most)),

    find: async ({ state }, id: number) => reply(await state.store.ask("findArticle", id)),

    nextNumber: async ({ state }) => reply(await state.store.ask("nextNumber")),

    /** Prints what is not in the paper yet. */
    print: async ({ state }, drafts: readonly Draft[], imprint: Imprint) =>
      reply(await state.store.ask("insertArticles", drafts, imprint)),
  },

  formatStatus: ({ directory }) => ({ directory }),
});

/** The archive, wherever it is. **Errors** a `Refusal` when no node that can be reached has it just now. */
export function archive(): ReturnType<typeof Articles.at> {
  const [pid] = archives.members();
  if (pid === undefined) throw noArchive();
  return Articles.at(pid);
}

export function noArchive(): Refusal {
  return new Refusal(
    503,
    "NEWSROOM_NO_ARCHIVE",
    "The archive cannot be reached.",
    "What was read lately is still there; ask again in a moment for the rest.",
  );
}
