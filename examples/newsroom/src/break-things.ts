/** The buttons: each makes a real process fail, or brings one back, and says in a sentence what it did. */
import { isError, local, whereis } from "@interlock/core";
import { rooms } from "./chat/rooms.ts";
import { Refusal } from "./http/refusal.ts";
import { newsroomSup } from "./supervisor-at.ts";
import { feed } from "./ticker/feed.ts";
import { quoteBoard } from "./ticker/quote-board.ts";
import { type Sabotage, ticker } from "./ticker/ticker.ts";

const things: Readonly<Record<string, () => string | Promise<string>>> = {
  "ticker-throw": () => sabotage("throw", "The ticker's next handler throws."),
  "ticker-timer": () => sabotage("timer", "The ticker set a timer whose callback throws."),
  "ticker-reject": () => sabotage("reject", "The ticker started something that fails, and nobody is waiting for it."),

  "feed-throw"() {
    expectRunning("feed");
    feed.cast.break();
    return "The feed throws; the ticker, started after it, goes with it.";
  },

  "ticker-meltdown"() {
    expectRunning("ticker");
    feed.cast.poison();
    return "The feed is poisoned: each ticker crashes as it opens its session, until ticker_sup gives up.";
  },

  async "ticker-revive"() {
    try {
      const pid = await newsroomSup.restartChild("ticker_sup");
      return `newsroom_sup started ticker_sup again as ${pid}.`;
    } catch (error) {
      if (isError(error, "INTERLOCK_CHILD"))
        throw new Refusal(
          409,
          "NEWSROOM_TICKER_RUNS",
          "The ticker's supervisor has not given up.",
          "Poison the feed first, if you want to see that.",
        );
      throw error;
    }
  },

  "chat-room-crash"() {
    if (rooms.whereis("town-square") === undefined) {
      throw new Refusal(
        409,
        "NEWSROOM_ROOM_EMPTY",
        "Nobody is in the town square, so it has no process.",
        "Open the front page: its chat walks in.",
      );
    }
    rooms.at("town-square").cast.crash();
    return "The town square throws in the middle of a conversation.";
  },

  async "serve-stale"() {
    await quoteBoard.call.setMode("serve_stale");
    return "While the ticker is down, pages show its last quotes with their age.";
  },

  async propagate() {
    await quoteBoard.call.setMode("propagate");
    return "While the ticker is down, pages show an error.";
  },
};

/** **Errors** a `Refusal` for what cannot be broken, or not now. */
export async function breakThing(what: string): Promise<string> {
  const thing = Object.hasOwn(things, what) ? things[what] : undefined;
  if (thing === undefined)
    throw new Refusal(
      404,
      "NEWSROOM_NOTHING_TO_BREAK",
      `There is no ${what} to break.`,
      `There are: ${Object.keys(things).join(", ")}.`,
    );
  return await thing();
}

function sabotage(how: Sabotage, done: string): string {
  expectRunning("ticker");
  ticker.cast.sabotage(how);
  return done;
}

function expectRunning(name: "feed" | "ticker"): void {
  if (whereis(local(name)) === undefined) {
    throw new Refusal(
      409,
      "NEWSROOM_TICKER_STOPPED",
      `The ${name} does not run, so it cannot fail.`,
      "Bring the ticker back first, or wait a moment.",
    );
  }
}
