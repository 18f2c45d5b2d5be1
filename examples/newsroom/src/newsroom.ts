/**
 * The newsroom: its tree, from the top, the same on every node. `one_for_one`, as the parts owe each other nothing: the
 * articles do not care about the ticker. What does depend on each other sits together in a subtree of its own.
 */

import { draining } from "@interlock/cli/child";
import { application, local, supervisor } from "@interlock/core";
import { Articles } from "./articles/articles.ts";
import { articleTexts, headlines } from "./articles/paper.ts";
import { storesClosed } from "./articles/store-thread.ts";
import { chatSup } from "./chat/chat-sup.ts";
import { type NewsroomConfig, newsroomConfig, newsroomVariables, refuseFixed } from "./config.ts";
import { readersSup } from "./http/events.ts";
import { WebServer } from "./http/web.ts";
import { QuoteBoard } from "./ticker/quote-board.ts";
import { tickerSubtree, tickerSup } from "./ticker/ticker-sup.ts";
import { leaveTown, openTown, type Town } from "./town/town.ts";
import type { SupervisorRules } from "./tree.ts";
import { TreeWatcher } from "./tree-watcher.ts";

const storeSup = supervisor({
  name: "store_sup",
  strategy: "one_for_one",
  intensity: 3,
  periodMs: 10_000,
  children: ({ archive, dataDirectory }: NewsroomConfig, { editor }: Town) => [
    headlines.child(),
    articleTexts.child(),
    ...(archive === "here" ? [Articles.child([dataDirectory], { name: local("articles") })] : []),
    editor.child(),
  ],
});

const webSup = supervisor({
  name: "web_sup",
  strategy: "one_for_one",
  intensity: 5,
  periodMs: 10_000,
  children: ({ host, port }: NewsroomConfig, town: Town) => [
    readersSup.child([], { id: "readers_sup" }),
    WebServer.child([host, port, town], { name: local("web") }),
  ],
});

const newsroomSup = supervisor({
  name: "newsroom_sup",
  strategy: "one_for_one",
  intensity: 5,
  periodMs: 10_000,
  children: (config: NewsroomConfig, town: Town) => [
    // First, so that it hears of everybody else's start.
    TreeWatcher.child([rules], { name: local("tree_watcher"), mailbox: { capacity: 2_000, overflow: "drop_oldest" } }),
    storeSup.child([config, town], { name: local("store_sup") }),
    QuoteBoard.child([], { name: local("quote_board") }),
    tickerSubtree(config.sessionMs),
    chatSup.child([town], { name: local("chat_sup") }),
    webSup.child([config, town], { name: local("web_sup") }),
  ],
});

const rules: ReadonlyMap<string, SupervisorRules> = new Map(
  [newsroomSup.module, storeSup.module, tickerSup.module, chatSup.module, webSup.module].map((rule) => [
    rule.name,
    rule,
  ]),
);

let town: Town | undefined;

export default application({
  name: "newsroom",
  version: "0.1.0",
  config: newsroomConfig,
  providers: [newsroomVariables],
  async start({ config }) {
    town = await openTown(config);
    return await newsroomSup.named(local("newsroom_sup")).startLink(config, town);
  },
  configChange: refuseFixed,
  // The launcher sends nobody new, and the tree stops from its end: visitors first, the rooms after them.
  prepStop: draining,
  async stop() {
    if (town !== undefined) await leaveTown(town);
    // The processes have ended; what they owned may take a moment longer.
    await storesClosed();
  },
});
