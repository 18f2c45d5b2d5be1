/** The news desk: filing an article and importing a feed. */
import "./masthead.js";
import "./footer.js";
import "./ticker.js";
import { h, request } from "./dom.js";
import { goLive } from "./live.js";

/** Sends what `send` says on submit, and shows what became of it under the button. */
function wire(form, send, done) {
  const outcome = form.querySelector(".outcome");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      outcome.replaceChildren(...done(await send(new FormData(form))));
      outcome.dataset.mood = "good";
      form.reset();
    } catch (refusal) {
      outcome.replaceChildren(
        h("strong", {}, refusal.message),
        " ",
        refusal.hint ?? "",
        " ",
        h("code", {}, refusal.code ?? "NEWSROOM_ERROR"),
      );
      outcome.dataset.mood = "bad";
    } finally {
      button.disabled = false;
    }
  });
}

wire(
  document.querySelector("#write"),
  (form) =>
    request("/api/articles", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Object.fromEntries(form)),
    }),
  ({ id }) => ["In print: ", h("a", { href: `/article/${id}` }, `article ${id}`), "."],
);

wire(
  document.querySelector("#import"),
  (form) =>
    request("/api/import", { method: "POST", headers: { "content-type": "application/xml" }, body: form.get("feed") }),
  ({ imported, known }) => [
    `${imported} ${imported === 1 ? "article" : "articles"} imported${known > 0 ? `, ${known} were there already` : ""}. `,
    h("a", { href: "/" }, "See the front page"),
    ".",
  ],
);

goLive();
