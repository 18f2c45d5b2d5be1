/**
 * RSS 2.0 and Atom to drafts. The XML itself is fast-xml-parser's; here is only which element means what, and what
 * is refused. A feed is somebody else's text: whatever markup it carries becomes plain text, and entities of its own
 * are refused, since they can grow a small file into a large one.
 */
import { createHash } from "node:crypto";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { type Draft, summaryOf } from "./article.ts";

export const maxFeedBytes = 1_000_000;
const maxEntries = 500;

/** Says what is wrong with a feed, and where. */
export class MalformedFeed extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;
  constructor(problem: string, line?: number, column?: number) {
    super(
      line === undefined ? problem : `${problem} (line ${line}${column === undefined ? "" : `, column ${column}`})`,
    );
    this.name = "MalformedFeed";
    this.line = line;
    this.column = column;
  }
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  parseTagValue: false,
  htmlEntities: true,
  processEntities: { enabled: true, maxTotalExpansions: 1_000_000, maxExpandedLength: 2 * maxFeedBytes },
  isArray: (name) => name === "item" || name === "entry",
});

/** @throws MalformedFeed */
export function parseFeed(xml: string, now: Date): readonly Draft[] {
  const declaration = xml.search(/<!ENTITY/i);
  if (declaration >= 0) throw new MalformedFeed("A feed may not declare entities", ...positionOf(xml, declaration));
  const valid = XMLValidator.validate(xml);
  if (valid !== true) throw new MalformedFeed(valid.err.msg.replace(/\.$/, ""), valid.err.line, valid.err.col);
  const root = asElement(parse(xml));
  const channel = asElement(root["rss"])["channel"];
  const atom = root["feed"];
  if (channel === undefined && atom === undefined) {
    const found = Object.keys(root).find((name) => !name.startsWith("?"));
    throw new MalformedFeed(
      `Neither RSS (<rss><channel>) nor Atom (<feed>): the root element is <${found ?? "nothing"}>`,
    );
  }
  const entries = channel === undefined ? list(asElement(atom)["entry"]) : list(asElement(channel)["item"]);
  if (entries.length > maxEntries)
    throw new MalformedFeed(`A feed may hold ${maxEntries} articles; this one holds ${entries.length}`);
  return entries.map((entry, index) => draftOf(asElement(entry), index, now));
}

function parse(xml: string): unknown {
  try {
    return parser.parse(xml);
  } catch (error) {
    // What the validator lets through and the parser does not: nesting and expansion limits.
    throw new MalformedFeed(error instanceof Error ? error.message : String(error));
  }
}

/** One `<item>` or `<entry>`: their elements differ in name only. */
function draftOf(entry: Element, index: number, now: Date): Draft {
  const title = plainText(entry["title"]);
  const html =
    textOf(entry["content:encoded"]) ||
    textOf(entry["content"]) ||
    textOf(entry["description"]) ||
    textOf(entry["summary"]);
  const body = paragraphs(html);
  if (title === "" || body === "") {
    throw new MalformedFeed(
      `Article ${index + 1}${title === "" ? "" : ` ("${title}")`} has no ${title === "" ? "title" : "text"}`,
    );
  }
  const date = textOf(entry["pubDate"]) || textOf(entry["published"]) || textOf(entry["updated"]);
  const guid = textOf(entry["guid"]) || textOf(entry["id"]) || linkOf(entry["link"]);
  const summary = plainText(entry["description"]) || plainText(entry["summary"]);
  return {
    guid: guid || createHash("sha256").update(`${title}\n${body}`).digest("hex"),
    title: cut(title, 200),
    section: cut(sectionOf(entry["category"]), 40) || "Town",
    author: cut(authorOf(entry), 80) || "Wire",
    summary: summaryOf(summary || body),
    body,
    publishedAt: dateOf(date, now, title),
  };
}

function dateOf(text: string, now: Date, title: string): string {
  if (text === "") return now.toISOString();
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new MalformedFeed(`"${cut(text, 60)}" of article "${title}" is not a date`);
  return date.toISOString();
}

function authorOf(entry: Element): string {
  const author = list(entry["author"])[0];
  const name = plainText(entry["dc:creator"]) || plainText(asElement(author)["name"]) || plainText(author);
  // RSS writes `desk@example.test (Jo Reed)`; the name is what a reader wants.
  return /\((.+)\)\s*$/.exec(name)?.[1] ?? name;
}

function sectionOf(category: unknown): string {
  const first = list(category)[0];
  return textOf(asElement(first)["@term"]) || plainText(first);
}

function linkOf(link: unknown): string {
  const first = list(link)[0];
  return textOf(asElement(first)["@href"]) || textOf(first);
}

type Element = Readonly<Record<string, unknown>>;

function asElement(value: unknown): Element {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Element) : {};
}

function list(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** The text of an element, with or without attributes. */
function textOf(value: unknown): string {
  const text = Array.isArray(value) ? value[0] : value;
  const inner = typeof text === "object" && text !== null ? (text as Element)["#text"] : text;
  return typeof inner === "string" ? inner.trim() : "";
}

function plainText(value: unknown): string {
  return paragraphs(textOf(value)).replace(/\s+/g, " ").trim();
}

/** Markup to plain paragraphs. What is left is only ever shown as text, so this need not be a sanitizer. */
function paragraphs(html: string): string {
  return html
    .replace(/<(script|style)\b[\s\S]*?<\/\1\s*>/gi, "")
    .replace(/<\/(p|div|li|h[1-6]|blockquote)\s*>|<br\s*\/?>\s*<br\s*\/?>/gi, "\n\n")
    .replace(/<[a-z/!][^>]*>/gi, "")
    .replace(/&(nbsp|#160);/g, " ")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "")
    .join("\n\n");
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function positionOf(text: string, index: number): [line: number, column: number] {
  const before = text.slice(0, index).split("\n");
  return [before.length, (before.at(-1)?.length ?? 0) + 1];
}
