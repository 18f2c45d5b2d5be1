import { expect, test } from "vitest";
import { bar, Progress } from "./progress.ts";

class Kept {
  text = "";
  readonly columns: number;
  readonly isTTY: boolean;
  constructor(isTTY: boolean, columns = 20) {
    this.isTTY = isTTY;
    this.columns = columns;
  }
  write(text: string): void {
    this.text += text;
  }
}

function shown(to: Kept, plain: boolean): string {
  const progress = new Progress(to, plain);
  progress.now("half");
  progress.now("half");
  progress.step("one thing is done");
  progress.now("a line that is longer than the terminal is wide");
  progress.end();
  return to.text;
}

const clear = "\r\u001B[K";

test("on a terminal what goes on is one line that changes, cut to its width, and gone at the end", () => {
  expect(shown(new Kept(true), false)).toBe(
    `${clear}half${clear}one thing is done\nhalf${clear}a line that is long${clear}`,
  );
});

test("a terminal that does not know its width is shown whole lines", () => {
  const to = new Kept(true, 0);
  new Progress(to, false).now("a line that is longer");
  expect(to.text).toBe(`${clear}a line that is longer`);
});

test("elsewhere, and where it is asked for, each step is a line", () => {
  const lines = "half\none thing is done\na line that is longer than the terminal is wide\n";
  expect(shown(new Kept(false), false)).toBe(lines);
  expect(shown(new Kept(true), true)).toBe(lines);
});

test("a bar is as full as its part is done", () => {
  expect(bar(0, 3)).toBe("░".repeat(20));
  expect(bar(1, 2)).toBe("█".repeat(10) + "░".repeat(10));
  expect(bar(5, 3)).toBe("█".repeat(20));
});
