import { exit, local, type NodeName, type Pid, processInfo, remote, type Self, send, whereis } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom, Charlist, ImproperList, Tuple, tuple } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import { useTerms } from "../node/attached.ts";
import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { type Group, type GroupOptions, group, whichGroups } from "./group.ts";
import type { GroupEvent } from "./monitors.ts";

const rooms = group<string>("rooms");
const ROOMS = new TextEncoder().encode("rooms");

/** A process of that node that waits. */
function member(at: TestNode): Pid<string> {
  const { pid } = at.start<string>(async (self) => {
    while ((await self.receive()) !== "stop");
  });
  return pid as LocalPid<never> as LocalPid<string>;
}

function on(at: TestNode): GroupOptions {
  return { node: at.local };
}

/** Resolves when the group there has those members, in any order. */
function has(at: TestNode, name: unknown, wanted: readonly unknown[]): Promise<void> {
  const sorted = (pids: readonly unknown[]): string => pids.map(String).sort().join();
  return at.run(async (self: Self<GroupEvent>) => {
    const watched = group(name);
    const { demonitor, ref } = watched.monitor(self.pid);
    while (sorted(watched.members().map(mark)) !== sorted(wanted.map(mark)))
      expect((await self.receive()).ref).toBe(ref);
    demonitor();
  });
}

/** The same process has another prefix on another node. */
function mark(pid: unknown): string {
  const { home, id } = pid as LocalPid;
  return `${home.name}/${id}`;
}

async function three(): Promise<{ cluster: TestCluster; a: TestNode; b: TestNode; c: TestNode }> {
  const cluster = await TestCluster.make();
  return { cluster, a: await cluster.node("a"), b: await cluster.node("b"), c: await cluster.node("c") };
}

describe("a group on one node", () => {
  test("has who joins until it has left as often, or ended", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const [one, two] = [member(a), member(a)];
    const here = group<string>("rooms", on(a));
    here.join([one, two]);
    here.join(one);
    expect([here.members(), here.localMembers()]).toEqual([
      [one, one, two],
      [one, one, two],
    ]);
    expect([here.leave(one), here.leave(two), here.leave(two)]).toEqual([true, true, false]);
    expect(here.members()).toEqual([one]);
    here.join(two);
    await a.run(() => exit(one, "kill"));
    expect(here.members()).toEqual([two]);
    here.join(one);
    expect(here.members(), "the dead do not join").toEqual([two]);
    expect(a.reports).toEqual([]);
  });

  test("is told apart by the term of its name and by its scope", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const pid = member(a);
    group<string>("red", on(a)).join(pid);
    group<string>(atom("green"), on(a)).join(pid);
    group<string>("blue", { ...on(a), scope: "colours" }).join(pid);
    expect(group("green", on(a)).members()).toEqual([]);
    expect(whichGroups(on(a))).toEqual(["red", atom("green")]);
    expect(whichGroups({ ...on(a), scope: "colours" })).toEqual(["blue"]);
    expect(await a.run(() => whereis(local("colours")))).toBeDefined();
  });

  test("watches a member once, and no longer than it is one", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const pid = member(a);
    const here = group<string>("rooms", on(a));
    here.join([pid, pid]);
    const scope = await a.run(() => whereis(local("pg")));
    expect(processInfo(pid)?.monitoredBy).toEqual([scope]);
    here.leave([pid, pid]);
    expect(processInfo(pid)?.monitoredBy).toEqual([]);
  });

  test("sends to each member as often as it has joined", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const heard = await a.run(async (self: Self<string>) => {
      rooms.join([self.pid, self.pid]);
      rooms.broadcast("hello");
      return [await self.receive(), await self.receive()];
    });
    expect(heard).toEqual(["hello", "hello"]);
  });

  test("refuses processes of other nodes", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const there = member(b);
    expect(() => group<string>("rooms", on(a)).join(there)).toThrow(
      expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
    );
    await a.node.connect(b.name);
    group<string>("rooms", on(b)).join(there);
    await has(a, "rooms", [there]);
    const far = group<string>("rooms", on(a)).members();
    expect(() => rooms.leave(far)).toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
  });

  test("needs the name of its scope for itself", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    await a.run(async () => {
      const { register } = await import("@interlock/core");
      register("taken", member(a) as Pid);
    });
    const taken = group("rooms", { ...on(a), scope: "taken" });
    for (let time = 0; time < 2; time++)
      expect(() => taken.members()).toThrow(expect.objectContaining({ code: "INTERLOCK_NAME_TAKEN" }));
  });
});

