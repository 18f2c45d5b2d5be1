/** The body of an answer that goes on: pieces that whoever reads it waits for. */

export class FakeStream implements AsyncIterable<Uint8Array> {
  readonly #pieces: Uint8Array[] = [];
  #end: { readonly error: unknown } | undefined;
  #isHeld: boolean;
  #wake: (() => void) | undefined;
  readonly #ended: () => void;

  constructor(isHeld: boolean, signal: AbortSignal, ended: () => void) {
    this.#isHeld = isHeld;
    this.#ended = ended;
    if (signal.aborted) this.fail(signal.reason);
    else signal.addEventListener("abort", () => this.fail(signal.reason), { once: true });
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  push(text: string): void {
    if (this.#end !== undefined) return;
    this.#pieces.push(new TextEncoder().encode(text));
    this.#wake?.();
  }

  end(): void {
    this.#end ??= { error: undefined };
    this.#ended();
    this.#wake?.();
  }

  /** What has not been read is lost, as with a connection that is reset. */
  fail(error: unknown): void {
    this.#pieces.length = 0;
    this.#end = { error };
    this.#isHeld = false;
    this.#ended();
    this.#wake?.();
  }

  /** Whether what is pushed is kept back for now. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      while (!this.#isHeld && this.#pieces.length > 0) yield this.#pieces.shift() as Uint8Array;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined && !this.#isHeld) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
