import fc from "fast-check";
import { expect, test } from "vitest";

import { TermWriter } from "./writer.ts";

/** Binaries below and above the size from which they are not copied, among other values. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.string(),
    fc.integer({ min: 16_000, max: 40_000 }).map((length) => new Uint8Array(length).fill(length)),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie("any"), { maxKeys: 3 }),
    fc.constant(() => "a function, which has no form"),
  ),
})).any;

test("a writer that gathers writes the same bytes as one that copies, after failures too", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), fc.boolean(), (values, marks) => {
      const copying = new TermWriter({ profile: "natural", marks });
      const gathering = new TermWriter({ profile: "natural", marks, gather: true });
      for (const one of values) {
        const outcomes = [copying, gathering].map((writer) => {
          try {
            writer.term(one);
            return "written";
          } catch {
            return "refused";
          }
        });
        expect(outcomes[0]).toBe(outcomes[1]);
        expect(gathering.length).toBe(copying.length);
      }
      expect(Buffer.concat(gathering.takeParts()).equals(copying.take())).toBe(true);
      expect([gathering.length, copying.length]).toEqual([0, 0]);
    }),
  );
});

test("a large binary is handed out itself, not a copy of it", () => {
  const writer = new TermWriter({ profile: "natural", gather: true });
  const large = new Uint8Array(100_000);
  writer.term([1, large, large]);
  expect(writer.takeParts().filter((part) => part === large)).toHaveLength(2);
});
