/**
 * Candidates with clocks of their own, a lease behind a network that delays, loses requests and loses answers, pauses and
 * crashes; and a resource that checks tokens, as whatever a singleton writes to should.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  abstaining,
  answered,
  changed,
  decide,
  type Election,
  election,
  failed,
  holderAt,
  type LeaseRequest,
  leaseTiming,
  resigned,
  returned,
  stopMsOf,
  stopped,
  tokenAt,
} from "./elector.ts";
import type { LeaseAnswer, LeaseRecord } from "./lease.ts";

const timing = leaseTiming();
/** Rates of clocks: 1.09 / 0.92 is less than 15 000 ms of the others over the holder's 12 500 ms. */
const rate = fc.double({ min: 0.92, max: 1.09, noNaN: true });

/** What becomes of a request: when it reaches the lease and when its answer is back; undefined: never. */
const fate = fc.record({
  thereMs: fc.option(fc.integer({ min: 0, max: 9_000 }), { nil: undefined, freq: 6 }),
  backMs: fc.option(fc.integer({ min: 0, max: 9_000 }), { nil: undefined, freq: 6 }),
  isSwift: fc.boolean(),
});

class Store {
  record: LeaseRecord | undefined;
  versions = 0;
  readonly tokens: number[] = [];
  readonly heldBy = new Map<number, string>();

  apply(
    candidate: string,
    request: LeaseRequest | { readonly type: "release"; readonly held: LeaseRecord },
  ): LeaseAnswer {
    const now = this.record;
    const replace = (next: Omit<LeaseRecord, "version">): LeaseAnswer => {
      this.record = { ...next, version: String(++this.versions) };
      return { granted: true, record: this.record };
    };
    if (request.type === "acquire" && request.over?.version === now?.version) {
      const token = (now?.token ?? 0) + 1;
      this.tokens.push(token);
      this.heldBy.set(token, candidate);
      return replace({ holder: candidate, token, durationMs: timing.durationMs });
    }
    if ((request.type === "renew" || request.type === "release") && now?.holder === candidate)
      if (now.token === request.held.token)
        return replace({ ...request.held, holder: request.type === "renew" ? candidate : undefined });
    return { granted: false, record: now };
  }
}

/** Takes what comes with the highest token so far or a higher one. */
class Resource {
  highest = 0;
  readonly writers: { readonly token: number; readonly by: string }[] = [];

  write(token: number, by: string): boolean {
    if (token < this.highest) return false;
    this.highest = token;
    this.writers.push({ token, by });
    return true;
  }
}

interface Setup {
  readonly rate: number;
  readonly offsetMs: number;
  readonly fates: readonly { thereMs: number | undefined; backMs: number | undefined; isSwift: boolean }[];
  readonly stopShare: number;
}

class Candidate {
  readonly setup: Setup;
  readonly name: string;
  life = 0;
  /** What was asked for by an earlier one is answered to nobody. */
  processes = 0;
  state: Election;
  /** The token by which it acts, until what it does has ended. */
  acting: number | undefined;
  stopAtMs = Number.POSITIVE_INFINITY;
  pausedUntilMs = 0;
  fates = 0;
  /** Of the latest alarm: earlier ones are void. */
  alarms = 0;

  constructor(name: string, setup: Setup) {
    this.name = name;
    this.setup = setup;
    this.state = election(this.id, timing, this.local(0));
  }
  get id(): string {
    return `${this.name}/${this.life}`;
  }
  local(trueMs: number): number {
    return this.setup.offsetMs + trueMs * this.setup.rate;
  }
  trueOf(localMs: number): number {
    return (localMs - this.setup.offsetMs) / this.setup.rate;
  }
}

interface Due {
  readonly atMs: number;
  readonly candidate: Candidate | undefined;
  readonly run: () => void;
}

class World {
  nowMs = 0;
  readonly store = new Store();
  readonly resource = new Resource();
  readonly candidates: Candidate[];
  due: Due[] = [];
  mayLose = true;

