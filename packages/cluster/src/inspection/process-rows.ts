/** The processes of a node, each as a row of plain values. */
import { type ProcessInfo, processes, processInfo } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";

export interface ProcessRow {
  readonly pid: string;
  /** The behaviour's or function's name, or what the process calls itself. */
  readonly label: string;
  readonly name: string | undefined;
  readonly status: ProcessInfo["status"];
  readonly mailbox: number;
  /** Messages handled so far. */
  readonly reductions: number;
  readonly handler: string | undefined;
  /** Messages that its mailbox bound refused or threw away. */
  readonly dropped: number;
  readonly links: number;
  readonly monitors: number;
  /** An estimate in bytes, without the state. */
  readonly memoryEstimate: number;
}

/** What comes first: the longest mailbox, the most messages handled, or the oldest process. */
export type ProcessOrder = "mailbox" | "reductions" | "age";

export interface ProcessRows {
  /** How many there are in all. */
  readonly count: number;
  readonly rows: readonly ProcessRow[];
}

const MOST_ROWS = 10_000;

/** What it costs is two numbers of each process, and more only of those that are shown. */
export function processRows(order: ProcessOrder, limit: number): ProcessRows {
  const all = processes() as readonly LocalPid[];
  const most = Math.max(0, Math.min(limit, MOST_ROWS));
  const sorted = order === "age" ? all : all.toSorted((a, b) => weight(b, order) - weight(a, order));
  const rows = sorted.slice(0, most).flatMap((pid) => {
    const info = processInfo(pid);
    return info === undefined ? [] : [rowOf(info)];
  });
  return { count: all.length, rows };
}

function weight({ process }: LocalPid, order: "mailbox" | "reductions"): number {
  if (process === undefined) return -1;
  return order === "mailbox" ? process.mailboxLength : process.reductions;
}

function rowOf(info: ProcessInfo): ProcessRow {
  return {
    pid: info.pid.toString(),
    label: info.label,
    name: info.name,
    status: info.status,
    mailbox: info.mailboxLength,
    reductions: info.reductions,
    handler: info.currentHandler,
    dropped: info.dropped,
    links: info.links.length,
    monitors: info.monitors.length,
    memoryEstimate: info.memoryEstimate,
  };
}
