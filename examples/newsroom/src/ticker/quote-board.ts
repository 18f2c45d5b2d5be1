/**
 * What readers see of the ticker. It stands outside the ticker's subtree on purpose: a cache that fell with what it
 * caches could not serve while that is down. It monitors the ticker, so it knows at once that its quotes have stopped
 * being news, and why; readers subscribe here, and are told the quotes' age or, if the newsroom prefers, an error.
 */
import {
  type ExitReason,
  genServer,
  local,
  type Monitor,
  noreply,
  type Pid,
  reply,
  type SystemMessage,
  self,
} from "@interlock/core";
import { describeReason } from "../reason.ts";
import { broadcast, type Subscribers, subscribe, unsubscribe } from "../subscribers.ts";
import type { QuoteRow } from "./quotes.ts";

/** What a page shows while the ticker is down: its last quotes, marked, or the failure. */
export type WhenDown = "serve_stale" | "propagate";

export interface TickerView {
  readonly state: "live" | "stale" | "error";
  readonly mode: WhenDown;
  readonly row?: QuoteRow;
  /** The rows before it, for a reader who has just come. */
  readonly history?: readonly QuoteRow[];
  /** Milliseconds since the row was heard; absent before the first. */
  readonly ageMs?: number;
  /** Why the ticker is down. */
  readonly reason?: string;
  /** Its supervisor has stopped trying: only a person brings it back. */
  readonly gaveUp: boolean;
}

export interface TickerNews {
  readonly type: "ticker";
  readonly view: TickerView;
}

interface Board {
  readonly mode: WhenDown;
  readonly row: QuoteRow | undefined;
  readonly heardAtMs: number;
  readonly history: readonly QuoteRow[];
  /** Whether the ticker that runs now has sent the row. */
  readonly fresh: boolean;
  readonly reason: string | undefined;
  readonly gaveUp: boolean;
  readonly ticker: Monitor | undefined;
  readonly tickerSup: Monitor | undefined;
  readonly readers: Subscribers<TickerNews>;
}

const historyRows = 48;
/** A ticker that runs and says nothing is no better than one that is down. */
const lateMs = 3_000;

export const QuoteBoard = genServer({
  name: "quote_board",

  init: (): Board => ({
    mode: "serve_stale",
    row: undefined,
    heardAtMs: 0,
    history: [],
    fresh: false,
    reason: undefined,
    gaveUp: false,
    ticker: undefined,
    tickerSup: undefined,
    readers: new Map(),
  }),

  calls: {
    view: ({ state }) => reply(viewOf(state, Date.now(), true)),

    /** Answers the present view; later ones come as messages. */
    subscribe: ({ self, state }, reader: Pid<TickerNews>) =>
      reply(viewOf(state, Date.now(), true), { ...state, readers: subscribe(self, state.readers, reader) }),

    setMode: ({ state }, mode: WhenDown) => reply(mode, told({ ...state, mode })),
  },

  casts: {
    /** A ticker has started. Its quotes count as fresh once it has sent some. */
    tickerStarted({ self, state }, ticker: Pid) {
      state.ticker?.demonitor({ flush: true });
      state.tickerSup?.demonitor({ flush: true });
      return noreply(
        told({ ...state, ticker: self.monitor(ticker), tickerSup: self.monitor(local("ticker_sup")), gaveUp: false }),
      );
    },

    /** Quotes, and for a board that has none yet those before them. */
    post({ state }, row: QuoteRow, earlier: readonly QuoteRow[]) {
      const first = state.history.length === 0;
      const history = [...(first ? earlier : state.history), row].slice(-historyRows);
      return noreply(told({ ...state, row, heardAtMs: Date.now(), history, fresh: true, reason: undefined }, first));
    },
  },

  info({ state }, message: SystemMessage) {
    if (message.type !== "DOWN") return noreply();
    if (message.ref === state.ticker?.ref) {
      return noreply(
        told({ ...state, fresh: false, reason: whyDown(message.reason, state.reason), ticker: undefined }),
      );
    }
    // A supervisor that gives up ends with "shutdown", after its children.
    if (message.ref === state.tickerSup?.ref)
      return noreply(told({ ...state, fresh: false, gaveUp: true, tickerSup: undefined }));
    return noreply({ ...state, readers: unsubscribe(state.readers, message) });
  },
});

/** A ticker that was only stopped with its feed says "shutdown", which would hide what went wrong. */
function whyDown(reason: ExitReason, before: string | undefined): string {
  return reason === "shutdown" ? (before ?? "its feed broke") : describeReason(reason);
}

/** Tells the readers what has become of the board. */
function told(board: Board, withHistory = false): Board {
  broadcast(board.readers, { type: "ticker", view: viewOf(board, Date.now(), withHistory) });
  return board;
}

function viewOf(board: Board, nowMs: number, withHistory: boolean): TickerView {
  const ageMs = board.row === undefined ? undefined : nowMs - board.heardAtMs;
  const live = board.fresh && ageMs !== undefined && ageMs <= lateMs;
  const silent = board.mode === "propagate" && !live;
  return {
    state: live ? "live" : silent ? "error" : "stale",
    mode: board.mode,
    gaveUp: board.gaveUp,
    ...(board.row === undefined || silent ? {} : { row: board.row }),
    ...(withHistory && !silent ? { history: board.history } : {}),
    ...(ageMs === undefined ? {} : { ageMs }),
    ...(board.reason === undefined || live ? {} : { reason: board.reason }),
  };
}

export const quoteBoard = QuoteBoard.at(local("quote_board"));

/** Tells the board of the ticker that calls this. */
export function announceTicker(): void {
  quoteBoard.cast.tickerStarted(self().pid);
}
