/**
 * A reader with a page open: one process a stream of events. It subscribes to the board and, if the page shows it, to
 * the tree, and comes back to them after they were restarted. A reader who is slow loses the oldest news, nobody else's.
 */
import { genServer, type Monitor, noreply, type Pid, type Self, type SystemMessage, self } from "@interlock/core";
import type { SSEStreamingApi } from "hono/streaming";
import { type ArticleNews, editions } from "../articles/paper.ts";
import { isBeingRestarted } from "../being-restarted.ts";
import { quoteBoard, type TickerNews } from "../ticker/quote-board.ts";
import { type TreeNews, treeWatcher } from "../tree-watcher.ts";

export interface Reader {
  readonly stream: SSEStreamingApi;
  /** The node that serves it, in words. */
  readonly here: string;
  readonly wantsTree: boolean;
  readonly board: Monitor | undefined;
  readonly tree: Monitor | undefined;
}

type Alarm = { readonly type: "hello" } | { readonly type: "subscribe" } | { readonly type: "beat" };

const beatMs = 15_000;

export const ReaderServer = genServer({
  name: "reader",

  init: (stream: SSEStreamingApi, wantsTree: boolean, here: string): Reader => {
    const me = self();
    editions.subscribe(me);
    me.sendAfter(0, { type: "hello" });
    me.sendAfter(beatMs, { type: "beat" });
    return { stream, here, wantsTree, board: undefined, tree: undefined };
  },

  async info({ self, state }, message: SystemMessage | Alarm | TickerNews | TreeNews | ArticleNews) {
    switch (message.type) {
      case "hello":
        await say(state.stream, "hello", { node: state.here });
        return noreply(await subscribeAll(self, state));
      case "subscribe":
        return noreply(await subscribeAll(self, state));
      case "ticker":
        await say(state.stream, "ticker", message.view);
        return noreply();
      case "tree":
        await say(state.stream, "tree", message.tree);
        return noreply();
      case "report":
        await say(state.stream, "report", message.report);
        return noreply();
      case "articles":
        await say(state.stream, "articles", { newest: message.newest });
        return noreply();
      case "beat":
        // Finds out about readers who left without a word.
        self.sendAfter(beatMs, { type: "beat" });
        await state.stream.write(": beat\n\n");
        return noreply();
      case "DOWN": {
        self.sendAfter(250, { type: "subscribe" });
        if (message.ref === state.board?.ref) return noreply({ ...state, board: undefined });
        return noreply(message.ref === state.tree?.ref ? { ...state, tree: undefined } : state);
      }
      default:
        return noreply();
    }
  },
});

async function subscribeAll(me: Self<unknown>, state: Reader): Promise<Reader> {
  let { board, tree } = state;
  try {
    if (board === undefined) {
      await say(state.stream, "ticker", await quoteBoard.call.subscribe(me.pid as Pid<TickerNews>));
      board = me.monitor(quoteBoard.pid);
    }
    if (state.wantsTree && tree === undefined) {
      await say(state.stream, "tree", await treeWatcher.call.subscribe(me.pid as Pid<TreeNews>));
      tree = me.monitor(treeWatcher.pid);
    }
  } catch (error) {
    if (!isBeingRestarted(error)) throw error;
    me.sendAfter(250, { type: "subscribe" });
  }
  return { ...state, board, tree };
}

function say(stream: SSEStreamingApi, event: string, data: unknown): Promise<void> {
  return stream.writeSSE({ event, data: JSON.stringify(data) });
}
