import { exit } from "@interlock/core";
import { afterEach, beforeEach, expect, test } from "vitest";

import { TestProgram } from "./program.fixture.ts";
import { type WorkContext, type WorkQueue, type WorkQueueOptions, workQueue } from "./work-queue.ts";

let program: TestProgram;
const begun: string[] = [];
beforeEach(() => {
  program = new TestProgram();
  begun.length = 0;
});
afterEach(() => program[Symbol.asyncDispose]());

/** Work that lasts until the test lets it go. */
class Gate {
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  readonly contexts: WorkContext[] = [];

  readonly work: WorkQueueOptions["work"] = async (key, context) => {
    begun.push(key);
    this.contexts.push(context);
    const held = Promise.withResolvers<void>();
    this.#waiting.push(held);
    await held.promise;
  };

  /** The one that has waited longest goes on. */
  async open(problem?: Error): Promise<void> {
    const held = this.#waiting.shift();
    if (problem === undefined) held?.resolve();
    else held?.reject(problem);
    await program.time.settle();
  }
}

async function started(options: Partial<WorkQueueOptions>): Promise<{ queue: WorkQueue; stop: () => Promise<void> }> {
  const queue = workQueue({ name: "apps", work: (key) => void begun.push(key), ...options });
  return { queue, stop: await program.supervise(queue.child()) };
}

test("a key that is added many times is worked on once, and what was added before the start as well", async () => {
  const queue = workQueue({ name: "apps", work: (key) => void begun.push(key) });
  for (const key of ["b", "a", "b", "b"]) queue.add(key);
  await program.supervise(queue.child());
  expect(begun).toEqual(["b", "a"]);
  for (const key of ["a", "b", "a"]) queue.add(key);
  await program.time.settle();
  expect(begun).toEqual(["b", "a", "a", "b"]);
  expect(queue.status).toEqual({ ready: 0, running: 0, later: 0, failing: [] });
});

test("one that is added while it is worked on is worked on once more, and never twice at a time", async () => {
  const gate = new Gate();
  const { queue } = await started({ work: gate.work, workers: 3 });
  for (const key of ["a", "b", "a", "a"]) {
    queue.add(key);
    await program.time.settle();
  }
  expect(begun).toEqual(["a", "b"]);
  expect(queue.status).toMatchObject({ running: 2 });
  await gate.open();
  expect(begun).toEqual(["a", "b", "a"]);
  await gate.open();
  await gate.open();
  expect(queue.status).toMatchObject({ running: 0, ready: 0 });
});

test("work that fails is tried again after twice as long each time, half of it left to chance, and never given up", async () => {
  const atMs: number[] = [];
  const attempts: number[] = [];
  const { queue } = await started({
    retryMs: 100,
    retryMaxMs: 10_000,
    work: (_key, { attempt }) => {
      atMs.push(program.nowMs);
      attempts.push(attempt);
      if (attempt <= 12) throw new Error("not yet");
    },
  });
  queue.add("a");
  await program.time.advance(100_000);
  expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  const pauses = atMs.slice(1).map((ms, at) => ms - (atMs[at] as number));
  for (const [at, ms] of pauses.entries()) {
    const fullMs = Math.min(10_000, 100 * 2 ** at);
    expect(ms >= fullMs / 2 && ms <= fullMs).toBe(true);
  }
  expect(new Set(pauses.map((ms, at) => ms / Math.min(10_000, 100 * 2 ** at))).size).toBeGreaterThan(6);
  // At powers of two.
  expect(program.warnings).toEqual([
    "work queue apps: failed: a",
    ...[2, 4, 8].map((count) => `work queue apps: failed ${count} times in a row: a`),
  ]);
  expect(queue.status.failing).toEqual([]);
  // After a success the row begins anew.
  queue.add("a");
  await program.time.settle();
  expect(attempts.at(-1)).toBe(1);
});

test("work that asks for it is done again after that time, and so is what is added for a later one", async () => {
  const atMs: number[] = [];
  const { queue } = await started({
    work: () => {
      atMs.push(program.nowMs);
      return atMs.length < 3 ? { afterMs: 1_000 } : undefined;
    },
  });
  queue.addAfter("a", 500);
  queue.addAfter("a", 700);
  expect(queue.status.later).toBe(1);
  await program.time.advance(10_000);
  expect(atMs).toEqual([500, 1_500, 2_500]);
});

