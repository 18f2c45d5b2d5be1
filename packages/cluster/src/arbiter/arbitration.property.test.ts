/**
 * Members with an arbiter, in virtual time: cables are cut and healed, the lease is out of reach for some, nodes are frozen,
 * and whoever is cut off notices late. Nothing of it may let two do what only one may.
 */
import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leaseTiming, stopMsOf } from "../lease/elector.ts";
import type { LeaseAnswer, LeaseRecord } from "../lease/lease.ts";
import { Arbitration, type ArbitrationEffect, type ArbitrationRules } from "./arbitration.ts";

const NODES: readonly NodeName[] = ["a@h", "b@h", "c@h", "d@h", "e@h"];
const timing = leaseTiming();
const LEAST_TICK_MS = 3_000;
const MOST_TICK_MS = 5_000;
/** Of whom a node misses for so long nothing runs any more that only one may do. */
const GONE_MS = timing.durationMs + stopMsOf(timing) + (MOST_TICK_MS - LEAST_TICK_MS);

/** A linear congruential generator: delays are many, and what fails is to be read. */
function randomsFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  /** Frozen with it; undefined: nobody's. */
  readonly node: NodeName | undefined;
  readonly run: () => void;
}

class Site {
  readonly name: NodeName;
  readonly arbitration: Arbitration;
  readonly live = new Set<NodeName>();
  /** Since when. */
  readonly missing = new Map<NodeName, number>();
  allowed = false;
  /** Still ends what it was allowed to. */
  active = false;
  frozenUntilMs = 0;
  reachesLease = true;
  phase: "forming" | "waiting" | "in" = "waiting";
  alarms = 0;
  suspensions = 0;

  constructor(name: NodeName, rules: ArbitrationRules) {
    this.name = name;
    this.arbitration = new Arbitration(name, `${name}/1`, rules, 0);
  }
}

class World {
  nowMs = 0;
  readonly sites = new Map<NodeName, Site>();
  readonly cut = new Set<string>();
  readonly terms: number[] = [];
  readonly #arrived = new Map<string, number>();
  #record: LeaseRecord | undefined;
  #versions = 0;
  #queue: Due[] = [];
  #order = 0;
  readonly #random: () => number;

  constructor(seed: number, onLoss: "stop" | "keep" = "stop") {
    this.#random = randomsFrom(seed);
    for (const name of NODES) this.sites.set(name, new Site(name, { timing, onLoss }));
    for (const site of this.sites.values()) for (const other of NODES) if (other !== site.name) site.live.add(other);
    const [first] = NODES;
    if (first !== undefined) this.phase(first, "forming");
    this.run(5_000);
    for (const name of NODES) this.phase(name, "in");
    for (const site of this.sites.values()) this.#tick(site);
    this.run(5_000);
  }

  /** As membership does. */
  #tick(site: Site): void {
    this.surrounded(site);
    this.after(1_000, site.name, () => this.#tick(site));
  }

  at(node: NodeName): Site {
    return this.sites.get(node) as Site;
  }

  phase(node: NodeName, phase: Site["phase"]): void {
    this.at(node).phase = phase;
    this.surrounded(this.at(node));
  }

  after(delayMs: number, node: NodeName | undefined, run: () => void): void {
    this.#queue.push({ atMs: this.nowMs + delayMs, order: ++this.#order, node, run });
  }

  between(least: number, most: number): number {
    return least + this.#random() * (most - least);
  }

  surrounded(site: Site): void {
    const { live, missing, phase } = site;
    const around = { phase, live: new Set(live), missing: new Set(missing.keys()) };
    this.act(site, site.arbitration.surrounded(around, this.nowMs));
  }

  act(site: Site, effects: readonly ArbitrationEffect[]): void {
    for (const effect of effects) this.#do(site, effect);
    const alarm = ++site.alarms;
    const { wakeMs } = site.arbitration;
    if (wakeMs < Number.POSITIVE_INFINITY)
      this.after(Math.max(0.001, wakeMs - this.nowMs), site.name, () => {
        if (alarm === site.alarms) this.act(site, site.arbitration.wake(this.nowMs));
      });
  }

