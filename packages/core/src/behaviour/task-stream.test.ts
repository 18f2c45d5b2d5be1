import { afterEach, expect, test } from "vitest";
import { LocalNode, onReport } from "../node.ts";
import { exit, isAlive, monitor, processInfo } from "../process/info.ts";
import type { Pid } from "../process/pid.ts";
import { self } from "../process/self.ts";
import { spawn } from "../process/spawn.ts";
import { callers } from "../process/task.ts";
import type { Report } from "../report/report.ts";
import { startRunner } from "./runner.fixture.ts";
import { taskStream } from "./task-stream.ts";

const reports: Report[] = [];
onReport((report) => void reports.push(report));
afterEach(() => void reports.splice(0));

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

const ok = <T>(value: T) => ({ ok: true, value });

test("results come in the order of the input, whoever is first", async () => {
  const gates = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const results = collect(
    taskStream(
      gates,
      async (gate) => {
        await gate.promise;
        gates[gates.indexOf(gate) - 1]?.resolve();
        return gates.indexOf(gate);
      },
      { concurrency: 3 },
    ),
  );
  gates[2]?.resolve();
  expect(await results).toEqual([ok(0), ok(1), ok(2)]);
});

test("unordered results come as they are ready", async () => {
  const gates = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const seen: unknown[] = [];
  gates[2]?.resolve();
  const stream = taskStream(gates.keys(), (n) => gates[n]?.promise.then(() => n), {
    concurrency: 3,
    ordered: false,
  });
  for await (const result of stream) {
    seen.push(result);
    if (result.ok) gates[(result.value ?? 0) - 1]?.resolve();
  }
  expect(seen).toEqual([ok(2), ok(1), ok(0)]);
});

test("no more than so many tasks run, and the input is pulled no further", async () => {
  let running = 0;
  let most = 0;
  let pulled = 0;
  function* items(): Generator<number> {
    for (;;) yield pulled++;
  }
  const stream = taskStream(
    items(),
    async (n) => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => void setImmediate(resolve));
      running--;
      return n;
    },
    { concurrency: 4 },
  );
  expect(pulled).toBe(0);
  let taken = 0;
  for await (const result of stream) {
    expect(result).toEqual(ok(taken));
    // Those in front of it in the order, those that run, and those that are ready before their turn.
    expect(pulled).toBeLessThanOrEqual(taken + 1 + 4 + 4);
    if (++taken === 50) break;
  }
  expect(most).toBe(4);
});

test("while one is slow the others go on, one at a time with a concurrency of one", async () => {
  const order: string[] = [];
  await collect(
    taskStream(
      ["a", "b"],
      async (name) => {
        order.push(`${name} in`);
        await Promise.resolve();
        order.push(`${name} out`);
      },
      { concurrency: 1 },
    ),
  );
  expect(order).toEqual(["a in", "a out", "b in", "b out"]);
});

test("leaving the loop ends the tasks and closes the input", async () => {
  let closed = false;
  const pids: Pid[] = [];
  function* items(): Generator<number> {
    try {
      for (let n = 0; ; n++) yield n;
    } finally {
      closed = true;
    }
  }
  const stream = taskStream(
    items(),
    (n) => {
      pids.push(self().pid);
      return n === 0 ? n : new Promise<never>(() => undefined);
    },
    { concurrency: 3 },
  );
  for await (const result of stream) {
    expect(result).toEqual(ok(0));
    break;
  }
  expect(pids.length).toBeGreaterThan(0);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(closed).toBe(true);
});

test("leaving the loop does not wait for an input that waits, and what that still gives is dropped", async () => {
  const gate = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const ran: number[] = [];
  async function* items(): AsyncGenerator<number> {
    try {
      yield 1;
      await gate.promise;
      yield 2;
    } finally {
      closed.resolve();
    }
  }
  for await (const result of taskStream(items(), (n) => ran.push(n), { concurrency: 2 })) {
    expect(result).toEqual(ok(1));
    break;
  }
  gate.resolve();
  await closed.promise;
  // A task that had been started for it would have run by then.
  await taskStream([0], (n) => n, { concurrency: 1 })
    [Symbol.asyncIterator]()
    .next();
  expect(ran).toEqual([1]);
});

test("the end of the consumer ends the tasks", async () => {
  const started = Promise.withResolvers<Pid>();
  const consumer = spawn(async () => {
    const wait = (): Promise<never> => {
      started.resolve(self().pid);
      return new Promise(() => undefined);
    };
    const stream = taskStream([1], wait, { concurrency: 1 });
    for await (const _result of stream) expect.unreachable();
  });
  const pid = await started.promise;
  exit(consumer, "shutdown");
  expect(isAlive(pid)).toBe(false);
});

