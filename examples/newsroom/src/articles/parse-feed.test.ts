import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { MalformedFeed, parseFeed } from "./parse-feed.ts";

const now = new Date("2026-11-21T08:00:00Z");

function refusal(xml: string): MalformedFeed {
  try {
    parseFeed(xml, now);
  } catch (error) {
    if (error instanceof MalformedFeed) return error;
    throw error;
  }
  throw new Error("the feed was accepted");
}

describe("a feed", () => {
  test("in RSS gives its items", () => {
    const drafts = parseFeed(
      `<?xml version="1.0"?><rss version="2.0" xmlns:content="c" xmlns:dc="d"><channel><title>Wire</title>
        <item><title>Gate &amp; bridge</title><guid isPermaLink="false">g1</guid><category>Waterways</category><dc:creator>Jo Reed</dc:creator>
        <pubDate>Sat, 21 Nov 2026 06:00:00 GMT</pubDate><description>Short.</description>
        <content:encoded><![CDATA[<p>One &amp; two.</p><p>Three<script>alert(1)</script>.</p>]]></content:encoded></item>
      </channel></rss>`,
      now,
    );
    expect(drafts).toEqual([
      {
        guid: "g1",
        title: "Gate & bridge",
        section: "Waterways",
        author: "Jo Reed",
        summary: "Short.",
        body: "One & two.\n\nThree.",
        publishedAt: "2026-11-21T06:00:00.000Z",
      },
    ]);
  });

  test("in Atom gives its entries", () => {
    const drafts = parseFeed(
      `<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:x</id><title type="html">A &lt;b&gt;heron&lt;/b&gt;</title><category term="Nature"/>
        <author><name>Ada Weir</name></author><updated>2026-11-20T10:00:00Z</updated><content type="html">&lt;p&gt;It stood.&lt;/p&gt;</content></entry></feed>`,
      now,
    );
    expect(drafts).toMatchObject([
      { guid: "tag:x", title: "A heron", section: "Nature", author: "Ada Weir", body: "It stood." },
    ]);
  });

  test("without guid, date, author or section gets fitting ones", () => {
    const [draft] = parseFeed(
      "<rss><channel><item><title>T</title><description>D</description></item></channel></rss>",
      now,
    );
    expect(draft).toMatchObject({
      guid: expect.stringMatching(/^[0-9a-f]{64}$/),
      author: "Wire",
      section: "Town",
      publishedAt: now.toISOString(),
    });
  });

  test("may be empty", () => {
    expect(parseFeed("<rss><channel><title>Quiet day</title></channel></rss>", now)).toEqual([]);
  });

  test("that the newsroom ships is well-formed", async () => {
    const drafts = parseFeed(await readFile(new URL("../../data/sample-feed.xml", import.meta.url), "utf8"), now);
    expect(drafts.length).toBeGreaterThanOrEqual(8);
    expect(new Set(drafts.map((draft) => draft.guid)).size).toBe(drafts.length);
    for (const draft of drafts) expect(draft.body.split("\n\n").length, draft.title).toBeGreaterThan(2);
  });
});

describe("a malformed feed is refused", () => {
  test("with the place of the broken XML", () => {
    const error = refusal("<rss>\n<channel>\n<item><title>T</titel></item></channel></rss>");
    expect(error).toMatchObject({ line: 3 });
    expect(error.message).toContain("title");
  });

  test.each([
    ["not XML at all", "hello"],
    ["nothing", ""],
    ["cut off", "<rss><channel><item>"],
  ])("when it is %s", (_what, xml) => {
    expect(refusal(xml).message).not.toBe("");
  });

  test("when it is some other document", () => {
    expect(refusal("<html><body>hello</body></html>").message).toContain("the root element is <html>");
  });

  test("when it declares entities", () => {
    const error = refusal(
      '<?xml version="1.0"?>\n<!DOCTYPE r [<!ENTITY a "aaaa">]>\n<rss><channel><item><title>&a;</title></item></channel></rss>',
    );
    expect(error).toMatchObject({ line: 2, column: 14 });
  });

  test("when an article has no title, no text or no real date", () => {
    expect(refusal("<rss><channel><item><description>D</description></item></channel></rss>").message).toBe(
      "Article 1 has no title",
    );
    expect(refusal("<rss><channel><item><title>T</title></item></channel></rss>").message).toBe(
      'Article 1 ("T") has no text',
    );
    expect(
      refusal(
        "<rss><channel><item><title>T</title><description>D</description><pubDate>soon</pubDate></item></channel></rss>",
      ).message,
    ).toContain('"soon"');
  });

  test("when it nests or holds more than any feed does", () => {
    expect(refusal(`<rss>${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}</rss>`)).toBeInstanceOf(MalformedFeed);
    const item = "<item><title>T</title><description>D</description></item>";
    expect(refusal(`<rss><channel>${item.repeat(501)}</channel></rss>`).message).toContain("501");
  });
});