  #do(site: Site, effect: ArbitrationEffect): void {
    const { arbitration, name } = site;
    switch (effect.type) {
      case "request": {
        const { number, request } = effect;
        const lost = !site.reachesLease;
        this.after(this.between(1, 800), undefined, () => {
          const answer = lost || !site.reachesLease ? undefined : this.#apply(name, request);
          this.after(this.between(1, 800), name, () => {
            if (answer === undefined) this.act(site, arbitration.failed(number, "unreachable", this.nowMs));
            else this.act(site, arbitration.answered(number, answer, this.nowMs));
          });
        });
        return;
      }
      case "release":
        this.after(this.between(1, 500), undefined, () => {
          if (
            site.reachesLease &&
            this.#record?.holder === effect.held.holder &&
            this.#record?.token === effect.held.token
          )
            this.#write({ ...this.#record, holder: undefined });
        });
        return;
      case "tell":
        for (const to of effect.nodes) {
          const isCut = this.isCut(name, to);
          // In the order in which they are sent.
          const way = `${name}>${to}`;
          const atMs = Math.max(this.nowMs + this.between(0, 400), this.#arrived.get(way) ?? 0);
          this.#arrived.set(way, atMs);
          this.after(atMs - this.nowMs, to, () => {
            const there = this.at(to);
            if (!isCut && !this.isCut(name, to) && there.live.has(name))
              this.act(there, there.arbitration.received(effect.message, this.nowMs));
          });
        }
        return;
      case "unique": {
        site.allowed = effect.allowed;
        const suspension = ++site.suspensions;
        if (effect.allowed) site.active = true;
        else
          this.after(this.between(0, stopMsOf(timing)), name, () => {
            if (suspension !== site.suspensions) return;
            site.active = false;
            this.act(site, arbitration.ended(this.nowMs));
          });
      }
    }
  }

  #apply(by: NodeName, request: Extract<ArbitrationEffect, { type: "request" }>["request"]): LeaseAnswer {
    const now = this.#record;
    if (request.type === "acquire" && request.over?.version === now?.version) {
      const token = (now?.token ?? 0) + 1;
      this.terms.push(token);
      return { granted: true, record: this.#write({ holder: `${by}/1`, token, durationMs: timing.durationMs }) };
    }
    if (request.type === "renew" && now?.holder === `${by}/1` && now.token === request.held.token)
      return { granted: true, record: this.#write(now) };
    return { granted: false, record: now };
  }

  #write(next: Omit<LeaseRecord, "version">): LeaseRecord {
    this.#record = { ...next, version: String(++this.#versions) };
    for (const site of this.sites.values())
      if (site.reachesLease)
        this.after(this.between(1, 300), site.name, () => this.act(site, site.arbitration.changed(this.nowMs)));
    return this.#record;
  }

  // Faults

  isCut(one: NodeName, other: NodeName): boolean {
    return this.cut.has([one, other].sort().join());
  }

