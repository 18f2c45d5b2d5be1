/**
 * What a node says of itself to whoever has its cookie: the remote functions `interlock_inspect`, which only read. The commands
 * `interlock nodes`, `ps`, `tree` and `crashes` ask for them; an Erlang shell may: `erpc:call(Node, interlock_inspect, ps, [])`.
 */
import { subscribe } from "node:diagnostics_channel";
import { LocalNode, type NodeName, processes, type Report, whichApplications } from "@interlock/core";
import { callerOf, LocalPid } from "@interlock/core/distribution";
import { NetKernel } from "../node/net-kernel.ts";
import { type RemoteFunctions, remoteFunctions } from "../rpc/remote-functions.ts";
import { type Failure, Failures } from "./failures.ts";
import { outline, type TreeNode } from "./outline.ts";
import { type ProcessOrder, type ProcessRows, processRows } from "./process-rows.ts";

/** How a node is. */
export interface NodeFacts {
  readonly name: NodeName;
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly processes: number;
  /** Milliseconds since it can be asked. */
  readonly upMs: number;
  /** Bytes of the operating-system process. */
  readonly rss: number;
  /** Bytes of live objects, and of those that are not collected yet. */
  readonly heapUsed: number;
  /** Of Node.js. */
  readonly runtime: string;
  /** The operating-system process. */
  readonly osPid: number;
  /** Those that it has a connection to. */
  readonly connected: readonly NodeName[];
}

/** What can be asked. */
export interface InspectionFunctions {
  readonly facts: () => NodeFacts;
  readonly ps: (order?: ProcessOrder, limit?: number) => ProcessRows;
  readonly tree: () => Promise<readonly TreeNode[]>;
  readonly crashes: () => readonly Failure[];
  readonly [name: string]: (...args: never[]) => unknown;
}

/** The name of the remote functions. */
export const inspection = { name: "interlock_inspect" } as const;

const DEFAULT_ROWS = 50;

/** What is kept of a node, for as long as there is the node. */
interface NodeRecord {
  /** As its own clock has it. */
  readonly sinceMs: number;
  readonly failures: Failures;
}

const records = new WeakMap<LocalNode, NodeRecord>();

/** Of the program: so are the functions that others may call. */
let offered: RemoteFunctions<InspectionFunctions> | undefined;

/**
 * From now on the node (default: the one that the caller is on) answers what `interlock nodes`, `ps`, `tree` and `crashes`
 * ask it. Done by `runPod`, and by `createNode` for a node that a launcher has named; again it changes nothing. It costs what
 * keeping the words of the last 50 failures does.
 *
 * @example
 * const { ps } = offerInspection().functions;
 * const parked = spawn(async (self) => void (await self.receive()));
 * console.log(ps("age", 100).rows.some(({ pid }) => pid === parked.toString())); // true
 * exit(parked, "kill");
 */
export function offerInspection(node: LocalNode = callerOf().node): RemoteFunctions<InspectionFunctions> {
  recordOf(node);
  offered ??= offer();
  return offered;
}

function recordOf(node: LocalNode): NodeRecord {
  const known = records.get(node);
  if (known !== undefined) return known;
  const made = { sinceMs: node.runtime.clock.now(), failures: new Failures() };
  records.set(node, made);
  return made;
}

function offer(): RemoteFunctions<InspectionFunctions> {
  // The channel is that of the program: each failure belongs to one of its nodes.
  subscribe("interlock:report", (report) => {
    const node = nodeOf(report as Report);
    if (node !== undefined) recordOf(node).failures.note(report as Report);
  });
  return remoteFunctions<InspectionFunctions>({
    name: inspection.name,
    functions: {
      facts: () => factsOf(callerOf().node),
      ps: (order = "reductions", limit = DEFAULT_ROWS) => processRows(order, limit),
      tree: () => outline(callerOf().node.runtime),
      crashes: () => recordOf(callerOf().node).failures.all,
    },
  });
}

function nodeOf(report: Report): LocalNode | undefined {
  const pid = report.type === "supervisor" || report.type === "progress" ? report.supervisorPid : report.pid;
  return pid instanceof LocalPid && pid.home instanceof LocalNode ? pid.home : undefined;
}

function factsOf(node: LocalNode): NodeFacts {
  const { heapUsed, rss } = process.memoryUsage();
  const { network } = node;
  return {
    name: node.name,
    applications: whichApplications().map(({ name, version }) => ({ name, version })),
    processes: processes().length,
    upMs: Math.round(node.runtime.clock.now() - recordOf(node).sinceMs),
    rss,
    heapUsed,
    runtime: process.version,
    osPid: process.pid,
    connected: network instanceof NetKernel ? network.nodes("connected") : [],
  };
}
