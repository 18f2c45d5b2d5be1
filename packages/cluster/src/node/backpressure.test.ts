import { genServer, local, noreply, remote, reply, send, sendWait, trySend } from "@interlock/core";
import { expect, test } from "vitest";

import { dammed } from "./faulty-ports.fixture.ts";
import { nextEvent, TestCluster } from "./nodes.fixture.ts";

const Collector = genServer({
  name: "collector",
  init: (): readonly string[] => [],
  calls: { got: ({ state }) => reply(state) },
  info: ({ state }, message: string | object) =>
    typeof message === "string" ? noreply([...state, message.slice(0, 4)]) : noreply(),
});

async function make(options: { readonly busyBytes?: number; readonly mostBytes?: number }) {
  const river = dammed();
  const cluster = await TestCluster.make();
  const a = await cluster.node("a", { ports: river.ports, ...options });
  const b = await cluster.node("b");
  await b.run(() => Collector.named(local("collector")).start());
  await a.node.connect(b.name);
  return { river, cluster, a, b, to: remote("collector", b.name) as never };
}

const kilobyte = (name: string): never => `${name}${"x".repeat(1_020)}` as never;

test("a busy connection makes trySend false and holds sendWait until it is not; nothing is lost, nothing overtakes", async () => {
  const { river, cluster, a, to } = await make({ busyBytes: 10_240 });
  await using _ = cluster;
  await a.run(async () => {
    river.dam();
    let taken = 0;
    while (taken < 1_000 && trySend(to, kilobyte(String(1_000 + taken)))) taken++;
    expect(taken).toBeGreaterThan(5);
    expect(taken).toBeLessThan(15);
    const order: string[] = [];
    const waiting = [1, 2].map((one) => sendWait(to, kilobyte(`w00${one}`)).then(() => order.push(`sent ${one}`)));
    // Many turns of the microtasks later they still wait.
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(order).toEqual([]);
    river.release();
    await Promise.all(waiting);
    expect(order).toEqual(["sent 1", "sent 2"]);
    const got = await Collector.at(to).call.got();
    const expected = [...Array.from({ length: taken }, (_, index) => String(1_000 + index)), "w001", "w002"];
    expect(got).toEqual(expected);
  });
});

test("a connection that takes nothing is given up instead of growing without bound, and says so", async () => {
  const { river, cluster, a, b, to } = await make({ busyBytes: 1_024, mostBytes: 100_000 });
  await using _ = cluster;
  const down = nextEvent(a, "nodedown");
  await a.run(async () => {
    river.dam();
    for (let count = 0; count < 300; count++) {
      send(to, kilobyte("1000"));
      await Promise.resolve();
    }
  });
  expect(await down).toMatchObject({ node: b.name, reason: expect.stringContaining("busy") });
});
