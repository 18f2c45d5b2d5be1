/**
 * `<town-chat>`: the chat rooms. A visitor has one socket, and behind it one process; each room is a process too, on one of
 * the nodes. When a room crashes the visitor stays connected and is told; when the socket ends, because its node did, the
 * page connects again by itself and says again what it has not seen said: every message has an id, so it is said once.
 */
import { formatClock, h } from "./dom.js";

const rooms = [
  { id: "town-square", text: "Town square" },
  { id: "towpath", text: "Towpath" },
  { id: "press-room", text: "Press room" },
];
const keptMessages = 200;
const firstRetryMs = 200;
const longestRetryMs = 8_000;

class TownChat extends HTMLElement {
  #socket;
  #room = rooms[0].id;
  #retryMs = firstRetryMs;
  /** What was typed and has not come back from the room yet: text by id. */
  #unsaid = new Map();
  /** The number of the last message shown. */
  #last = 0;
  #name = nameOfVisitor();
  #state = h("p", { class: "chat-state", "aria-live": "polite" }, "Connecting …");
  #people = h("p", { class: "chat-people" });
  #log = h("ol", { class: "chat-log", role: "log", "aria-label": "Messages", tabindex: "0" });
  #tabs = h("div", { class: "chat-rooms", role: "group", "aria-label": "Rooms" });
  #words = h("input", {
    class: "chat-words",
    type: "text",
    maxlength: "500",
    autocomplete: "off",
    placeholder: "Say something civil",
    "aria-label": "Message",
  });

  connectedCallback() {
    const name = h("input", {
      class: "chat-name",
      type: "text",
      maxlength: "24",
      value: this.#name,
      "aria-label": "Your name",
      autocomplete: "nickname",
    });
    name.addEventListener("change", () => {
      this.#name = name.value.trim() || "Reader";
      localStorage.setItem("chat-name", this.#name);
      this.#join();
    });
    const form = h("form", { class: "chat-form" }, name, this.#words, h("button", { type: "submit" }, "Send"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#words.value.trim();
      if (text === "") return;
      const id = crypto.randomUUID();
      this.#unsaid.set(id, text);
      this.#send({ type: "say", text, id });
      this.#words.value = "";
    });
    this.#tabs.append(
      ...rooms.map((room) =>
        h("button", { type: "button", data: { room: room.id }, onclick: () => this.#enter(room.id) }, room.text),
      ),
    );
    this.replaceChildren(
      h(
        "section",
        { class: "chat" },
        h("h2", { class: "rule-title" }, "The towpath wall"),
        this.#tabs,
        this.#state,
        this.#log,
        this.#people,
        form,
      ),
    );
    this.#markRoom();
    this.#connect();
  }

  #connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#retryMs = firstRetryMs;
      this.#join();
    });
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(data)));
    socket.addEventListener("close", ({ code, reason }) => {
      // Told to go (1008): coming straight back would be rude.
      const wait = code === 1008 ? longestRetryMs : this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
      this.#tell(
        reason === ""
          ? "The line was cut. Connecting again …"
          : `${reason} Connecting again in ${Math.round(wait / 1_000)} s.`,
        "bad",
      );
      setTimeout(() => this.#connect(), wait);
    });
  }

  #enter(room) {
    if (room === this.#room) return;
    this.#room = room;
    this.#unsaid.clear();
    this.#clear();
    this.#markRoom();
    this.#join();
  }

  #join() {
    this.#send({ type: "join", room: this.#room, name: this.#name });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #clear() {
    this.#last = 0;
    this.#log.replaceChildren();
  }

  #hear(message) {
    if (message.room !== undefined && message.room !== this.#room) return;
    switch (message.type) {
      case "joined":
        this.#joined(message);
        break;
      case "said":
        this.#showSaid(message);
        break;
      case "people":
        this.#people.textContent =
          message.count === 1
            ? "You are alone here."
            : `${message.count} here: ${message.people.slice(0, 12).join(", ")}${message.count > 12 ? " …" : ""}`;
        break;
      case "room-down":
        this.#tell(`The room fell over: ${message.reason}. It is being opened again.`, "bad");
        this.#showLine("notice", `The room crashed (${message.reason}).`);
        break;
      case "notice":
        this.#tell(`${message.message} ${message.hint}`, "bad");
        break;
    }
  }

  /** Shows what was missed, and says again what was not heard. */
  #joined({ history, name, node, returned, roomNode }) {
    const gap = history.length > 0 && (history[0].number > this.#last + 1 || history.at(-1).number < this.#last);
    if (gap || history.length === 0) this.#clear();
    for (const said of history) this.#showSaid(said);
    if (history.length === 0)
      this.#showLine("notice", "Nobody has said anything here yet. What did you see on your way?");
    for (const [id, text] of this.#unsaid) this.#send({ type: "say", text, id });
    const where = node === roomNode ? `on ${node}, as this room is` : `on ${node}; this room is on ${roomNode}`;
    this.#tell(returned ? "The room is back." : `You are ${name}, ${where}.`, "good");
  }

  #showSaid({ at, from, id, number, text }) {
    this.#unsaid.delete(id);
    if (number <= this.#last) return;
    this.#last = number;
    this.#log.querySelector(".chat-notice:only-child")?.remove();
    const said = h(
      "li",
      { class: "chat-said" },
      h("span", { class: "chat-from" }, from),
      h("time", { datetime: new Date(at).toISOString() }, formatClock(at)),
      h("span", { class: "chat-text" }, text),
    );
    this.#append(said);
  }

  #showLine(kind, text) {
    this.#append(h("li", { class: `chat-${kind}` }, text));
  }

  #append(item) {
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    this.#log.append(item);
    while (this.#log.childElementCount > keptMessages) this.#log.firstElementChild.remove();
    if (atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #tell(text, mood) {
    this.#state.textContent = text;
    this.#state.dataset.mood = mood;
  }

  #markRoom() {
    for (const tab of this.#tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.room === this.#room));
  }
}

function nameOfVisitor() {
  const known = localStorage.getItem("chat-name");
  if (known !== null) return known;
  const name = `Reader ${100 + Math.floor(Math.random() * 900)}`;
  localStorage.setItem("chat-name", name);
  return name;
}

customElements.define("town-chat", TownChat);
