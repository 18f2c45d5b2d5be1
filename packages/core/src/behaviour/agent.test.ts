import { expect, test } from "vitest";
import { local } from "../naming/name.ts";
import { onReport } from "../node.ts";
import { exit, isAlive } from "../process/info.ts";
import { dynamicSupervisor } from "../supervision/dynamic-supervisor.ts";
import { supervisor } from "../supervision/supervisor.ts";
import { agent } from "./agent.ts";
import { startRunner } from "./runner.fixture.ts";
import { sys } from "./sys.ts";

onReport(() => undefined);

const Numbers = agent((...numbers: readonly number[]) => numbers, { name: "numbers" });

test("functions run in the agent, one at a time and in the order asked", async () => {
  const numbers = await Numbers.start(1);
  const gate = Promise.withResolvers<void>();
  const first = numbers.update(async (state) => {
    await gate.promise;
    return [...state, 2];
  });
  numbers.cast((state) => [...state, 3]);
  const pair = numbers.getAndUpdate((state) => [state.length, [...state, 4]]);
  const last = numbers.get((state) => state);
  gate.resolve();
  expect(await first).toBeUndefined();
  expect(await pair).toBe(3);
  expect(await last).toEqual([1, 2, 3, 4]);
});

test("an async getAndUpdate, cast and get are waited for", async () => {
  const numbers = await Numbers.start(1);
  expect(await numbers.getAndUpdate(async (state) => ["was", [...state, 2]] as const)).toBe("was");
  numbers.cast(async (state) => [...state, 3]);
  expect(await numbers.get(async (state) => state.length)).toBe(3);
});

test.each(["get", "update", "getAndUpdate"] as const)(
  "a function that throws in %s ends the agent, and its caller knows why",
  async (name) => {
    const numbers = await Numbers.start();
    const { pid } = numbers;
    const failure = new Error("made to fail");
    const failed = numbers[name](() => {
      throw failure;
    });
    await expect(failed).rejects.toMatchObject({ code: "INTERLOCK_CALLEE_EXIT", cause: failure });
    expect(isAlive(pid)).toBe(false);
    expect(() => numbers.cast((state) => state)).not.toThrow();
    await expect(numbers.get((state) => state)).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
  },
);

test("what is no pair from getAndUpdate ends the agent as a bad return does a server", async () => {
  const numbers = await Numbers.start();
  await expect(numbers.getAndUpdate((() => 5) as never)).rejects.toMatchObject({
    code: "INTERLOCK_CALLEE_EXIT",
    cause: { code: "INTERLOCK_BAD_ARGUMENT" },
  });
});

test("what is no function is refused in the caller, and harms nobody", async () => {
  const numbers = await Numbers.start(1);
  await expect(numbers.get(5 as never)).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
  expect(() => numbers.cast(undefined as never)).toThrow(/a function/);
  expect(await numbers.get((state) => state)).toEqual([1]);
  expect(() => agent(5 as never)).toThrow(/init/);
});

test("with sets how long an answer may take, and the work goes on", async () => {
  const numbers = await Numbers.start(1);
  const gate = Promise.withResolvers<void>();
  const slow = numbers.with({ timeoutMs: 1 }).update(async (state) => {
    await gate.promise;
    return [...state, 2];
  });
  await expect(slow).rejects.toMatchObject({ code: "INTERLOCK_CALL_TIMEOUT", details: { timeoutMs: 1 } });
  gate.resolve();
  expect(await numbers.get((state) => state)).toEqual([1, 2]);
});

test("an agent is started, linked, monitored, named, looked into and stopped as a server is", async () => {
  const runner = await startRunner();
  const linked = await runner.run(async () => ({ ref: await Numbers.startLink(7) }));
  exit(runner.pid, "boom");
  expect(isAlive(linked.ref.pid)).toBe(false);
  const named = await Numbers.named(local("numbers")).start(1, 2);
  expect(await Numbers.at(local("numbers")).get((state) => state)).toEqual([1, 2]);
  expect(await sys.getStatus(named.pid)).toMatchObject({ label: "numbers", state: [1, 2] });
  await named.stop();
  expect(isAlive(named.pid)).toBe(false);
  const monitored = await (await startRunner()).run(async () => {
    const { monitor, ref } = await Numbers.startMonitor(3);
    return { monitor, numbers: await ref.get((state) => state) };
  });
  expect(monitored.numbers).toEqual([3]);
  let pid = named.pid;
  {
    await using numbers = await Numbers.start();
    pid = numbers.pid;
  }
  expect(isAlive(pid)).toBe(false);
});

test("an agent is a child of supervisors, and begins anew after a crash", async () => {
  const top = supervisor({
    name: "top",
    strategy: "one_for_one",
    children: () => [Numbers.child([5], { name: local("supervised") })],
  });
  const sup = await top.start();
  const numbers = Numbers.at(local("supervised"));
  await numbers.update(() => [6]);
  await numbers
    .get(() => {
      throw new Error("made to fail");
    })
    .catch(() => undefined);
  await sup.whichChildren();
  expect(await numbers.get((state) => state)).toEqual([5]);
  await sup.stop();
  const many = dynamicSupervisor(Numbers);
  await many.start();
  const one = await many.startChild(1, 2);
  expect(await one.get((state) => state.length)).toBe(2);
  await many.stop();
});

test("init may wait, and when it fails nothing starts", async () => {
  const Late = agent(async (value: number) => value);
  expect(await (await Late.start(3)).get((state) => state)).toBe(3);
  const Broken = agent((): number => {
    throw new Error("no state");
  });
  await expect(Broken.start()).rejects.toMatchObject({ code: "INTERLOCK_START_FAILED", details: { label: "agent" } });
});
