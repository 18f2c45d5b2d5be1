/**
 * The supervision tree as a page shows it, from what core says of itself: `whichChildren` of each supervisor,
 * `processInfo` of each process, and the reports on `interlock:report`. Everything that depends on those is here.
 */
import {
  type ChildInfo,
  type ExitReason,
  type Pid,
  processInfo,
  type Report,
  type RestartLimits,
  type Strategy,
} from "@interlock/core";
import { isBeingRestarted } from "./being-restarted.ts";
import { describeReason } from "./reason.ts";
import { supervisorAt } from "./supervisor-at.ts";

/** What supervisors were told when they were made; what they do about it comes from the reports. */
export interface SupervisorRules extends RestartLimits {
  readonly strategy: Strategy;
}

export interface TreeNode {
  readonly id: string;
  readonly kind: "supervisor" | "worker";
  readonly strategy?: Strategy;
  /** How many restarts of late, of how many before it gives up. */
  readonly intensity?: { readonly used: number; readonly max: number; readonly periodMs: number };
  readonly pid?: string;
  readonly status: string;
  readonly mailbox: number;
  /** Of the last minute, oldest first. */
  readonly restartAgesMs: readonly number[];
  readonly restartCount: number;
  readonly lastDeath?: { readonly pid: string; readonly reason: string; readonly ageMs: number };
  readonly children: readonly TreeNode[];
  /** Children that are left out, as there are too many. */
  readonly hidden: number;
}

/** One line of what happened. */
export interface ReportLine {
  readonly kind: "crash" | "gave-up" | "started" | "warning";
  readonly who: string;
  readonly text: string;
  readonly reason?: string;
  /** Unix epoch, milliseconds. */
  readonly at: number;
}

/** What is remembered of a child, by its id or, among children of one kind, its label. */
interface ChildHistory {
  readonly started: boolean;
  readonly restartsAt: readonly number[];
  readonly restartCount: number;
  readonly death: { readonly pid: string; readonly reason: string; readonly at: number } | undefined;
  /** Of a supervisor: when it had to restart something. */
  readonly failuresAt: readonly number[];
}

export interface History {
  readonly children: ReadonlyMap<string, ChildHistory>;
  /** Names of processes that have ended, by pid: a report of their end comes when nobody can be asked any more. */
  readonly labels: ReadonlyMap<string, string>;
}

export const noHistory: History = { children: new Map(), labels: new Map() };

const rememberedMs = 60_000;
const maxShown = 24;
const noChildHistory: ChildHistory = {
  started: false,
  restartsAt: [],
  restartCount: 0,
  death: undefined,
  failuresAt: [],
};
/** Their children come and go with connections, and are never restarted. */
const comeAndGo = new Set(["users_sup", "readers_sup"]);

/** Takes a report into the history, and puts it in words if a reader should hear of it. */
export function note(
  history: History,
  report: Report,
): { readonly history: History; readonly line: ReportLine | undefined } {
  switch (report.type) {
    case "crash": {
      const line: ReportLine = {
        kind: "crash",
        who: report.label,
        text: "crashed",
        reason: describeReason(report.reason),
        at: report.at,
      };
      return { history, line };
    }
    case "supervisor":
      return report.context === "shutdown" ? noteGivingUp(history, report) : noteFailure(history, report);
    case "progress":
      return comeAndGo.has(report.supervisor) ? { history, line: undefined } : noteStart(history, report);
    case "lingering": {
      const line: ReportLine = {
        kind: "warning",
        who: report.label,
        text: "has ended, but its code went on",
        reason: describeReason(report.error === undefined ? report.problem : { error: report.error as Error }),
        at: report.at,
      };
      return { history, line };
    }
    case "warning":
      return { history, line: { kind: "warning", who: report.label, text: report.text, at: report.at } };
  }
}

type Of<Type extends Report["type"]> = Extract<Report, { readonly type: Type }>;

function noteGivingUp(history: History, { supervisor, supervisorPid, at }: Of<"supervisor">) {
  const death = { pid: supervisorPid.toString(), reason: "gave up: restarts came too fast", at };
  return {
    history: withChild(history, supervisor, { death, failuresAt: [] }),
    line: { kind: "gave-up", who: supervisor, text: "gave up: restarts came too fast for it to go on", at } as const,
  };
}

function noteFailure(history: History, report: Of<"supervisor">) {
  const { at, childId, childPid, context, reason, supervisor } = report;
  if (comeAndGo.has(supervisor)) return { history, line: undefined };
  const id = idOf(history, childId, childPid);
  const failed = withChild(history, supervisor, {
    failuresAt: [...(history.children.get(supervisor)?.failuresAt ?? []), at],
  });
  const next =
    childPid === undefined
      ? failed
      : withChild(failed, id, { death: { pid: childPid.toString(), reason: describeReason(reason), at } });
  return { history: next, line: lineOfFailure(id, context, reason, supervisor, at) };
}

