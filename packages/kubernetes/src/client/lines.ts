/** The lines of a stream of bytes, wherever its chunks are cut. A watch is one JSON value a line. */

export class Lines {
  readonly #decoder = new TextDecoder();
  #rest: string[] = [];

  /** The lines that `chunk` completes, without their ends; empty ones are left out. */
  push(chunk: Uint8Array): readonly string[] {
    const [first = "", ...others] = this.#decoder.decode(chunk, { stream: true }).split("\n");
    // An object of a megabyte comes in many chunks: they are joined once.
    this.#rest.push(first);
    const last = others.pop();
    if (last === undefined) return [];
    const lines = [this.#rest.join(""), ...others];
    this.#rest = [last];
    return lines.filter((line) => line !== "");
  }

  /** What came after the last line's end. */
  get rest(): string {
    return this.#rest.join("");
  }
}
