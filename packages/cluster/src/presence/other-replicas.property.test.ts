import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Changes, Delta } from "./delta.ts";
import { type Answer, OtherReplicas, type Outcome, type Question } from "./other-replicas.ts";
import { OwnEntries } from "./own-entries.ts";

const NODES = ["a", "b", "c"] as const;
type NodeId = (typeof NODES)[number];

// An entry is a word, `a/0:7`, and takes one byte: a delta has three of them, so that everything comes in parts.
const LIMITS = { deltaBytes: 3, leavesKept: 1 };
const RULES = { downMs: 100, permdownMs: 1_000, answerMs: 20 };

interface From {
  readonly replica: string;
  readonly pid: string;
  readonly node: NodeId;
}

type Packet =
  | { readonly type: "clock"; readonly from: From; readonly clock: number }
  | { readonly type: "delta"; readonly from: From; readonly delta: Delta<string> }
  | { readonly type: "gone"; readonly from: From; readonly clock: number }
  | { readonly type: "ask"; readonly from: From; readonly clock: number; readonly question: Question<string> }
  | { readonly type: "answer"; readonly from: From; readonly answer: Answer<string> };

interface Site {
  readonly from: From;
  readonly own: OwnEntries<string>;
  readonly others: OtherReplicas<string, string>;
  /** Its own entries by their clocks, by the plainest account. */
  readonly mine: Map<number, string>;
  /** What has arrived from each node and waits, by the way it came: over the PubSub, or directly. */
  readonly waiting: Map<string, Packet[]>;
  /** Entries of others as one who follows the changes would count them. */
  readonly followed: Set<string>;
  /** What is being answered, by who asked. */
  readonly answering: Map<
    string,
    { readonly ref: number; readonly deltas: Iterator<Delta<string>, undefined>; next: Delta<string> }
  >;
}

/** Nodes, links that may break, and what is under way; nothing here is from the implementation but the two states. */
class World {
  nowMs = 0;
  #words = 0;
  readonly lives = new Map<NodeId, number>(NODES.map((node) => [node, 0]));
  readonly sites = new Map<NodeId, Site>(NODES.map((node) => [node, newSite(node, 0)]));
  readonly links = new Set<string>();
  /** Whether a broadcast may miss those that are connected. */
  lossy = true;

  at(node: NodeId): Site {
    return this.sites.get(node) as Site;
  }

  connected(one: NodeId, other: NodeId): boolean {
    return one !== other && this.links.has([one, other].sort().join(""));
  }

  // What happens

  do(node: NodeId, kind: "join" | "leave" | "replace", which: number): void {
    const { from, mine, own } = this.at(node);
    const word = `${from.replica}:${++this.#words}`;
    const clock = [...mine.keys()][which % Math.max(1, mine.size)];
    if (kind === "join" || clock === undefined) return void mine.set(own.join(word, 1), word);
    mine.delete(clock);
    if (kind === "leave") own.leave(clock);
    else mine.set(own.replace(clock, word, 1).clock, word);
  }

  flush(node: NodeId, misses: number): void {
    const { from, own } = this.at(node);
    for (const delta of own.takeUntold()) this.#broadcast(node, { type: "delta", from, delta }, misses);
  }

  beat(node: NodeId, misses: number): void {
    const { from, others, own } = this.at(node);
    this.#broadcast(node, { type: "clock", from, clock: own.clock }, misses);
    this.#follow(node, others.tick(this.nowMs));
  }

  connect(one: NodeId, other: NodeId): void {
    if (one !== other) this.links.add([one, other].sort().join(""));
  }

  /** What has arrived before is handled all the same, after the nodes have heard that the connection is gone. */
  cut(one: NodeId, other: NodeId): void {
    if (!this.links.delete([one, other].sort().join(""))) return;
    this.#follow(one, this.at(one).others.nodeDown(other, this.nowMs));
    this.#follow(other, this.at(other).others.nodeDown(one, this.nowMs));
  }

  /** The node is killed and started again. */
  restart(node: NodeId): void {
    for (const other of NODES) this.cut(node, other);
    const life = (this.lives.get(node) ?? 0) + 1;
    this.lives.set(node, life);
    this.sites.set(node, newSite(node, life));
  }

