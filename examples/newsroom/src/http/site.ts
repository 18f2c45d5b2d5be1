/** The routes. Handlers ask processes and translate what those answer; they keep nothing themselves. */
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { serveStatic } from "@hono/node-server/serve-static";
import { getEnv } from "@interlock/core";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import type { z } from "zod";
import { type Article, type Draft, maxArticleBytes, submission, toDraft } from "../articles/article.ts";
import { handIn } from "../articles/editor.ts";
import { articleTexts, headlines, longestList, noArticle } from "../articles/paper.ts";
import { MalformedFeed, maxFeedBytes, parseFeed } from "../articles/parse-feed.ts";
import { breakThing } from "../break-things.ts";
import type { NewsroomConfig } from "../config.ts";
import { quoteBoard } from "../ticker/quote-board.ts";
import type { Town } from "../town/town.ts";
import { treeWatcher } from "../tree-watcher.ts";
import { streamEvents } from "./events.ts";
import { frontPage, page, webDirectory } from "./pages.ts";
import { asRefusal, Refusal } from "./refusal.ts";
import { refuseForeignOrigins } from "./same-origin.ts";
import { townRoutes } from "./town-routes.ts";

/** Room for the JSON around an article. */
const maxSubmissionBytes = maxArticleBytes + 4_000;

/** The paper's typefaces, out of the packages that carry them. */
const fonts = [
  ["newsreader", import.meta.resolve("@fontsource-variable/newsreader/package.json")],
  ["libre-franklin", import.meta.resolve("@fontsource-variable/libre-franklin/package.json")],
] as const;

export function makeSite(town: Town): Hono {
  const site = new Hono();
  site.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        formAction: ["'self'"],
      },
    }),
  );
  site.use("/api/*", refuseForeignOrigins);

  site.get("/", (c) => frontPage(c, getEnv("newsroom", "motto") as NewsroomConfig["motto"]));
  site.get("/break", (c) => page(c, "break.html"));
  site.get("/desk", (c) => page(c, "desk.html"));
  site.get("/article/:id", async (c) => {
    // While the archive is being restarted the page itself is still served; it asks again until the article is there.
    const refusal = await find(c).then(() => undefined, asRefusal);
    return page(c, "article.html", refusal?.status === 404 ? 404 : 200);
  });
  site.use("/assets/*", serveStatic({ root: webDirectory, rewriteRequestPath: (path) => path.replace("/assets", "") }));
  for (const [prefix, manifest] of fonts) {
    const files = fileURLToPath(new URL("files", manifest));
    site.use(
      `/fonts/${prefix}-*`,
      serveStatic({ root: files, rewriteRequestPath: (path) => path.replace("/fonts", "") }),
    );
  }

  site.get("/api/articles", async (c) => {
    const limit = Number(c.req.query("limit") ?? 40);
    const most = Number.isInteger(limit) && limit > 0 ? Math.min(limit, longestList) : 40;
    const { value } = await headlines.fetch("latest");
    return c.json({ articles: value.slice(0, most) });
  });
  site.get("/api/articles/:id", async (c) => {
    const article = await find(c);
    return c.json({ article });
  });
  site.post(
    "/api/articles",
    limited(
      maxSubmissionBytes,
      "NEWSROOM_ARTICLE_TOO_LARGE",
      "An article may have at most 100 kB.",
      "Shorten it, or print it in parts.",
    ),
    async (c) => {
      const draft = await readSubmission(c);
      const [printed] = await handIn(town.editor, [draft]);
      return c.json({ id: printed?.id, number: printed?.number }, 201);
    },
  );
  site.post(
    "/api/import",
    limited(
      maxFeedBytes,
      "NEWSROOM_FEED_TOO_LARGE",
      "A feed may have at most 1 MB.",
      "Split it, or leave out the oldest articles.",
    ),
    async (c) => {
      const drafts = readFeed(await c.req.text());
      const printed = await handIn(town.editor, drafts);
      const imported = printed.filter(({ fresh }) => fresh).length;
      return c.json({ imported, known: drafts.length - imported });
    },
  );

  site.get("/api/events", (c) => streamEvents(c, c.req.query("tree") !== undefined, town.here));
  site.get("/api/ticker", async (c) => {
    const view = await quoteBoard.call.view();
    if (view.state === "error")
      throw new Refusal(
        503,
        "NEWSROOM_TICKER_DOWN",
        `The ticker is down: ${view.reason ?? "no news from the feed"}.`,
        view.gaveUp
          ? "Its supervisor gave up; POST /api/break/ticker-revive brings it back."
          : "It is being restarted; ask again.",
      );
    return c.json(view);
  });
  site.route("/api/town", townRoutes(town));
  site.get("/api/tree", async (c) => c.json(await treeWatcher.call.tree()));
  site.post("/api/break/:what", async (c) => c.json({ message: await breakThing(c.req.param("what")) }));

  site.notFound((c) => {
    const refusal = new Refusal(
      404,
      "NEWSROOM_NO_ROUTE",
      `There is nothing at ${c.req.method} ${c.req.path}.`,
      "Pages: / /article/:id /desk /break. Data: /api/articles /api/ticker /api/tree /api/town /api/events.",
    );
    return wantsPage(c) ? page(c, "not-found.html", 404) : c.json(refusal, 404);
  });
  site.onError((error, c) => {
    const refusal = asRefusal(error);
    if (refusal?.status === 503) c.header("retry-after", "1");
    // The rest of a body nobody wants is not read, so this connection has no next request.
    if (refusal?.status === 413) c.header("connection", "close");
    if (refusal !== undefined) return c.json(refusal, refusal.status);
    process.stderr.write(`${c.req.method} ${c.req.path} failed: ${error.stack ?? error.message}\n`);
    return c.json(
      new Refusal(500, "NEWSROOM_ERROR", "The newsroom made a mistake.", "It was written down; try something else."),
      500,
    );
  });
  return site;
}

