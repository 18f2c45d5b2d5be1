import { type Pid, type Report, spawn } from "@interlock/core";
import { expect, test } from "vitest";
import { type History, noHistory, note, type ReportLine } from "./tree.ts";

const supervisorPid = newPid();

function newPid(): Pid {
  return spawn(() => undefined);
}

function started(supervisor: string, childId: string, childPid: Pid, at: number): Report {
  return { type: "progress", supervisor, supervisorPid, childId, childPid, at };
}

function failed(supervisor: string, childId: string, childPid: Pid, at: number): Report {
  const reason = { error: new Error("Boom") };
  return {
    type: "supervisor",
    supervisor,
    supervisorPid,
    context: "child_terminated",
    reason,
    childId,
    childPid,
    restart: "permanent",
    at,
  };
}

function noteAll(reports: readonly Report[]): { history: History; lines: ReportLine[] } {
  let history = noHistory;
  const lines: ReportLine[] = [];
  for (const report of reports) {
    const noted = note(history, report);
    history = noted.history;
    if (noted.line !== undefined) lines.push(noted.line);
  }
  return { history, lines };
}

test("a first start is no restart, a second one is", () => {
  const first = newPid();
  const { history, lines } = noteAll([
    started("ticker_sup", "ticker", first, 1_000),
    failed("ticker_sup", "ticker", first, 2_000),
    started("ticker_sup", "ticker", newPid(), 2_001),
  ]);
  expect(history.children.get("ticker")).toMatchObject({
    restartCount: 1,
    restartsAt: [2_001],
    death: { reason: "Boom", pid: first.toString() },
  });
  expect(history.children.get("ticker_sup")).toMatchObject({ failuresAt: [2_000] });
  expect(lines.map((line) => line.kind)).toEqual(["started"]);
});

test("a sibling that was restarted along counts as restarted, not as failed", () => {
  const { history } = noteAll([
    started("ticker_sup", "ticker", newPid(), 1_000),
    started("ticker_sup", "ticker", newPid(), 2_000),
  ]);
  expect(history.children.get("ticker")).toMatchObject({ restartCount: 1, death: undefined });
});

test("a supervisor that gives up is remembered with why", () => {
  const { history, lines } = noteAll([
    {
      type: "supervisor",
      supervisor: "ticker_sup",
      supervisorPid,
      context: "shutdown",
      reason: "reached_max_restart_intensity",
      childId: "ticker",
      childPid: newPid(),
      restart: "permanent",
      at: 1,
    },
  ]);
  expect(history.children.get("ticker_sup")?.death?.reason).toMatch(/gave up/);
  expect(lines).toMatchObject([{ kind: "gave-up", who: "ticker_sup" }]);
});

test("visitors come and go without a line", () => {
  const visitor = newPid();
  const { history, lines } = noteAll([
    started("users_sup", "user", visitor, 1),
    failed("users_sup", "user", visitor, 2),
  ]);
  expect(lines).toEqual([]);
  expect(history.children.size).toBe(0);
});

test("a crash is told in the error's own words", () => {
  const { lines } = noteAll([
    {
      type: "crash",
      pid: newPid(),
      label: "ticker",
      registeredName: "ticker",
      reason: { error: new Error("Boom") },
      ancestors: [],
      message: undefined,
      state: undefined,
      links: [],
      mailboxLength: 0,
      at: 1,
    },
  ]);
  expect(lines).toEqual([{ kind: "crash", who: "ticker", text: "crashed", reason: "Boom", at: 1 }]);
});
