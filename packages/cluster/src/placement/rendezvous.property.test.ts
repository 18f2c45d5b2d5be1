import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type PlacementMember, place, placementOrder } from "./rendezvous.ts";

const room = [{ name: "room", version: "1" }];
const keys = Array.from({ length: 300 }, (_, at) => `room:${at}`);
const where = (key: string, members: readonly PlacementMember[]): NodeName | undefined =>
  place({ key, module: "room" }, members);

const member = fc.record({
  node: fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 })).map(([a, b]): NodeName => {
    return `app@10.0.${a}.${b}`;
  }),
  modules: fc.constant(room),
  weight: fc.constantFrom(0.5, 1, 1, 1, 2, 3),
});
const members = fc.uniqueArray(member, { selector: ({ node }) => node, minLength: 1, maxLength: 12 });
const shuffled = members.chain((all) =>
  fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
);

describe("a key", () => {
  test("is where all who know the same members find it, in whatever order they know them", () => {
    fc.assert(
      fc.property(shuffled, fc.string(), ([all, others], key) => {
        expect(where(key, others)).toBe(where(key, all));
        expect(placementOrder({ key, module: "room" }, others)).toEqual(placementOrder({ key, module: "room" }, all));
      }),
    );
  });

  test("moves only from a member that leaves, to whoever was next in its order", () => {
    fc.assert(
      fc.property(members, fc.nat(), (all, at) => {
        const leaving = all[at % all.length] as PlacementMember;
        const rest = all.filter((one) => one !== leaving);
        for (const key of keys) {
          const [first, second] = placementOrder({ key, module: "room" }, all);
          expect(where(key, rest)).toBe(first === leaving.node ? second : first);
        }
      }),
    );
  });

  test("moves only to a member that joins or gets more weight, never between the others", () => {
    fc.assert(
      fc.property(members, fc.nat(), fc.double({ min: 1.1, max: 10, noNaN: true }), (all, at, times) => {
        const { node, weight } = all[at % all.length] as (typeof all)[number];
        const heavier = all.map((one) => (one.node === node ? { ...one, weight: weight * times } : one));
        for (const key of keys) {
          const now = where(key, heavier);
          if (now !== where(key, all)) expect(now).toBe(node);
        }
      }),
    );
  });

  test("is only where its module is advertised in the version asked for, and has weight", () => {
    fc.assert(
      fc.property(members, fc.array(fc.constantFrom("1", "2", "none", "idle"), { minLength: 12 }), (all, kinds) => {
        const mixed = all.map((one, at): PlacementMember => {
          const kind = kinds[at] as string;
          if (kind === "idle") return { ...one, weight: 0 };
          return {
            ...one,
            modules: kind === "none" ? [{ name: "poll", version: "2" }] : [{ name: "room", version: kind }],
          };
        });
        for (const version of ["1", "2", undefined]) {
          const able = mixed.filter(
            (one) =>
              one.weight !== 0 && one.modules.some((m) => m.name === "room" && (version ?? m.version) === m.version),
          );
          const request = { key: "room:1", module: "room", ...(version !== undefined && { version }) };
          // Those without it change nothing: the place is that among the able alone.
          expect(place(request, mixed)).toBe(place({ key: "room:1", module: "room" }, able));
          expect(placementOrder(request, mixed).toSorted()).toEqual(able.map(({ node }) => node).toSorted());
        }
      }),
    );
  });
});

describe("keys", () => {
  const many = 20_000;
  const countsOf = (all: readonly PlacementMember[]): number[] => {
    const counts = new Map<NodeName | undefined, number>();
    for (let at = 0; at < many; at++) {
      const node = where(`user:${at}`, all);
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return all.map(({ node }) => counts.get(node) ?? 0);
  };

  test.each([2, 3, 10, 50])("spread over %i equal members with the deviation of chance", (size) => {
    const all = Array.from({ length: size }, (_, at): PlacementMember => ({ node: `app@10.0.0.${at}`, modules: room }));
    const share = many / size;
    // Five standard deviations of a binomial distribution.
    const bound = 5 * Math.sqrt(share * (1 - 1 / size));
    for (const count of countsOf(all)) expect(Math.abs(count - share)).toBeLessThan(bound);
  });

  test("spread in proportion to weights", () => {
    const weights = [1, 2, 3, 4];
    const all = weights.map((weight): PlacementMember => ({ node: `w${weight}@10.0.0.1`, modules: room, weight }));
    for (const [at, count] of countsOf(all).entries()) {
      const chance = (weights[at] as number) / 10;
      expect(Math.abs(count - many * chance)).toBeLessThan(5 * Math.sqrt(many * chance * (1 - chance)));
    }
  });
});

test("a weight that is no share is refused", () => {
  const all: PlacementMember[] = [{ node: "a@h", modules: room, weight: -1 }];
  expect(() => where("a", all)).toThrow("expected weight of a@h to be a number, 0 or more, got -1");
});