describe("a monitor of a group", () => {
  test("gives the members there are, then who joins and leaves, until it is ended or its process is", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const [one, two] = [member(a), member(a)];
    await a.run(async (self: Self<GroupEvent<string>>) => {
      rooms.join(one);
      const { demonitor, members, ref } = rooms.monitor(self.pid);
      expect(members).toEqual([one]);
      rooms.join([two, two]);
      group<string>("others").join(two);
      rooms.leave(two);
      exit(two, "kill");
      const event = { type: "group", group: "rooms", ref };
      expect(await self.receive()).toEqual({ ...event, change: "join", pids: [two, two] });
      expect(await self.receive()).toEqual({ ...event, change: "leave", pids: [two] });
      expect(await self.receive()).toEqual({ ...event, change: "leave", pids: [two] });
      expect([demonitor(), demonitor()]).toEqual([true, false]);
      rooms.leave(one);
      expect(await self.receive({ type: "group" }, { timeoutMs: 0 })).toBeUndefined();
    });
  });
});

describe("a group of several nodes", () => {
  test("is known on all of them, whether its members were there before they met or not", async () => {
    const { cluster, a, b, c } = await three();
    await using _ = cluster;
    const [atA, atB, atC] = [member(a), member(b), member(c)];
    const at = (node: TestNode): Group<string> => group<string>("rooms", on(node));
    at(a).join([atA, atA]);
    at(b).join(atB);
    await Promise.all([a.node.connect(b.name), b.node.connect(c.name), c.node.connect(a.name)]);
    at(c).join(atC);
    const all = [atA, atA, atB, atC];
    for (const node of [a, b, c]) await has(node, "rooms", all);
    expect(at(b).localMembers()).toEqual([atB]);
    // Pids of another node are that node's own, and one object here.
    const [seen] = at(b)
      .members()
      .filter(({ node }) => node === a.name);
    expect(String(seen)).toBe(`<${a.name}.${(atA as LocalPid<string>).id}.0>`);
    at(a).leave(atA);
    for (const node of [a, b, c]) await has(node, "rooms", [atA, atB, atC]);
    await c.run(() => exit(atC, "kill"));
    for (const node of [a, b, c]) await has(node, "rooms", [atA, atB]);
    expect([a, b, c].flatMap(({ reports }) => reports)).toEqual([]);
  });

  test("is broadcast to across nodes", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const heard = b.run(async (self: Self<string>) => {
      rooms.join(self.pid);
      return self.receive();
    });
    await a.node.connect(b.name);
    const [there] = group<string>("rooms", on(b)).localMembers();
    await has(a, "rooms", [there]);
    await a.run(() => rooms.broadcast("from afar"));
    expect(await heard).toBe("from afar");
  });

  test("loses the members of a node that goes, and has them again when it comes back", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const [atA, atB] = [member(a), member(b)];
    group<string>("rooms", on(a)).join(atA);
    group<string>("rooms", on(b)).join(atB);
    for (let round = 0; round < 3; round++) {
      await a.node.connect(b.name);
      await Promise.all([has(a, "rooms", [atA, atB]), has(b, "rooms", [atA, atB])]);
      a.node.disconnect(b.name);
      await Promise.all([has(a, "rooms", [atA]), has(b, "rooms", [atB])]);
    }
  });

  test("outlives the network: the node leaves it and comes back under the same name", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const [atA, atB] = [member(a), member(b)];
    group<string>("rooms", on(a)).join(atA);
    group<string>("rooms", on(b)).join(atB);
    await a.node.connect(b.name);
    await has(b, "rooms", [atA, atB]);
    await a.node.stop();
    await Promise.all([has(a, "rooms", [atA]), has(b, "rooms", [atB])]);
    const again = await cluster.node("a2", { local: a.local });
    await again.node.connect(b.name);
    await Promise.all([has(a, "rooms", [atA, atB]), has(b, "rooms", [atA, atB])]);
  });

  test("keeps its members when the process of the scope is ended", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const [atA, atB] = [member(a), member(b)];
    group<string>("rooms", on(a)).join(atA);
    group<string>("rooms", on(b)).join(atB);
    await a.node.connect(b.name);
    await Promise.all([has(a, "rooms", [atA, atB]), has(b, "rooms", [atA, atB])]);
    const events = b.run(async (self: Self<GroupEvent>) => {
      group("rooms").monitor(self.pid);
      await a.run(() => exit(whereis(local("pg")) as Pid, "kill"));
      return [await self.receive(), await self.receive()].map(({ change }) => change);
    });
    expect(await events).toEqual(["leave", "join"]);
    await Promise.all([has(a, "rooms", [atA, atB]), has(b, "rooms", [atA, atB])]);
  });
});

