import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Dot } from "./dots.ts";
import { combine, type Delta, emptyDelta, PresenceState } from "./state.ts";

const REPLICAS = ["a#1", "b#1", "c#1"] as const;

/** Values are unique words; what is left of a state is the words, in order. */
function wordsOf(state: PresenceState<string>): string[] {
  return [...state.values()].sort();
}

const operation = fc.record({
  at: fc.nat(REPLICAS.length - 1),
  kind: fc.constantFrom("join", "join", "leave", "update"),
  which: fc.nat(5),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** One replica and what it was told to do: who is present on it by the plainest account. */
class Owner {
  readonly state: PresenceState<string>;
  readonly present: (readonly [Dot, string])[] = [];
  #words = 0;

  constructor(replica: string) {
    this.state = new PresenceState(replica);
  }

  do({ kind, which }: Operation): Delta<string> {
    const word = `${this.state.replica}:${++this.#words}`;
    if (kind === "join" || this.present.length === 0) {
      const { delta, dot } = this.state.join(word);
      this.present.push([dot, word]);
      return delta;
    }
    const [[dot]] = this.present.splice(which % this.present.length, 1) as [readonly [Dot, string]];
    if (kind === "leave") return this.state.leave([dot]);
    const updated = this.state.update(dot, word);
    this.present.push([updated.dot, word]);
    return updated.delta;
  }
}

function owners(): Owner[] {
  return REPLICAS.map((replica) => new Owner(replica));
}

/** Deltas of a run in which the replicas hear nothing of each other. */
const deltas = fc.array(operation, { maxLength: 30, size: "max" }).map((operations) => {
  const all = owners();
  const made = operations.map((one) => (all[one.at] as Owner).do(one));
  return { made, expected: all.flatMap(({ present }) => present.map(([, word]) => word)).sort() };
});

function merged(all: readonly Delta<string>[]): PresenceState<string> {
  const state = new PresenceState<string>("observer#1");
  for (const delta of all) state.merge(delta);
  return state;
}

/** Equal states: the same presences, the same dots. */
function same(one: PresenceState<string>, other: PresenceState<string>): void {
  expect(wordsOf(one)).toEqual(wordsOf(other));
  expect([one.isBehind(other.seen), other.isBehind(one.seen)]).toEqual([false, false]);
}

describe("deltas", () => {
  test("give the same whatever their order and however often they come", () => {
    fc.assert(
      fc.property(
        deltas.chain(({ expected, made }) =>
          fc.tuple(
            fc.constant({ expected, made }),
            fc.shuffledSubarray(made, { minLength: made.length }),
            fc.shuffledSubarray(made),
          ),
        ),
        ([{ expected, made }, shuffled, repeated]) => {
          const state = merged(made);
          expect(wordsOf(state)).toEqual(expected);
          same(merged([...repeated, ...shuffled, ...repeated]), state);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("give the same however they are combined, and the empty one changes nothing", () => {
    fc.assert(
      fc.property(deltas, fc.nat(), fc.nat(), ({ made }, first, second) => {
        const [from, to] = [first % (made.length + 1), second % (made.length + 1)].sort((x, y) => x - y) as [
          number,
          number,
        ];
        const fold = (part: readonly Delta<string>[]): Delta<string> => part.reduce(combine, emptyDelta<string>());
        const [x, y, z] = [fold(made.slice(0, from)), fold(made.slice(from, to)), fold(made.slice(to))];
        same(merged([combine(combine(x, y), z)]), merged(made));
        same(merged([combine(x, combine(y, z))]), merged(made));
        same(merged([combine(y, x), z]), merged(made));
        same(merged([x, x, y, z, emptyDelta()]), merged(made));
      }),
      { numRuns: 500 },
    );
  });
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("do"), operation }) },
  // Of what is on its way to a replica one is delivered, lost or delivered and kept to be delivered again.
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("network"),
      to: fc.nat(REPLICAS.length - 1),
      which: fc.nat(),
      fate: fc.constantFrom("deliver", "deliver", "lose", "repeat"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("repair"), to: fc.nat(2), from: fc.nat(2) }) },
);

describe("replicas", () => {
  test("agree with what each owner did, after loss, repetition and disorder, once they have repaired each other", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const all = owners();
        const inbox: Delta<string>[][] = all.map(() => []);
        const followed = all.map(() => new Set<string>());
        const receive = (to: number, delta: Delta<string>): void => {
          const { joins, leaves } = (all[to] as Owner).state.merge(delta);
          for (const word of joins) {
            expect(followed[to]?.has(word), `${word} joins again`).toBe(false);
            followed[to]?.add(word);
          }
          for (const word of leaves) expect(followed[to]?.delete(word), `${word} leaves and is not there`).toBe(true);
        };
        for (const one of steps) {
          if (one.type === "do") {
            const { at } = one.operation;
            const before = new Set(wordsOf((all[at] as Owner).state));
            const delta = (all[at] as Owner).do(one.operation);
            const after = new Set(wordsOf((all[at] as Owner).state));
            for (const word of before) if (!after.has(word)) followed[at]?.delete(word);
            for (const word of after) if (!before.has(word)) followed[at]?.add(word);
            for (const [to, waiting] of inbox.entries()) if (to !== at) waiting.push(delta);
          } else if (one.type === "repair") receive(one.to, (all[one.from] as Owner).state.full());
          else {
            const waiting = inbox[one.to] as Delta<string>[];
            if (waiting.length === 0) continue;
            const at = one.which % waiting.length;
            if (one.fate !== "lose") receive(one.to, waiting[at] as Delta<string>);
            if (one.fate !== "repeat") waiting.splice(at, 1);
          }
        }
        // As heartbeats do it: who is behind asks for all. Twice, as what one has may have to go by way of another.
        for (let round = 0; round < 2; round++)
          for (const [to, { state }] of all.entries())
            for (const other of all) if (state.isBehind(other.state.seen)) receive(to, other.state.full());
        const expected = all.flatMap(({ present }) => present.map(([, word]) => word)).sort();
        for (const [at, { state }] of all.entries()) {
          expect(wordsOf(state)).toEqual(expected);
          expect([...(followed[at] ?? [])].sort()).toEqual(expected);
          same(state, (all[0] as Owner).state);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("that are gone stay gone, whatever others still repeat of them, in any order", () => {
    fc.assert(
      fc.property(
        deltas.chain(({ made }) => {
          const gone = new PresenceState<string>("observer#2").replicaGone("b#1").delta;
          return fc.shuffledSubarray([...made, gone], { minLength: made.length + 1 });
        }),
        (all) => {
          const state = merged(all);
          expect(wordsOf(state).filter((word) => word.startsWith("b#1"))).toEqual([]);
          // The next life of the node is another replica.
          const next = new PresenceState<string>("b#2");
          state.merge(next.join("b#2:1").delta);
          expect(wordsOf(state)).toContain("b#2:1");
          state.forget("b#1");
          expect(Object.keys(state.seen.upTo)).not.toContain("b#1");
        },
      ),
      { numRuns: 500 },
    );
  });
});
