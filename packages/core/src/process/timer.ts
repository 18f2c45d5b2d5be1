/** Timers that send a message. They die with the process that they were started for. @see erlang:send_after/3 */

import type { LocalNode } from "../node.ts";
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import { type Ref, Reference } from "./pid.ts";
import type { Process } from "./process.ts";

export interface Timer {
  readonly ref: Ref;
  /** @returns the milliseconds that were left, or undefined if it had fired or was cancelled. */
  cancel(): number | undefined;
  /** @returns the milliseconds left, or undefined if it has fired or was cancelled. */
  read(): number | undefined;
}

export class ProcessTimer extends Reference implements Timer, Timed {
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly #node: LocalNode;
  /** Whose end cancels it; undefined for a timer to a name, which is resolved when it fires. */
  readonly #owner: Process | undefined;
  readonly #expire: (timer: ProcessTimer) => void;

  constructor(node: LocalNode, owner: Process | undefined, delayMs: number, expire: (timer: ProcessTimer) => void) {
    super();
    this.#node = node;
    this.#owner = owner;
    this.#expire = expire;
    if (delayMs === Number.POSITIVE_INFINITY) return;
    node.scheduler.timers.start(this, delayMs);
    if (owner !== undefined) {
      const extras = owner.more();
      extras.timers ??= new Set();
      extras.timers.add(this);
    }
  }

  get ref(): Ref {
    return this;
  }

  fire(): void {
    this.#owner?.extras?.timers?.delete(this);
    this.#expire(this);
  }

  cancel(): number | undefined {
    const left = this.read();
    if (left === undefined) return undefined;
    this.#node.scheduler.timers.cancel(this);
    this.#owner?.extras?.timers?.delete(this);
    return left;
  }

  read(): number | undefined {
    return this.slot === IDLE ? undefined : this.#node.scheduler.timers.left(this);
  }
}
