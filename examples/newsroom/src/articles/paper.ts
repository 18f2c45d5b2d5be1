/**
 * The paper as every node has it: caches that are kept in step, so that a reader is served by whatever node is there, also
 * while the archive is not. What is printed is put into all of them by the editor.
 */
import { cache, pubsub } from "@interlock/cluster";
import { Refusal } from "../http/refusal.ts";
import type { Article, Headline } from "./article.ts";
import { archive } from "./articles.ts";

/** What a list of articles holds at most. */
export const longestList = 200;
const dayMs = 86_400_000;

export const headlines = cache<"latest", readonly Headline[]>({
  name: "headlines",
  mode: "replicate",
  ttlMs: 10_000,
  staleMs: dayMs,
  load: () => archive().call.latest(longestList),
});

export const articleTexts = cache<number, Article>({
  name: "article_texts",
  mode: "replicate",
  ttlMs: 60_000,
  staleMs: dayMs,
  maxEntries: 500,
  load: async (id) => {
    const article = await archive().call.find(id);
    // Not kept: it may be printed in a moment.
    if (article !== undefined) return article;
    throw noArticle(String(id));
  },
});

/** What the newsroom tells its open pages: there are articles up to this number. */
export interface ArticleNews {
  readonly type: "articles";
  readonly newest: number;
}

export const editions = pubsub({ name: "newsroom" }).topic<ArticleNews>("editions");

export function announceEdition(newest: number): void {
  editions.broadcast({ type: "articles", newest });
}

export function noArticle(id: string): Refusal {
  return new Refusal(404, "NEWSROOM_NO_ARTICLE", `There is no article ${id}.`, "The front page lists those there are.");
}