  /** Nothing passes between them; each notices after a while. */
  part(one: NodeName, other: NodeName): void {
    if (one === other || this.isCut(one, other)) return;
    this.cut.add([one, other].sort().join());
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const)
      this.after(this.between(LEAST_TICK_MS, MOST_TICK_MS), from, () => {
        if (this.isCut(one, other)) this.#loses(from, to);
      });
  }

  #loses(node: NodeName, other: NodeName): void {
    const site = this.at(node);
    if (!site.live.delete(other)) return;
    site.missing.set(other, this.nowMs);
    this.surrounded(site);
  }

  heal(): void {
    this.cut.clear();
    for (const one of NODES) for (const other of NODES) if (one < other) this.#meet(one, other);
  }

  #meet(one: NodeName, other: NodeName): void {
    this.after(this.between(0, 2_000), undefined, () => {
      if (this.isCut(one, other)) return;
      const untilMs = Math.max(this.at(one).frozenUntilMs, this.at(other).frozenUntilMs);
      if (untilMs > this.nowMs) return this.after(untilMs - this.nowMs, undefined, () => this.#meet(one, other));
      for (const [from, to] of [
        [this.at(one), other],
        [this.at(other), one],
      ] as const) {
        const isNew = !from.live.has(to);
        from.live.add(to);
        from.missing.delete(to);
        if (isNew) this.surrounded(from);
      }
    });
  }

  /** It stands still, and others notice. When it moves again it finds that they have hung up. */
  freeze(node: NodeName, forMs: number): void {
    const site = this.at(node);
    if (site.frozenUntilMs > this.nowMs) return;
    site.frozenUntilMs = this.nowMs + forMs;
    for (const other of NODES)
      if (other !== node && site.live.has(other))
        this.after(this.between(LEAST_TICK_MS, MOST_TICK_MS), other, () => {
          if (site.frozenUntilMs <= this.nowMs) return;
          this.#loses(other, node);
          this.after(site.frozenUntilMs - this.nowMs, node, () => {
            this.#loses(node, other);
            this.#meet(node, other);
          });
        });
  }

  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      let next: Due | undefined;
      for (const due of this.#queue)
        if (next === undefined || due.atMs < next.atMs || (due.atMs === next.atMs && due.order < next.order))
          next = due;
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      const frozenMs = next.node === undefined ? 0 : this.at(next.node).frozenUntilMs;
      if (frozenMs > this.nowMs) this.#queue.push({ ...next, atMs: frozenMs });
      else next.run();
      this.check();
    }
    this.nowMs = untilMs;
  }

  /** Whoever goes on may take over what those had whom it has missed for long enough. */
  check(): void {
    for (const site of this.sites.values()) {
      if (!site.allowed || site.frozenUntilMs > this.nowMs || this.#wakes(site)) continue;
      for (const [node, sinceMs] of site.missing) {
        // Their cable is whole again: they meet within moments, and what one of them has begun anew meanwhile is settled then.
        if (!this.isCut(site.name, node)) continue;
        const other = this.at(node);
        if (other.active && other.frozenUntilMs <= this.nowMs && this.nowMs - sinceMs > GONE_MS && !this.#wakes(other))
          throw new Error(`${site.name} and ${node} both go on at ${this.nowMs}, cut since ${sinceMs}`);
      }
    }
  }

  /** It has been frozen until now, and something of it is due: it has not looked at its clock yet. */
  #wakes(site: Site): boolean {
    return site.frozenUntilMs === this.nowMs || this.nowMs - site.frozenUntilMs <= stopMsOf(timing);
  }

  get allowed(): readonly NodeName[] {
    return NODES.filter((node) => this.at(node).allowed);
  }
}

const randoms = fc.nat();
const someNodes = fc.subarray([...NODES], { minLength: 1, maxLength: 4 });
const one = fc.constantFrom(...NODES);
const fault = fc.oneof(
  fc.record({ type: fc.constant("part" as const), some: someNodes }),
  fc.record({ type: fc.constant("pair" as const), one, other: one }),
  fc.record({ type: fc.constant("heal" as const) }),
  fc.record({ type: fc.constant("lease" as const), some: fc.subarray([...NODES]) }),
  fc.record({ type: fc.constant("freeze" as const), one, forMs: fc.integer({ min: 100, max: 60_000 }) }),
);
type Fault = typeof fault extends fc.Arbitrary<infer T> ? T : never;
const faults = fc.array(fc.tuple(fault, fc.integer({ min: 0, max: 40_000 })), { maxLength: 10 });

