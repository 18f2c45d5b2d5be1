import { atom, exactTerms, globalName, globalNames, tuple } from "@interlock/cluster";
import {
  exit,
  isAlive,
  makeRef,
  type NodeName,
  type Pid,
  registered,
  remote,
  type Self,
  send,
  whereis,
} from "@interlock/core";
import type { Tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { GlobalWorld, waiter } from "./support/global-world.ts";
import type { TestNode } from "./support/nodes.ts";

const NAME_TAKEN = { code: "INTERLOCK_NAME_TAKEN" };

test("global:names: a name is given, looked up, given anew and taken back on any node", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  const [a, b, c] = all;
  await world.meet(...all);
  const first = await world.give(a, "name");
  expect(await world.holders(all, "name")).toEqual([a.name, a.name, a.name]);
  for (const at of all)
    await expect(world.during(at.run(() => globalNames.register("name", waiter(at).pid)))).rejects.toMatchObject(
      NAME_TAKEN,
    );
  const second = waiter(b);
  await world.during(c.run(() => globalNames.reRegister("name", whereis(globalName("name")) as Pid)));
  await world.during(b.run(() => globalNames.reRegister("name", second.pid)));
  expect(await world.holders(all, "name")).toEqual([b.name, b.name, b.name]);
  await a.run(() => send(globalName("name"), "hello"));
  await world.time.advance(1_000);
  expect([first.got, second.got]).toEqual([[], ["hello"]]);
  await world.during(a.run(() => globalNames.unregister("name")));
  expect(await world.holders(all, "name")).toEqual([undefined, undefined, undefined]);
  for (const at of all) await at.run(() => expect(globalNames.registered()).toEqual([]));
  expect([first, second].map(({ pid }) => isAlive(pid))).toEqual([true, true]);
});

test("global:names_hidden: a hidden node neither has the names nor holds one up", async () => {
  await using world = new GlobalWorld();
  const [a, b] = await world.nodes(["a", "b"]);
  const hidden = await world.node("hidden", { visible: false, global: false });
  for (const { name } of [a, b]) await world.during(hidden.node.connect(name));
  await world.meet(a, b);
  await world.give(a, "name");
  expect(await world.holders([a, b], "name")).toEqual([a.name, a.name]);
  const refused = expect.objectContaining({ code: "INTERLOCK_NODE_OPTION" });
  await hidden.run(() => expect(() => whereis(globalName("name"))).toThrow(refused));
  expect(await hidden.run(() => registered())).not.toContain("global_name_server");
  hidden.node.disconnect(a.name);
  await world.time.advance(10_000);
  expect(a.node.nodes()).toEqual([b.name]);
});

/** A process of a node without global that asks name servers as Erlang's `global` does. */
class Requester {
  readonly #at: TestNode;
  readonly #world: GlobalWorld;
  readonly #self = Promise.withResolvers<Self<Tuple>>();

  constructor(world: GlobalWorld, at: TestNode) {
    this.#world = world;
    this.#at = at;
    at.start<Tuple>(async (self) => {
      exactTerms();
      this.#self.resolve(self);
      for (;;) {
        const { elements } = await self.receive();
        this.#answered(elements[1]);
      }
    });
  }

  #answered: (value: unknown) => void = () => undefined;

  async ask(node: NodeName, ...request: readonly unknown[]): Promise<unknown> {
    const { pid } = await this.#self.promise;
    const answer = new Promise((resolve) => {
      this.#answered = resolve;
    });
    const server = remote("global_name_server", node);
    await this.#at.run(() => send(server, tuple(atom("$gen_call"), tuple(pid, makeRef()), tuple(...request)) as never));
    return this.#world.during(answer);
  }

