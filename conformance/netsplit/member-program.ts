/** One node of the cluster, as a program that does what the test asks. */
import { createNode, joinCluster } from "@interlock/cluster";
import { formatReport, type NodeName, onReport, supervisor } from "@interlock/core";
import { serve, tell } from "./control.ts";
import { editorOf } from "./editor.ts";
import { Outside } from "./outside.ts";
import { sharedBy } from "./shared.ts";

/** What each node is told when it starts. */
export interface MemberConfig {
  readonly name: NodeName;
  readonly address: string;
  /** Whom it finds at first. */
  readonly nodes: readonly NodeName[];
  readonly outside: string;
  readonly requiredContactPoints: number;
  readonly tickMs: number;
  readonly preventOverlappingPartitions: boolean;
}

const NODE_PORT = 7_000;
const { address, name, nodes, outside: outsideHost, ...config } = JSON.parse(process.argv[2] ?? "") as MemberConfig;
onReport(
  (report) => {
    const details = "details" in report ? ` ${report.details}` : "";
    tell("report", { text: `${formatReport(report)}${details}` });
  },
  { progress: false },
);

const node = await createNode({
  name,
  cookie: "a secret of this test",
  listen: { host: address, port: NODE_PORT },
  lookup: async (other) => ({ host: other.slice(other.indexOf("@") + 1), port: NODE_PORT }),
  visible: true,
  global: { preventOverlappingPartitions: config.preventOverlappingPartitions },
  tickMs: config.tickMs,
  handshakeMs: 2_000,
});
node.watchNodes(({ node: other, reason, type }) => tell(type, { node: other, reason }));
let found = nodes;
const cluster = await joinCluster(node, {
  discovery: [{ name: "what it is told", lookup: async () => found }],
  requiredContactPoints: config.requiredContactPoints,
  intervalMs: 200,
  stableMarginMs: 600,
  leaveMs: 2_000,
});
cluster.watch(({ from, member }) => tell("change", { node: member.node, from, to: member.state }));

const outside = new Outside(outsideHost);
const parts = [sharedBy(name, outside, cluster), editorOf(name, outside)];
const children = () => parts.flatMap((part) => part.children());
await supervisor({ name: "top", strategy: "one_for_one", children }).start();

serve({
  ready: () => undefined,
  view: () => ({ ...cluster.view(), agreement: cluster.agreement() }),
  find: (others: readonly NodeName[]) => {
    found = others;
  },
  stopNode: () => node.stop(),
  ...Object.assign({}, ...parts.map(({ operations }) => operations)),
});