/** A process that takes the place of a peer's scope: it says what it is told to, and keeps what it hears. */
async function stranger(
  at: TestNode,
  to: NodeName,
): Promise<{ readonly pid: LocalPid; say(term: unknown): void; next(tag: string): Promise<Tuple> }> {
  const heard: Tuple[] = [];
  let wake: (() => void) | undefined;
  const process = at.start<{ readonly say: unknown } | Tuple>(async (self) => {
    for (;;) {
      const message = await self.receive();
      if (!(message instanceof Tuple)) send(remote("pg", to) as never, message.say as never);
      else {
        heard.push(message);
        wake?.();
      }
    }
  });
  useTerms(process);
  await at.node.connect(to);
  return {
    pid: process.pid,
    say: (term) => send(process.pid as never, { say: term } as never),
    next: async (tag) => {
      for (;;) {
        const found = heard.findIndex(({ elements: [first] }) => first === atom(tag));
        if (found >= 0) return heard.splice(found, 1)[0] as Tuple;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe("a scope and whatever is sent to it", () => {
  test("answers discover of two and of three elements with what it has, as pg does", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const pid = member(a);
    group<string>("rooms", on(a)).join(pid);
    for (const version of [[], [1]]) {
      const other = await stranger(b, a.name);
      other.say(tuple(atom("discover"), other.pid, ...version));
      const { elements } = await other.next("$gen_cast");
      const [sync, scope, groups] = (elements[1] as Tuple).elements;
      expect([sync, (scope as LocalPid).node]).toEqual([atom("sync"), a.name]);
      expect(groups).toMatchObject([{ elements: [{ bytes: ROOMS }, [{ node: a.name }]] }]);
      expect((await other.next("discover")).elements).toEqual([atom("discover"), scope]);
      group<string>("rooms", on(a)).join(pid);
      expect((await other.next("join")).elements).toMatchObject([
        atom("join"),
        scope,
        { bytes: ROOMS },
        { node: a.name },
      ]);
      group<string>("rooms", on(a)).leave(pid);
      expect((await other.next("leave")).elements[3]).toMatchObject([{ bytes: ROOMS }]);
    }
  });

  test("takes one process or several, and groups whose names look like text", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    const other = await stranger(b, a.name);
    const [one, two] = [member(b), member(b)];
    await has(a, 1, []);
    other.say(tuple(atom("discover"), other.pid));
    await other.next("discover");
    other.say(tuple(atom("join"), other.pid, 1, [one, two, two]));
    other.say(tuple(atom("join"), other.pid, 2, one));
    await has(a, 1, [one, two, two]);
    await has(a, 2, [one]);
    other.say(tuple(atom("leave"), other.pid, one, new Charlist("\u0001\u0002")));
    await has(a, 2, []);
    await has(a, 1, [two, two]);
    await b.run(() => exit(other.pid as never, "kill"));
    await has(a, 1, []);
  });

  test("lives on after messages that nobody knows", async () => {
    const { cluster, a, b } = await three();
    await using _ = cluster;
    group("rooms", on(a)).members();
    const scope = await a.run(() => whereis(local("pg")));
    const other = await stranger(b, a.name);
    const { pid } = other;
    const pg = { cast: atom("$gen_cast"), sync: atom("sync"), join: atom("join"), leave: atom("leave") };
    const nonsense = [
      null,
      "text",
      atom("discover"),
      tuple(),
      tuple(atom("discover")),
      tuple(atom("discover"), 1),
      tuple(atom("discover"), pid, 1, 2),
      tuple(pg.cast, atom("stop")),
      tuple(pg.cast, atom("toString")),
      tuple(pg.cast, tuple(pg.sync, pid)),
      tuple(pg.cast, tuple(pg.sync, pid, [1])),
      tuple(pg.cast, tuple(pg.sync, pid, [tuple(1, [2])])),
      tuple(pg.cast, tuple(pg.sync, pid, new ImproperList([tuple(1, [pid])], pid))),
      tuple(atom("$gen_call"), tuple(pid, new ImproperList([atom("alias")], pid)), tuple(atom("join_local"), 1, pid)),
      tuple(pg.join, pid, 1, tuple(pid)),
      tuple(pg.join, pid, 1),
      tuple(pg.leave, pid, pid, pid),
      tuple(pg.leave, pid, [1], [pid]),
      tuple(atom("DOWN"), 1, atom("process"), pid, 1),
      { type: "DOWN", pid },
    ];
    for (const message of nonsense) other.say(message);
    other.say(tuple(atom("discover"), pid));
    await other.next("$gen_cast");
    expect(await a.run(() => whereis(local("pg")))).toBe(scope);
    expect([a.reports, whichGroups(on(a))]).toEqual([[], []]);
  });
});