  /** On each of the nodes. */
  async lock(on: readonly TestNode[], how: "set_lock" | "del_lock", requester: string): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    const id = tuple(atom("resource"), atom(requester));
    for (const { name } of on) answers.push(await this.ask(name, atom(how), id));
    return answers;
  }

  async end(): Promise<void> {
    exit((await this.#self.promise).pid as Pid, "kill");
    await this.#world.time.advance(1_000);
  }
}

const [YES, NO] = [atom("true"), atom("false")];

test("global:locks: a lock has one requester on all nodes, in whose name several may hold it, and is free when none does", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  await world.meet(...all);
  const asking = await world.node("asking", { visible: false, global: false });
  const [one, same, other] = [new Requester(world, asking), new Requester(world, asking), new Requester(world, asking)];
  const yes = [YES, YES, YES];
  expect(await one.lock(all, "set_lock", "us")).toEqual(yes);
  expect(await other.lock(all, "set_lock", "them")).toEqual([NO, NO, NO]);
  // The same requester again: by the same process, and by another one.
  expect(await one.lock(all, "set_lock", "us")).toEqual(yes);
  expect(await same.lock(all, "set_lock", "us")).toEqual(yes);
  expect(await other.lock(all, "del_lock", "them")).toEqual(yes);
  expect(await one.lock(all, "del_lock", "us")).toEqual(yes);
  expect(await other.lock(all, "set_lock", "them")).toEqual([NO, NO, NO]);
  expect(await same.lock(all, "del_lock", "us")).toEqual(yes);
  expect(await other.lock(all, "set_lock", "them")).toEqual(yes);
  expect(await one.lock(all, "set_lock", "us")).toEqual([NO, NO, NO]);
});

test("global:lock_die: the lock of a process that has ended, or whose node has, is free", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b"]);
  await world.meet(...all);
  const [asking, dying] = [
    await world.node("asking", { visible: false, global: false }),
    await world.node("dying", { visible: false, global: false }),
  ];
  const [mortal, lost, other] = [
    new Requester(world, asking),
    new Requester(world, dying),
    new Requester(world, asking),
  ];
  expect(await mortal.lock(all, "set_lock", "us")).toEqual([YES, YES]);
  await mortal.end();
  expect(await lost.lock(all, "set_lock", "others")).toEqual([YES, YES]);
  expect(await other.lock(all, "set_lock", "them")).toEqual([NO, NO]);
  await world.during(dying.node.stop());
  await world.time.advance(1_000);
  expect(await other.lock(all, "set_lock", "them")).toEqual([YES, YES]);
});

test("global:name_die: the name of a process that ends is free on all nodes", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  const [a, b] = all;
  await world.meet(...all);
  for (const end of [(pid: Pid) => exit(pid, "kill"), (pid: Pid) => exit(pid, "shutdown")]) {
    const { pid } = await world.give(a, "name");
    end(pid as Pid);
    await world.time.advance(1_000);
    expect(await world.holders(all, "name")).toEqual([undefined, undefined, undefined]);
  }
  // Given by one node, of another one's process.
  const { pid } = await world.give(a, "name");
  await world.during(b.run(() => globalNames.reRegister("name", whereis(globalName("name")) as Pid)));
  exit(pid as Pid, "kill");
  await world.time.advance(1_000);
  expect(await world.holders(all, "name")).toEqual([undefined, undefined, undefined]);
  await world.give(b, "name");
  expect(await world.holders(all, "name")).toEqual([b.name, b.name, b.name]);
});

test("global:leftover_name: of the names of a node that is gone none is left, and each can be given anew", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b", "c"]);
  const [a, b, c] = all;
  await world.meet(...all);
  for (const name of ["first", "second"]) await world.give(c, name);
  await world.give(a, "kept");
  // On its way when its node goes.
  const giving = c.run(() => globalNames.register("third", waiter(c).pid)).catch(() => undefined);
  await world.during(c.node.stop());
  await world.during(giving);
  await world.time.advance(60_000);
  for (const at of [a, b]) await at.run(() => expect(globalNames.registered()).toEqual(["kept"]));
  for (const name of ["first", "second", "third"]) {
    await world.give(b, name);
    expect(await world.holders([a, b], name)).toEqual([b.name, b.name]);
  }
});

test("global:re_register_name: a name that is given to another process does not end with the one that had it", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b"]);
  const [a, b] = all;
  await world.meet(...all);
  const first = await world.give(a, "name");
  const second = waiter(b);
  await world.during(b.run(() => globalNames.reRegister("name", second.pid)));
  exit(first.pid as Pid, "kill");
  await world.time.advance(1_000);
  expect(await world.holders(all, "name")).toEqual([b.name, b.name]);
  // One that has had a name and has it no more may have another.
  const third = waiter(a);
  await world.during(a.run(() => globalNames.reRegister("name", third.pid)));
  await world.during(b.run(() => globalNames.register("other", second.pid)));
  expect(await world.holders(all, "other")).toEqual([b.name, b.name]);
  exit(third.pid as Pid, "kill");
  await world.time.advance(1_000);
  expect(await world.holders(all, "name")).toEqual([undefined, undefined]);
});

