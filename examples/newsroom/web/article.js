/** One article. */
import "./masthead.js";
import "./footer.js";
import "./ticker.js";
import { formatDay, h, request } from "./dom.js";
import { engraving } from "./engraving.js";
import { goLive } from "./live.js";

const page = document.querySelector(".article-page");
const id = location.pathname.split("/").at(-1);

async function show() {
  try {
    const { article } = await request(`/api/articles/${encodeURIComponent(id)}`);
    document.title = `${article.title} · The Lockgate Courier`;
    page.replaceChildren(
      h(
        "article",
        {},
        h(
          "header",
          { class: "article-head" },
          h("p", { class: "kicker" }, article.section),
          h("h1", { class: "headline" }, article.title),
          h("p", { class: "standfirst" }, article.summary),
          h(
            "p",
            { class: "byline" },
            "By ",
            h("span", {}, article.author),
            " · ",
            h("time", { datetime: article.publishedAt }, formatDay(article.publishedAt)),
          ),
        ),
        h("figure", { class: "article-picture" }, engraving(article)),
        h(
          "div",
          { class: "article-body" },
          article.body.split(/\n\s*\n/).map((paragraph) => h("p", {}, paragraph)),
        ),
        h("p", { class: "article-end" }, h("a", { href: "/" }, "Back to the front page")),
      ),
    );
  } catch (refusal) {
    if (refusal.status === 404) {
      page.replaceChildren(
        h(
          "section",
          { class: "empty" },
          h("h1", {}, "This page was never printed"),
          h("p", {}, refusal.message, " ", refusal.hint),
          h("p", {}, h("a", { href: "/" }, "To the front page")),
        ),
      );
    } else {
      if (page.childElementCount === 0)
        page.replaceChildren(
          h(
            "section",
            { class: "empty", role: "alert" },
            h("h1", {}, "The article is being fetched"),
            h("p", {}, refusal.message),
            h("p", { class: "hint" }, `${refusal.code}. This page tries again every second.`),
          ),
        );
      setTimeout(show, 1_000);
    }
  }
  page.setAttribute("aria-busy", "false");
}

show();
goLive();
