/**
 * Nodes that are started, find each other, connect, talk with delays and lose connections, in virtual time: the pure part of
 * membership with a network of messages in flight instead of processes.
 */
import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message } from "./messages.ts";
import { type Effect, type MembershipChange, type MembershipRules, MembershipState } from "./state.ts";
import { isLive } from "./view.ts";

const NODES: readonly NodeName[] = ["a@h", "b@h", "c@h", "d@h", "e@h"];
const TICK_MS = 100;
const MARGIN_MS = 1_000;
/** Less than half the margin, as the rule wants it. */
const MOST_DELAY_MS = 400;

const rules: MembershipRules = {
  name: "test",
  requiredContactPoints: 1,
  stableMarginMs: MARGIN_MS,
  newClusterEnabled: true,
  arbitrated: false,
  // Less than a tick: a connection may be lost and back before anything is said of it.
  dialMs: 20,
  joinMs: 5_000,
  leaveMs: 2_000,
  forgetMs: 60_000,
};

interface Site {
  readonly state: MembershipState;
  readonly changes: MembershipChange[];
  readonly links: Set<NodeName>;
  hasLeft: boolean;
  isAsking: boolean;
}

type Happening =
  | {
      readonly type: "message";
      readonly from: NodeName;
      readonly to: NodeName;
      readonly message: Message;
      readonly life: number;
    }
  | { readonly type: "dialed"; readonly from: NodeName; readonly to: NodeName }
  | { readonly type: "tick"; readonly node: NodeName }
  | { readonly type: "do"; readonly what: () => void };

class World {
  nowMs = 0;
  readonly sites = new Map<NodeName, Site>();
  /** Every cluster that any node ever began. */
  readonly formed = new Set<string>();
  readonly cut = new Set<string>();
  /** Who holds the lease of the arbiter, as far as a world has one: whoever asked first. */
  leaseHolder: NodeName | undefined;
  /** While it cannot be reached. */
  isLeaseAway = false;
  /** To whom the system of a node that is gone says so: nobody listens there. */
  answered: NodeName | undefined;
  readonly #queue: { readonly atMs: number; readonly order: number; readonly what: Happening }[] = [];
  readonly #delay: () => number;
  /** Of each pair of nodes the time before which nothing arrives: messages of one connection keep their order. */
  readonly #arrived = new Map<string, number>();
  readonly #lives = new Map<string, number>();
  #order = 0;

  constructor(delays: Iterator<number>) {
    this.#delay = () => delays.next().value as number;
  }

  at(node: NodeName): Site {
    return this.sites.get(node) as Site;
  }

  after(delayMs: number, what: Happening): void {
    this.#queue.push({ atMs: this.nowMs + delayMs, order: ++this.#order, what });
  }

  do(delayMs: number, what: () => void): void {
    this.after(delayMs, { type: "do", what });
  }

  start(node: NodeName, incarnation: number, found: Iterable<NodeName>, own: Partial<MembershipRules> = {}): void {
    const state = new MembershipState({ node, incarnation }, { ...rules, ...own }, () => 0.5, this.nowMs);
    this.sites.set(node, { state, changes: [], links: new Set(), hasLeft: false, isAsking: false });
    this.find(node, found);
    this.after(TICK_MS, { type: "tick", node });
  }

  find(node: NodeName, found: Iterable<NodeName>, complete = true): void {
    this.act(node, this.at(node).state.found(new Set(found), complete, this.nowMs));
  }

