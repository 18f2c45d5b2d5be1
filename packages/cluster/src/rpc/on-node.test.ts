import type { NodeName } from "@interlock/core";
import { atom } from "@interlock/wire";
import { expect, test } from "vitest";

import { TestCluster } from "../node/nodes.fixture.ts";
import { onNode } from "./on-node.ts";
import { remoteFunctions } from "./remote-functions.ts";

let release: () => void = () => undefined;

const Reports = remoteFunctions({
  name: "on_node_reports",
  functions: {
    monthly: async (year: number, month: number) => `${year}-${month}`,
    twice: (value: Map<string, Date>) => [value, value],
    broken: (): number => {
      throw new RangeError("no such month");
    },
    tossed: (): number => {
      throw atom("tossed");
    },
    hanging: () =>
      new Promise<string>((resolve) => {
        release = () => resolve("late");
      }),
  },
});

async function two() {
  const cluster = await TestCluster.make();
  return { cluster, a: await cluster.node("a"), b: await cluster.node("b") };
}

test("a function of another node gives its value, as it left, connecting when first used", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  const value = new Map([["k", new Date(7)]]);
  const got = await a.run(async () => {
    const reports = onNode(b.name, Reports);
    return [await reports.monthly(2026, 11), await reports.twice(value), await onNode(a.name, Reports).monthly(1, 2)];
  });
  expect(got).toEqual(["2026-11", [value, value], "1-2"]);
});

test("what it throws is the cause, with its class of failure; what is not offered is undef", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  await a.run(async () => {
    const reports = onNode(b.name, Reports);
    await expect(reports.broken()).rejects.toMatchObject({
      code: "INTERLOCK_REMOTE_CALL",
      details: { kind: "error" },
      cause: { name: "RangeError", message: "no such month" },
    });
    await expect(reports.tossed()).rejects.toMatchObject({ details: { kind: "throw", reason: atom("tossed") } });
    const unknown = onNode<{ nothing(): void }>(b.name, { name: "on_node_reports" });
    await expect(unknown.nothing()).rejects.toThrow(/undef/);
    const inherited = onNode<{ toString(): string }>(b.name, { name: "on_node_reports" });
    await expect(inherited.toString()).rejects.toThrow(/undef/);
    await expect(onNode<{ exit(): void }>(b.name, { name: "process" }).exit()).rejects.toThrow(/undef/);
  });
});

test("the wait ends with its time, its signal and its connection", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  await a.run(async () => {
    await expect(onNode(b.name, Reports, { timeoutMs: 1 }).hanging()).rejects.toMatchObject({
      code: "INTERLOCK_CALL_TIMEOUT",
    });
    const abort = new AbortController();
    const aborted = onNode(b.name, Reports, { signal: abort.signal }).hanging();
    await onNode(b.name, Reports).monthly(1, 1);
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toMatchObject({ code: "INTERLOCK_ABORTED", cause: { message: "enough" } });
    const cut = onNode(b.name, Reports).hanging();
    await onNode(b.name, Reports).monthly(1, 1);
    a.node.disconnect(b.name);
    await expect(cut).rejects.toMatchObject({ code: "INTERLOCK_NOCONNECTION" });
    release();
    await expect(onNode("nobody@127.0.0.1" as NodeName, Reports).monthly(1, 1)).rejects.toMatchObject({
      code: "INTERLOCK_NOCONNECTION",
    });
  });
});
