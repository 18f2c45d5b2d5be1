/** The page that breaks things: what each button does, and what to look for. */
import "./masthead.js";
import "./footer.js";
import "./ticker.js";
import "./tree.js";
import { formatClock, h, request } from "./dom.js";
import { goLive, live, stayWith } from "./live.js";
import "./town-map.js";

const ticker = { healer: "ticker_sup starts it again", spared: "articles, chat, the feed" };

const groups = [
  {
    title: "The ticker",
    intro: "A process that holds the newest quotes and hands them on. Its feed is another process.",
    things: [
      {
        what: "ticker-throw",
        text: "Throw in a handler",
        rung: 1,
        ...ticker,
        how: "The ticker gets a message and its handler throws, as any bug would.",
        lost: "its state and mailbox; quotes are stale until the next one",
      },
      {
        what: "ticker-timer",
        text: "Throw in a timer callback",
        rung: 1,
        ...ticker,
        how: "The ticker sets a timer and the callback throws. In plain Node.js this uncaught exception ends the whole program.",
        lost: "the same; the runtime knows whose timer it was",
      },
      {
        what: "ticker-reject",
        text: "Reject a promise nobody awaits",
        rung: 1,
        ...ticker,
        how: "The ticker starts something asynchronous and forgets it; it fails. In plain Node.js this, too, ends the program.",
        lost: "the same",
      },
      {
        what: "feed-throw",
        text: "Break the feed",
        rung: 1,
        healer: "ticker_sup restarts the feed and, as it is rest_for_one, the ticker after it",
        spared: "articles, chat",
        how: "The process that replays the quotes throws. The ticker was started after it and depends on it.",
        lost: "the session with the exchange; the replay goes on at the row that was due",
      },
    ],
  },
  {
    title: "The ticker's supervisor",
    intro:
      "Restarting helps against bad luck. Against a bug that comes back each time, somebody higher up has to decide.",
    things: [
      {
        what: "ticker-meltdown",
        text: "Poison the feed",
        rung: 2,
        healer:
          "nobody: after 3 restarts in 10 s ticker_sup gives up, and newsroom_sup leaves it stopped instead of falling with it",
        spared: "articles, chat, you",
        how: "A row that the ticker cannot digest is put into the feed, so that each new ticker crashes as it opens its session.",
        lost: "the ticker subtree, until somebody brings it back",
      },
      {
        what: "ticker-revive",
        text: "Bring the ticker back",
        rung: 2,
        kind: "heal",
        healer: "you, as newsroom_sup’s operator",
        spared: "everybody",
        how: "Asks newsroom_sup to start the stopped subtree again: a new supervisor, a new feed, a new ticker, with no memory of the poison.",
        lost: "nothing",
      },
    ],
  },
  {
    title: "The chat",
    intro: "One process a room and one a visitor. A room that dies takes nobody with it.",
    things: [
      {
        what: "chat-room-crash",
        text: "Crash the town square",
        rung: 1,
        healer: "rooms_sup opens the room again; each visitor’s process, which monitored it, walks back in",
        spared: "the other rooms, every connection, articles, ticker",
        how: "The room’s process throws while it holds everybody’s conversation.",
        lost: "the room’s process: what was said hangs on the wall, and the new one reads it there",
      },
    ],
  },
];

function card(thing) {
  const outcome = h("p", { class: "outcome", role: "status" });
  const button = h(
    "button",
    { type: "button", class: thing.kind === "heal" ? "heal-button" : "break-button", id: thing.what },
    thing.text,
  );
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { message } = await request(`/api/break/${thing.what}`, { method: "POST" });
      outcome.textContent = `${formatClock(new Date())} · ${message}`;
      outcome.dataset.mood = "good";
    } catch (refusal) {
      outcome.textContent = `${refusal.message} ${refusal.hint ?? ""}`;
      outcome.dataset.mood = "bad";
    } finally {
      button.disabled = false;
      button.focus();
    }
  });
  const fact = (name, text) => h("div", {}, h("dt", {}, name), h("dd", {}, text));
  return h(
    "article",
    { class: "card" },
    h(
      "div",
      { class: "card-head" },
      button,
      h("span", { class: "rung", data: { rung: thing.rung } }, `Rung ${thing.rung}`),
    ),
    h("p", { class: "card-how" }, thing.how),
    h(
      "dl",
      { class: "facts" },
      fact("Heals", thing.healer),
      fact("Lost", thing.lost),
      fact("Never notice", thing.spared),
    ),
    outcome,
  );
}

document
  .querySelector(".break-buttons")
  .append(
    ...groups.map((group) =>
      h(
        "section",
        { class: "card-group" },
        h("h2", { class: "rule-title" }, group.title),
        h("p", { class: "group-intro" }, group.intro),
        group.things.map(card),
      ),
    ),
  );

const mode = document.querySelector("#mode");
mode.addEventListener("change", async ({ target }) => {
  await request(`/api/break/${target.value === "propagate" ? "propagate" : "serve-stale"}`, { method: "POST" }).catch(
    () => undefined,
  );
});
live.addEventListener("ticker", ({ detail }) => {
  for (const choice of mode.querySelectorAll("input")) choice.checked = choice.value === detail.mode;
  document
    .querySelector("#ticker-revive")
    .closest(".card")
    .classList.toggle("is-wanted", detail.gaveUp === true);
});

// The card that a link elsewhere points at was not there yet when the browser looked for it.
if (location.hash !== "") document.getElementById(location.hash.slice(1))?.focus();

// The tree, and the buttons of rungs 1 and 2, are those of one node: the one that this page listens to.
const stream = goLive({ tree: true });
live.addEventListener("hello", ({ detail }) => stayWith(detail.node));
document.querySelector("town-map").addEventListener("look-at", ({ detail }) => {
  stayWith(detail.node);
  stream.again();
});
