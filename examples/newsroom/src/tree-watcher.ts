/**
 * The process that watches the newsroom's supervisors for whoever has the tree open. It hears every report, remembers
 * restarts, and reads the tree again when something has happened, and once a second while somebody looks.
 */
import { subscribe as subscribeChannel, unsubscribe as unsubscribeChannel } from "node:diagnostics_channel";
import {
  bind,
  genServer,
  local,
  noreply,
  type Pid,
  type Report,
  reply,
  type SystemMessage,
  self,
  trySend,
  whereis,
} from "@interlock/core";
import { broadcast, type Subscribers, subscribe, unsubscribe } from "./subscribers.ts";
import {
  forgetOld,
  type History,
  noHistory,
  note,
  type ReportLine,
  readTree,
  type SupervisorRules,
  type TreeNode,
} from "./tree.ts";

export interface Tree {
  readonly root: TreeNode;
}

export type TreeNews =
  | { readonly type: "tree"; readonly tree: Tree }
  | { readonly type: "report"; readonly report: ReportLine };

interface Watch {
  readonly rules: ReadonlyMap<string, SupervisorRules>;
  readonly history: History;
  readonly viewers: Subscribers<TreeNews>;
  /** Whether the tree is going to be read anyway. */
  readonly due: boolean;
}

type Heard = { readonly type: "heard"; readonly report: Report } | { readonly type: "look" };

const channelName = "interlock:report";
/** A crash comes with several reports; they make one look. */
const settleMs = 40;
const lookMs = 1_000;
const rootName = "newsroom_sup";

export const TreeWatcher = genServer({
  name: "tree_watcher",

  init: (rules: ReadonlyMap<string, SupervisorRules>): Watch => {
    const me = self();
    // `bind`, because reports are published by whoever fails, and what has failed must not send.
    const hear = bind((report: unknown) => {
      trySend(me.pid as Pid<Heard>, { type: "heard", report: report as Report });
    });
    subscribeChannel(channelName, hear);
    me.own({ close: () => unsubscribeChannel(channelName, hear) });
    return { rules, history: noHistory, viewers: new Map(), due: false };
  },

  calls: {
    tree: async ({ state }) => reply(await look(state)),

    /** Answers the tree as it is; later ones, and what happens, come as messages. */
    async subscribe({ self, state }, viewer: Pid<TreeNews>) {
      if (!state.due) self.sendAfter(lookMs, { type: "look" });
      return reply(await look(state), { ...state, due: true, viewers: subscribe(self, state.viewers, viewer) });
    },
  },

  async info({ self, state }, message: SystemMessage | Heard) {
    switch (message.type) {
      case "heard": {
        const { history, line } = note(state.history, message.report);
        if (line !== undefined) broadcast(state.viewers, { type: "report", report: line });
        if (!state.due && state.viewers.size > 0) self.sendAfter(settleMs, { type: "look" });
        return noreply({ ...state, history, due: state.viewers.size > 0 });
      }
      case "look": {
        const history = forgetOld(state.history, Date.now());
        if (state.viewers.size === 0) return noreply({ ...state, history, due: false });
        broadcast(state.viewers, { type: "tree", tree: await look({ ...state, history }) });
        self.sendAfter(lookMs, { type: "look" });
        return noreply({ ...state, history, due: true });
      }
      case "DOWN":
        return noreply({ ...state, viewers: unsubscribe(state.viewers, message) });
      default:
        return noreply();
    }
  },
});

async function look({ history, rules }: Watch): Promise<Tree> {
  return { root: await readTree(rootName, whereis(local(rootName)), history, rules, Date.now()) };
}

export const treeWatcher = TreeWatcher.at(local("tree_watcher"));
