import { type GroupEvent, type GroupOptions, group, monitorScope, whichGroups } from "@interlock/cluster";
import { exit, local, type Pid, processInfo, type Self, whereis } from "@interlock/core";
import { describe, expect, test } from "vitest";

import { whatever } from "./in-process.ts";
import { hasMembers, marks, member } from "./support/members.ts";
import { nextEvent, TestCluster, type TestNode } from "./support/nodes.ts";

const on = ({ local: node }: TestNode): GroupOptions => ({ node });
const rooms = (at: TestNode) => group<string>("rooms", on(at));

/** Nodes that are not connected yet. */
async function nodes<const N extends readonly string[]>(...names: N) {
  const cluster = await TestCluster.make();
  const made: TestNode[] = [];
  for (const name of names) made.push(await cluster.node(name));
  return [cluster, ...(made as readonly TestNode[] as { readonly [K in keyof N]: TestNode })] as const;
}

async function connect(one: TestNode, ...others: readonly TestNode[]): Promise<void> {
  for (const other of others) await one.node.connect(other.name);
}

async function part(one: TestNode, ...others: readonly TestNode[]): Promise<void> {
  for (const other of others) {
    const down = nextEvent(other, "nodedown");
    one.node.disconnect(other.name);
    await down;
  }
}

describe("on one node", () => {
  test("pg:pg: processes join and leave groups of the default scope", async () => {
    const [cluster, a] = await nodes("a");
    await using _ = cluster;
    await a.run((self) => {
      const here = group("rooms");
      expect([whichGroups(), here.members(), here.localMembers()]).toEqual([[], [], []]);
      here.join(self.pid);
      group({ any: ["term", 1] }).join(self.pid);
      expect(whichGroups()).toEqual(["rooms", { any: ["term", 1] }]);
      expect([here.members(), here.localMembers()]).toEqual([[self.pid], [self.pid]]);
      expect(here.leave(self.pid)).toBe(true);
      expect([whichGroups(), here.members()]).toEqual([[{ any: ["term", 1] }], []]);
      expect(whereis(local("pg"))).toBeDefined();
    });
    await a.run(() => expect(whichGroups()).toEqual([]));
  });

  test("pg:single: who joins twice is a member twice, and who is none cannot leave", async () => {
    const [cluster, a] = await nodes("a");
    await using _ = cluster;
    const [one, other] = [member(a), member(a)];
    const here = rooms(a);
    expect(here.leave(one)).toBe(false);
    here.join(one);
    here.join([one, other, one]);
    expect(here.members()).toEqual([one, one, one, other]);
    expect(here.leave([one, one])).toBe(true);
    expect(group<string>("elsewhere", on(a)).leave(one)).toBe(false);
    expect(here.members()).toEqual([one, other]);
    expect([here.leave(one), here.leave(one)]).toEqual([true, false]);
    await a.run(() => exit(other, "kill"));
    expect([here.members(), whichGroups(on(a))]).toEqual([[], []]);
  });

  test("pg:process_owner_check: what is no process of this node neither joins nor leaves", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const far = member(b);
    await connect(a, b);
    rooms(b).join(far);
    await hasMembers(a, "rooms", [far]);
    const [seen] = rooms(a).members();
    const refused = expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" });
    for (const bad of [seen, far, [member(a), seen], "rooms", 1, undefined, {}]) {
      expect(() => rooms(a).join(bad as Pid<string>)).toThrow(refused);
      expect(() => rooms(a).leave(bad as Pid<string>)).toThrow(refused);
    }
    expect(marks(rooms(a).members())).toEqual(marks([far]));
  });

  test("pg:group_leave: several leave at once, each as often as it is named and was a member", async () => {
    const [cluster, a] = await nodes("a");
    await using _ = cluster;
    const [one, two, never] = [member(a), member(a), member(a)];
    await a.run(async (self: Self<GroupEvent<string>>) => {
      const here = group<string>("rooms");
      here.join([one, two, one]);
      const { ref } = here.monitor(self.pid);
      expect(here.leave([one, never, two, two])).toBe(true);
      expect(await self.receive()).toEqual({ type: "group", change: "leave", group: "rooms", ref, pids: [one, two] });
      expect(here.members()).toEqual([one]);
      expect(here.leave([never, two])).toBe(false);
      expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    });
    expect(processInfo(two)?.monitoredBy).toEqual([]);
  });

  test("pg:monitor_scope: the groups there are, then every join and leave of any group", async () => {
    const [cluster, a] = await nodes("a");
    await using _ = cluster;
    const [one, two] = [member(a), member(a)];
    await a.run(async (self: Self<GroupEvent>) => {
      const [red, green] = [group<string>("red"), group<string>("green")];
      red.join([one, one]);
      const { demonitor, groups, ref } = monitorScope(self.pid);
      expect(groups).toEqual([{ group: "red", members: [one, one] }]);
      green.join([one, two]);
      red.leave(one);
      exit(one, "kill");
      const event = { type: "group", ref };
      expect(await self.receive()).toEqual({ ...event, change: "join", group: "green", pids: [one, two] });
      expect(await self.receive()).toEqual({ ...event, change: "leave", group: "red", pids: [one] });
      const gone = [await self.receive(), await self.receive()];
      expect(gone).toContainEqual({ ...event, change: "leave", group: "red", pids: [one] });
      expect(gone).toContainEqual({ ...event, change: "leave", group: "green", pids: [one] });
      expect([demonitor(), demonitor()]).toEqual([true, false]);
      green.leave(two);
      expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    });
  });

  test("pg:monitor: a monitor of a group tells of that one only, and nothing after its end", async () => {
    const [cluster, a] = await nodes("a");
    await using _ = cluster;
    const [one, two] = [member(a), member(a)];
    await a.run(async (self: Self<GroupEvent<string>>) => {
      const here = group<string>("rooms");
      here.join(one);
      const watches = [here.monitor(self.pid), here.monitor(self.pid)];
      expect(watches.map(({ members }) => members)).toEqual([[one], [one]]);
      group<string>("others").join(two);
      here.join(two);
      const event = { type: "group", change: "join", group: "rooms", pids: [two] };
      for (const { ref } of watches) expect(await self.receive()).toEqual({ ...event, ref });
      const [first, second] = watches as [(typeof watches)[0], (typeof watches)[0]];
      expect(first.demonitor()).toBe(true);
      here.leave(one);
      expect((await self.receive()).ref).toBe(second.ref);
      expect([first.demonitor(), second.demonitor()]).toEqual([false, true]);
      here.leave(two);
      expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    });
  });
});