  /** Its process crashes and is restarted: what has arrived is lost, and it has another pid. */
  crash(node: NodeId): void {
    const site = this.at(node);
    site.waiting.clear();
    site.answering.clear();
    site.others.resume(this.nowMs);
    this.sites.set(node, { ...site, from: { ...site.from, pid: `${site.from.pid}'` } });
    this.flush(node, 0);
    this.beat(node, 0);
  }

  /** The child is stopped and started again. */
  leaveAndReturn(node: NodeId): void {
    const { from, own } = this.at(node);
    this.#broadcast(node, { type: "gone", from, clock: own.clock }, 0);
    this.at(node).own.skip();
    this.crash(node);
  }

  deliver(to: NodeId, which: number): boolean {
    const site = this.at(to);
    const ways = [...site.waiting].filter(([, packets]) => packets.length > 0);
    const [, packets] = ways[which % Math.max(1, ways.length)] ?? [];
    const packet = packets?.shift();
    if (packet === undefined) return false;
    this.#handle(to, site, packet);
    return true;
  }

  answer(node: NodeId): boolean {
    const { answering, from } = this.at(node);
    const [to, answer] = [...answering][0] ?? [];
    if (to === undefined || answer === undefined) return false;
    const { deltas, next, ref } = answer;
    const { value } = deltas.next();
    answering.delete(to);
    const sent = this.#send(node, to, {
      type: "answer",
      from,
      answer: { ref, delta: next, last: value === undefined },
    });
    if (sent && value !== undefined) answering.set(to, { ...answer, next: value });
    return true;
  }

  #handle(to: NodeId, site: Site, packet: Packet): void {
    const { others, own } = site;
    const { from } = packet;
    switch (packet.type) {
      case "clock":
        return this.#outcome(to, others.heard(from, packet.clock, this.nowMs));
      case "delta":
        return this.#outcome(to, others.told(from, packet.delta, this.nowMs));
      case "gone":
        return this.#follow(to, others.gone(from.replica, packet.clock));
      case "ask": {
        const { have, ref } = packet.question;
        const deltas = own.since(have);
        site.answering.delete(from.pid);
        site.answering.set(from.pid, { ref, deltas, next: deltas.next().value as Delta<string> });
        return this.#outcome(to, others.heard(from, packet.clock, this.nowMs));
      }
      case "answer":
        return this.#outcome(to, others.answered(from.replica, packet.answer, this.nowMs));
    }
  }

  #outcome(node: NodeId, outcome: Outcome<string, string>): void {
    this.#follow(node, outcome);
    const { from, own } = this.at(node);
    const { ask } = outcome;
    if (ask !== undefined) this.#send(node, ask.to, { type: "ask", from, clock: own.clock, question: ask });
  }

  #follow(node: NodeId, { joins, leaves }: Changes<string>): void {
    const { followed } = this.at(node);
    for (const word of leaves) expect(followed.delete(word), `${word} leaves ${node} and is not there`).toBe(true);
    for (const word of joins) {
      expect(followed.has(word), `${word} joins ${node} again`).toBe(false);
      followed.add(word);
      const [of = ""] = word.split(":");
      const other = of[0] as NodeId;
      // Of a life that is over, and whose connection is known to be gone, nothing counts.
      expect(this.at(other).from.replica === of || this.connected(node, other), `${word} of a dead life`).toBe(true);
    }
  }

  /** The nth bit of `misses`: whether the nth node misses it. */
  #broadcast(node: NodeId, packet: Packet, misses: number): void {
    for (const [at, to] of NODES.entries())
      if (this.connected(node, to) && (!this.lossy || ((misses >> at) & 1) === 0)) this.#put(node, to, "over", packet);
  }

  #send(node: NodeId, pid: string, packet: Packet): boolean {
    const to = pid[0] as NodeId;
    if (!this.connected(node, to)) return false;
    // To one that has ended it vanishes.
    if (this.at(to).from.pid === pid) this.#put(node, to, "directly", packet);
    return true;
  }

  #put(node: NodeId, to: NodeId, way: string, packet: Packet): void {
    const { waiting } = this.at(to);
    const packets = waiting.get(`${node} ${way}`) ?? [];
    waiting.set(`${node} ${way}`, packets);
    packets.push(packet);
  }

  /** Everything that is under way arrives. @returns how many questions and answers were among it. */
  settle(): number {
    let count = 0;
    const asked = (): number => NODES.reduce((sum, node) => sum + this.at(node).others.statistics.questions, 0);
    const before = asked();
    let busy = true;
    while (busy) {
      busy = false;
      for (const node of NODES) while (this.deliver(node, count++) || this.answer(node)) busy = true;
      expect(count, "they come to an end").toBeLessThan(100_000);
    }
    return asked() - before;
  }

  /** All are connected, nothing is lost any more, and hearts beat. */
  heal(): void {
    this.lossy = false;
    for (const one of NODES) for (const other of NODES) this.connect(one, other);
    for (let round = 0; round < 3; round++) {
      this.nowMs += RULES.answerMs;
      for (const node of NODES) this.flush(node, 0);
      for (const node of NODES) this.beat(node, 0);
      this.settle();
    }
  }
}