test("global:name_exit: who hears of the end of a process finds its name free on its node", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b"]);
  const [a] = all;
  await world.meet(...all);
  const { pid } = await world.give(a, "name");
  const found = a.run(async (self: Self<never>) => {
    const { down } = self.monitor(pid as Pid);
    await self.receive(down);
    return whereis(globalName("name"));
  });
  await world.time.advance(1_000);
  exit(pid as Pid, "kill");
  expect(await world.during(found)).toBeUndefined();
  await world.give(a, "name");
  expect(await world.holders(all, "name")).toEqual([a.name, a.name]);
});

test("global:register_1: a name is not given with a method that is none", async () => {
  await using world = new GlobalWorld();
  const [a] = await world.nodes(["a"]);
  for (const onConflict of ["random", "toString", "", 7, () => undefined])
    await expect(
      world.during(a.run(() => globalNames.register("name", waiter(a).pid, { onConflict: onConflict as never }))),
    ).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT", details: { argument: "onConflict" } });
  await expect(world.during(a.run(() => globalNames.register("name", "nobody" as never)))).rejects.toMatchObject({
    code: "INTERLOCK_BAD_ARGUMENT",
  });
  await a.run(() => expect(globalNames.registered()).toEqual([]));
  await world.give(a, "name");
});

test("global:simple_resolve: of two processes with one name one is ended, one is told, or both are", async () => {
  for (const onConflict of ["random_exit", "random_notify", "notify_all"] as const) {
    await using world = new GlobalWorld();
    const all = await world.nodes(["a", "b", "c"]);
    const [a, b, c] = all;
    await world.meet(a, c);
    const [ofA, ofB] = [await world.give(a, "name", { onConflict }), await world.give(b, "name", { onConflict })];
    await world.meet(b, a, c);
    const conflict = atom("global_name_conflict");
    const keeps = onConflict === "notify_all" ? undefined : a.name;
    expect(await world.holders(all, "name")).toEqual([keeps, keeps, keeps]);
    expect([ofA, ofB].map(({ pid }) => isAlive(pid as Pid))).toEqual([true, onConflict !== "random_exit"]);
    if (onConflict === "random_notify") expect([ofA.got, ofB.got]).toEqual([[], [tuple(conflict, "name")]]);
    if (onConflict === "notify_all") {
      const told = [ofA, ofB].map(({ got }) => got.map((one) => (one as Tuple).elements));
      expect(told).toMatchObject([[[conflict, "name", { node: b.name }]], [[conflict, "name", { node: a.name }]]]);
    }
  }
});

test("global:garbage_messages: what is no message of global's changes nothing", async () => {
  await using world = new GlobalWorld();
  const all = await world.nodes(["a", "b"]);
  const [a, b] = all;
  await world.meet(...all);
  await world.give(b, "name");
  const server = remote("global_name_server", a.name);
  const before = await a.run(() => whereis(remote("global_name_server", a.name)));
  const [cast, call] = [atom("$gen_cast"), atom("$gen_call")];
  for (const garbage of [
    "text",
    7,
    atom("garbage"),
    tuple(),
    tuple(atom("garbage"), 1),
    tuple(cast, atom("garbage")),
    tuple(cast, tuple(atom("exchange"), b.name, 1)),
    tuple(cast, tuple(atom("init_connect"), 1, 2, 3)),
    tuple(cast, tuple(atom("resolved"))),
    tuple(call, 1, 2),
    tuple(call, tuple(1, 2), atom("garbage")),
    tuple(atom("DOWN"), 1, 2, 3, 4),
    tuple(atom("EXIT"), 1, 2),
    { type: "DOWN" },
  ])
    for (const at of all) await at.run(() => send(server, garbage as never));
  await world.time.advance(10_000);
  expect(await a.run(() => whereis(remote("global_name_server", a.name)))).toBe(before);
  await world.give(a, "other");
  expect(await world.holders(all, "other")).toEqual([a.name, a.name]);
  expect(await world.holders(all, "name")).toEqual([b.name, b.name]);
});
