import { describe, expect, test } from "vitest";

import { show } from "./errors.ts";

describe("show", () => {
  test("renders values of every kind in a line", () => {
    expect(show({ a: [1, 2n, "x", null, undefined, { b: true }], c: undefined })).toBe(
      '{"a":[1,"2n","x",null,null,{"b":true}]}',
    );
    expect(show([new Error("why")])).toBe('["Error: why"]');
    expect(show(new Date(0))).toBe('"1970-01-01T00:00:00.000Z"');
    expect(show(new Map())).toBe("{}");
    expect(show("x".repeat(81))).toBe(`"${"x".repeat(80)}…"`);
    expect(show({ text: "x".repeat(1_000) })).toHaveLength(201);
  });

  test("has a word for what has no text", () => {
    const cyclic: { self?: object } = {};
    cyclic.self = cyclic;
    const same = { same: 1 };
    expect(show(cyclic)).toBe("[object Object]");
    expect(show([same, same])).toBe('[{"same":1},{"same":1}]');
    expect(show(Proxy.revocable({}, {}).proxy)).toBe("{}");
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(show(proxy)).toBe("(cannot be shown)");
  });

  // An exit reason is shown when a process ends: a node that took seconds for it would be given up by its peers.
  test("looks at no more of a large value than it shows", () => {
    let looks = 0;
    const counted = (): object => ({
      get look() {
        looks++;
        return counted();
      },
    });
    show(Array.from({ length: 100_000 }, counted));
    expect(looks).toBeLessThan(1_000);
    expect(show({ bytes: new Uint8Array(10_000_000) })).toBe('{"bytes":"Uint8Array(10000000 bytes)"}');
    expect(show(Buffer.alloc(10_000_000))).toBe('"Buffer(10000000 bytes)"');
  });
});
