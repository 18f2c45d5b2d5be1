/** One node of the cluster: it takes part in a group, a topic and two caches, and may run the editor, of which there is one. */
import { cache, createNode, group, joinCluster, pubsub, type SingletonOptions, singleton } from "@interlock/cluster";
import {
  defaultNode,
  formatReport,
  genServer,
  type NodeName,
  noreply,
  onReport,
  type Pid,
  reply,
  type SystemMessage,
  self,
  sendAfter,
  supervisor,
} from "@interlock/core";
import { serve, tell } from "./control.ts";
import { Outside } from "./outside.ts";

/** What each node is told when it starts. */
export interface MemberConfig {
  readonly name: NodeName;
  readonly address: string;
  readonly nodes: readonly NodeName[];
  readonly outside: string;
  readonly requiredContactPoints: number;
  readonly tickMs: number;
}

const NODE_PORT = 7_000;
const config = JSON.parse(process.argv[2] ?? "") as MemberConfig;
const outside = new Outside(config.outside);
const local = defaultNode();
onReport(
  (report) => {
    const details = "details" in report ? String(report.details) : "";
    tell("report", {
      type: report.type,
      label: "label" in report ? report.label : "",
      text: formatReport(report),
      details,
    });
  },
  { progress: false },
);

const town = group<never>("town");
const news = pubsub({ name: "news" }).topic<string>("all");
const heard: string[] = [];
const Listener = genServer({
  name: "listener",
  init() {
    town.join(self().pid as Pid<never>);
    news.subscribe(self());
    return 0;
  },
  info(_, message: string | SystemMessage) {
    if (typeof message === "string") heard.push(message);
    return noreply();
  },
});

const EVERY_MS = 50;
const Editor = genServer({
  name: "editor",
  init(token: number) {
    const me = self();
    tell("began", { token });
    me.own({ close: () => tell("ended", { token }) });
    sendAfter(EVERY_MS, me.pid as Pid<"write">, "write");
    return { token };
  },
  calls: { where: ({ state }) => reply(`${config.name} ${state.token}`) },
  info({ state, self: me }, message: "write" | SystemMessage) {
    if (message !== "write") return noreply();
    const { token } = state;
    // Not waited for: it must answer its callers while the resource cannot be reached.
    outside.write({ token, by: config.name }, me.signal).catch(() => undefined);
    sendAfter(EVERY_MS, me.pid as Pid<"write">, "write");
    return noreply();
  },
});
const timing = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 300 } satisfies Partial<
  SingletonOptions<[number]>
>;
const editor = singleton({
  name: "editor",
  server: Editor,
  args: (token) => [token],
  leases: outside,
  shutdownMs: 200,
  ...timing,
});

const notes = cache<string, string>({ name: "notes", mode: "replicate" });
const pages = cache<string, string>({ name: "pages", mode: "invalidate", load: (key) => outside.row(key) });

const node = await createNode({
  name: config.name,
  cookie: "a secret of this test",
  listen: { host: config.address, port: NODE_PORT },
  lookup: async (name) => ({ host: name.slice(name.indexOf("@") + 1), port: NODE_PORT }),
  visible: true,
  tickMs: config.tickMs,
  handshakeMs: 2_000,
});
node.watchNodes(({ node: other, reason, type }) => tell(type, { node: other, reason }));
let found = config.nodes;
const cluster = await joinCluster(node, {
  discovery: [{ name: "what it is told", lookup: async () => found }],
  requiredContactPoints: config.requiredContactPoints,
  intervalMs: 200,
  stableMarginMs: 600,
  leaveMs: 2_000,
});
cluster.watch(({ from, member }) => tell("change", { node: member.node, from, to: member.state }));
const Top = supervisor({
  name: "top",
  strategy: "one_for_one",
  children: () => [notes.child(), pages.child(), Listener.child([]), editor.child()],
});
const top = await Top.start();

serve({
  ready: () => undefined,
  view: () => ({ ...cluster.view(), agreement: cluster.agreement() }),
  find: (nodes: readonly NodeName[]) => {
    found = nodes;
  },
  connected: () => node.nodes("connected"),
  members: () => town.members().map((pid) => pid.node),
  broadcast: (text: string) => news.broadcast(text),
  heard: () => heard,
  holder: () => editor.holder,
  callEditor: () => Editor.at(editor).call.where(),
  setNote: (key: string, value: string) => notes.set(key, value),
  note: (key: string) => notes.get(key),
  async setPage(key: string, value: string) {
    await outside.setRow(key, value);
    pages.delete(key);
  },
  page: (key: string) => pages.get(key),
  /** Goes on writing by a token that it once had, as no server under a lease does. */
  haunt() {
    const { token } = editor;
    setInterval(() => void outside.write({ token, by: config.name }).catch(() => undefined), EVERY_MS);
  },
  leave: () => cluster.leave(),
  stopNode: () => node.stop(),
  stopTop: () => top.stop(),
  processes: () => local.processCount,
});
