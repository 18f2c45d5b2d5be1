/**
 * The newsroom: its tree, from the top. `one_for_one`, as the parts owe each other nothing: the articles do not care
 * about the ticker. What does depend on each other sits together in a subtree of its own.
 */
import { application, local, supervisor } from "@interlock/core";
import { storesClosed } from "./articles/article-store.ts";
import { Articles } from "./articles/articles.ts";
import { chatSup } from "./chat/chat-sup.ts";
import { roomsLimits } from "./chat/rooms-sup.ts";
import { type NewsroomConfig, newsroomConfig, newsroomVariables } from "./config.ts";
import { readersSup } from "./http/events.ts";
import { WebServer } from "./http/web.ts";
import { QuoteBoard } from "./ticker/quote-board.ts";
import { tickerSubtree, tickerSup } from "./ticker/ticker-sup.ts";
import type { SupervisorRules } from "./tree.ts";
import { TreeWatcher } from "./tree-watcher.ts";

const storeSup = supervisor({
  name: "store_sup",
  strategy: "one_for_one",
  intensity: 3,
  periodMs: 10_000,
  children: (directory: string) => [Articles.child([directory], { name: local("articles") })],
});

const webSup = supervisor({
  name: "web_sup",
  strategy: "one_for_one",
  intensity: 5,
  periodMs: 10_000,
  children: (host: string, port: number) => [
    readersSup.child([], { id: "readers_sup" }),
    WebServer.child([host, port], { name: local("web") }),
  ],
});

const newsroomSup = supervisor({
  name: "newsroom_sup",
  strategy: "one_for_one",
  intensity: 5,
  periodMs: 10_000,
  children: (config: NewsroomConfig) => [
    // First, so that it hears of everybody else's start.
    TreeWatcher.child([rules], { name: local("tree_watcher"), mailbox: { capacity: 2_000, overflow: "drop_oldest" } }),
    storeSup.child([config.dataDirectory], { name: local("store_sup") }),
    QuoteBoard.child([], { name: local("quote_board") }),
    tickerSubtree(config.sessionMs),
    chatSup.child([], { name: local("chat_sup") }),
    webSup.child([config.host, config.port], { name: local("web_sup") }),
  ],
});

const rooms = { name: "rooms_sup", strategy: "one_for_one", ...roomsLimits } as const;

const rules: ReadonlyMap<string, SupervisorRules> = new Map(
  [newsroomSup.module, storeSup.module, tickerSup.module, chatSup.module, webSup.module, rooms].map((rule) => [
    rule.name,
    rule,
  ]),
);

export default application({
  name: "newsroom",
  version: "0.1.0",
  config: newsroomConfig,
  providers: [newsroomVariables],
  // The processes end first; what they owned may take a moment longer.
  stop: storesClosed,
  start: ({ config }) => newsroomSup.named(local("newsroom_sup")).startLink(config),
});
