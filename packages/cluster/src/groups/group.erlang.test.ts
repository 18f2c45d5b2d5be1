import { exit, makeRef, type Pid, remote, type Self, send } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { type Atom, atom, type Tuple, tuple } from "@interlock/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type ErlangNode, erlangRelease, startErlang } from "../../../wire/test/erlang-node.ts";
import type { CreateNodeOptions } from "../node/node.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { group } from "./group.ts";
import type { GroupEvent } from "./monitors.ts";

const release = erlangRelease();
if (release === undefined && process.env["CI"] !== undefined) throw new Error("CI has no Erlang (erl) on its PATH.");

const cookie = "of_pg";

describe.skipIf(release === undefined)(`pg of Erlang/OTP ${release ?? "(none installed: erl is missing)"}`, () => {
  let cluster: TestCluster;
  let a: TestNode;
  const erlangs: ErlangNode[] = [];

  async function make(options: Partial<CreateNodeOptions> = {}): Promise<void> {
    a = await cluster.node("a", { cookie, visible: true, ...options });
  }

  beforeEach(async () => {
    cluster = await TestCluster.make();
  });

  afterEach(async () => {
    await cluster[Symbol.asyncDispose]();
    for (const one of erlangs.splice(0)) await one.close();
  });

  async function erlang(): Promise<ErlangNode> {
    const started = await startErlang("erl@127.0.0.1", cookie, cluster.epmdPort);
    erlangs.push(started);
    return started;
  }

  /** What Erlang expressions are worth there. `Us` is our node; `begun` is called when `From ! begun` has been run. */
  function evaluate(text: string, asker: TestNode = a, begun?: () => void): Promise<unknown> {
    return asker.run(async (self: Self<unknown>) => {
      const ref = makeRef();
      const whole = `Us = '${a.name}', ${text.trim()}`;
      send(remote("tester", "erl@127.0.0.1") as never, tuple(atom("eval"), self.pid, ref, whole) as never);
      let answer = await self.receive();
      if (answer === atom("begun")) {
        begun?.();
        answer = await self.receive();
      }
      const [, ok, value] = (answer as Tuple).elements;
      if (ok !== atom("ok")) throw new Error(`Erlang: ${JSON.stringify(value)}`);
      return value;
    });
  }

  /** A process there that is a member of `group`, as often as said. */
  async function theirs(name: string, times = 1): Promise<Pid<unknown>> {
    const join = `[pg:join(${name}, Pid) || _ <- lists:seq(1, ${times})]`;
    return (await evaluate(`Pid = spawn(fun() -> receive stop -> ok end end), ${join}, Pid.`)) as Pid<unknown>;
  }

  const startPg = (): Promise<unknown> => evaluate("{ok, Pid} = pg:start(pg), Pid.");

  /** Resolves when as many members of each node as said are seen there. */
  async function seen(
    name: string,
    wanted: { readonly ours: number; readonly erl: number },
    asker: TestNode = a,
  ): Promise<void> {
    const text = `
      Wait = fun Wait() ->
        Nodes = [node(Pid) || Pid <- pg:get_members(${name})],
        case {length([N || N <- Nodes, N =:= Us]), length([N || N <- Nodes, N =:= node()])} of
          {${wanted.ours}, ${wanted.erl}} -> ok;
          _ -> receive after 5 -> Wait() end
        end
      end, Wait().`;
    await evaluate(text, asker);
  }

  /** Resolves when the members here are those. */
  function has(name: unknown, wanted: readonly unknown[]): Promise<void> {
    const sorted = (pids: readonly unknown[]): string => pids.map(String).sort().join();
    return a.run(async (self: Self<GroupEvent>) => {
      const watched = group(name);
      const { demonitor } = watched.monitor(self.pid);
      while (sorted(watched.members()) !== sorted(wanted)) await self.receive();
      demonitor();
    });
  }

  function ours(): Pid<unknown> {
    const { pid } = a.start<unknown>(async (self) => {
      while ((await self.receive()) !== "stop");
    });
    return pid as LocalPid<never> as LocalPid<unknown>;
  }

  const here = (name: unknown): ReturnType<typeof group<unknown>> => group<unknown>(name, { node: a.local });

  for (const [order, first] of [
    ["theirs starts first", true],
    ["ours starts first", false],
  ] as const)
    test(`a group spans both nodes, with joins and leaves of both sides: ${order}`, async () => {
      await make();
      await erlang();
      const mine = ours();
      if (first) await startPg();
      here(atom("rooms")).join([mine, mine]);
      if (!first) await a.node.connect("erl@127.0.0.1");
      if (!first) await startPg();
      const far = await theirs("rooms", 2);
      await has(atom("rooms"), [mine, mine, far, far]);
      await seen("rooms", { ours: 2, erl: 2 });
      // One of two each.
      here(atom("rooms")).leave(mine);
      await evaluate("pg:leave(rooms, hd(pg:get_local_members(rooms))).");
      await has(atom("rooms"), [mine, far]);
      await seen("rooms", { ours: 1, erl: 1 });
      // Members end.
      await a.run(() => exit(mine, "kill"));
      await seen("rooms", { ours: 0, erl: 1 });
      await a.run(() => send(far as never, atom("stop") as never));
      await has(atom("rooms"), []);
      expect(a.reports).toEqual([]);
    });

  test("nodes that connect when both have members already hear of all of them", async () => {
    await make();
    const mine = ours();
    here(atom("rooms")).join(mine);
    here("of text").join(mine);
    await erlang();
    await a.node.connect("erl@127.0.0.1");
    await startPg();
    const far = await theirs("rooms");
    const text = (await theirs('<<"of text">>')) as unknown;
    a.node.disconnect("erl@127.0.0.1");
    await has(atom("rooms"), [mine]);
    await a.node.connect("erl@127.0.0.1");
    await has(atom("rooms"), [mine, far]);
    await has("of text", [mine, text]);
    await seen("rooms", { ours: 1, erl: 1 });
    await seen('<<"of text">>', { ours: 1, erl: 1 });
  });

  test("many join and leave at once, of groups of every kind of name", async () => {
    await make();
    await erlang();
    await startPg();
    const names: readonly (readonly [unknown, string])[] = [
      [1, "1"],
      [tuple(atom("room"), 42), "{room, 42}"],
      [[1, 2, 3], "[1, 2, 3]"],
      [{ id: 1.5 }, '#{<<"id">> => 1.5}'],
    ];
    const mine = [ours(), ours()];
    for (const [value, text] of names) {
      here(value).join([...mine, ...mine]);
      const far = (await evaluate(
        `Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- [1, 2]], pg:join(${text}, Pids ++ Pids), Pids.`,
      )) as readonly Pid<unknown>[];
      await has(value, [...mine, ...mine, ...far, ...far]);
      await seen(text, { ours: 4, erl: 4 });
      here(value).leave(mine);
      await evaluate(`pg:leave(${text}, lists:usort(pg:get_local_members(${text}))).`);
      await has(value, [...mine, ...far]);
      await seen(text, { ours: 2, erl: 2 });
    }
    // A member's end takes it out of all of them with one message.
    for (const pid of mine) await a.run(() => exit(pid, "kill"));
    for (const [, text] of names) await seen(text, { ours: 0, erl: 2 });
  });

  test("the members of a node that is killed leave, on either side", async () => {
    // Hosts the name server, which must outlive both.
    const b = await cluster.node("b", { cookie });
    await make();
    const there = await erlang();
    await startPg();
    const mine = ours();
    here(atom("rooms")).join(mine);
    const far = await theirs("rooms");
    await has(atom("rooms"), [mine, far]);
    await seen("rooms", { ours: 1, erl: 1 });
    await there.close();
    await has(atom("rooms"), [mine]);
    // And another life of that node.
    await erlang();
    await startPg();
    await seen("rooms", { ours: 1, erl: 0 });
    const again = await theirs("rooms");
    await has(atom("rooms"), [mine, again]);
    expect(again).not.toBe(far);
    await a.node.stop();
    await seen("rooms", { ours: 0, erl: 1 }, b);
  });

  test("a hidden node takes part as well, once pg runs there", async () => {
    await make({ visible: false });
    await erlang();
    await startPg();
    const mine = ours();
    here(atom("rooms")).join(mine);
    const far = await theirs("rooms");
    await has(atom("rooms"), [mine, far]);
    await seen("rooms", { ours: 1, erl: 1 });
    // A scope there that is ended and started again asks visible nodes only; this one hears of it at its next connection.
    expect(await evaluate("nodes().")).toEqual([]);
  });

  test("a monitor on either side is told of the joins and leaves of the other", async () => {
    await make();
    await erlang();
    await startPg();
    const events = a.run(async (self: Self<GroupEvent>) => {
      const { members } = group(atom("rooms")).monitor(self.pid);
      expect(members).toEqual([]);
      const far = await theirs("rooms");
      const first = await self.receive();
      send(far as never, atom("stop") as never);
      const second = await self.receive();
      expect([first.pids, second.pids]).toEqual([[far], [far]]);
      return [first, second].map((event) => [event.change, (event.group as Atom).name]);
    });
    expect(await events).toEqual([
      ["join", "rooms"],
      ["leave", "rooms"],
    ]);
    const mine = ours();
    const text = `
      {Ref, []} = pg:monitor(rooms),
      From ! begun,
      Next = fun() -> receive {Ref, Change, rooms, Pids} -> {Change, Pids} end end,
      [Next(), Next(), Next()].`;
    const told = await evaluate(text, a, () => {
      here(atom("rooms")).join([mine, mine]);
      here(atom("rooms")).leave(mine);
      exit(mine, "kill");
    });
    expect(told).toEqual([
      tuple(atom("join"), [mine, mine]),
      tuple(atom("leave"), [mine]),
      tuple(atom("leave"), [mine]),
    ]);
  });
});
