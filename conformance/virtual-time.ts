/** A node whose clock stands still until the test moves it. Timers behave as Node's do, the 32-bit trap included. */
import { LocalNode, nodeRuntime } from "@interlock/core";

interface Alarm {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

const LONGEST_MS = 2 ** 31 - 1;

export class VirtualTime {
  readonly node: LocalNode;
  readonly #alarms = new Set<Alarm>();
  #nowMs = 0;
  #order = 0;

  constructor() {
    this.node = new LocalNode({
      runtime: {
        ...nodeRuntime,
        clock: { now: () => this.#nowMs, wallTime: () => this.#nowMs },
        timers: {
          set: (callback, delayMs) => {
            // As Node.js: a delay that does not fit is 1 ms.
            const alarm: Alarm = {
              due: this.#nowMs + (delayMs > LONGEST_MS ? 1 : delayMs),
              order: ++this.#order,
              callback,
            };
            this.#alarms.add(alarm);
            return alarm;
          },
          clear: (alarm) => void this.#alarms.delete(alarm as Alarm),
        },
      },
    });
    this.node.onReport = () => undefined;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A timer of the event loop itself, beside those of the node. */
  alarm(delayMs: number, callback: () => void): void {
    this.node.runtime.timers.set(callback, delayMs);
  }

  /** Moves the clock from alarm to alarm, with all that follows from each. */
  async advance(byMs: number): Promise<void> {
    const until = this.#nowMs + byMs;
    for (;;) {
      await settled();
      const next = this.#earliest();
      if (next === undefined || next.due > until) break;
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.due);
      next.callback();
    }
    this.#nowMs = until;
    await settled();
  }

  #earliest(): Alarm | undefined {
    let earliest: Alarm | undefined;
    for (const alarm of this.#alarms)
      if (
        earliest === undefined ||
        alarm.due < earliest.due ||
        (alarm.due === earliest.due && alarm.order < earliest.order)
      )
        earliest = alarm;
    return earliest;
  }
}

/** Some turns of the event loop: whatever was runnable has run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
}
