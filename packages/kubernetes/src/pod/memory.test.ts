import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { heapPlan, type MemoryFacts } from "./memory.ts";

const MIB = 1_048_576;
const facts: MemoryFacts = {
  limitBytes: 1_024 * MIB,
  heapBytes: 2_096 * MIB,
  execArgv: [],
  nodeOptions: undefined,
  ownFlag: undefined,
};

describe("the heap", () => {
  test("is a part of the container's memory", () => {
    expect(heapPlan(facts, 75)).toEqual({ by: "limit", heapMiB: 768, flag: "--max-old-space-size=768" });
    expect(heapPlan(facts, 50)).toMatchObject({ heapMiB: 512 });
  });

  test("is V8's own where there is no limit", () => {
    expect(heapPlan({ ...facts, limitBytes: undefined }, 75)).toEqual({
      by: "default",
      heapMiB: 2_096,
      flag: undefined,
    });
  });

  test.each([
    ["--max-old-space-size=300", undefined],
    ["--max_old_space_size=300", undefined],
    ["--max-old-space-size-percentage=60", undefined],
    [undefined, "--enable-source-maps --max-heap-size=300"],
  ])("is what a flag says: %s %s", (flag, nodeOptions) => {
    const execArgv = flag === undefined ? [] : [flag];
    const plan = heapPlan({ ...facts, heapBytes: 306 * MIB, execArgv, nodeOptions }, 75);
    expect(plan).toEqual({ by: "flag", heapMiB: 306, flag: undefined });
  });

  test("is not asked for twice: a program that has begun anew with its flag has the right heap", () => {
    fc.assert(
      fc.property(fc.integer({ min: 32, max: 1 << 20 }), fc.integer({ min: 10, max: 90 }), (limitMiB, percent) => {
        const first = heapPlan({ ...facts, limitBytes: limitMiB * MIB, heapBytes: 1 }, percent);
        const execArgv = first.flag === undefined ? [] : [first.flag];
        const again = { ...facts, limitBytes: limitMiB * MIB, execArgv, ownFlag: first.flag };
        expect(heapPlan(again, percent).flag).toBeUndefined();
      }),
    );
  });

  test("is another one when the program asks for another part of the memory later than whoever loaded it", () => {
    const ownFlag = "--max-old-space-size=768";
    expect(heapPlan({ ...facts, execArgv: [ownFlag], ownFlag }, 50)).toMatchObject({
      by: "limit",
      flag: "--max-old-space-size=512",
    });
  });
});