  act(node: NodeName, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === "dial") this.after(this.#delay(), { type: "dialed", from: node, to: effect.node });
      else if (effect.type === "tell") for (const to of effect.nodes) this.#send(node, to, effect.message);
      else if (effect.type === "changed") this.#changed(node, effect.change);
      else if (effect.type === "left") this.at(node).hasLeft = true;
      else if (effect.type === "end")
        this.do(this.#delay(), () => this.sites.has(node) && this.act(node, this.at(node).state.ended(this.nowMs)));
    }
    const site = this.sites.get(node);
    if (site === undefined) return;
    const { phase } = site.state.surroundings;
    // As the arbiter does: who would not begin a cluster any more lets another.
    if (phase === "waiting" && this.leaseHolder === node) this.leaseHolder = undefined;
    if (phase === "forming" && !site.isAsking) {
      site.isAsking = true;
      this.do(this.#delay(), () => this.#claim(site, node));
    }
  }

  #claim(site: Site, node: NodeName): void {
    site.isAsking = false;
    if (this.sites.get(node) !== site) return;
    if (this.isLeaseAway) return this.act(node, site.state.claimed({ type: "open", reason: "away" }, this.nowMs));
    this.leaseHolder ??= node;
    const by = this.leaseHolder;
    this.act(node, site.state.claimed(by === node ? { type: "held" } : { type: "taken", by }, this.nowMs));
  }

  #changed(node: NodeName, change: MembershipChange): void {
    const { changes, state } = this.at(node);
    changes.push(change);
    const { member } = change;
    // Who comes up without having joined has begun the cluster.
    if (member.node === node && member.state === "up" && change.from === undefined)
      this.formed.add(state.view.cluster as string);
  }

  #send(from: NodeName, to: NodeName, message: Message): void {
    if (!this.at(from).links.has(to)) return;
    const way = `${from}>${to}`;
    const atMs = Math.max(this.nowMs + this.#delay(), this.#arrived.get(way) ?? 0);
    this.#arrived.set(way, atMs);
    this.after(atMs - this.nowMs, { type: "message", from, to, message, life: this.#life(from, to) });
  }

  #life(one: NodeName, other: NodeName): number {
    return this.#lives.get([one, other].sort().join()) ?? 0;
  }

  link(one: NodeName, other: NodeName): void {
    if (this.at(one).links.has(other)) return;
    this.at(one).links.add(other);
    this.at(other).links.add(one);
    this.act(one, this.at(one).state.linked(other, this.nowMs));
    this.act(other, this.at(other).state.linked(one, this.nowMs));
  }

  unlink(one: NodeName, other: NodeName): void {
    if (this.sites.get(one)?.links.delete(other) !== true) return;
    this.at(other).links.delete(one);
    const key = [one, other].sort().join();
    this.#lives.set(key, (this.#lives.get(key) ?? 0) + 1);
    this.act(one, this.at(one).state.unlinked(other, this.nowMs));
    this.act(other, this.at(other).state.unlinked(one, this.nowMs));
  }

  isCut(one: NodeName, other: NodeName): boolean {
    return this.cut.has([one, other].sort().join());
  }

  /** Parts these nodes from all others; nothing crosses until `heal`. */
  part(some: readonly NodeName[]): void {
    for (const one of some)
      for (const other of NODES)
        if (!some.includes(other)) {
          this.cut.add([one, other].sort().join());
          this.unlink(one, other);
        }
  }

  heal(): void {
    this.cut.clear();
  }

  /** The node is gone from one moment to the next. */
  crash(node: NodeName): void {
    for (const other of [...this.at(node).links]) this.unlink(node, other);
    this.sites.delete(node);
  }

  run(untilMs: number): void {
    for (;;) {
      this.#queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const next = this.#queue[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.shift();
      this.nowMs = next.atMs;
      this.#happen(next.what);
    }
    this.nowMs = untilMs;
  }

  #happen(what: Happening): void {
    switch (what.type) {
      case "do":
        return what.what();
      case "tick": {
        const site = this.sites.get(what.node);
        if (site === undefined || site.hasLeft) return;
        this.act(what.node, site.state.tick(this.nowMs));
        return this.after(TICK_MS, what);
      }
      case "dialed": {
        const from = this.sites.get(what.from);
        if (from === undefined) return;
        const there = this.sites.get(what.to);
        if (there !== undefined && !there.hasLeft && !this.isCut(what.from, what.to))
          return this.link(what.from, what.to);
        return this.act(
          what.from,
          from.state.dialFailed(what.to, this.nowMs, there === undefined && what.from === this.answered),
        );
      }
      case "message": {
        const to = this.sites.get(what.to);
        if (to === undefined || to.hasLeft || what.life !== this.#life(what.from, what.to)) return;
        return this.act(what.to, to.state.received(what.message, this.nowMs));
      }
    }
  }

  states(node: NodeName): Record<string, string> {
    return Object.fromEntries(this.at(node).state.view.members.map(({ node: name, state }) => [name, state]));
  }
}