function limited(maxSize: number, code: string, message: string, hint: string) {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new Refusal(413, code, message, hint);
    },
  });
}

/** PostgreSQL's integer; everything beyond it cannot be an article either. */
function articleId(c: Context): number {
  const id = Number(c.req.param("id"));
  if (Number.isInteger(id) && id > 0 && id < 2 ** 31) return id;
  throw noArticle(c.req.param("id") ?? "");
}

async function readSubmission(c: Context): Promise<Draft> {
  let sent: unknown;
  try {
    sent = await c.req.json();
  } catch {
    throw new Refusal(
      400,
      "NEWSROOM_NOT_JSON",
      "The article is not JSON.",
      'Send {"title","body"} and, if you like, "section", "author", "summary".',
    );
  }
  const read = submission.safeParse(sent);
  if (!read.success) throw unfit(read.error);
  if (Buffer.byteLength(read.data.body) > maxArticleBytes)
    throw new Refusal(
      413,
      "NEWSROOM_ARTICLE_TOO_LARGE",
      "An article may have at most 100 kB.",
      "Shorten it, or print it in parts.",
    );
  return toDraft(read.data, `desk:${randomUUID()}`, new Date());
}

function unfit(error: z.ZodError): Refusal {
  const problems = error.issues.map((issue) => `${issue.path.join(".") || "article"}: ${issue.message}`);
  return new Refusal(
    400,
    "NEWSROOM_ARTICLE_INVALID",
    `The article is not complete. ${problems.join("; ")}.`,
    "It needs a title and a body.",
  );
}

function readFeed(xml: string): readonly Draft[] {
  try {
    return parseFeed(xml, new Date());
  } catch (error) {
    if (!(error instanceof MalformedFeed)) throw error;
    throw new Refusal(
      400,
      "NEWSROOM_FEED_MALFORMED",
      `The feed cannot be read. ${error.message}.`,
      "It must be well-formed RSS 2.0 or Atom; nothing of it was imported.",
    );
  }
}

async function find(c: Context): Promise<Article> {
  return (await articleTexts.fetch(articleId(c))).value;
}

function wantsPage(c: Context): boolean {
  return !c.req.path.startsWith("/api/") && (c.req.header("accept") ?? "").includes("text/html");
}
