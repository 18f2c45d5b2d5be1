/**
 * The ticker: takes rows from the feed, checks them, and posts them on the board. It holds nothing that the next ticker
 * could not learn again within a second, so it may crash at any time; the page that breaks things sees to that.
 */
import { genServer, local, noreply, type SystemMessage, self } from "@interlock/core";
import { feed, type Quoted } from "./feed.ts";
import { announceTicker, quoteBoard } from "./quote-board.ts";
import type { QuoteRow } from "./quotes.ts";

/** The ways in which a process can fail that plain Node.js answers by ending the program, and one that it does not. */
export type Sabotage = "throw" | "timer" | "reject";

interface Tape {
  readonly last: QuoteRow | undefined;
}

export const Ticker = genServer({
  name: "ticker",

  init: (): Tape => {
    announceTicker();
    feed.cast.openSession(self().pid);
    return { last: undefined };
  },

  casts: {
    sabotage({ state }, how: Sabotage) {
      if (how === "throw") throw new Error("Told to throw in a handler");
      if (how === "timer") {
        setTimeout(() => {
          throw new Error("Told to throw in a timer callback");
        }, 0);
      } else {
        void Promise.reject(new Error("Told to reject a promise that nobody awaits"));
      }
      return noreply(state);
    },
  },

  info(_ctx, message: SystemMessage | Quoted) {
    if (message.type !== "row") return noreply();
    const row = digest(message.row);
    quoteBoard.cast.post(row, message.earlier ?? []);
    return noreply({ last: row });
  },
});

/** A wrong price on the page is worse than none: what cannot be a price is a crash, not a quote. */
function digest(row: QuoteRow): QuoteRow {
  const bad = row.quotes.find((quote) => !(quote.price > 0));
  if (bad !== undefined) throw new Error(`Cannot digest a price of ${bad.price} for ${bad.symbol}`);
  return row;
}

export const ticker = Ticker.at(local("ticker"));
