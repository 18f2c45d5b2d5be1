/**
 * `<supervision-tree>`: the newsroom's processes as their supervisors hold them, live. A child that dies flashes red
 * and its ghost stays with the reason for five seconds; every child keeps a strip of its restarts of the last minute.
 */
import { formatAge, formatClock, h } from "./dom.js";
import { live } from "./live.js";

const ghostMs = 5_000;
/** The row is made anew with each look, so its animation must not start anew with it. */
const flashMs = 900;
const stripMs = 60_000;
const keptReports = 60;

const strategies = {
  one_for_one: "one for one: restarts only the child that died",
  one_for_all: "one for all: restarts all children",
  rest_for_one: "rest for one: restarts the child and those started after it",
};

class SupervisionTree extends HTMLElement {
  #tree;
  #heardAt = 0;
  #timer;
  #summary = h("p", { class: "tree-summary", "aria-live": "polite" }, "Asking the supervisors …");
  #root = h("ul", { class: "tree", "aria-label": "Processes" });
  #reports = h("ol", { class: "reports", "aria-label": "What happened", tabindex: "0" });

  connectedCallback() {
    this.replaceChildren(
      h("h2", { class: "rule-title" }, "Supervision tree, live"),
      this.#summary,
      h("div", { class: "tree-scroll", tabindex: "0", role: "region", "aria-label": "Supervision tree" }, this.#root),
      h("p", { class: "tree-key" }, h("span", { class: "tick-sample" }), " a restart, within the last minute"),
      h("h2", { class: "rule-title" }, "What happened"),
      this.#reports,
    );
    this.#reports.append(
      h(
        "li",
        { class: "report-empty" },
        "Nothing has failed yet. Press a button: each crash, and what its supervisor did about it, is listed here.",
      ),
    );
    live.addEventListener("tree", ({ detail }) => {
      this.#tree = detail;
      this.#heardAt = performance.now();
      this.#show();
    });
    live.addEventListener("report", ({ detail }) => this.#report(detail));
    // Ghosts fade and ticks wander without any news from the server.
    this.#timer = setInterval(() => this.#show(), 1_000);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  #show() {
    if (this.#tree === undefined || this.#isBeingCopied()) return;
    const sinceMs = performance.now() - this.#heardAt;
    const { root } = this.#tree;
    this.#root.replaceChildren(node(root, sinceMs));
    const { processes, recent, stopped } = count(root, sinceMs);
    const words =
      stopped.length > 0
        ? `${stopped.join(" and ")} ${stopped.length === 1 ? "is" : "are"} stopped: the supervisor gave up. Everything else goes on.`
        : `${processes} processes, all running. ${recent === 0 ? "No restart" : `${recent} ${recent === 1 ? "restart" : "restarts"}`} in the last minute.`;
    if (this.#summary.textContent !== words) this.#summary.textContent = words;
    this.#summary.dataset.mood = stopped.length > 0 ? "bad" : "good";
  }

  /** Somebody who has marked a pid wants to keep it marked. */
  #isBeingCopied() {
    const selection = document.getSelection();
    return selection !== null && !selection.isCollapsed && this.#root.contains(selection.anchorNode);
  }

  #report({ kind, who, text, reason, at }) {
    this.#reports.querySelector(".report-empty")?.remove();
    this.#reports.prepend(
      h(
        "li",
        { class: "report", data: { kind } },
        h("time", { datetime: new Date(at).toISOString() }, formatClock(at)),
        h("span", { class: "report-who" }, who),
        h("span", { class: "report-text" }, text, reason && h("q", {}, reason)),
      ),
    );
    while (this.#reports.childElementCount > keptReports) this.#reports.lastElementChild.remove();
  }
}

function node(child, sinceMs) {
  const death = child.lastDeath;
  const ghostly = death !== undefined && death.ageMs + sinceMs < ghostMs;
  const row = h(
    "div",
    {
      class: "tree-row",
      data: { status: child.status, kind: child.kind, fresh: death !== undefined && death.ageMs + sinceMs < flashMs },
    },
    h("span", { class: "tree-dot", "aria-hidden": "true" }),
    h("span", { class: "tree-id" }, child.id),
    child.strategy &&
      h("abbr", { class: "tree-strategy", title: strategies[child.strategy] }, child.strategy.replaceAll("_", " ")),
    child.intensity &&
      h(
        "abbr",
        {
          class: "tree-gauge",
          title: `gives up at more than ${child.intensity.max} restarts in ${child.intensity.periodMs / 1_000} s`,
          data: { hot: child.intensity.used > 0 },
        },
        `${child.intensity.used}/${child.intensity.max}`,
      ),
    h("span", { class: "tree-pid" }, child.pid ?? "—"),
    h(
      "span",
      { class: "tree-status" },
      child.status === "stopped" ? (child.kind === "supervisor" ? "gave up" : "stopped") : child.status,
    ),
    child.mailbox > 0 && h("span", { class: "tree-mailbox", title: "messages waiting" }, `✉ ${child.mailbox}`),
    h("span", { class: "tree-space" }),
    death && h("span", { class: "tree-reason", title: death.reason }, death.reason),
    h(
      "span",
      { class: "tree-restarts" },
      child.restartCount > 0 && `${child.restartCount} ${child.restartCount === 1 ? "restart" : "restarts"}`,
    ),
    strip(child, sinceMs),
  );
  const ghost =
    ghostly &&
    h(
      "div",
      { class: "tree-row tree-ghost" },
      h("span", { class: "tree-dot", "aria-hidden": "true" }, "✖"),
      h("span", { class: "tree-id" }, child.id),
      h("span", { class: "tree-pid" }, death.pid),
      h("span", { class: "tree-reason" }, `died ${formatAge(death.ageMs + sinceMs)} ago: ${death.reason}`),
    );
  const hidden = child.hidden > 0 && h("li", { class: "tree-more" }, `and ${child.hidden} more`);
  return h(
    "li",
    { data: { child: child.id } },
    row,
    ghost,
    (child.children?.length > 0 || hidden) &&
      h(
        "ul",
        {},
        child.children.map((one) => node(one, sinceMs)),
        hidden,
      ),
  );
}

/** One tick for each restart of the last minute, the newest on the right. */
function strip(child, sinceMs) {
  const ticks = child.restartAgesMs
    .map((age) => age + sinceMs)
    .filter((age) => age < stripMs)
    .map((age) => {
      const tick = h("i");
      tick.style.insetInlineEnd = `${(age / stripMs) * 100}%`;
      return tick;
    });
  return h(
    "span",
    { class: "tree-strip", role: "img", "aria-label": `${ticks.length} restarts in the last minute` },
    ticks,
  );
}

function count(child, sinceMs) {
  const own = child.restartAgesMs.filter((age) => age + sinceMs < stripMs).length;
  const gaveUp = child.kind === "supervisor" && child.status === "stopped";
  const all = {
    processes: (child.pid === undefined ? 0 : 1) + (child.hidden ?? 0),
    recent: own,
    stopped: gaveUp ? [child.id] : [],
  };
  for (const one of child.children ?? []) {
    const below = count(one, sinceMs);
    all.processes += below.processes;
    all.recent += below.recent;
    all.stopped.push(...below.stopped);
  }
  return all;
}

customElements.define("supervision-tree", SupervisionTree);