/** A process that crashed has reported that itself; one that was killed cannot. */
function lineOfFailure(
  id: string,
  context: string,
  reason: ExitReason,
  supervisor: string,
  at: number,
): ReportLine | undefined {
  if (context === "start_error")
    return { kind: "crash", who: supervisor, text: `could not start ${id}`, reason: describeReason(reason), at };
  return reason === "killed" ? { kind: "crash", who: id, text: "was killed", at } : undefined;
}

function noteStart(history: History, { at, childId, childPid, supervisor }: Of<"progress">) {
  const label = labelOf(childPid, childId);
  const named: History = { ...history, labels: new Map(history.labels).set(childPid.toString(), label) };
  const id = idOf(named, childId, childPid);
  const before = history.children.get(id) ?? noChildHistory;
  // A room that was closed and is opened again was not restarted; a child with an id of its own that starts twice was.
  const restarted =
    before.started &&
    (id === childId || (before.death !== undefined && before.death.at >= (before.restartsAt.at(-1) ?? 0)));
  const child = restarted
    ? { started: true, restartsAt: [...before.restartsAt, at], restartCount: before.restartCount + 1 }
    : { started: true };
  const line: ReportLine | undefined = restarted
    ? { kind: "started", who: supervisor, text: `started ${id} again as ${childPid}`, at }
    : undefined;
  return { history: withChild(named, id, child), line };
}

/** Children of one kind all have their module's name as id; what tells them apart is their label. */
function idOf(history: History, childId: string, childPid: Pid | undefined): string {
  return (childId === "room" && childPid !== undefined && history.labels.get(childPid.toString())) || childId;
}

function labelOf(pid: Pid, otherwise: string): string {
  return processInfo(pid)?.label ?? otherwise;
}

function withChild(history: History, id: string, change: Partial<ChildHistory>): History {
  const before = history.children.get(id) ?? noChildHistory;
  return { ...history, children: new Map(history.children).set(id, { ...before, ...change }) };
}

/** Forgets what is no longer shown. */
export function forgetOld(history: History, nowMs: number): History {
  const recent = (at: number): boolean => nowMs - at < rememberedMs;
  const children = [...history.children]
    .map(
      ([id, child]) =>
        [
          id,
          { ...child, restartsAt: child.restartsAt.filter(recent), failuresAt: child.failuresAt.filter(recent) },
        ] as const,
    )
    .slice(-500);
  return { children: new Map(children), labels: new Map([...history.labels].slice(-500)) };
}

/** Asks every supervisor from `id` down for its children. */
export async function readTree(
  id: string,
  pid: Pid | undefined,
  history: History,
  rules: ReadonlyMap<string, SupervisorRules>,
  nowMs: number,
): Promise<TreeNode> {
  return node(
    { id, pid, status: pid === undefined ? "stopped" : "running", type: "supervisor", modules: [] },
    history,
    rules,
    nowMs,
  );
}

async function node(
  child: ChildInfo,
  history: History,
  rules: ReadonlyMap<string, SupervisorRules>,
  nowMs: number,
): Promise<TreeNode> {
  const info = child.pid === undefined ? undefined : processInfo(child.pid);
  const id = child.id.startsWith("<") && info !== undefined ? info.label : child.id;
  const past = history.children.get(id) ?? noChildHistory;
  const rule = rules.get(id);
  const children = child.type === "supervisor" && info !== undefined ? await childrenOf(info.pid) : [];
  return {
    id,
    kind: child.type,
    ...(rule === undefined ? {} : { strategy: rule.strategy, intensity: intensityOf(rule, past, nowMs) }),
    ...(info === undefined ? {} : { pid: info.pid.toString() }),
    status: info?.status ?? (child.status === "running" ? "restarting" : child.status),
    mailbox: info?.mailboxLength ?? 0,
    restartAgesMs: past.restartsAt.map((at) => nowMs - at),
    restartCount: past.restartCount,
    ...(past.death === undefined
      ? {}
      : { lastDeath: { pid: past.death.pid, reason: past.death.reason, ageMs: nowMs - past.death.at } }),
    children: await Promise.all(children.slice(0, maxShown).map((one) => node(one, history, rules, nowMs))),
    hidden: Math.max(0, children.length - maxShown),
  };
}

function intensityOf({ intensity = 1, periodMs = 5_000 }: SupervisorRules, past: ChildHistory, nowMs: number) {
  return { used: past.failuresAt.filter((at) => nowMs - at < periodMs).length, max: intensity, periodMs };
}

/** In start order. A supervisor that ends while it is asked has no children to show. */
async function childrenOf(pid: Pid): Promise<readonly ChildInfo[]> {
  try {
    return [...(await supervisorAt(pid).whichChildren())].reverse();
  } catch (error) {
    if (!isBeingRestarted(error)) throw error;
    return [];
  }
}
