/**
 * `<quote-ticker>`: the band of quotes. It is never silently wrong: quotes that are not fresh are marked stale and
 * their age counts up in front of the reader, and when the newsroom was told to propagate the failure, the band says
 * so instead of showing quotes.
 */
import { formatAge, h, svg } from "./dom.js";
import { live } from "./live.js";

/** How many rows a sparkline shows. */
const historyRows = 48;
/** Quotes come once a second; after this long without any the band no longer believes that it is live. */
const lateMs = 3_000;

const price = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const month = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });

class QuoteTicker extends HTMLElement {
  #view;
  #heardAt = 0;
  #connected = true;
  #history = [];
  #timer;
  #status = h("p", { class: "ticker-status", "aria-live": "polite" });
  #age = h("p", { class: "ticker-age" });
  #quotes = h("ul", { class: "ticker-quotes", "aria-label": "Quotes", tabindex: "0" });

  connectedCallback() {
    this.replaceChildren(
      h(
        "section",
        { class: "ticker", "aria-label": "Stock ticker" },
        h("div", { class: "ticker-head" }, this.#status, this.#age),
        this.#quotes,
      ),
    );
    live.addEventListener("ticker", ({ detail }) => this.#hear(detail));
    live.addEventListener("connection", ({ detail }) => {
      this.#connected = detail;
      this.#show();
    });
    this.#timer = setInterval(() => this.#show(), 250);
    this.#show();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  #hear(view) {
    this.#view = view;
    this.#heardAt = performance.now();
    if (view.history !== undefined) this.#history = [...view.history];
    else if (view.state === "live" && view.row !== undefined) this.#history.push(view.row);
    this.#history = this.#history.slice(-historyRows);
    this.#show();
    if (view.state !== "error" && view.row !== undefined) this.#showQuotes(view.row);
  }

  /** The words: what state the quotes are in and, if they are not fresh, since when and why. */
  #show() {
    const view = this.#view;
    const ageMs = view?.ageMs === undefined ? undefined : view.ageMs + performance.now() - this.#heardAt;
    const state = this.#state(view, ageMs);
    this.dataset.state = state;
    const words = this.#words(state, view);
    if (this.#status.dataset.words !== words.join("|")) {
      this.#status.dataset.words = words.join("|");
      this.#status.replaceChildren(h("strong", {}, words[0]), " ", words[1]);
      if (view?.gaveUp === true)
        this.#status.append(" ", h("a", { href: "/break#ticker-revive" }, "Bring the ticker back"));
    }
    this.#age.textContent =
      ageMs === undefined
        ? ""
        : state === "live"
          ? `${view.row ? month.format(new Date(view.row.date)) : ""} · replayed from vega-datasets`
          : `last quotes ${formatAge(ageMs)} old`;
    this.#quotes.hidden = state === "error" || view?.row === undefined;
  }

  #state(view, ageMs) {
    if (view === undefined) return this.#connected ? "waiting" : "lost";
    if (view.state === "error") return "error";
    if (!this.#connected) return "lost";
    return view.state === "stale" || (ageMs !== undefined && ageMs > lateMs) ? "stale" : view.state;
  }

  #words(state, view) {
    const healing =
      view?.gaveUp === true ? "Its supervisor gave up restarting it." : "Its supervisor is restarting it.";
    const why = view?.reason === undefined ? "No news from the feed." : `The ticker is down: ${view.reason}.`;
    switch (state) {
      case "live":
        return ["Live", "Historical quotes, one month a second"];
      case "stale":
        return ["Stale", view?.reason === undefined ? why : `${why} ${healing}`];
      case "error":
        return ["No quotes", `${why} ${healing}`];
      case "lost":
        return ["Offline", "The line to the newsroom is down; this page keeps trying."];
      default:
        return ["Waiting", "The first quotes are on their way."];
    }
  }

  #showQuotes(row) {
    const items = row.quotes.map((quote) => {
      const direction = quote.change > 0 ? "up" : quote.change < 0 ? "down" : "level";
      const sign = quote.change > 0 ? "+" : quote.change < 0 ? "−" : "±";
      const before = quote.price - quote.change;
      const percent = before === 0 ? 0 : (Math.abs(quote.change) / before) * 100;
      return h(
        "li",
        { class: "quote", data: { direction } },
        h("span", { class: "quote-symbol" }, quote.symbol),
        sparkline(this.#history.map((past) => past.quotes.find((one) => one.symbol === quote.symbol)?.price)),
        h("span", { class: "quote-price" }, price.format(quote.price)),
        h("span", { class: "quote-change" }, `${sign}${price.format(percent)} %`),
      );
    });
    this.#quotes.replaceChildren(...items);
  }
}

function sparkline(prices) {
  const known = prices.filter((one) => one !== undefined);
  const low = Math.min(...known);
  const range = Math.max(...known) - low || 1;
  const step = 64 / (historyRows - 1);
  const start = 64 - (known.length - 1) * step;
  const points = known.map(
    (one, index) => `${(start + index * step).toFixed(1)},${(19 - ((one - low) / range) * 18).toFixed(1)}`,
  );
  return svg(
    "svg",
    { class: "sparkline", viewBox: "0 0 64 20", "aria-hidden": "true" },
    svg("polyline", { points: points.join(" ") }),
  );
}

customElements.define("quote-ticker", QuoteTicker);