  constructor(setups: readonly Setup[]) {
    this.candidates = setups.map((setup, at) => new Candidate("abc"[at] as string, setup));
    for (const candidate of this.candidates) this.turn(candidate);
  }

  /** A candidate looks at its clock and acts, as the process around an elector does. */
  turn(candidate: Candidate): void {
    const local = candidate.local(this.nowMs);
    if (local >= candidate.stopAtMs) this.end(candidate, local);
    const decision = decide(candidate.state, local);
    candidate.state = decision.election;
    if (decision.request !== undefined) this.send(candidate, decision.request);
    const { held, stopping } = candidate.state;
    if (held !== undefined && candidate.acting === undefined) candidate.acting = held.record.token;
    if (stopping && candidate.acting === undefined) {
      candidate.state = stopped(candidate.state, local);
      return this.turn(candidate);
    }
    if (stopping && candidate.stopAtMs === Number.POSITIVE_INFINITY)
      candidate.stopAtMs = local + stopMsOf(timing) * candidate.setup.stopShare;
    this.check();
    if (candidate.acting !== undefined) this.resource.write(candidate.acting, candidate.id);
    const wakeMs = candidate.trueOf(Math.min(decision.wakeMs, candidate.stopAtMs));
    // Not earlier than its clock says: what is rounded down would wake it forever.
    if (wakeMs < Number.POSITIVE_INFINITY) this.later(Math.max(wakeMs, this.nowMs) + 1e-3, candidate);
  }

  end(candidate: Candidate, localMs: number): void {
    candidate.acting = undefined;
    candidate.stopAtMs = Number.POSITIVE_INFINITY;
    candidate.state = stopped(candidate.state, localMs);
  }

  /** Of those who look at their clocks one at most acts; a paused one is found out by its token. */
  check(): void {
    const acting = this.candidates.filter((one) => one.acting !== undefined && one.pausedUntilMs <= this.nowMs);
    expect(acting.map(({ id }) => id).slice(1)).toEqual([]);
    const holding = this.candidates.filter((one) => tokenAt(one.state, one.local(this.nowMs)) !== undefined);
    expect(holding.map(({ id }) => id).slice(1)).toEqual([]);
  }

  send(candidate: Candidate, request: LeaseRequest): void {
    const { asked } = candidate.state;
    const { processes, setup, state } = candidate;
    const { candidate: id } = state;
    const given = setup.fates[candidate.fates++ % setup.fates.length] as Setup["fates"][number];
    const swift = (ms: number | undefined): number | undefined => (ms !== undefined && given.isSwift ? ms / 100 : ms);
    const thereMs = this.mayLose ? swift(given.thereMs) : 10;
    const backMs = this.mayLose ? swift(given.backMs) : 10;
    const number = asked?.number ?? 0;
    if (thereMs === undefined) {
      if (backMs !== undefined) this.answer(candidate, processes, backMs, (at) => failed(candidate.state, number, at));
      return;
    }
    this.at(this.nowMs + thereMs, undefined, () => {
      const got = this.store.apply(id, request);
      const take = (at: number): Election => answered(candidate.state, number, got, at);
      if (backMs !== undefined) this.answer(candidate, processes, backMs, take);
    });
  }

  answer(candidate: Candidate, processes: number, afterMs: number, take: (localMs: number) => Election): void {
    this.at(this.nowMs + afterMs, candidate, () => {
      if (candidate.processes !== processes) return;
      candidate.state = take(candidate.local(this.nowMs));
      this.turn(candidate);
    });
  }

  later(atMs: number, candidate: Candidate): void {
    const alarm = ++candidate.alarms;
    this.at(atMs, candidate, () => {
      if (candidate.alarms === alarm) this.turn(candidate);
    });
  }

