/** What nodes print, line by line, each with the name of who printed it. */
import type { Readable, Writable } from "node:stream";
import { styleText } from "node:util";

const LONGEST_LINE = 64 * 1024;
const COLOURS = ["cyan", "magenta", "yellow", "green", "blue", "red"] as const;

/** Cuts text into lines, wherever it was cut before. What has no end after `longest` characters is cut there. */
export class LineSplitter {
  readonly #longest: number;
  #rest = "";

  constructor(longest: number = LONGEST_LINE) {
    this.#longest = longest;
  }

  push(text: string): readonly string[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    while (this.#rest.length > this.#longest) {
      lines.push(this.#rest.slice(0, this.#longest));
      this.#rest = this.#rest.slice(this.#longest);
    }
    return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  /** What came after the last line's end, if anything. */
  end(): readonly string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

/** Lets what a node prints through to `to`; a slow reader of `to` slows the node down. */
export function forwardLines(from: Readable, to: Writable, prefix: string): void {
  const splitter = new LineSplitter();
  const write = (lines: readonly string[]): boolean =>
    lines.length === 0 || to.write(lines.map((line) => `${prefix}${line}\n`).join(""));
  from.setEncoding("utf8");
  from.on("data", (text: string) => {
    if (write(splitter.push(text))) return;
    from.pause();
    to.once("drain", () => from.resume());
  });
  from.on("end", () => void write(splitter.end()));
}

/** The name before a node's lines: in a colour of its own where colours are shown. */
export function prefixOf(id: string, number: number, to: Writable): string {
  const colour = COLOURS[(number - 1) % COLOURS.length] ?? "cyan";
  return `${styleText(colour, id, { stream: to })} │ `;
}
