import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { GroupName } from "./group-name.ts";
import { type GroupEffect, GroupState, type ScopeMessage } from "./state.ts";

// Scopes and members are strings here; a scope is `a/2` in the second life of node a, a member `a:1`.

const NODES = ["a", "b", "c"] as const;
type NodeId = (typeof NODES)[number];
const groups = ["red", "green"].map((name) => new GroupName(name));

type Packet = { readonly from: string; readonly message: ScopeMessage<string> } | { readonly down: string };

interface Site {
  state: GroupState<string>;
  life: number;
  /** What waits to be handled: messages and ends of peers, in order. */
  readonly mailbox: Packet[];
  readonly monitored: Set<string>;
  readonly watched: Set<string>;
  /** Members as one who follows the events would count them, by group. */
  readonly followed: Map<string, string[]>;
}

/** Nodes, links that may break, and mailboxes; nothing here is from the implementation but the state. */
class World {
  readonly sites = new Map<NodeId, Site>(NODES.map((node) => [node, newSite(0)]));
  readonly links = new Set<string>();

  at(node: NodeId): Site {
    return this.sites.get(node) as Site;
  }

  scope(node: NodeId): string {
    return `${node}/${this.at(node).life}`;
  }

  connected(one: NodeId, other: NodeId): boolean {
    return this.links.has([one, other].sort().join(""));
  }

  act(node: NodeId, effects: readonly GroupEffect<string>[]): void {
    const site = this.at(node);
    for (const effect of effects) {
      if (effect.type === "tell") for (const peer of effect.peers) this.send(node, peer, effect.message);
      if (effect.type === "watch") site.watched.add(effect.pid);
      if (effect.type === "unwatch") site.watched.delete(effect.pid);
      if (effect.type === "monitor") {
        site.monitored.add(effect.peer);
        // Of one that is gone already the DOWN comes at once.
        if (!this.reachable(node, effect.peer)) this.down(node, effect.peer);
      }
      if (effect.type === "changed") follow(site, effect);
    }
  }

  reachable(from: NodeId, peer: string): boolean {
    const to = peer[0] as NodeId;
    return this.connected(from, to) && this.scope(to) === peer;
  }

  send(from: NodeId, peer: string, message: ScopeMessage<string>): void {
    if (this.reachable(from, peer)) this.at(peer[0] as NodeId).mailbox.push({ from: this.scope(from), message });
  }

  discover(from: NodeId, to: NodeId): void {
    this.send(from, this.scope(to), { type: "discover" });
  }

  down(node: NodeId, peer: string): void {
    const site = this.at(node);
    if (site.monitored.delete(peer)) site.mailbox.push({ down: peer });
  }

  connect(one: NodeId, other: NodeId): void {
    if (one === other || this.connected(one, other)) return;
    this.links.add([one, other].sort().join(""));
    this.discover(one, other);
    this.discover(other, one);
  }

  disconnect(one: NodeId, other: NodeId): void {
    if (!this.links.delete([one, other].sort().join(""))) return;
    this.down(one, this.scope(other));
    this.down(other, this.scope(one));
  }

  /** The scope's process ends and the next one begins; its members live on. */
  restartScope(node: NodeId): void {
    const site = this.at(node);
    const old = this.scope(node);
    for (const other of NODES) if (this.connected(node, other)) this.down(other, old);
    site.life++;
    site.mailbox.length = 0;
    site.monitored.clear();
    for (const peer of site.state.peers) this.act(node, site.state.peerEnded(peer));
    for (const other of NODES) if (this.connected(node, other)) this.discover(node, other);
  }

  restartNode(node: NodeId): void {
    for (const other of NODES) if (other !== node) this.disconnect(node, other);
    this.sites.set(node, newSite(this.at(node).life + 1));
  }

  /** Announcements of `other` that have not been handled are lost, and `node` asks for all again. */
  lose(node: NodeId, other: NodeId): void {
    const { mailbox } = this.at(node);
    const kept = mailbox.filter(
      (one) => !("message" in one && one.from === this.scope(other) && /join|leave/.test(one.message.type)),
    );
    mailbox.splice(0, mailbox.length, ...kept);
    this.discover(node, other);
  }

  /** Handles one message at `node`. */
  step(node: NodeId): boolean {
    const { mailbox, state } = this.at(node);
    const packet = mailbox.shift();
    if (packet === undefined) return false;
    if ("down" in packet) this.act(node, state.peerEnded(packet.down));
    else this.act(node, state.received(packet.from, packet.message));
    return true;
  }