  at(atMs: number, candidate: Candidate | undefined, run: () => void): void {
    this.due.push({ atMs, candidate, run });
  }

  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      const next = this.due.reduce<Due | undefined>((a, b) => (a === undefined || b.atMs < a.atMs ? b : a), undefined);
      if (next === undefined || next.atMs > untilMs) break;
      this.due = this.due.filter((one) => one !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      const { candidate } = next;
      if (candidate !== undefined && candidate.pausedUntilMs > this.nowMs)
        this.due.push({ ...next, atMs: candidate.pausedUntilMs });
      else next.run();
    }
    this.nowMs = untilMs;
  }

  /** It does nothing for a time; the first thing it does then is to write, as if no time had passed. */
  pause(candidate: Candidate, forMs: number): void {
    const { acting, id } = candidate;
    candidate.pausedUntilMs = this.nowMs + forMs;
    if (acting === undefined) return;
    this.due.unshift({
      atMs: candidate.pausedUntilMs,
      candidate: undefined,
      run: () => {
        const isOld = this.resource.highest > acting;
        expect(this.resource.write(acting, id)).toBe(!isOld);
        // And only then does it look at its clock.
        if (candidate.acting === acting && candidate.id === id) this.wake(candidate);
      },
    });
  }

  wake(candidate: Candidate): void {
    const local = candidate.local(this.nowMs);
    const { held } = candidate.state;
    // Whatever it does was frozen with it, and ends with it: the time to stop has passed in the pause.
    if (held !== undefined && local >= held.untilMs) {
      candidate.state = { ...candidate.state, held: undefined, stopping: true };
      this.end(candidate, local);
    } else if (local >= candidate.stopAtMs) this.end(candidate, local);
    this.turn(candidate);
  }

  crash(candidate: Candidate): void {
    candidate.processes++;
    this.live(candidate, (id, localMs) => election(id, timing, localMs));
  }

  /** Another life begins. */
  live(candidate: Candidate, begin: (id: string, localMs: number) => Election): void {
    candidate.life++;
    candidate.acting = undefined;
    candidate.stopAtMs = Number.POSITIVE_INFINITY;
    candidate.state = begin(candidate.id, candidate.local(this.nowMs));
    this.later(this.nowMs, candidate);
  }

  /** A planned stop: what it does has ended when the lease is released. */
  resign(candidate: Candidate, next: () => void): void {
    if (candidate.pausedUntilMs > this.nowMs) return;
    const { election: last, release } = resigned(candidate.state);
    candidate.state = last;
    candidate.acting = undefined;
    if (release !== undefined) this.store.apply(candidate.id, { type: "release", held: release });
    next();
    for (const other of this.candidates) {
      if (other === candidate || other.pausedUntilMs > this.nowMs) continue;
      other.state = changed(other.state, other.local(this.nowMs));
      this.turn(other);
    }
  }
}

const setup: fc.Arbitrary<Setup> = fc.record({
  rate,
  offsetMs: fc.integer({ min: -1e9, max: 1e9 }),
  fates: fc.array(fate, { minLength: 1, maxLength: 12 }),
  stopShare: fc.double({ min: 0, max: 1, noNaN: true }),
});
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("advance"), who: fc.nat(2), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("pause"), who: fc.nat(2), ms: fc.integer({ min: 1, max: 40_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("crash"), who: fc.nat(2), ms: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("resign"), who: fc.nat(2), ms: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("return"), who: fc.nat(2), ms: fc.constant(0) }) },
);
const setups = fc.array(setup, { minLength: 3, maxLength: 3 });
const operations = fc.array(operation, { minLength: 1, maxLength: 40, size: "max" });

function runAll(world: World, all: readonly { type: string; who: number; ms: number }[]): void {
  for (const { ms, type, who } of all) {
    const candidate = world.candidates[who] as Candidate;
    if (type === "advance") world.advance(ms);
    if (type === "pause") world.pause(candidate, ms);
    if (type === "crash" && candidate.pausedUntilMs <= world.nowMs) world.crash(candidate);
    if (type === "resign") world.resign(candidate, () => world.crash(candidate));
    // As after a split: the process lives on, and hears what was asked for before.
    if (type === "return")
      world.resign(candidate, () => world.live(candidate, (id, localMs) => returned(candidate.state, id, localMs)));
  }
}

