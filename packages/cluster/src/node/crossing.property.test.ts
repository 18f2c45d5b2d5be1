/** Two nodes that want a connection to each other at about the same time, on a network where everything takes a while. */
import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { expect, test } from "vitest";

import { VirtualTime } from "../names/virtual-time.fixture.ts";
import { DelayedNetwork } from "./delayed-network.fixture.ts";
import { createNode } from "./node.ts";

const names: readonly NodeName[] = ["a@h", "b@h"];

interface Dial {
  readonly by: number;
  readonly atMs: number;
}

/** What two nodes tell that dial each other so. */
async function tellings(dials: readonly Dial[], delay: Iterator<number>): Promise<readonly string[]> {
  const time = new VirtualTime();
  const locals = names.map(() => time.node());
  const { clock, timers } = time.node().runtime;
  const network = new DelayedNetwork(timers, clock.now, () => delay.next().value as number);
  const told: string[] = [];
  const nodes = await Promise.all(
    names.map(async (name, at) => {
      const local = locals[at] as (typeof locals)[0];
      local.onReport = (report) => void told.push(`${name} reports ${JSON.stringify(report)}`);
      local.progress = false;
      const node = await createNode({
        name,
        local,
        cookie: "a secret of this test",
        ports: network.ports,
        listen: { port: at },
        lookup: async (other) => ({ host: "h", port: names.indexOf(other) }),
      });
      node.watchNodes(({ node: other, type }) => told.push(`${name} ${type} ${other}`));
      return node;
    }),
  );
  for (const { atMs, by } of dials)
    timers.set(() => {
      const other = names[1 - by] as NodeName;
      nodes[by]?.connect(other).then(
        () => told.push(`${names[by]} has ${other}`),
        (error: unknown) => told.push(`${names[by]} cannot have ${other}: ${error}`),
      );
    }, atMs);
  await time.advance(3_000); // Less than a handshake may take: what waits for its end must have been called off.
  const all = [...told, `connected: ${nodes.map((node) => node.nodes("connected").join())}`];
  for (const node of nodes) await node.stop();
  await time.advance(500); // What the network still has to bring.
  return time.alarms === 0 ? all : [...all, `timers: ${time.alarms}`];
}

test("have one connection, which nothing ends, and neither has anything to complain of", {
  timeout: 60_000,
}, async () => {
  const dial = fc.record({ by: fc.constantFrom(0, 1), atMs: fc.integer({ min: 0, max: 300 }) });
  const delays = fc.infiniteStream(fc.integer({ min: 0, max: 100 }));
  await fc.assert(
    fc.asyncProperty(fc.array(dial, { minLength: 1, maxLength: 6 }), delays, async (dials, delay) => {
      const told = await tellings(dials, delay);
      const wanted = dials.map(({ by }) => `${names[by]} has ${names[1 - by]}`);
      expect(told.toSorted()).toEqual(["a@h nodeup b@h", "b@h nodeup a@h", "connected: b@h,a@h", ...wanted].toSorted());
    }),
    { numRuns: 1000 },
  );
});
