/**
 * The exchange's feed: replays one row of historical quotes a second to whoever opened a session. Opening one takes a
 * moment, as it does with a real exchange, which is why a restarted ticker is not fresh at once. It can be broken, and
 * it can be poisoned: then every session begins with a row that no ticker can digest.
 */
import { genServer, local, type Monitor, noreply, type Pid, type SystemMessage, self, send } from "@interlock/core";
import { loadQuotes, type QuoteRow } from "./quotes.ts";

export interface Quoted {
  readonly type: "row";
  readonly row: QuoteRow;
  /** With the first row of a session: those before it. */
  readonly earlier?: readonly QuoteRow[];
}

interface Session {
  readonly monitor: Monitor;
  readonly open: boolean;
}

interface Replay {
  readonly rows: readonly QuoteRow[];
  readonly sessionMs: number;
  readonly sessions: ReadonlyMap<Pid<Quoted>, Session>;
  readonly poisoned: boolean;
}

type Alarm = { readonly type: "tick" } | { readonly type: "opened"; readonly subscriber: Pid<Quoted> };

const rowMs = 1_000;
const earlierRows = 47;
const poison: QuoteRow = { date: "2000-01-01", quotes: [{ symbol: "S&P 500", price: Number.NaN, change: 0 }] };

export const Feed = genServer({
  name: "feed",

  init: async (sessionMs: number): Promise<Replay> => {
    self().sendAfter(rowMs, { type: "tick" });
    return { rows: await loadQuotes(), sessionMs, sessions: new Map(), poisoned: false };
  },

  casts: {
    openSession({ self, state }, subscriber: Pid<Quoted>) {
      if (state.sessions.has(subscriber)) return noreply();
      self.sendAfter(state.sessionMs, { type: "opened", subscriber });
      const session: Session = { monitor: self.monitor(subscriber), open: false };
      return noreply({ ...state, sessions: new Map(state.sessions).set(subscriber, session) });
    },

    break(): never {
      throw new Error("The feed lost its line to the exchange");
    },

    poison({ state }) {
      for (const [subscriber, { open }] of state.sessions) if (open) send(subscriber, { type: "row", row: poison });
      return noreply({ ...state, poisoned: true });
    },
  },

  // A crash report with ten years of quotes in it would be read by nobody.
  formatStatus: ({ poisoned, rows, sessions }) => ({ rows: rows.length, sessions: sessions.size, poisoned }),

  info({ self, state }, message: SystemMessage | Alarm) {
    switch (message.type) {
      case "tick": {
        self.sendAfter(rowMs, { type: "tick" });
        for (const [subscriber, { open }] of state.sessions)
          if (open) send(subscriber, { type: "row", row: rowDue(state.rows) });
        return noreply();
      }
      case "opened": {
        const session = state.sessions.get(message.subscriber);
        if (session === undefined) return noreply();
        send(message.subscriber, {
          type: "row",
          row: state.poisoned ? poison : rowDue(state.rows),
          earlier: rowsBefore(state.rows),
        });
        return noreply({
          ...state,
          sessions: new Map(state.sessions).set(message.subscriber, { ...session, open: true }),
        });
      }
      case "DOWN":
        return noreply({
          ...state,
          sessions: new Map([...state.sessions].filter(([, { monitor }]) => monitor.ref !== message.ref)),
        });
      default:
        return noreply();
    }
  },
});

/** Which row is due is read off the clock, so that a feed that was restarted goes on where it would have been. */
function rowDue(rows: readonly QuoteRow[]): QuoteRow {
  const row = rows[indexDue(rows)];
  if (row === undefined) throw new Error("The replay has no rows");
  return row;
}

function rowsBefore(rows: readonly QuoteRow[]): readonly QuoteRow[] {
  const due = indexDue(rows);
  return rows.slice(Math.max(0, due - earlierRows), due);
}

function indexDue(rows: readonly QuoteRow[]): number {
  return Math.floor(Date.now() / rowMs) % rows.length;
}

export const feed = Feed.at(local("feed"));