function happen(world: World, all: readonly (readonly [Fault, number])[]): void {
  for (const [what, waitMs] of all) {
    if (what.type === "part")
      for (const inside of what.some)
        for (const outside of NODES) if (!what.some.includes(outside)) world.part(inside, outside);
    if (what.type === "pair") world.part(what.one, what.other);
    if (what.type === "heal") world.heal();
    if (what.type === "lease")
      for (const site of world.sites.values()) site.reachesLease = what.some.includes(site.name);
    if (what.type === "freeze") world.freeze(what.one, what.forMs);
    world.run(waitMs);
  }
}

describe("whatever is cut, frozen or out of reach", () => {
  test("no two go on that have missed each other for longer than the lease lasts; once all is well all go on", () => {
    fc.assert(
      fc.property(randoms, faults, (random, all) => {
        const world = new World(random);
        happen(world, all);
        for (const site of world.sites.values()) site.reachesLease = true;
        world.heal();
        world.run(60_000);
        world.heal();
        world.run(60_000);
        expect(world.allowed).toEqual(NODES);
        const { length } = world.terms;
        world.run(300_000);
        expect(world.terms).toHaveLength(length);
        expect(world.allowed).toEqual(NODES);
      }),
      { numRuns: 100 },
    );
  });

  test("the larger part goes on, and never stops, whoever held the lease; the smaller one stops", () => {
    const parts = fc.constantFrom(
      ...[["a"], ["e"], ["a", "b"], ["b", "e"]].map((all) => all.map((n): NodeName => `${n as "a"}@h`)),
    );
    fc.assert(
      fc.property(randoms, parts, (random, few) => {
        const world = new World(random);
        expect(world.allowed).toEqual(NODES);
        for (const inside of few) for (const outside of NODES) if (!few.includes(outside)) world.part(inside, outside);
        const many = NODES.filter((node) => !few.includes(node));
        for (let waited = 0; waited < 60_000; waited += 500) {
          world.run(500);
          expect(world.allowed).toEqual(expect.arrayContaining([...many]));
        }
        expect(world.allowed).toEqual(many);
        for (const node of few) {
          expect(world.at(node).arbitration.isLosing(world.nowMs)).toBe(true);
          expect(world.at(node).arbitration.reason(world.nowMs)).toMatch(/^cut off from /);
        }
        world.heal();
        world.run(10_000);
        expect(world.allowed).toEqual(NODES);
      }),
      { numRuns: 60 },
    );
  });

  test("with the lease out of reach for all nothing stops as long as nobody is missing, and then everything does", () => {
    fc.assert(
      fc.property(randoms, fc.constantFrom("stop" as const, "keep" as const), (random, onLoss) => {
        const world = new World(random, onLoss);
        for (const site of world.sites.values()) site.reachesLease = false;
        world.run(300_000);
        expect(world.allowed).toEqual(NODES);
        for (const node of NODES.slice(1)) world.part("a@h", node);
        world.run(60_000);
        expect(world.allowed).toEqual(onLoss === "keep" ? NODES.slice(1) : []);
        // Who sees most of the others serves on; the lone one does not.
        const losing = NODES.filter((node) => world.at(node).arbitration.isLosing(world.nowMs));
        expect(losing).toEqual(["a@h"]);
      }),
      { numRuns: 30 },
    );
  });

  test("of two that only do not reach each other one goes on, and nobody else stops", () => {
    fc.assert(
      fc.property(randoms, fc.uniqueArray(one, { minLength: 2, maxLength: 2 }), (random, pair) => {
        const world = new World(random);
        const [first, second] = pair as [NodeName, NodeName];
        world.part(first, second);
        world.run(60_000);
        expect(NODES.filter((node) => !world.allowed.includes(node))).toHaveLength(1);
        const [out] = NODES.filter((node) => !world.allowed.includes(node));
        expect(pair).toContain(out);
        expect(world.at(out as NodeName).arbitration.isLosing(world.nowMs)).toBe(true);
        world.heal();
        world.run(10_000);
        expect(world.allowed).toEqual(NODES);
      }),
      { numRuns: 60 },
    );
  });
});
