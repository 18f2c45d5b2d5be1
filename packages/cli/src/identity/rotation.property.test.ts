import fc from "fast-check";
import { expect, test } from "vitest";
import { begin, identityOf, nextStep, type Rotation, spread } from "./rotation.ts";

/** A rotation and what it becomes by `steps`. */
function walk(steps: number): readonly Rotation<number>[] {
  let made = 0;
  const rotations: Rotation<number>[] = [{ step: "settled", current: made }];
  for (let at = 0; at < steps; at++) {
    const last = rotations.at(-1) as Rotation<number>;
    rotations.push(last.step === "settled" ? begin(last.current, ++made) : nextStep(last));
  }
  return rotations;
}

test("any two nodes take what the other one shows, as long as none is more than a step behind", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 12 }),
      fc.array(fc.boolean(), { minLength: 2, maxLength: 8 }),
      (at, behind) => {
        const rotations = walk(at + 1);
        const nodes = behind.map((isBehind) => identityOf(rotations[isBehind ? at : at + 1] as Rotation<number>));
        for (const one of nodes) for (const other of nodes) expect(other.taken).toContain(one.shown);
      },
    ),
  );
});

test("a node that is two steps behind is refused somewhere: so no step is taken before all have the one before", () => {
  const [, trusted, shown, settled] = walk(3).map(identityOf);
  expect(identityOf(walk(0)[0] as Rotation<number>).taken).not.toContain(shown?.shown);
  expect(settled?.taken).not.toContain(trusted?.shown);
});

test("three steps lead from one to the next, the one of before is forgotten, and the end is told from the last step", () => {
  expect(walk(4).map(identityOf)).toEqual([
    { shown: 0, taken: [0] },
    { shown: 0, taken: [0, 1] },
    { shown: 1, taken: [1, 0] },
    { shown: 1, taken: [1] },
    { shown: 1, taken: [1] },
  ]);
  expect(walk(5).map(({ step }) => step)).toEqual(["settled", "trusted", "shown", "settling", "settled", "trusted"]);
});

test("all is spread when every pod has said so, or was silent for long enough; never with one that has another", () => {
  const seen = fc.oneof(fc.record({ version: fc.constantFrom("new", "old") }), fc.record({ silentMs: fc.nat(20) }));
  fc.assert(
    fc.property(fc.array(seen, { maxLength: 6 }), (pods) => {
      const given = new Map(pods.map((pod, at) => [`pod-${at}`, pod] as const));
      const has = pods.map((pod) => ("silentMs" in pod ? pod.silentMs >= 10 : pod.version === "new"));
      const behind = [...given.keys()].filter((_, at) => has[at] === false);
      const unasked = pods.filter((pod) => "silentMs" in pod).length;
      expect(spread(given, "new", 10)).toEqual(
        behind.length === 0 ? { type: "done", unasked } : { type: "waiting", behind },
      );
    }),
  );
});
