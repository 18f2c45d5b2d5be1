import { genServer, makeRef, type NodeName, remote, reply, type Self, send, whereis } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { atom, type Tuple, tuple } from "@interlock/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type ErlangNode, erlangRelease, startErlang } from "../../../../wire/test/erlang-node.ts";
import { TestCluster, type TestNode } from "../../node/nodes.fixture.ts";
import { until } from "../../node/until.fixture.ts";
import { globalName } from "./global-name.ts";
import { globalNames } from "./global-names.ts";
import { inErlangsOrder } from "./pid-order.ts";

const release = erlangRelease();
if (release === undefined && process.env["CI"] !== undefined) throw new Error("CI has no Erlang (erl) on its PATH.");

const cookie = "of_global";

const Bank = genServer({
  name: "bank",
  init: (balance: number) => ({ balance }),
  calls: {
    deposit: ({ state }, amount: number) => reply(state.balance + amount, { balance: state.balance + amount }),
  },
});

// What real Erlang makes of it in detail is in conformance/interop/global_checks.erl.
describe.skipIf(release === undefined)(`global of Erlang/OTP ${release ?? "(none installed: erl is missing)"}`, () => {
  let cluster: TestCluster;
  let a: TestNode;
  let erlang: ErlangNode;

  beforeEach(async () => {
    cluster = await TestCluster.make();
    a = await cluster.node("a", { cookie, visible: true, global: true });
    erlang = await startErlang("erl@127.0.0.1", cookie, cluster.epmdPort);
  });

  afterEach(async () => {
    await cluster[Symbol.asyncDispose]();
    await erlang.close();
  });

  /** What Erlang expressions are worth there. `Us` is our node. */
  function evaluate(text: string): Promise<unknown> {
    return a.run(async (self: Self<unknown>) => {
      const whole = `Us = '${a.name}', ${text.trim()}`;
      send(remote("tester", "erl@127.0.0.1") as never, tuple(atom("eval"), self.pid, makeRef(), whole) as never);
      const [, ok, value] = ((await self.receive()) as Tuple).elements;
      if (ok !== atom("ok")) throw new Error(`Erlang: ${JSON.stringify(value)}`);
      return value;
    });
  }

  test("global:sync/0 returns, and a server of ours is called by its global name", async () => {
    await a.run(() => Bank.named(globalName(atom("bank"))).start(100));
    expect(await evaluate("pong = net_adm:ping(Us), global:sync().")).toBe(atom("ok"));
    expect(await evaluate("gen_server:call({global, bank}, {deposit, 5}).")).toBe(105);
    expect(await evaluate("global:register_name(bank, self()).")).toBe(atom("no"));
  });

  test("a server of theirs is called by its global name, until it ends", async () => {
    await evaluate(`
      Serve = fun Serve(Balance) -> receive {'$gen_call', Caller, {deposit, Amount}} ->
        gen:reply(Caller, Balance + Amount), Serve(Balance + Amount) end end,
      yes = global:register_name(bank, spawn(fun() -> Serve(10) end)), pong = net_adm:ping(Us).`);
    await a.run(() => globalNames.sync());
    expect(await a.run(() => Bank.at(globalName(atom("bank"))).call.deposit(5))).toBe(15);
    await evaluate("exit(global:whereis_name(bank), kill).");
    const gone = (): Promise<boolean> => a.run(() => whereis(globalName(atom("bank"))) === undefined);
    await until(gone);
    await a.run(() => Bank.named(globalName(atom("bank"))).start(0));
    expect(await evaluate("node(global:whereis_name(bank)).")).toBe(atom(a.name));
  });

  test("pids are in the same order", async () => {
    const nodes: readonly NodeName[] = ["a@h", "b@h", "ab@h", "A@h"];
    const pids = Array.from({ length: 60 }, (_, at) => {
      const name = nodes[at % nodes.length] as NodeName;
      return new RemotePid({ name, index: at, route: undefined }, (at * 7919) % 5, (at * 104_729) % 3);
    }).filter((pid, at, all) => all.findIndex((one) => String(one) === String(pid)) === at);
    const external = pids.map(
      ({ id, node, serial }, at) =>
        `{binary_to_term(<<131, 88, 119, ${node.length}, "${node}", ${id}:32, ${serial}:32, 7:32>>), ${at}}`,
    );
    const theirs = await evaluate(`[{at, At} || {_, At} <- lists:sort([${external.join(", ")}])].`);
    const order = (theirs as readonly Tuple[]).map(({ elements }) => pids[elements[1] as number] as LocalPid);
    expect(inErlangsOrder(pids)).toEqual(order);
  });
});
