/**
 * What a node says of itself to whoever has its cookie: the remote functions `interlock_inspect`, which only read. The commands
 * `interlock nodes`, `ps`, `tree` and `crashes` ask for them; an Erlang shell may: `erpc:call(Node, interlock_inspect, ps, [])`.
 */
import { subscribe } from "node:diagnostics_channel";
import { type NodeName, nodeRuntime, processes, type Report, whichApplications } from "@interlock/core";
import { callerOf } from "@interlock/core/distribution";
import type { NetKernel } from "../node/net-kernel.ts";
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

let offered: RemoteFunctions<InspectionFunctions> | undefined;

/**
 * From now on this node answers what `interlock nodes`, `ps`, `tree` and `crashes` ask it. Done by `runPod`, and by
 * `createNode` for a node that a launcher has named; again it changes nothing. It costs what keeping the words of the last 50
 * failures does.
 *
 * @example
 * const { ps } = offerInspection().functions;
 * const parked = spawn(async (self) => void (await self.receive()));
 * console.log(ps("age", 100).rows.some(({ pid }) => pid === parked.toString())); // true
 * exit(parked, "kill");
 */
export function offerInspection(): RemoteFunctions<InspectionFunctions> {
  offered ??= offer();
  return offered;
}

function offer(): RemoteFunctions<InspectionFunctions> {
  const failures = new Failures();
  const sinceMs = nodeRuntime.clock.now();
  subscribe("interlock:report", (report) => failures.note(report as Report));
  return remoteFunctions<InspectionFunctions>({
    name: inspection.name,
    functions: {
      facts: () => factsOf(nodeRuntime.clock.now() - sinceMs),
      ps: (order = "reductions", limit = DEFAULT_ROWS) => processRows(order, limit),
      tree: () => outline(nodeRuntime),
      crashes: () => failures.all,
    },
  });
}

function factsOf(upMs: number): NodeFacts {
  const { node } = callerOf();
  const { heapUsed, rss } = process.memoryUsage();
  const network = node.network as NetKernel | undefined;
  return {
    name: node.name,
    applications: whichApplications().map(({ name, version }) => ({ name, version })),
    processes: processes().length,
    upMs: Math.round(upMs),
    rss,
    heapUsed,
    runtime: process.version,
    osPid: process.pid,
    connected: network?.nodes("connected") ?? [],
  };
}