test("work that takes too long has failed, and its signal is aborted", async () => {
  const gate = new Gate();
  const { queue } = await started({ work: gate.work, workMs: 5_000, retryMs: 100 });
  queue.add("a");
  await program.time.advance(5_000);
  expect(gate.contexts[0]?.signal.aborted).toBe(true);
  expect(String(queue.status.failing[0]?.problem)).toContain("longer than 5000 ms");
  await program.time.advance(100);
  expect(begun).toEqual(["a", "a"]);
});

test("an error in a callback of the work is its failure", async () => {
  let strays = 1;
  const { queue } = await started({
    work: (key) => {
      begun.push(key);
      if (strays-- <= 0) return undefined;
      queueMicrotask(() => {
        throw new Error("stray");
      });
      return Promise.withResolvers<undefined>().promise;
    },
  });
  queue.add("a");
  await program.time.advance(200);
  expect(begun).toEqual(["a", "a"]);
});

test("no more begin in a time than the rate allows", async () => {
  const { queue } = await started({ rate: { perSecond: 2, burst: 3 }, workers: 10 });
  for (let key = 0; key < 9; key++) queue.add(String(key));
  await program.time.settle();
  expect(begun).toHaveLength(3);
  await program.time.advance(499);
  expect(begun).toHaveLength(3);
  await program.time.advance(1);
  expect(begun).toHaveLength(4);
  await program.time.advance(10_000);
  expect(begun).toHaveLength(9);
});

test("shut down it finishes what runs and what is ready, and takes nothing more", async () => {
  const gate = new Gate();
  const { queue, stop } = await started({ work: gate.work });
  for (const key of ["a", "b"]) queue.add(key);
  queue.addAfter("later", 1_000);
  await program.time.settle();
  const stopped = stop();
  await program.time.settle();
  expect(queue.add("c")).toBe(false);
  await program.time.advance(2_000);
  expect(begun).toEqual(["a"]);
  await gate.open();
  expect(begun).toEqual(["a", "b"]);
  await gate.open();
  await stopped;
  expect(begun).toEqual(["a", "b"]);
});

test("shut down it does not wait for longer than it may, nor for what has failed", async () => {
  const gate = new Gate();
  const { queue, stop } = await started({ work: gate.work });
  queue.add("a");
  queue.add("b");
  await program.time.settle();
  const stopped = stop();
  await program.time.settle();
  await gate.open(new Error("broken"));
  expect(begun).toEqual(["a", "b"]);
  await program.time.advance(5_000);
  await stopped;
  expect(gate.contexts[1]?.signal.aborted).toBe(true);
});

test("what comes while work fails has it tried again soon: it may be what mends it", async () => {
  const gate = new Gate();
  const { queue } = await started({ work: gate.work, retryMs: 100 });
  queue.add("a");
  for (let failures = 0; failures < 6; failures++) {
    await program.time.advance(10_000);
    if (failures === 5) queue.add("a");
    await gate.open(new Error("broken"));
  }
  expect(begun).toHaveLength(6);
  await program.time.advance(100);
  expect(begun).toHaveLength(7);
  // Once: it was the further try and the new work in one.
  await gate.open();
  await program.time.advance(60_000);
  expect(begun).toHaveLength(7);
});

test("started again after a shut-down, it tries again what had failed", async () => {
  const gate = new Gate();
  const { queue, stop } = await started({ work: gate.work });
  queue.add("a");
  await program.time.settle();
  await gate.open(new Error("broken"));
  await stop();
  await program.supervise(queue.child());
  expect(begun).toEqual(["a", "a"]);
  await gate.open();
  expect(queue.status.failing).toEqual([]);
});

test("killed in the midst of it, and started anew, it works on what it had not done", async () => {
  const gate = new Gate();
  const { queue } = await started({ work: gate.work });
  for (const key of ["a", "b"]) queue.add(key);
  await program.time.settle();
  exit(await program.labelled("work queue apps"), "kill");
  queue.add("c");
  await program.time.settle();
  expect(gate.contexts[0]?.signal.aborted).toBe(true);
  for (let count = 0; count < 4; count++) await gate.open();
  expect(begun.slice(1).toSorted()).toEqual(["a", "b", "c"]);
});
