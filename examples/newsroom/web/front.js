/** The front page: a lead story, the stories beside it, and everything else by title. */
import "./masthead.js";
import "./footer.js";
import "./ticker.js";
import "./chat.js";
import { formatShortDay, h, request } from "./dom.js";
import { engraving } from "./engraving.js";
import { goLive, live } from "./live.js";

const news = document.querySelector(".front-news");

/** Another node may have heard of the new edition before the one that is asked now: then it is asked again. */
async function show(newest = 0) {
  try {
    const { articles } = await request("/api/articles?limit=40");
    if (Math.max(0, ...articles.map(({ number }) => number)) < newest) setTimeout(show, 250, newest);
    news.replaceChildren(...(articles.length === 0 ? emptyPaper() : layOut(articles)));
  } catch (refusal) {
    // What is on the page stays on the page: yesterday's paper beats a blank one.
    if (news.childElementCount === 0) news.replaceChildren(trouble(refusal));
    setTimeout(show, 1_000, newest);
  }
  news.setAttribute("aria-busy", "false");
}

function layOut([lead, ...rest]) {
  return [
    h(
      "article",
      { class: "lead" },
      h(
        "a",
        { class: "lead-picture", href: `/article/${lead.id}`, tabindex: "-1", "aria-hidden": "true" },
        engraving(lead),
      ),
      story(lead, "h2"),
    ),
    rest.length > 0 &&
      h(
        "div",
        { class: "stories" },
        rest
          .slice(0, 6)
          .map((article, index) =>
            h("article", { class: "story" }, index < 3 && engraving(article), story(article, "h3")),
          ),
      ),
    rest.length > 6 &&
      h(
        "section",
        { class: "briefs" },
        h("h2", { class: "rule-title" }, "Also in this paper"),
        h(
          "ul",
          {},
          rest
            .slice(6)
            .map((article) =>
              h(
                "li",
                {},
                h("span", { class: "kicker" }, article.section),
                h("a", { href: `/article/${article.id}` }, article.title),
                h("span", { class: "brief-date" }, formatShortDay(article.publishedAt)),
              ),
            ),
        ),
      ),
  ].filter(Boolean);
}

function story(article, level) {
  return h(
    "div",
    { class: "story-text" },
    h("p", { class: "kicker" }, article.section),
    h(level, { class: "headline" }, h("a", { href: `/article/${article.id}` }, article.title)),
    h("p", { class: "standfirst" }, article.summary),
    h(
      "p",
      { class: "byline" },
      "By ",
      h("span", {}, article.author),
      ` · ${formatShortDay(article.publishedAt)} · ${article.readingMinutes} min · No. ${article.number}`,
    ),
  );
}

function emptyPaper() {
  return [
    h(
      "section",
      { class: "empty" },
      h("h2", {}, "Nothing has happened in Lockgate yet"),
      h(
        "p",
        {},
        "The presses are warm and the paper is blank. Write the first article, or bring in an RSS or Atom file, at the ",
        h("a", { href: "/desk" }, "news desk"),
        ".",
      ),
      h(
        "p",
        { class: "hint" },
        "The newsroom ships a sample in ",
        h("code", {}, "examples/newsroom/data/sample-feed.xml"),
        ".",
      ),
    ),
  ];
}

function trouble(refusal) {
  return h(
    "section",
    { class: "empty", role: "alert" },
    h("h2", {}, "The articles are being fetched from the archive"),
    h("p", {}, refusal.message),
    h("p", { class: "hint" }, `${refusal.code}. This page tries again every second.`),
  );
}

live.addEventListener("articles", ({ detail }) => show(detail.newest));
show();
goLive();