let terms = 0;

describe("whatever the clocks, the network, pauses and crashes", () => {
  test("one candidate at most acts, tokens only grow, and no old holder writes", () => {
    fc.assert(
      fc.property(setups, operations, (given, all) => {
        const world = new World(given);
        runAll(world, all);
        const { heldBy, tokens } = world.store;
        terms += tokens.length;
        expect(tokens).toEqual(tokens.map((_, at) => at + 1));
        for (const [at, { by, token }] of world.resource.writers.entries()) {
          expect(by).toBe(heldBy.get(token));
          expect(token).toBeGreaterThanOrEqual(world.resource.writers[at - 1]?.token ?? 0);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(terms).toBeGreaterThan(2_000); // Else nothing of it was tried.
  });

  test("once all goes well again one of them acts, and all know who", () => {
    fc.assert(
      fc.property(setups, operations, (given, all) => {
        const world = new World(given);
        runAll(world, all);
        world.mayLose = false;
        world.advance(60_000);
        const acting = world.candidates.filter(({ acting }) => acting !== undefined);
        expect(acting).toHaveLength(1);
        for (const one of world.candidates)
          expect(holderAt(one.state, one.local(world.nowMs))).toBe((acting[0] as Candidate).id);
        const { length } = world.store.tokens;
        world.advance(600_000);
        expect(world.store.tokens).toHaveLength(length); // And nobody takes it from whoever renews.
      }),
      { numRuns: 300 },
    );
  });
});

test("a term that was asked for before a candidate resigned is none of its own when it returns", () => {
  const timing = leaseTiming({ durationMs: 15_000 });
  const none = { granted: false, record: undefined };
  /** Asks for the lease, and what the answer is to be given to. */
  const asking = (state: Election, nowMs: number): Election => {
    const { election: reading } = decide(state, nowMs);
    const { election: acquiring, request } = decide(answered(reading, reading.requests, none, nowMs), nowMs);
    expect(request?.type).toBe("acquire");
    return acquiring;
  };
  const before = asking(election("a/0", timing, 0), 0);
  // Others see it held from now on, and take it over at 15 000.
  const granted = { granted: true, record: { holder: "a/0", token: 1, durationMs: 15_000, version: "1" } };
  const again = asking(returned(resigned(before).election, "a/1", 14_000), 14_000);
  const late = answered(again, before.asked?.number ?? 0, granted, 14_100);
  expect(late).toEqual(again); // It waits for its own.
  expect(tokenAt(late, 15_000)).toBeUndefined();
});

test("who abstains asks for nothing but a look, and not more often than others do", () => {
  const record = fc.option(
    fc.record({
      holder: fc.constantFrom(undefined, "a/0", "b/0"),
      token: fc.nat(9),
      durationMs: fc.integer({ min: 1, max: 30_000 }),
      version: fc.constantFrom("1", "2"),
    }),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), (records) => {
      let state = abstaining(election("a/0", timing, 0));
      let nowMs = 0;
      for (const seen of records) {
        const { election: asking, request, wakeMs } = decide(state, nowMs);
        expect(request).toEqual({ type: "read" });
        state = answered(asking, asking.asked?.number ?? 0, { granted: false, record: seen }, nowMs);
        const due = decide(state, nowMs);
        expect(due.request).toBeUndefined();
        // At the end of what is there, or when it is time to look again.
        expect(due.wakeMs).toBeGreaterThanOrEqual(nowMs + Math.min(timing.retryMs, 1));
        nowMs = due.wakeMs;
        expect(wakeMs).toBeGreaterThan(0);
      }
    }),
  );
});
