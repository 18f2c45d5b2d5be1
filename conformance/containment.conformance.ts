import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const fixture = join(import.meta.dirname, "fixtures", "stray.ts");

interface Outcome {
  readonly code: number;
  readonly stderr: string;
  /** What the program printed; absent when Node.js ended before. */
  readonly printed?: {
    readonly ended: readonly string[];
    readonly reason?: string;
    readonly reports: readonly string[];
    readonly lingering: number;
    readonly seen: readonly string[];
  };
}

/** Runs a row in a Node.js of its own, where no test runner listens for errors. */
function outcomeOf(row: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--conditions=@interlock/source", fixture, row],
      { env: { PATH: process.env["PATH"] }, timeout: 30_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({
          code,
          stderr,
          ...(stdout !== "" && { printed: JSON.parse(stdout) as NonNullable<Outcome["printed"]> }),
        });
      },
    );
  });
}

test.concurrent.for([
  ["a timer", "timer"],
  ["an interval", "interval"],
  ["an immediate", "immediate"],
  ["a microtask", "microtask"],
  ["a next tick", "next tick"],
  ["a callback of fs", "fs callback"],
  ["a rejected promise of fs", "fs promise"],
  ["a timer that a server started", "timer of a server"],
  ["a timer that a hot process started", "timer of a hot process"],
  ["a rejection of a hot process", "rejection of a hot process"],
  ["a listener that another added, of an event that it emits", "listener of a synchronous emit"],
  ["a listener that another added, of an event that its timer emits", "listener of an emit in a timer"],
  ["a listener of its stream", "data of a stream"],
  ["its stream, when nobody listens to the error", "error of a stream that nobody listens to"],
  ["a listener that another added to its socket", "socket, listened to by another"],
  ["its socket, when nobody listens to the error", "error of a socket that nobody listens to"],
  ["a listener that another added to its server", "server, listened to by another"],
  ["a listener that another added to its worker port", "worker port, listened to by another"],
  ["its worker, when nobody listens to the error", "error of a worker that nobody listens to"],
  ["a listener that another added to its child process", "child process, listened to by another"],
  ["a promise that it rejects", "bare promise"],
  ["a promise of another's that it rejects and nobody awaits", "bare promise, made by another"],
  ["a promise that it awaits and another rejects", "awaited promise, rejected by another"],
  ["a timer at the top level of a module that it was the first to import", "timer at the top level of a module"],
  ["its bound callback, called by another", "bound callback, called by another"],
  ["a listener of what it owns and nobody made", "listener of an owned resource, made by nobody"],
] as const)("an error in %s ends that process and no other", async ([_where, row]) => {
  const { code, printed, stderr } = await outcomeOf(row);
  expect(printed, stderr).toEqual({ ended: ["owner"], reason: "stray", reports: ["crash"], lingering: 0, seen: [] });
  expect(code).toBe(0);
  expect(stderr).toContain("crashed: Error: stray");
});

test.concurrent("an error event of what a process owns ends it, and what it owns is closed", async () => {
  const { printed, stderr } = await outcomeOf("error of an owned resource, made by another");
  expect(printed, stderr).toMatchObject({ ended: ["owner"], reason: "stray", seen: ["closed"] });
});

test.concurrent("an error of a process that has ended is reported and counted as lingering, and Node.js lives", async () => {
  const { code, printed, stderr } = await outcomeOf("owner that has ended");
  expect(printed, stderr).toMatchObject({ ended: ["owner"], reports: ["lingering", "lingering"], lingering: 2 });
  expect(code).toBe(0);
});

test.concurrent("the fence that stops code of a process that has ended is no news", async () => {
  const { code, printed, stderr } = await outcomeOf("fence of an owner that has ended");
  expect(printed, stderr).toMatchObject({ ended: ["owner"], reports: [], lingering: 0 });
  expect(code).toBe(0);
});

test.concurrent("an error without an owner ends Node.js with code 1 and says why", async () => {
  const { code, printed, stderr } = await outcomeOf("unowned");
  expect(printed).toBeUndefined();
  expect(code).toBe(1);
  expect(stderr).toContain("Error: stray");
  expect(stderr).not.toContain("crashed");
});

test.concurrent("reports are written before an error without an owner ends Node.js", async () => {
  const { code, stderr } = await outcomeOf("unowned, after a crash");
  expect(code).toBe(1);
  expect(stderr.indexOf("crashed: Error: stray")).toBeGreaterThanOrEqual(0);
  expect(stderr.indexOf("Error: of nobody")).toBeGreaterThan(stderr.indexOf("crashed: Error: stray"));
});

test.concurrent("without containment a stray error ends Node.js", async () => {
  const { code, printed, stderr } = await outcomeOf("opted out");
  expect(printed).toBeUndefined();
  expect(code).toBe(1);
  expect(stderr).toContain("Error: stray");
});

test.concurrent("without containment a handler of one's own may still attribute", async () => {
  const { code, printed, stderr } = await outcomeOf("opted out, with a handler of one's own");
  expect(printed, stderr).toMatchObject({ ended: ["owner"], reason: "stray", seen: ["stray: true"] });
  expect(code).toBe(0);
});

test.concurrent("where somebody listens to unhandledRejection, the rejection goes there and the process lives", async () => {
  const { code, printed, stderr } = await outcomeOf("listener of unhandledRejection");
  expect(printed, stderr).toEqual({ ended: [], reports: [], lingering: 0, seen: ["stray"] });
  expect(code).toBe(0);
});

test.concurrent("listeners of uncaughtException see exactly the errors without an owner", async () => {
  const { code, printed, stderr } = await outcomeOf("listener of uncaughtException");
  expect(printed, stderr).toEqual({ ended: ["owner"], reports: ["crash"], lingering: 0, seen: ["of nobody"] });
  expect(code).toBe(0);
});
