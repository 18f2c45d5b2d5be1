/** A scope of process groups and a node made by hand, which says what Erlang's pg says, and what nobody would. */
import { type GroupEvent, group, whichGroups } from "@interlock/cluster";
import { local, type Self, whereis } from "@interlock/core";
import { atom, type ErlangPid, ImproperList, type Tuple, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { HandmadePeer } from "./support/handmade-peer.ts";
import { hasMembers, member } from "./support/members.ts";
import { TestCluster } from "./support/nodes.ts";

const tags = {
  cast: atom("$gen_cast"),
  sync: atom("sync"),
  join: atom("join"),
  leave: atom("leave"),
  discover: atom("discover"),
};

/** A node whose scope runs, and a peer that has not said anything yet. */
async function meeting() {
  const cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const one = member(a);
  group<string>(1, { node: a.local }).join(one);
  const peer = await HandmadePeer.dial(a);
  const say = (...elements: readonly unknown[]): void => void peer.link.sendTo("pg", tuple(...elements));
  return {
    cluster,
    a,
    one,
    peer,
    say,
    discover: () => say(tags.discover, peer.pid),
    sync: (...groups: readonly (readonly [number, readonly ErlangPid[]])[]) =>
      say(
        tags.cast,
        tuple(
          tags.sync,
          peer.pid,
          groups.map((entry) => tuple(...entry)),
        ),
      ),
    join: (name: number, pids: unknown) => say(tags.join, peer.pid, name, pids),
  };
}

/** The next thing that the scope says to the peer's. */
async function said(peer: HandmadePeer): Promise<Tuple> {
  return (await peer.heard("SEND_SENDER")).payload as Tuple;
}

test("pg:errors: what is no message of pg's, which ends a scope of OTP's, harms neither ours nor its members", async () => {
  const { a, cluster, discover, join, one, peer } = await meeting();
  await using _ = cluster;
  const scope = await a.run(() => whereis(local("pg")));
  const { cast, sync } = tags;
  for (const garbage of [
    atom("garbage"),
    tuple(),
    tuple(cast, atom("garbage")),
    tuple(cast, tuple(sync, peer.pid, [tuple(1, [2])])),
    tuple(cast, tuple(sync, peer.pid, new ImproperList([tuple(1, [peer.pid])], 1))),
    tuple(tags.join, peer.pid, 1, tuple(peer.pid)),
    tuple(tags.leave, peer.pid, peer.pid, 1),
    tuple(tags.discover, 1),
    tuple(atom("DOWN"), peer.reference(), atom("process"), peer.pid, atom("normal")),
    tuple(atom("$gen_call"), tuple(peer.pid, peer.reference()), tuple(atom("garbage"), peer.pid)),
    tuple(atom("system"), tuple(peer.pid, peer.reference()), atom("garbage")),
  ])
    peer.link.sendTo("pg", garbage);
  discover();
  join(1, peer.pidOf(7));
  await hasMembers(a, 1, [one, { node: peer.name, id: 7 }]);
  expect(await a.run(() => whereis(local("pg")))).toBe(scope);
  expect(a.reports).toEqual([]);
});

test("pg:overlay_missing: what a scope says that has not been met does not count", async () => {
  const { a, cluster, discover, join, one, peer, say } = await meeting();
  await using _ = cluster;
  await peer.heard("REG_SEND"); // A discover, which is not answered.
  join(1, [peer.pidOf(7)]);
  join(2, peer.pidOf(7));
  say(tags.leave, peer.pid, peer.pidOf(7), [1, 2]);
  await peer.acted();
  expect(whichGroups({ node: a.local })).toEqual([1]);
  discover();
  join(2, peer.pidOf(7));
  await hasMembers(a, 2, [{ node: peer.name, id: 7 }]);
  await hasMembers(a, 1, [one]);
});

test("pg:protocol_upgrade: a discover that names the version of its protocol is answered as one that does not", async () => {
  const { cluster, peer, say } = await meeting();
  await using _ = cluster;
  const { control, payload } = await peer.heard("REG_SEND");
  expect([control.to, (payload as Tuple).elements]).toMatchObject([atom("pg"), [tags.discover, {}]]);
  for (const version of [[], [1], [{}], [7]]) {
    say(tags.discover, peer.pid, ...version);
    const { elements } = await said(peer);
    expect(elements).toMatchObject([tags.cast, { elements: [tags.sync, {}, [{ elements: [1, [{}]] }]] }]);
    // Only once it does so itself.
    if (version.length === 0) expect((await said(peer)).elements[0]).toBe(tags.discover);
  }
});

test("pg:missing_scope_join: a node without the scope is not told of joins, and harms nobody", async () => {
  const { a, cluster, discover, one, peer } = await meeting();
  await using _ = cluster;
  const here = group<string>(1, { node: a.local });
  here.join(one);
  here.leave(one);
  await peer.acted();
  here.join(one);
  discover();
  // Nothing came before this.
  expect((await said(peer)).elements[0]).toBe(tags.cast);
  expect((await said(peer)).elements[0]).toBe(tags.discover);
  expect(here.members()).toEqual([one, one]);
});

test("pg:forced_sync: a sync takes the place of all that the other side had said", async () => {
  const { a, cluster, discover, join, one, peer, sync } = await meeting();
  await using _ = cluster;
  const pids = [7, 8, 9].map((id) => peer.pidOf(id)) as [ErlangPid, ErlangPid, ErlangPid];
  const mark = ({ id }: ErlangPid): unknown => ({ node: peer.name, id });
  const [first, second, third] = pids;
  discover();
  sync([1, [first, first, second]], [2, [third]]);
  join(3, first);
  await hasMembers(a, 3, [mark(first)]);
  await hasMembers(a, 1, [one, ...[first, first, second].map(mark)]);
  await a.run(async (self: Self<GroupEvent>) => {
    group(1).monitor(self.pid);
    sync([1, [third, first]], [2, [third]]);
    const changes = [await self.receive(), await self.receive()].map(({ change, pids: some }) => [change, some.length]);
    expect(changes).toEqual([
      ["leave", 2],
      ["join", 1],
    ]);
  });
  await hasMembers(a, 1, [one, mark(first), mark(third)]);
  await hasMembers(a, 2, [mark(third)]);
  expect(whichGroups({ node: a.local })).toEqual([1, 2]);
  sync();
  await hasMembers(a, 2, []);
  expect(group(1, { node: a.local }).members()).toEqual([one]);
});
