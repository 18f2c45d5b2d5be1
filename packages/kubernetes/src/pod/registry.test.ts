import { expect, test } from "vitest";

import { type ParticipantPhase, PodRegistry } from "./registry.ts";

const never = new AbortController().signal;
const longMs = 20_000;

test("all of a phase run at once, with the time that they have, and what they say is shown", async () => {
  const registry = new PodRegistry();
  const begun: string[] = [];
  const all = Promise.withResolvers<void>();
  const add = (name: string, phase: ParticipantPhase): unknown =>
    registry.onDrain({
      name,
      phase,
      run: async (_signal, budgetMs) => {
        begun.push(`${name} ${budgetMs}`);
        if (begun.length === 2) all.resolve();
        await all.promise;
        return { by: name };
      },
    });
  add("a", "handoff");
  add("b", "handoff");
  add("c", "leave");
  await registry.run("handoff", 7_000, never);
  expect(begun).toEqual(["a 7000", "b 7000"]);
  expect(registry.participants).toEqual([
    { name: "a", phase: "handoff", state: "done", said: { by: "a" } },
    { name: "b", phase: "handoff", state: "done", said: { by: "b" } },
    { name: "c", phase: "leave", state: "waiting", said: undefined },
  ]);
});

test("one that fails, at once or later, is shown as failed and keeps nobody", async () => {
  const registry = new PodRegistry();
  registry.onDrain({ name: "throws", phase: "handoff", run: () => JSON.parse("{") });
  registry.onDrain({ name: "rejects", phase: "handoff", run: () => Promise.reject(new Error("no disk")) });
  registry.onDrain({ name: "works", phase: "handoff", run: () => "well" });
  await registry.run("handoff", longMs, never);
  expect(registry.participants.map(({ said, state }) => [state, said])).toEqual([
    ["failed", expect.stringContaining("JSON")],
    ["failed", "no disk"],
    ["done", "well"],
  ]);
});

test("one that ignores its signal is not waited for; what it says later is shown all the same", async () => {
  const registry = new PodRegistry();
  const late = Promise.withResolvers<string>();
  registry.onDrain({ name: "slow", phase: "handoff", run: () => late.promise });
  const cut = new AbortController();
  const run = registry.run("handoff", longMs, cut.signal);
  cut.abort();
  await run;
  expect(registry.participants).toMatchObject([{ state: "cut", said: undefined }]);
  late.resolve("two of three");
  await new Promise((resolve) => setImmediate(resolve));
  expect(registry.participants).toMatchObject([{ state: "cut", said: "two of three" }]);
});

test("one that comes while its phase goes on runs at once and is waited for", async () => {
  const registry = new PodRegistry();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  registry.onDrain({ name: "first", phase: "requests", run: () => first.promise });
  let isOver = false;
  const run = registry.run("requests", longMs, never).then(() => {
    isOver = true;
  });
  registry.onDrain({ name: "second", phase: "requests", run: () => second.promise });
  first.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  second.resolve();
  await run;
  expect(registry.participants.map(({ state }) => state)).toEqual(["done", "done"]);
});

test("what was taken back does not run, and what has run stays in the status", async () => {
  const registry = new PodRegistry();
  const forget = registry.onDrain({ name: "gone", phase: "handoff", run: () => expect.unreachable() });
  const keep = registry.onDrain({ name: "kept", phase: "handoff", run: () => undefined });
  forget();
  await registry.run("handoff", longMs, never);
  keep();
  expect(registry.participants.map(({ name }) => name)).toEqual(["kept"]);
});

test("checks tell what is wrong; one that fails is wrong itself", () => {
  const registry = new PodRegistry();
  registry.readyWhen({ name: "fine", check: () => undefined });
  const forget = registry.readyWhen({ name: "cold", check: () => "it is being warmed" });
  registry.readyWhen({
    name: "broken",
    check: () => {
      throw new Error("as it was told");
    },
  });
  expect(registry.problems).toEqual([
    { check: "cold", reason: "it is being warmed" },
    { check: "broken", reason: "the check failed: as it was told" },
  ]);
  forget();
  expect(registry.problems.map(({ check }) => check)).toEqual(["broken"]);
});
