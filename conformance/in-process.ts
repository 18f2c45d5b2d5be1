/** Runs the steps of a test as a process, with the small processes that many cases need beside it. */
import { type LocalNode, monitor, onReport, type Pid, type Report, type Self, send, spawn } from "@interlock/core";

import { spawnProcess } from "../packages/core/src/process/spawn.ts";

type Kind = "a" | "b" | "c" | "done" | "go" | "item" | "ping" | "pong";

/** What the processes of these tests say to each other. */
export type Message = {
  readonly [K in Kind]: {
    readonly type: K;
    readonly n?: number;
    readonly from?: Pid<Message>;
    readonly value?: unknown;
  };
}[Kind];

/** Everything that the runtime reported since this test file began. */
export const reports: Report[] = [];
onReport((report) => void reports.push(report));

/** Crash reports about `pid`. */
export function crashesOf(pid: Pid): readonly Report[] {
  return reports.filter((report) => report.type === "crash" && report.pid === pid);
}

/** What `steps` throw, and an end that they did not choose, is the failure of the test. */
export function inProcess(steps: (self: Self<Message>) => unknown, node?: LocalNode): Promise<void> {
  return new Promise((resolve, reject) => {
    const run = async (self: Self<Message>): Promise<void> => {
      void monitor(self.pid).then(({ reason }) =>
        reject(new Error("The process of the test ended", { cause: reason })),
      );
      try {
        await steps(self);
        resolve();
      } catch (error) {
        reject(error as Error);
      }
    };
    if (node === undefined) spawn(run);
    else spawnProcess(node, run, undefined, false, undefined);
  });
}

/** Takes messages until somebody ends it. */
export async function idle(self: Self<Message>): Promise<void> {
  for (;;) await self.receive();
}

/** Answers each ping with its number. */
export async function ponger(self: Self<Message>): Promise<void> {
  for (;;) {
    const { from, n } = await self.receive({ type: "ping" });
    if (from !== undefined) send(from, { type: "pong", n: n ?? 0 });
  }
}

/** Resolves when `pid` has handled what was sent to it before: it must be a `ponger`. */
export async function answerOf(self: Self<Message>, pid: Pid<Message>): Promise<Message> {
  send(pid, { type: "ping", from: self.pid, n: 0 });
  return await self.receive({ type: "pong" });
}

/** Ends `pid` and waits until it has ended. */
export async function end(self: Self<Message>, pid: Pid, how: () => void): Promise<unknown> {
  const watch = self.monitor(pid);
  how();
  return (await self.receive(watch.down)).reason;
}

/** Selects whatever comes, messages and signals alike, in the order of arrival. */
export const whatever = { matches: (_message: unknown): boolean => true };
