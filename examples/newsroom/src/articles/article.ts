/** What an article is, in the paper and on its way into it. */
import { z } from "zod";

/** An article as it arrives: from the news desk's form, or out of a feed. */
export interface Draft {
  /** What makes it the same article when a feed is imported twice. */
  readonly guid: string;
  readonly title: string;
  readonly section: string;
  readonly author: string;
  readonly summary: string;
  /** Plain text; an empty line separates paragraphs. */
  readonly body: string;
  /** ISO 8601. */
  readonly publishedAt: string;
}

export interface Article extends Draft {
  readonly id: number;
  /** The number that the editor gave it: consecutive, and never given twice. */
  readonly number: number;
}

/** What became of a draft that was handed in. */
export interface Printed {
  readonly id: number;
  readonly number: number;
  /** Whether it was not in the paper before. */
  readonly fresh: boolean;
}

/** What a list of articles shows. */
export type Headline = Omit<Article, "body" | "guid"> & { readonly readingMinutes: number };

export const maxArticleBytes = 100_000;

const text = (most: number) => z.string().trim().max(most);

/** What the news desk may send. */
export const submission = z.object({
  title: text(200).min(1),
  body: text(maxArticleBytes).min(1),
  section: text(40).default(""),
  author: text(80).default(""),
  summary: text(400).default(""),
});

/** A submission as an article of this moment. */
export function toDraft(sent: z.infer<typeof submission>, guid: string, now: Date): Draft {
  return {
    guid,
    title: sent.title,
    section: sent.section || "Town",
    author: sent.author || "Newsroom",
    summary: sent.summary || summaryOf(sent.body),
    body: sent.body,
    publishedAt: now.toISOString(),
  };
}

/** The first paragraph, cut at a word. */
export function summaryOf(body: string): string {
  const first =
    body
      .split(/\n\s*\n/, 1)[0]
      ?.replace(/\s+/g, " ")
      .trim() ?? "";
  if (first.length <= 220) return first;
  return `${first.slice(0, 220).replace(/\s+\S*$/, "")} …`;
}
