import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isText } from "./utf8.ts";

const near = fc.tuple(fc.string({ unit: "grapheme", maxLength: 60 }), fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0) bytes[at % bytes.length] = byte;
  return bytes;
});

test("bytes are text exactly when Node.js says that they are UTF-8: random ones, and text with one byte changed", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), near), (bytes) => {
      expect(isText(bytes)).toBe(isUtf8(bytes));
    }),
    { numRuns: 3_000 },
  );
});