test("a task that fails is a result, and is reported", async () => {
  const failure = new Error("made to fail");
  const stream = taskStream(
    [1, 2, 3],
    (n) => {
      if (n === 2) throw failure;
      return n;
    },
    { concurrency: 2 },
  );
  expect(await collect(stream)).toEqual([ok(1), { ok: false, reason: { error: failure } }, ok(3)]);
  expect(reports).toEqual([expect.objectContaining({ type: "crash", reason: { error: failure } })]);
});

test("zipInput says which input had no result", async () => {
  const stream = taskStream(["a", "b"], (name) => (name === "b" ? self().exit("no") : name), {
    concurrency: 2,
    zipInput: true,
  });
  expect(await collect(stream)).toEqual([ok("a"), { ok: false, reason: "no", input: "b" }]);
});

test("async inputs are pulled one by one, and what they throw ends the stream and its tasks", async () => {
  const pids: Pid[] = [];
  const failure = new Error("no more input");
  async function* items(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    throw failure;
  }
  const stream = taskStream(
    items(),
    (n) => {
      pids.push(self().pid);
      return n === 1 ? n : new Promise<never>(() => undefined);
    },
    { concurrency: 5 },
  );
  await expect(collect(stream)).rejects.toBe(failure);
  expect(pids.filter(isAlive)).toEqual([]);
  const good = (async function* () {
    yield* [1, 2, 3];
  })();
  expect(await collect(taskStream(good, (n) => n * 2, { concurrency: 2 }))).toEqual([ok(2), ok(4), ok(6)]);
});

test("what a synchronous input throws ends the stream", async () => {
  function* items(): Generator<number> {
    yield 1;
    throw new Error("no more input");
  }
  await expect(collect(taskStream(items(), (n) => n, { concurrency: 1 }))).rejects.toThrow("no more input");
});

test("linked: a failure ends the consumer, unless it traps exits", async () => {
  const run = (n: number): number => (n === 2 ? self().exit("boom") : n);
  const linked = spawn(async () => {
    for await (const _result of taskStream([1, 2, 3], run, { concurrency: 1, linked: true }));
  });
  expect((await monitor(linked)).reason).toBe("boom");
  const trapping = await (await startRunner()).run(async () => {
    self().trapExit();
    const results = await collect(taskStream([1, 2, 3], run, { concurrency: 1, linked: true }));
    return { results, messages: processInfo(self().pid)?.messages };
  });
  expect(trapping).toEqual({ results: [ok(1), { ok: false, reason: "boom" }, ok(3)], messages: [] });
  await expect(collect(taskStream([1, 2], run, { concurrency: 1, linked: true }))).rejects.toMatchObject({
    code: "INTERLOCK_CALLEE_EXIT",
    details: { reason: "boom" },
  });
});

test("linked: a task that ends normally without a result harms nobody", async () => {
  const results = await (await startRunner()).run(() =>
    collect(taskStream([1], () => self().exit("normal"), { concurrency: 1, linked: true })),
  );
  expect(results).toEqual([{ ok: false, reason: "normal" }]);
  const outside = taskStream([1], () => self().exit("normal"), { concurrency: 1, linked: true });
  expect(await collect(outside)).toEqual(results);
});

test("tasks of a process say who asked for them and are its children", async () => {
  const runner = await startRunner();
  const [result] = await runner.run(() =>
    collect(
      taskStream(
        [1],
        () => ({ callers: callers(), parent: processInfo(self().pid)?.parent, label: processInfo(self().pid)?.label }),
        { concurrency: 1 },
      ),
    ),
  );
  expect(result).toEqual(ok({ callers: [runner.pid], parent: runner.pid, label: "task" }));
});

test("a stream may be run again, and an empty one ends at once", async () => {
  const stream = taskStream([1, 2], (n) => n, { concurrency: 2 });
  expect(await collect(stream)).toEqual([ok(1), ok(2)]);
  expect(await collect(stream)).toEqual([ok(1), ok(2)]);
  expect(await collect(taskStream([], (n) => n, { concurrency: 2 }))).toEqual([]);
  expect(await collect(taskStream("ab", (letter) => letter, { concurrency: 2 }))).toEqual([ok("a"), ok("b")]);
});

test("wrong arguments are refused at once", () => {
  expect(() => taskStream([1], (n) => n, { concurrency: 0 })).toThrow(/concurrency/);
  expect(() => taskStream([1], (n) => n, { concurrency: 1, timeoutMs: -1 })).toThrow(/timeoutMs/);
  expect(() => taskStream([1], (n) => n, { concurrency: 1, onTimeout: "kill" as "exit" })).toThrow(/onTimeout/);
  expect(() => taskStream(5 as never, (n) => n, { concurrency: 1 })).toThrow(/iterable/);
  expect(() => taskStream([1], 5 as never, { concurrency: 1 })).toThrow(/run/);
  expect(new LocalNode().processCount).toBe(0);
});
