/**
 * `<town-map>`: the nodes of the town, what they do, and the wires between them. One card a node, with what can be done to
 * it; whoever is chosen here is whose tree the page shows.
 */
import { formatClock, h, request } from "./dom.js";
import { live } from "./live.js";

const lookMs = 1_000;
const states = {
  starting: "is starting",
  ready: "serves visitors",
  draining: "is leaving",
  stopped: "was stopped",
  failed: "has ended",
};

class TownMap extends HTMLElement {
  #here;
  #outcome = h("p", { class: "outcome", role: "status" });
  #summary = h("p", { class: "town-summary" }, "Asking the nodes …");
  #nodes = h("div", { class: "town-nodes" });
  #wires = h("div", { class: "town-wires", role: "group", "aria-label": "Wires" });
  #shown = "";

  connectedCallback() {
    this.replaceChildren(
      h("h2", { class: "rule-title" }, "The nodes"),
      this.#summary,
      this.#nodes,
      this.#wires,
      this.#outcome,
    );
    live.addEventListener("hello", ({ detail }) => {
      this.#here = detail.node;
      this.#look();
    });
    this.#look();
  }

  async #look() {
    clearTimeout(this.timer);
    try {
      this.#show(await request("/api/town"));
    } catch (refusal) {
      this.#summary.textContent = refusal.message;
    }
    clearTimeout(this.timer);
    if (this.isConnected) this.timer = setTimeout(() => this.#look(), lookMs);
  }

  #show(town) {
    if (town.nodes.length === 0) {
      this.#summary.textContent =
        "This newsroom stands alone, so there is no other node to lose. `npm start` runs three of them.";
      return;
    }
    const serving = town.nodes.filter(({ state }) => state === "ready").length;
    const editor = town.editor === undefined ? "an editor is being elected" : `the editor works on ${town.editor}`;
    const view = town.agreed ? "all agree who is there" : "the nodes do not agree yet who is there";
    this.#summary.textContent = `${serving} of ${town.nodes.length} nodes serve visitors; ${editor}; ${view}.`;
    // Made anew only when something has changed, so that a button that is about to be pressed stays where it is.
    const shape = JSON.stringify([town.nodes, town.editor, town.rooms, town.cuts, this.#here]);
    if (shape === this.#shown) return;
    this.#shown = shape;
    const focused = this.contains(document.activeElement) ? document.activeElement.id : "";
    this.#nodes.replaceChildren(...town.nodes.map((node) => this.#card(node, town)));
    this.#wires.replaceChildren(...this.#wireButtons(town));
    if (focused !== "") document.getElementById(focused)?.focus();
  }

  #card(node, town) {
    const { id, member, reason, restarts, since, state } = node;
    const rooms = town.rooms.filter((room) => room.node === id).map(({ room }) => room);
    const fact = (name, text) => h("div", {}, h("dt", {}, name), h("dd", {}, text));
    const runs = state === "ready" || state === "starting";
    return h(
      "article",
      { class: "town-node", data: { node: id, state } },
      h(
        "div",
        { class: "town-node-head" },
        h("h3", {}, id),
        h("span", { class: "town-state" }, states[state] ?? state),
      ),
      h(
        "dl",
        { class: "facts" },
        fact("Member", member ?? "not yet"),
        fact("Since", formatClock(since)),
        fact("Restarts", String(restarts)),
        fact("Rooms", rooms.length === 0 ? "none" : rooms.join(", ")),
        town.editor === id && fact("Office", "the editor"),
        reason !== undefined && fact("Because", reason),
      ),
      h(
        "div",
        { class: "town-acts" },
        this.#button(`kill-${id}`, "Kill", "break-button", !runs, `/api/town/kill/${id}`),
        this.#button(`stop-${id}`, "Stop politely", "break-button", state !== "ready", `/api/town/stop/${id}`),
        this.#button(`start-${id}`, "Start", "heal-button", runs || state === "draining", `/api/town/start/${id}`),
        h(
          "button",
          {
            type: "button",
            class: "look-button",
            id: `look-${id}`,
            "aria-pressed": String(this.#here === id),
            disabled: state !== "ready",
            onclick: () => this.dispatchEvent(new CustomEvent("look-at", { detail: { node: id } })),
          },
          this.#here === id ? "Its tree is below" : "Show its tree",
        ),
      ),
    );
  }

  #wireButtons({ cuts, nodes }) {
    const pairs = nodes.flatMap(({ id: one }) => nodes.map(({ id: other }) => [one, other])).filter(([a, b]) => a < b);
    const isCut = ([a, b]) => cuts.some(([one, other]) => one === a && other === b);
    return [
      ...pairs.map(([a, b]) =>
        this.#button(
          `cut-${a}-${b}`,
          isCut([a, b]) ? `${a} ✂ ${b} is cut` : `Cut ${a} – ${b}`,
          "break-button",
          isCut([a, b]),
          `/api/town/cut/${a}/${b}`,
        ),
      ),
      this.#button("heal-wires", "Heal all wires", "heal-button", cuts.length === 0, "/api/town/heal"),
    ];
  }

  #button(id, text, style, disabled, path) {
    return h("button", { type: "button", class: style, id, disabled, onclick: () => this.#press(path) }, text);
  }

  async #press(path) {
    try {
      const { message } = await request(path, { method: "POST" });
      this.#outcome.textContent = `${formatClock(new Date())} · ${message}`;
      this.#outcome.dataset.mood = "good";
    } catch (refusal) {
      this.#outcome.textContent = `${refusal.message} ${refusal.hint ?? ""}`;
      this.#outcome.dataset.mood = "bad";
    }
    this.#look();
  }
}

customElements.define("town-map", TownMap);