function newSite(node: NodeId, life: number): Site {
  return {
    from: { replica: `${node}/${life}`, pid: `${node}/${life}`, node },
    own: new OwnEntries(LIMITS),
    others: new OtherReplicas(RULES),
    mine: new Map(),
    waiting: new Map(),
    followed: new Set(),
    answering: new Map(),
  };
}

const at = fc.constantFrom(...NODES);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constant("do" as const), at, fc.constantFrom("join", "join", "leave", "replace"), fc.nat(9)),
  },
  { weight: 5, arbitrary: fc.tuple(fc.constant("flush" as const), at, fc.constantFrom(0, 0, 1, 2, 4, 7)) },
  { weight: 12, arbitrary: fc.tuple(fc.constant("deliver" as const), at, fc.nat(5)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("answer" as const), at) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("beat" as const), at, fc.constantFrom(0, 0, 1, 2, 4)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("connect" as const), at, at) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("cut" as const), at, at) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("restart" as const), at) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("crash" as const), at) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("return" as const), at) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("wait" as const), fc.constantFrom(5, 30, 120, 1_100)) },
  { weight: 1, arbitrary: fc.constant(["settle"] as const) },
);

function take(world: World, one: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  switch (one[0]) {
    case "do":
      return world.do(one[1], one[2] as "join", one[3]);
    case "flush":
      return world.flush(one[1], one[2]);
    case "deliver":
      return void world.deliver(one[1], one[2]);
    case "answer":
      return void world.answer(one[1]);
    case "beat":
      return world.beat(one[1], one[2]);
    case "connect":
      return world.connect(one[1], one[2]);
    case "cut":
      return world.cut(one[1], one[2]);
    case "restart":
      return world.restart(one[1]);
    case "crash":
      return world.crash(one[1]);
    case "return":
      return world.leaveAndReturn(one[1]);
    case "wait":
      world.nowMs += one[1];
      return;
    case "settle":
      return void world.settle();
  }
}

function othersOf(world: World, node: NodeId): string[] {
  return NODES.filter((other) => other !== node)
    .flatMap((other) => [...world.at(other).mine.values()])
    .sort();
}

describe("replicas", () => {
  test("agree once they are healed, and tell of each join and each leave once, whatever happened before", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
        const world = new World();
        for (const one of steps) take(world, one);
        world.heal();
        for (const node of NODES) expect([...world.at(node).followed].sort()).toEqual(othersOf(world, node));
        // And then they have nothing to ask each other any more.
        for (const node of NODES) world.beat(node, 0);
        expect(world.settle()).toBe(0);
      }),
      { numRuns: 1_500 },
    );
  });

  test("of nodes that are replaced over and over, with many entries each, keep none and ask nothing for ever", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(at, fc.integer({ min: 51, max: 90 })), { minLength: 3, maxLength: 8 }),
        (replaced) => {
          const world = new World();
          for (const [node, entries] of replaced) {
            world.restart(node);
            for (let which = 0; which < entries; which++) world.do(node, "join", which);
            world.heal();
            for (const one of NODES) expect([...world.at(one).followed].sort()).toEqual(othersOf(world, one));
            for (const one of NODES) world.beat(one, 0);
            expect(world.settle()).toBe(0);
          }
          for (let waitedMs = 0; waitedMs <= RULES.permdownMs; waitedMs += RULES.downMs / 2) {
            world.nowMs += RULES.downMs / 2;
            for (const node of NODES) world.beat(node, 0);
            world.settle();
          }
          for (const node of NODES) expect(world.at(node).others.statistics).toMatchObject({ up: 2, away: 0 });
        },
      ),
      { numRuns: 30 },
    );
  });
});
