import { genServer, type Pid, reply } from "@interlock/core";
import { expect, test } from "vitest";

import { TestCluster } from "../node/nodes.fixture.ts";
import { connect } from "./remote-node.ts";

const Bank = genServer({
  name: "remote_bank",
  version: "2",
  init: (opening: number): { readonly balance: number } => {
    if (opening < 0) throw new RangeError("a debt");
    return { balance: opening };
  },
  calls: {
    balance: ({ state }) => reply(state.balance),
    where: ({ self }) => reply((self.pid as Pid).node as string),
  },
});
const Older = genServer({ name: "remote_bank", version: "1", init: (_opening: number) => 0 });
const Secret = genServer({ name: "secret", init: () => 0 });

async function two() {
  const cluster = await TestCluster.make();
  return { cluster, a: await cluster.node("a"), b: await cluster.node("b", { modules: [Bank] }) };
}

test("a server is started on another node by the name and version of its module", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  const [balance, where, node] = await a.run(async () => {
    const far = await connect(b.name);
    const bank = await far.spawn(Bank, 100);
    return [await bank.call.balance(), await bank.call.where(), bank.pid.node];
  });
  expect([balance, where, node]).toEqual([100, b.name, b.name]);
});

test("what the node was not given is refused, in that version or at all; a failing init is the cause", async () => {
  const { cluster, a, b } = await two();
  await using _ = cluster;
  await a.run(async () => {
    const far = await connect(b.name);
    await expect(far.spawn(Secret)).rejects.toThrow(/no_module: secret/);
    await expect(far.spawn(Older, 1)).rejects.toThrow(/no_module: remote_bank 1/);
    await expect(far.spawn(Bank, -1)).rejects.toMatchObject({
      code: "INTERLOCK_REMOTE_CALL",
      cause: { code: "INTERLOCK_START_FAILED", cause: { message: "a debt" } },
    });
    await expect(connect("nobody@127.0.0.1")).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  });
});

test("a program that is no node yet is told what to do", async () => {
  await expect(connect("b@127.0.0.1")).rejects.toMatchObject({ code: "INTERLOCK_NODE_OPTION" });
});
