/** What goes on: on a terminal one line that changes, elsewhere a line for each step. */
import { stripVTControlCharacters } from "node:util";
import type { TextStream } from "./terminal.ts";

const DEFAULT_COLUMNS = 80;
const CLEAR = "\r\u001B[K";

export class Progress {
  readonly #to: TextStream;
  readonly #isLive: boolean;
  #now = "";

  /** `plain`: a line for each step, on a terminal too. */
  constructor(to: TextStream, plain: boolean) {
    this.#to = to;
    this.#isLive = to.isTTY === true && !plain;
  }

  /** Something is done, and stays to be read. */
  step(line: string): void {
    this.#to.write(this.#isLive ? `${CLEAR}${line}\n${this.#fitting(this.#now)}` : `${line}\n`);
  }

  /** What is being done now. */
  now(line: string): void {
    if (line === this.#now) return;
    this.#now = line;
    this.#to.write(this.#isLive ? `${CLEAR}${this.#fitting(line)}` : `${line}\n`);
  }

  /** Nothing goes on any more: the line that changed is gone. */
  end(): void {
    if (this.#isLive && this.#now !== "") this.#to.write(CLEAR);
    this.#now = "";
  }

  /** One that wraps could not be taken back. */
  #fitting(line: string): string {
    // Some terminals say 0 when they do not know.
    const columns = this.#to.columns || DEFAULT_COLUMNS;
    return stripVTControlCharacters(line).length < columns
      ? line
      : stripVTControlCharacters(line).slice(0, columns - 1);
  }
}

const WIDTH = 20;

/** `██████░░░░`: how much of it is done. */
export function bar(done: number, of: number): string {
  const full = of <= 0 ? 0 : Math.round((Math.min(done, of) / of) * WIDTH);
  return "█".repeat(full) + "░".repeat(WIDTH - full);
}
