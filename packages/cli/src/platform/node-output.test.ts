import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { forwardLines, LineSplitter, prefixOf } from "./node-output.ts";
import { Page } from "./waiting.fixture.ts";

describe("lines of a node", () => {
  test("are the same wherever the text was cut on its way", () => {
    const text = fc
      .array(fc.constantFrom("a", "é", "😀", "\n", "\r\n", " "), { maxLength: 40 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (whole, cuts) => {
        const ends = [...new Set(cuts.filter((cut) => cut < whole.length)), whole.length].toSorted((a, b) => a - b);
        const splitter = new LineSplitter();
        const lines = ends.flatMap((end, at) => splitter.push(whole.slice(ends[at - 1] ?? 0, end)));
        const expected = whole.split(/\r?\n/);
        const rest = expected.pop();
        // A carriage return at the very end may be the half of a line's end that is still to come.
        expect([...lines, ...splitter.end()]).toEqual(rest === "" ? expected : [...expected, rest]);
      }),
    );
  });

  test("are cut when they do not end", () => {
    const splitter = new LineSplitter(4);
    expect(splitter.push("abcdefghij")).toEqual(["abcd", "efgh"]);
    expect(splitter.push("\n")).toEqual(["ij"]);
  });

  test("are written with the node's name, the last one although it has no end", async () => {
    const [from, to] = [new PassThrough(), new Page()];
    forwardLines(from, to, "news-1 │ ");
    from.end("one\ntwo\n\nthree");
    await once(from, "end");
    expect(to.text).toBe("news-1 │ one\nnews-1 │ two\nnews-1 │ \nnews-1 │ three\n");
  });

  test("wait for a slow reader", async () => {
    const from = new PassThrough();
    const waiting: (() => void)[] = [];
    const to = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void waiting.push(done) });
    forwardLines(from, to, "");
    const paused = once(from, "pause");
    from.write("one\n");
    await paused;
    const resumed = once(from, "resume");
    waiting.shift()?.();
    await resumed;
  });

  test("have the name in colour only where somebody sees it", () => {
    expect(prefixOf("news-1", 1, new Page())).toBe("news-1 │ ");
  });
});
