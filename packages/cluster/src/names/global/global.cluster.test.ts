import { type NodeName, type Pid, whereis } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import { TestCluster, type TestNode } from "../../node/nodes.fixture.ts";
import { globalName } from "./global-name.ts";
import { globalNames } from "./global-names.ts";

const options = { visible: true, global: true } as const;

/** A process of that node that waits. */
function waiter(at: TestNode): Pid<string> {
  const { pid } = at.start<string>(async (self) => {
    while ((await self.receive()) !== "stop");
  });
  return pid as LocalPid<never> as LocalPid<string>;
}

/** The node of whoever has the name, as each of the nodes sees it. */
function holders(nodes: readonly TestNode[], name: unknown): Promise<readonly (NodeName | undefined)[]> {
  return Promise.all(nodes.map((at) => at.run(() => whereis(globalName(name))?.node)));
}

describe("two nodes", () => {
  test("have the same names once they are in sync", async () => {
    await using cluster = await TestCluster.make();
    const [a, b] = [await cluster.node("a", options), await cluster.node("b", options)];
    await a.run(() => globalNames.register("of_a", waiter(a)));
    await b.run(() => globalNames.register("of_b", waiter(b)));
    await a.node.connect(b.name);
    await Promise.all([a, b].map((at) => at.run(() => globalNames.sync())));
    expect(await holders([a, b], "of_a")).toEqual([a.name, a.name]);
    expect(await holders([a, b], "of_b")).toEqual([b.name, b.name]);
    await a.run(() => globalNames.register(atom("later"), waiter(a)));
    expect(await holders([a, b], atom("later"))).toEqual([a.name, a.name]);
  });
});
