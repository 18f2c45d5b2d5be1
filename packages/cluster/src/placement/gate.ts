/**
 * What is sent to a key whose process is not there yet, or is on its way to another node: it waits on the sender's node, in
 * the order in which it was sent, until it is known where the process runs.
 */
import type { LocalPid, Remainder } from "@interlock/core/distribution";

/** A message, a cast or a call, and who sends it. */
export type Sent = Remainder & { readonly from: LocalPid };

export class Gate {
  readonly #capacity: number;
  #waiting: Sent[] = [];
  #opened: PromiseWithResolvers<void> | undefined;
  /** Messages and casts that found it full. */
  dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get isFull(): boolean {
    return this.#waiting.length >= this.#capacity;
  }

  /** False when it is full. */
  add(sent: Sent): boolean {
    if (this.isFull) {
      // Calls that have been given up by their callers still stand there.
      this.#waiting = this.#waiting.filter((one) => one.type !== "call" || !one.call.settled);
      if (this.isFull) return false;
    }
    this.#waiting.push(sent);
    return true;
  }

  /** Resolves when it is open; rejects with what it is given up for. */
  get opened(): Promise<void> {
    this.#opened ??= Promise.withResolvers();
    return this.#opened.promise;
  }

  /** Everything that waits, oldest first. */
  open(): readonly Sent[] {
    this.#opened?.resolve();
    return this.#waiting;
  }

  giveUp(error: unknown): readonly Sent[] {
    this.#opened?.promise.catch(() => undefined);
    this.#opened?.reject(error);
    return this.#waiting;
  }
}
