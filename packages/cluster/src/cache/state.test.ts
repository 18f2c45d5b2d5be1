import { describe, expect, test } from "vitest";

import { type CacheRules, CacheState, type Item } from "./state.ts";
import { NEVER } from "./version.ts";

const RULES: CacheRules = { replicates: true, ttlMs: 100, staleMs: 50, maxEntries: 3 };

function made(name: string, rules: Partial<CacheRules> = {}): CacheState {
  return new CacheState(name, { ...RULES, ...rules });
}

function put(state: CacheState, key: string, value: unknown, nowMs: number): Item {
  const item = state.written(key, value === undefined ? undefined : { value }, nowMs);
  state.take(item, nowMs);
  return item;
}

describe("a value", () => {
  test("is fresh for ttlMs, stale for staleMs after that, and then gone", () => {
    const state = made("a");
    put(state, "k", 1, 1_000);
    expect(state.peek("k", 1_099)).toEqual({ value: 1, ageMs: 99, stale: false });
    expect(state.peek("k", 1_100)).toEqual({ value: 1, ageMs: 100, stale: true });
    expect(state.peek("k", 1_149)).toEqual({ value: 1, ageMs: 149, stale: true });
    expect(state.peek("k", 1_150)).toBeUndefined();
    expect([state.lookup("k", 1_150), state.size]).toEqual([undefined, 0]);
  });

  test("makes room when it was used longest ago, and is not taken back from one who still has it", () => {
    const state = made("a");
    const items = ["k", "l", "m"].map((key) => put(state, key, key, 1_000));
    state.lookup("k", 1_000);
    put(state, "n", "n", 1_000);
    expect([state.keys(1_000), state.evictions]).toEqual([["m", "k", "n"], 1]);
    for (const item of items) state.take(item, 1_000);
    expect(state.keys(1_000)).toEqual(["m", "k", "n"]);
  });

  test("that has expired on its way takes no room", () => {
    const state = made("a");
    state.take(put(made("b"), "k", 1, 1_000), 1_150);
    expect([state.size, state.missing({ floor: NEVER, versions: new Map() }, 1_000)]).toEqual([0, []]);
  });

  test("is what it was written as, undefined too", () => {
    const state = made("a");
    const item = state.written("k", { value: undefined }, 1);
    state.take(item, 1);
    expect(state.peek("k", 1)).toEqual({ value: undefined, ageMs: 0, stale: false });
  });
});

describe("the value of a load is not kept", () => {
  test.each([
    ["the key was written here", (state: CacheState) => void put(state, "k", "new", 1_001)],
    ["the key was deleted here", (state: CacheState) => void put(state, "k", undefined, 1_001)],
    ["everything was cleared", (state: CacheState) => void state.clear(1_001)],
    ["another node wrote it", (state: CacheState) => void state.take(put(made("b"), "k", "new", 1_001), 1_001)],
    [
      "another node whose clock is behind wrote it",
      (state: CacheState) => void state.take(put(made("b"), "k", "new", 5), 1_001),
    ],
    [
      "another node whose clock is behind invalidated it",
      (state: CacheState) => void state.invalidate("k", [5, "b", 0, ""], 5, 1_001),
    ],
    ["another load began", (state: CacheState) => void state.begin("k", 1_001)],
  ])("when %s since it began", (_what, between) => {
    const state = made("a");
    const load = state.begin("k", 1_000);
    between(state);
    expect(state.loaded(load, { value: "old" }, 1_002)).toBeUndefined();
  });

  test("over a write of which the node had not heard, though its clock is ahead and the load ended before", () => {
    const [ahead, behind] = [made("ahead"), made("behind")];
    const loaded = ahead.loaded(ahead.begin("k", 9_000), { value: "old" }, 9_000) as Item;
    ahead.take(loaded, 9_000);
    const written = put(behind, "k", "new", 100);
    behind.take(loaded, 100);
    ahead.take(written, 100);
    expect([ahead, behind].map((state) => state.peek("k", 100)?.value)).toEqual(["new", "new"]);
  });

  test("over such a write that is as late as what the load began upon", () => {
    const endless = { ttlMs: Number.POSITIVE_INFINITY };
    const [one, two] = [made("a", endless), made("b", endless)];
    const base = put(made("z"), "k", "base", 1_000);
    for (const state of [one, two]) state.take(base, 1_000);
    const loaded = one.loaded(one.begin("k", 9_000), { value: "old" }, 9_000) as Item;
    const written = put(two, "k", "new", 5);
    for (const state of [one, two]) for (const item of [loaded, written]) state.take(item, 1_000);
    expect([one, two].map((state) => state.peek("k", 1_000)?.value)).toEqual(["new", "new"]);
  });

  test("when a write has come since that is older than what is here", () => {
    const state = made("a");
    put(state, "k", "here", 1_000);
    const load = state.begin("k", 1_001);
    state.take(put(made("b"), "k", "new", 5), 1_002);
    expect([state.loaded(load, { value: "old" }, 1_003), state.peek("k", 1_003)?.value]).toEqual([undefined, "here"]);
  });

  test("but it is when it began after the write", () => {
    const state = made("a");
    put(state, "k", "first", 1_000);
    const item = state.loaded(state.begin("k", 1_001), { value: "second" }, 1_002) as Item;
    state.take(item, 1_002);
    expect(state.peek("k", 1_002)?.value).toBe("second");
  });
});