describe("on several nodes", () => {
  test("pg:two: each of two nodes sees the members of the other come and go", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    await connect(a, b);
    const [atA, atB] = [member(a), member(b)];
    rooms(a).join(atA);
    await hasMembers(b, "rooms", [atA]);
    rooms(b).join([atB, atB]);
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, atB, atB]);
    expect([rooms(a).localMembers(), rooms(b).localMembers()]).toEqual([[atA], [atB, atB]]);
    rooms(a).leave(atA);
    await b.run(() => exit(atB, "kill"));
    for (const at of [a, b]) await hasMembers(at, "rooms", []);
  });

  test("pg:initial: who is a member before two nodes meet is one on both when they have met", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const [atA, atB] = [member(a), member(b)];
    rooms(a).join(atA);
    rooms(b).join(atB);
    group<string>("only here", on(a)).join(atA);
    await connect(a, b);
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, atB]);
    await hasMembers(b, "only here", [atA]);
  });

  test("pg:double: a member that has joined twice before the nodes meet is one twice there", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const atA = member(a);
    rooms(a).join([atA, atA]);
    rooms(b).members();
    await connect(a, b);
    await hasMembers(b, "rooms", [atA, atA]);
    rooms(a).leave(atA);
    await hasMembers(b, "rooms", [atA]);
    await part(a, b);
    await hasMembers(b, "rooms", []);
    rooms(a).join(atA);
    await connect(a, b);
    await hasMembers(b, "rooms", [atA, atA]);
  });

  test("pg:nolocal: a group whose members are all elsewhere has no local ones, and is a group", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const atB = member(b);
    await connect(a, b);
    rooms(b).join(atB);
    await hasMembers(a, "rooms", [atB]);
    expect([rooms(a).localMembers(), whichGroups(on(a))]).toEqual([[], ["rooms"]]);
  });

  test("pg:empty_group_by_remote_leave: a group ends with the leave of its last member elsewhere", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const [one, two] = [member(b), member(b)];
    await connect(a, b);
    rooms(b).join([one, two]);
    await hasMembers(a, "rooms", [one, two]);
    rooms(b).leave([one, two]);
    await hasMembers(a, "rooms", []);
    expect(whichGroups(on(a))).toEqual([]);
  });

  test("pg:leave_exit_race: of a member that leaves and ends at once others hear one leave", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    await connect(a, b);
    const first = member(a);
    rooms(a).join(first);
    await hasMembers(b, "rooms", [first]);
    await b.run(async (self: Self<GroupEvent>) => {
      const { ref } = group("rooms").monitor(self.pid);
      for (let round = 0; round < 50; round++) {
        const pid = member(a);
        rooms(a).join(pid);
        await a.run(() => {
          if (round % 2 === 0) exit(pid, "kill");
          expect(rooms(a).leave(pid)).toBe(round % 2 === 1);
          if (round % 2 === 1) exit(pid, "kill");
        });
        for (const change of ["join", "leave"]) expect(await self.receive()).toMatchObject({ change, ref });
      }
      const last = member(a);
      rooms(a).join(last);
      expect(await self.receive()).toMatchObject({ change: "join", ref });
    });
  });

  test("pg:netsplit: members of the other side are gone in a split, and back when it heals", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const [atA, atB, late] = [member(a), member(b), member(b)];
    rooms(a).join(atA);
    rooms(b).join(atB);
    await connect(a, b);
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, atB]);
    await part(a, b);
    await Promise.all([hasMembers(a, "rooms", [atA]), hasMembers(b, "rooms", [atB])]);
    rooms(b).join(late);
    await b.run(() => exit(atB, "kill"));
    await connect(b, a);
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, late]);
  });

  test("pg:trisplit: a node that is cut off from two others which keep each other", async () => {
    const [cluster, a, b, c] = await nodes("a", "b", "c");
    await using _ = cluster;
    const members = [member(a), member(b), member(c)] as const;
    const [atA, atB, atC] = members;
    for (const [at, one] of [[a, atA] as const, [b, atB] as const, [c, atC] as const]) rooms(at).join(one);
    await connect(a, b, c);
    await connect(b, c);
    for (const at of [a, b, c]) await hasMembers(at, "rooms", members);
    await part(a, b, c);
    await hasMembers(a, "rooms", [atA]);
    for (const at of [b, c]) await hasMembers(at, "rooms", [atB, atC]);
    await connect(a, b);
    await hasMembers(a, "rooms", [atA, atB]);
    await hasMembers(b, "rooms", members);
    await hasMembers(c, "rooms", [atB, atC]);
    await connect(c, a);
    for (const at of [a, b, c]) await hasMembers(at, "rooms", members);
  });

  test("pg:foursplit: splits that overlap, with joins and ends between them", async () => {
    const [cluster, a, b, c, d] = await nodes("a", "b", "c", "d");
    await using _ = cluster;
    const all = [a, b, c, d] as const;
    const members = all.map((at) => member(at));
    const [atA, atB, atC, atD] = members as [Pid<string>, Pid<string>, Pid<string>, Pid<string>];
    for (const [index, at] of all.entries()) rooms(at).join(members[index] as Pid<string>);
    for (const [index, at] of all.entries()) await connect(at, ...all.slice(index + 1));
    for (const at of all) await hasMembers(at, "rooms", members);
    // Two and two; then one of each pair with one of the other.
    for (const [one, other] of [
      [a, c],
      [a, d],
      [b, c],
      [b, d],
    ] as const)
      await part(one, other);
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, atB]);
    for (const at of [c, d]) await hasMembers(at, "rooms", [atC, atD]);
    await part(a, b);
    await connect(b, c);
    const late = member(b);
    rooms(b).join(late);
    await c.run(() => exit(atC, "kill"));
    await hasMembers(a, "rooms", [atA]);
    await hasMembers(b, "rooms", [atB, late]);
    await hasMembers(c, "rooms", [atB, atD, late]);
    await hasMembers(d, "rooms", [atD]);
    for (const [index, at] of all.entries()) await connect(at, ...all.slice(index + 1));
    for (const at of all) await hasMembers(at, "rooms", [atA, atB, atD, late]);
  });

  test("pg:exchange: every node has every group right, whoever joined and left which in between", async () => {
    const [cluster, a, b, c] = await nodes("a", "b", "c");
    await using _ = cluster;
    const all = [a, b, c] as const;
    const wanted = new Map<number, Pid<string>[]>();
    for (const [index, at] of all.entries()) {
      const pids = Array.from({ length: 6 }, () => member(at));
      for (let name = 0; name < 12; name++) {
        const joined = pids.filter((_pid, which) => (name * 5 + which * 3 + index) % 4 !== 0);
        const left = joined.filter((_pid, which) => (name + which) % 3 === 0);
        group<string>(name, on(at)).join([...joined, ...left]);
        group<string>(name, on(at)).leave(left);
        wanted.set(name, [...(wanted.get(name) ?? []), ...joined]);
        if (name === 6) for (const other of all) if (other !== at) await connect(at, other);
      }
    }
    for (const at of all) for (const [name, pids] of wanted) await hasMembers(at, name, pids);
    expect(all.map((at) => new Set(whichGroups(on(at))))).toEqual(all.map(() => new Set(wanted.keys())));
  });

  test("pg:scope_restart: a scope that is ended meets the others anew; its members, which OTP's would have lost, stay", async () => {
    const [cluster, a, b] = await nodes("a", "b");
    await using _ = cluster;
    const [atA, atB] = [member(a), member(b)];
    rooms(a).join(atA);
    rooms(b).join(atB);
    await connect(a, b);
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, atB]);
    const before = await a.run(() => whereis(local("pg")));
    await b.run(async (self: Self<GroupEvent>) => {
      group("rooms").monitor(self.pid);
      exit(before as Pid, "kill");
      for (const change of ["leave", "join"]) {
        const { pids, ...event } = await self.receive();
        expect([event.change, marks(pids)]).toEqual([change, marks([atA])]);
      }
    });
    for (const at of [a, b]) await hasMembers(at, "rooms", [atA, atB]);
    expect(await a.run(() => whereis(local("pg")))).not.toBe(before);
  });

  test("pg:thundering_herd: thousands that join at once on nodes that then meet are all known to all", async () => {
    const [cluster, a, b, c] = await nodes("a", "b", "c");
    await using _ = cluster;
    const all = [a, b, c] as const;
    const herds = all.map((at) => Array.from({ length: 1_000 }, () => member(at)));
    for (const [index, at] of all.entries()) for (const pid of herds[index] ?? []) rooms(at).join(pid);
    await Promise.all([connect(a, b), connect(b, c), connect(c, a)]);
    for (const at of all) await hasMembers(at, "rooms", herds.flat());
    for (const pid of herds.flat()) exit(pid, "kill");
    for (const at of all) await hasMembers(at, "rooms", []);
  });
});