const delays = fc.infiniteStream(fc.integer({ min: 0, max: MOST_DELAY_MS }));
const startTimes = fc.tuple(...NODES.map(() => fc.integer({ min: 0, max: 4_000 })));
const someNodes = fc.subarray([...NODES], { minLength: 1 });

function everybody(world: World): NodeName[] {
  return [...world.sites.keys()];
}

/** All are up in one cluster, and every view is the same. */
function expectOneCluster(world: World, of: readonly NodeName[]): void {
  const views = of.map((node) => world.at(node).state.view);
  expect(new Set(views.map(({ cluster }) => cluster)).size).toBe(1);
  expect(views[0]?.cluster).toBeDefined();
  for (const view of views)
    expect(view.members.filter(isLive).map(({ node, state }) => `${node} ${state}`)).toEqual(
      [...of].sort().map((node) => `${node} up`),
    );
  for (const node of of) expect(world.at(node).state.differing).toEqual([]);
}

describe("nodes that find one stable set", () => {
  test("form one cluster, whenever each starts and however long messages take", () => {
    fc.assert(
      fc.property(startTimes, delays, fc.integer({ min: 1, max: 5 }), (starts, delay, required) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () => world.start(node, at + 1, NODES, { requiredContactPoints: required }));
        world.run(30_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
    );
  });

  test("never form two, though some are cut off from others while they begin", () => {
    fc.assert(
      fc.property(startTimes, delays, someNodes, fc.integer({ min: 0, max: 15_000 }), (starts, delay, some, healMs) => {
        const world = new World(delay);
        for (const one of some)
          for (const other of NODES) if (!some.includes(other)) world.cut.add([one, other].sort().join());
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () => world.start(node, at + 1, NODES));
        world.do(healMs, () => world.heal());
        world.run(15_000);
        expect(world.formed.size).toBeLessThanOrEqual(1);
        world.run(90_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
    );
  });

  test("never form two, though each finds the others one by one and at other times, if more than half are required", () => {
    const findings = fc.array(
      fc.record({ node: fc.constantFrom(...NODES), atMs: fc.integer({ min: 0, max: 8_000 }), sees: someNodes }),
      {
        maxLength: 25,
      },
    );
    fc.assert(
      fc.property(startTimes, delays, findings, fc.integer({ min: 3, max: 5 }), (starts, delay, seen, required) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () => world.start(node, at + 1, [], { requiredContactPoints: required }));
        for (const { atMs, node, sees } of seen) world.do(4_000 + atMs, () => world.find(node, sees));
        world.do(13_000, () => {
          for (const node of NODES) world.find(node, NODES);
        });
        world.run(60_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
    );
  });

  test("never form two, though each finds others than the rest from the start, if more than half are required", () => {
    const lists = fc.tuple(...NODES.map(() => fc.subarray([...NODES], { minLength: 1, maxLength: 4 })));
    fc.assert(
      fc.property(lists, delays, (found, delay) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries())
          world.start(node, at + 1, [node, ...(found[at] ?? [])], { requiredContactPoints: 3 });
        world.run(10_000);
        expect(world.formed.size).toBeLessThanOrEqual(1);
        for (const node of NODES) world.find(node, NODES);
        world.run(60_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
      { numRuns: 500 },
    );
  });

  test("form one cluster, though each finds only the next one: what others find counts", () => {
    fc.assert(
      fc.property(startTimes, delays, (starts, delay) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () =>
            world.start(node, at + 1, NODES.slice(at, at + 2), { requiredContactPoints: 5 }),
          );
        world.run(30_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
      { numRuns: 50 },
    );
  });

  test("begin nothing while discovery fails, and lose nobody by it", () => {
    fc.assert(
      fc.property(startTimes, delays, (starts, delay) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () => {
            world.start(node, at + 1, []);
            world.find(node, NODES, false);
          });
        world.run(20_000);
        expect(world.formed.size).toBe(0);
        for (const node of NODES) world.find(node, NODES);
        world.run(40_000);
        expectOneCluster(world, NODES);
        const seen = NODES.map((node) => world.at(node).changes.length);
        for (const node of NODES) world.find(node, NODES, false);
        world.run(80_000);
        for (const node of NODES) world.find(node, []); // An empty set, in earnest.
        world.run(120_000);
        expectOneCluster(world, NODES);
        expect(NODES.map((node) => world.at(node).changes.length)).toEqual(seen);
        // Who was a member is looked for, whether discovery still finds it or not.
        world.part(["b@h", "e@h"]);
        world.run(125_000);
        expect(world.states("a@h")).toMatchObject({ "b@h": "down", "c@h": "up", "e@h": "down" });
        world.heal();
        world.run(170_000);
        expectOneCluster(world, NODES);
      }),
      { numRuns: 30 },
    );
  });
});

describe("nodes whose arbiter decides who begins", () => {
  const arbitrated = { requiredContactPoints: 1, arbitrated: true };

  test("never form two, though parts of them find only themselves: the others join the holder of the lease", () => {
    fc.assert(
      fc.property(startTimes, delays, fc.tuple(...NODES.map(() => fc.nat(2))), (starts, delay, parts) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () =>
            world.start(
              node,
              at + 1,
              NODES.filter((_, other) => parts[other] === parts[at]),
              arbitrated,
            ),
          );
        world.run(60_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
    );
  });

  test("miss whoever is cut off, and nobody who has left, however many leave at once", () => {
    fc.assert(
      fc.property(delays, fc.subarray([...NODES], { minLength: 1, maxLength: 3 }), (delay, some) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries()) world.start(node, at + 1, NODES, arbitrated);
        world.run(20_000);
        expectOneCluster(world, NODES);
        const stay = NODES.filter((node) => !some.includes(node));
        const missing = (node: NodeName): readonly NodeName[] => [...world.at(node).state.surroundings.missing].sort();
        for (const node of some) {
          world.act(node, world.at(node).state.leave(world.nowMs));
          // As a pod does: its process ends when all have heard.
          world.do(6_000, () => world.crash(node));
        }
        for (let waited = 0; waited < 30_000; waited += 500) {
          world.run(world.nowMs + 500);
          for (const node of stay) expect(missing(node)).toEqual([]);
        }
        const [lone, ...others] = stay as [NodeName, ...NodeName[]];
        world.part([lone]);
        world.run(world.nowMs + 1_000);
        expect(missing(lone)).toEqual(others);
        for (const node of others) expect(missing(node)).toEqual([lone]);
      }),
      { numRuns: 30 },
    );
  });

  test("miss whoever is cut off for as long as discovery finds them, be they forgotten as members or not", () => {
    fc.assert(
      fc.property(delays, fc.subarray([...NODES], { minLength: 1, maxLength: 4 }), (delay, some) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries()) world.start(node, at + 1, NODES, arbitrated);
        world.run(20_000);
        const missing = (node: NodeName): readonly NodeName[] => [...world.at(node).state.surroundings.missing].sort();
        const others = NODES.filter((node) => !some.includes(node));
        world.part(some);
        world.run(world.nowMs + 2 * rules.forgetMs);
        for (const node of some) expect(missing(node)).toEqual(others);
        for (const node of others) expect(missing(node)).toEqual([...some].sort());
        // One that fails knows nothing of who has gone.
        for (const node of NODES) world.find(node, [node], false);
        world.run(world.nowMs + 2 * rules.forgetMs);
        for (const node of some) expect(missing(node)).toEqual(others);
        for (const node of NODES) world.find(node, [node]);
        world.run(world.nowMs + 1_000);
        for (const node of NODES) expect(missing(node)).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  test("miss nobody whose system has answered that nobody listens there", () => {
    const state = new MembershipState({ node: "a@h", incarnation: 1 }, rules, () => 0.5, 0, ["b@h", "c@h"]);
    state.found(new Set(["a@h"]), true, 0);
    state.tick(rules.stableMarginMs);
    expect(state.standing).toBe("up");
    expect([...state.surroundings.missing]).toEqual(["b@h", "c@h"]);
    state.dialFailed("b@h", 2_000, false);
    state.dialFailed("c@h", 2_000, true);
    expect([...state.surroundings.missing]).toEqual(["b@h"]);
  });

  test("miss nobody that has crashed as soon as one of them has been answered that nobody listens there", () => {
    fc.assert(
      fc.property(delays, fc.constantFrom(...NODES.slice(1), undefined), (delay, answered) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries()) world.start(node, at + 1, NODES, arbitrated);
        world.run(20_000);
        const [crashed, ...others] = NODES as [NodeName, ...NodeName[]];
        world.answered = answered;
        world.crash(crashed);
        world.run(world.nowMs + 5_000);
        const missing = answered === undefined ? [crashed] : [];
        for (const node of others) expect([...world.at(node).state.surroundings.missing]).toEqual(missing);
      }),
      { numRuns: 30 },
    );
  });

  test("hear of an end before they have lost the connection themselves, and not of that of another life", () => {
    const missing = (incarnation: number): readonly NodeName[] => {
      const world = new World(
        (function* () {
          for (;;) yield 1;
        })(),
      );
      for (const [at, node] of NODES.entries()) world.start(node, at + 1, NODES, arbitrated);
      world.run(20_000);
      const [crashed, teller, hearer] = NODES as [NodeName, NodeName, NodeName];
      const { state } = world.at(hearer);
      const message = { type: "ended", node: teller, ended: crashed, incarnation } as const;
      world.act(hearer, state.received(message, world.nowMs));
      world.unlink(crashed, hearer);
      return [...state.surroundings.missing];
    };
    expect(missing(1)).toEqual([]);
    expect(missing(2)).toEqual([NODES[0]]);
  });

  test("form none while its lease cannot be reached, say so, and one when it can", () => {
    fc.assert(
      fc.property(startTimes, delays, (starts, delay) => {
        const world = new World(delay);
        world.isLeaseAway = true;
        for (const [at, node] of NODES.entries())
          world.do(starts[at] as number, () => world.start(node, at + 1, NODES, arbitrated));
        world.run(30_000);
        expect(world.formed.size).toBe(0);
        expect(NODES.map((node) => world.at(node).state.waitingFor)).toContain("away");
        world.isLeaseAway = false;
        world.run(60_000);
        expect(world.formed.size).toBe(1);
        expectOneCluster(world, NODES);
      }),
      { numRuns: 30 },
    );
  });
});

const operation = fc.oneof(
  fc.record({ type: fc.constant("part"), some: someNodes }),
  fc.record({ type: fc.constant("heal") }),
  fc.record({ type: fc.constant("unlink"), one: fc.constantFrom(...NODES), other: fc.constantFrom(...NODES) }),
  fc.record({ type: fc.constant("leave"), node: fc.constantFrom(...NODES) }),
  fc.record({ type: fc.constant("restart"), node: fc.constantFrom(...NODES) }),
);
const operations = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 6_000 }), operation }), { maxLength: 12 });