  settle(): void {
    while (NODES.map((node) => this.step(node)).includes(true));
  }
}

function newSite(life: number): Site {
  const nothing = { mailbox: [], monitored: new Set<string>(), watched: new Set<string>() };
  return { state: new GroupState(), life, ...nothing, followed: new Map() };
}

function follow({ followed }: Site, effect: Extract<GroupEffect<string>, { type: "changed" }>): void {
  const members = followed.get(effect.group.key) ?? [];
  followed.set(effect.group.key, members);
  for (const pid of effect.pids) {
    if (effect.change === "join") members.push(pid);
    else {
      const at = members.indexOf(pid);
      expect(at, `${pid} leaves and was not there`).toBeGreaterThanOrEqual(0);
      members.splice(at, 1);
    }
  }
}

const node = fc.constantFrom(...NODES);
const group = fc.constantFrom(...groups);
const members = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("join"), node, group, members }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("leave"), node, group, members }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("end"), node, member: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("connect"), node, other: node }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("disconnect"), node, other: node }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("lose"), node, other: node }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restartScope"), node }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restartNode"), node }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("step"), node }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Who is in which group of its own node: the plainest account of it. */
class Model {
  readonly joined = new Map<NodeId, [GroupName, string][]>(NODES.map((one) => [one, []]));

  of(one: NodeId, name: GroupName): string[] {
    return (this.joined.get(one) ?? []).filter(([in_]) => in_ === name).map(([, pid]) => pid);
  }

  leave(one: NodeId, name: GroupName, pid: string): boolean {
    const all = this.joined.get(one) as [GroupName, string][];
    const at = all.findIndex(([in_, who]) => in_ === name && who === pid);
    if (at >= 0) all.splice(at, 1);
    return at >= 0;
  }
}

function run(world: World, model: Model, done: Operation): void {
  const { node: one } = done;
  const { state } = world.at(one);
  const pid = (number: number): string => `${world.scope(one)[0]}:${number}`;
  switch (done.type) {
    case "join":
      world.act(one, state.joinLocal(done.group, done.members.map(pid)));
      model.joined.get(one)?.push(...done.members.map((n): [GroupName, string] => [done.group, pid(n)]));
      break;
    case "leave": {
      const effects = state.leaveLocal(done.group, done.members.map(pid));
      world.act(one, effects);
      const gone = done.members.map((n) => model.leave(one, done.group, pid(n)));
      expect(effects.length > 0).toBe(gone.includes(true));
      break;
    }
    case "end": {
      // The process is told of only if it was watched.
      if (world.at(one).watched.delete(pid(done.member))) world.act(one, state.localEnded(pid(done.member)));
      const all = model.joined.get(one) ?? [];
      model.joined.set(
        one,
        all.filter(([, who]) => who !== pid(done.member)),
      );
      break;
    }
    case "connect":
      world.connect(one, done.other);
      break;
    case "disconnect":
      world.disconnect(one, done.other);
      break;
    case "lose":
      world.lose(one, done.other);
      break;
    case "restartScope":
      world.restartScope(one);
      break;
    case "restartNode":
      world.restartNode(one);
      model.joined.set(one, []);
      break;
    case "step":
      world.step(one);
      break;
  }
}

describe("scopes that join, leave, end, lose each other and meet again", () => {
  test("agree, once all is delivered, on the members of the nodes they are connected to, counted", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80, size: "max" }), (operations) => {
        const world = new World();
        const model = new Model();
        for (const done of operations) run(world, model, done);
        world.settle();
        for (const one of NODES) {
          const { state, followed, watched } = world.at(one);
          for (const name of groups) {
            const seen = NODES.filter((other) => other === one || world.connected(one, other));
            const expected = seen.flatMap((other) => model.of(other, name)).sort();
            expect([...state.members(name)].sort()).toEqual(expected);
            expect([...state.localMembers(name)].sort()).toEqual(model.of(one, name).sort());
            expect([...(followed.get(name.key) ?? [])].sort()).toEqual(expected);
          }
          expect(state.names.map(({ key }) => key).sort()).toEqual(
            groups
              .map(({ key }) => key)
              .filter((_, at) => state.members(groups[at] as GroupName).length > 0)
              .sort(),
          );
          expect([...watched].sort()).toEqual([...new Set(model.joined.get(one)?.map(([, pid]) => pid))].sort());
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