describe("where values are not told", () => {
  test("another node's write takes the value in any case: of two at once nobody knows the later one", () => {
    const [one, two] = [made("a", { replicates: false }), made("b", { replicates: false })];
    const ofOne = put(one, "k", 1, 2_000);
    const ofTwo = put(two, "k", 2, 1_000);
    expect(one.invalidate("k", ofTwo.version, 1_000, 2_000)).toBe(true);
    expect(two.invalidate("k", ofOne.version, 2_000, 2_000)).toBe(true);
    expect([one.size, two.size]).toEqual([0, 0]);
    expect(one.digest().versions.get("k")).toEqual(two.digest().versions.get("k"));
  });

  test("one that was away hears of writes, also of those that had to make room, and not of loads", () => {
    const state = made("a", { replicates: false, maxEntries: 2 });
    for (const key of ["k", "l", "m"]) put(state, key, key, 1_000);
    state.take(state.loaded(state.begin("n", 1_000), { value: "n" }, 1_000) as Item, 1_000);
    const missing = state.missing({ floor: NEVER, versions: new Map() }, 1_000);
    expect(missing.map(({ key, content }) => [key, content])).toEqual([
      ["m", undefined],
      ["k", undefined],
      ["l", undefined],
    ]);
  });
});

describe("of what is deleted no more is remembered than of what is there", () => {
  test("the oldest are given up, and with them whatever is older, here and where it is told", () => {
    const state = made("a");
    const old = put(state, "old", 1, 1_000);
    for (const [at, key] of ["k", "l", "m"].entries()) put(state, key, undefined, 1_001 + at);
    expect(state.peek("old", 1_004)?.value).toBe(1);
    put(state, "n", undefined, 1_004);
    expect([state.peek("old", 1_004), state.digest().versions.size]).toEqual([undefined, 2]);
    const returned = made("b");
    returned.take(old, 1_004);
    returned.raise(state.floor);
    expect(returned.size).toBe(0);
    state.take(old, 1_004);
    expect(state.size).toBe(0);
  });

  test("those that have expired are given up first, which costs nothing", () => {
    const state = made("a");
    for (const key of ["k", "l", "m"]) put(state, key, undefined, 1_000);
    put(state, "there", 1, 1_149);
    put(state, "n", undefined, 1_150);
    expect([state.peek("there", 1_150)?.value, state.floor]).toEqual([1, NEVER]);
  });
});

test("a process that has lost its clock does not write into the past", () => {
  const [before, after, other] = [made("a 1"), made("a 2"), made("b")];
  for (let round = 0; round < 5; round++) other.take(put(before, "k", round, 1_000 + round), 1_010);
  other.take(put(after, "k", "new", 1_010), 1_010);
  expect(other.peek("k", 1_010)?.value).toBe("new");
});
