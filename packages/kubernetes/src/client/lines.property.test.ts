import fc from "fast-check";
import { expect, test } from "vitest";

import { Lines } from "./lines.ts";

test("lines are the same wherever the bytes are cut", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll("\n", ""));
  const cuts = fc.array(fc.nat(80), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), line, cuts, (whole, rest, at) => {
      const bytes = new TextEncoder().encode([...whole, rest].join("\n"));
      const lines = new Lines();
      const ends = [...at, bytes.length].toSorted((a, b) => a - b);
      const found = ends.flatMap((end, index) => lines.push(bytes.subarray(ends[index - 1] ?? 0, end)));
      expect(found).toEqual(whole.filter((one) => one !== ""));
      expect(lines.rest).toBe(rest);
    }),
  );
});