describe("members of a cluster", () => {
  test("agree on who is there once nothing happens any more, whatever happened", () => {
    fc.assert(
      fc.property(delays, operations, (delay, all) => {
        const world = new World(delay);
        let lives = 0;
        const start = (node: NodeName): void => world.start(node, ++lives, NODES, { requiredContactPoints: 3 });
        for (const node of NODES) start(node);
        world.run(10_000);
        expectOneCluster(world, NODES);
        for (const { operation: done, waitMs } of all) {
          world.run(world.nowMs + waitMs);
          if (done.type === "part") world.part(done.some);
          else if (done.type === "heal") world.heal();
          else if (
            done.type === "unlink" &&
            done.one !== done.other &&
            world.sites.has(done.one) &&
            world.sites.has(done.other)
          )
            world.unlink(done.one, done.other);
          else if (done.type === "leave" && world.sites.has(done.node))
            world.act(done.node, world.at(done.node).state.leave(world.nowMs));
          else if (done.type === "restart") {
            if (world.sites.has(done.node)) world.crash(done.node);
            start(done.node);
          }
          for (const node of everybody(world)) if (world.at(node).hasLeft) world.crash(node);
        }
        world.heal();
        world.run(world.nowMs + 59_000);
        for (const node of everybody(world)) if (world.at(node).hasLeft) world.crash(node);
        world.run(world.nowMs + 59_000);
        // Fewer than three may be left and begin none. Who begins one while the first is out of reach begins a second, and
        // those are one as soon as they meet.
        const inCluster = everybody(world).filter((node) => world.at(node).state.view.cluster !== undefined);
        if (inCluster.length > 0) expectOneCluster(world, everybody(world));
      }),
      { numRuns: 200 },
    );
  });

  test("see one that leaves as leaving, then left, and one that is cut off as down, then up again", () => {
    fc.assert(
      fc.property(delays, (delay) => {
        const world = new World(delay);
        for (const [at, node] of NODES.entries()) world.start(node, at + 1, NODES);
        world.run(10_000);
        world.part(["e@h"]);
        world.act("d@h", world.at("d@h").state.leave(world.nowMs));
        world.run(20_000);
        expect(world.at("d@h").hasLeft).toBe(true);
        for (const node of ["a@h", "b@h", "c@h"] as const) {
          expect(world.states(node)).toMatchObject({ "d@h": "left", "e@h": "down" });
          const ofD = world
            .at(node)
            .changes.filter(({ member }) => member.node === "d@h")
            .map(({ member }) => member.state);
          expect(ofD.slice(-2)).toEqual(["leaving", "left"]);
        }
        expect(world.states("e@h")).toMatchObject({
          "a@h": "down",
          "b@h": "down",
          "c@h": "down",
          "d@h": "down",
          "e@h": "up",
        });
        world.crash("d@h");
        world.heal();
        world.run(60_000);
        expectOneCluster(world, ["a@h", "b@h", "c@h", "e@h"]);
        world.run(200_000);
        expect(world.states("a@h")).toEqual({ "a@h": "up", "b@h": "up", "c@h": "up", "e@h": "up" });
      }),
      { numRuns: 50 },
    );
  });

  test("that were begun apart are one once they meet, and nobody is down for it", () => {
    const groups = fc.tuple(...NODES.map(() => fc.integer({ min: 0, max: 3 })));
    const meetings = fc.tuple(...NODES.map(() => fc.integer({ min: 0, max: 10_000 })));
    fc.assert(
      fc.property(groups, meetings, delays, (group, meetMs, delay) => {
        const world = new World(delay);
        const mates = (at: number): NodeName[] => NODES.filter((_, other) => group[other] === group[at]);
        for (const [at, node] of NODES.entries()) world.start(node, at + 1, mates(at));
        world.run(10_000);
        expect(world.formed.size).toBe(new Set(group).size);
        const before = NODES.map((node) => world.at(node).changes.length);
        for (const [at, node] of NODES.entries()) world.do(meetMs[at] as number, () => world.find(node, NODES));
        world.run(40_000);
        expectOneCluster(world, NODES);
        expect(world.formed).toContain(world.at("a@h").state.view.cluster);
        for (const [at, node] of NODES.entries())
          for (const { from, member } of world.at(node).changes.slice(before[at]))
            expect(`${from} ${member.state}`).toBe("undefined up");
      }),
    );
  });
});
