import fc from "fast-check";
import { expect, test } from "vitest";

import { type CacheKey, type CacheRules, CacheState, type Item } from "./state.ts";
import { compareVersions, type Version } from "./version.ts";

const RULES: CacheRules = { replicates: true, ttlMs: 100, staleMs: 50, maxEntries: 1_000 };
const KEYS = ["a", "b", "c"];

function shown(state: CacheState, nowMs: number): unknown {
  const held = KEYS.map((key) => [key, state.peek(key, nowMs)]);
  const { floor, versions } = state.digest();
  return { held, floor, versions: [...versions].sort(([left], [right]) => (left < right ? -1 : 1)) };
}

const version: fc.Arbitrary<Version> = fc.tuple(
  fc.integer({ min: 1, max: 6 }),
  fc.constantFrom("x", "y"),
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom("", "x", "y"),
);

/** One content a version: writers do not write twice at once. */
const told: fc.Arbitrary<Item> = fc.record({ key: fc.constantFrom(...KEYS), version }).map(({ key, version: at }) => {
  const content = at[0] % 3 === 0 ? undefined : { value: `${key} ${at.join()}` };
  return { key, version: at, atMs: at[0] * 10, content };
});

type Said = { readonly item: Item } | { readonly floor: Version };
const said: fc.Arbitrary<Said> = fc.oneof(
  { weight: 6, arbitrary: told.map((item) => ({ item })) },
  { weight: 1, arbitrary: version.map((floor) => ({ floor })) },
);

function hear(state: CacheState, one: Said, nowMs: number): void {
  if ("item" in one) state.take(one.item, nowMs);
  else state.raise(one.floor);
}

function after(all: readonly Said[], nowMs: number): CacheState {
  const state = new CacheState("me", RULES);
  for (const one of all) hear(state, one, nowMs);
  return state;
}

/** Everything a node has, to another one. */
function tellAll(from: CacheState, to: CacheState, nowMs: number): void {
  to.raise(from.floor);
  for (const item of from.missing(to.digest(), nowMs)) to.take(item, nowMs);
}

const order = fc.array(said, { maxLength: 12 }).chain((all) =>
  fc.record({
    all: fc.constant(all),
    shuffled: fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2, maxLength: all.length * 2 }),
  }),
);

test("what is heard in another order, and twice, comes to the same", () => {
  fc.assert(
    fc.property(order, ({ all, shuffled }) => {
      expect(shown(after(shuffled, 70), 70)).toEqual(shown(after(all, 70), 70));
    }),
  );
});

test("telling each other what is missing is commutative, associative and idempotent", () => {
  const some = fc.array(said, { maxLength: 8 });
  fc.assert(
    fc.property(some, some, some, (one, two, three) => {
      const nowMs = 70;
      const joined = (...parts: readonly (readonly Said[])[]): CacheState => {
        const [first, ...rest] = parts.map((part) => after(part, nowMs)) as [CacheState, ...CacheState[]];
        for (const other of rest) tellAll(other, first, nowMs);
        return first;
      };
      const all = shown(joined(one, two, three), nowMs);
      expect(shown(joined(three, one, two), nowMs)).toEqual(all);
      const nested = after(one, nowMs);
      tellAll(joined(two, three), nested, nowMs);
      expect(shown(nested, nowMs)).toEqual(all);
      tellAll(joined(two, three), nested, nowMs);
      expect(shown(nested, nowMs)).toEqual(all);
    }),
  );
});

test("an exchange of digests leaves two nodes with the same, and then has nothing more to say", () => {
  const some = fc.array(said, { maxLength: 10 });
  fc.assert(
    fc.property(some, some, (one, two) => {
      const [left, right] = [after(one, 70), after(two, 70)];
      const [ofLeft, ofRight] = [left.digest(), right.digest()];
      right.raise(ofLeft.floor);
      left.raise(ofRight.floor);
      for (const item of left.missing(ofRight, 70)) right.take(item, 70);
      for (const item of right.missing(ofLeft, 70)) left.take(item, 70);
      expect(shown(right, 70)).toEqual(shown(left, 70));
      expect([left.missing(right.digest(), 70), right.missing(left.digest(), 70)]).toEqual([[], []]);
    }),
  );
});

test("what has expired never comes back, whoever still tells it and however little room there is", () => {
  const steps = fc.array(fc.tuple(told, fc.integer({ min: 0, max: 40 })), { maxLength: 40 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), (all, maxEntries) => {
      const state = new CacheState("me", { ...RULES, maxEntries });
      let nowMs = 0;
      for (const [item, laterMs] of all) {
        nowMs += laterMs;
        state.take(item, nowMs);
        for (const key of KEYS) {
          state.lookup(key, nowMs);
          expect(state.peek(key, nowMs)?.ageMs ?? 0).toBeLessThan(150);
        }
        expect(state.size).toBeLessThanOrEqual(maxEntries);
      }
    }),
  );
});

test("a key's version never goes back while it is remembered", () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: 30 }), (all) => {
      const state = new CacheState("me", RULES);
      const latest = new Map<CacheKey, Version>();
      for (const one of all) {
        hear(state, one, 70);
        for (const [key, now] of state.digest().versions) {
          expect(compareVersions(latest.get(key) ?? now, now)).toBeLessThanOrEqual(0);
          latest.set(key, now);
        }
      }
    }),
  );
});

/** Nodes that write and load with clocks that do not agree; messages arrive in any order, some only by a later exchange. */
test("nodes whose clocks disagree have the same once all messages have arrived", () => {
  const step = fc.record({
    node: fc.nat({ max: 2 }),
    act: fc.constantFrom("set", "delete", "load", "clear", "deliver", "deliver", "deliver"),
    key: fc.constantFrom(...KEYS),
    pick: fc.nat(),
  });
  const skews = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), skews, (steps, skewMs) => {
      const endless = { ...RULES, ttlMs: Number.POSITIVE_INFINITY };
      const states = skewMs.map((_, at) => new CacheState(`n${at}`, endless));
      const underway: { readonly to: number; readonly what: Said }[] = [];
      const tell = (from: number, what: Said): void => {
        states.forEach((_, to) => {
          if (to !== from) underway.push({ to, what });
        });
      };
      let nowMs = 100;
      for (const { act, key, node, pick } of steps) {
        const state = states[node] as CacheState;
        const mine = ++nowMs + (skewMs[node] as number);
        if (act === "deliver") {
          const [message] = underway.splice(pick % Math.max(1, underway.length), 1);
          if (message !== undefined) hear(states[message.to] as CacheState, message.what, mine);
        } else if (act === "clear") tell(node, { floor: state.clear(mine) });
        else {
          const content = { value: `${node} ${nowMs}` };
          const item =
            act === "load"
              ? state.loaded(state.begin(key, mine), content, mine)
              : state.written(key, act === "set" ? content : undefined, mine);
          if (item === undefined) throw new Error("nothing has come between");
          state.take(item, mine);
          tell(node, { item });
        }
      }
      for (const { to, what } of underway) hear(states[to] as CacheState, what, nowMs);
      const [first, ...others] = states.map((state) => shown(state, nowMs));
      for (const other of others) expect(other).toEqual(first);
    }),
  );
});
