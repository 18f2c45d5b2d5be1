/** One clock for the nodes of a test, which stands still until the test moves it. */
import { LocalNode, nodeRuntime, type Runtime } from "@interlock/core";

interface Alarm {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class VirtualTime {
  #nowMs = 0;
  #pending = 0;
  readonly #alarms = new Set<Alarm>();

  /** Processes whose clock and timers are this one's. */
  node({ random = nodeRuntime.random }: Partial<Pick<Runtime, "random">> = {}): LocalNode {
    const counted =
      (plan: (callback: () => void) => void) =>
      (callback: () => void): void => {
        this.#pending++;
        plan(() => {
          this.#pending--;
          callback();
        });
      };
    const { turns } = nodeRuntime;
    const runtime: Runtime = {
      ...nodeRuntime,
      random,
      clock: { now: () => this.#nowMs, wallTime: () => this.#nowMs },
      timers: {
        set: (callback, delayMs) => {
          const alarm = { dueMs: this.#nowMs + delayMs, callback };
          this.#alarms.add(alarm);
          return alarm;
        },
        clear: (alarm) => void this.#alarms.delete(alarm as Alarm),
      },
      turns: {
        ...turns,
        microtask: counted((callback) => turns.microtask(callback)),
        immediate: counted((callback) => turns.immediate(callback)),
      },
    };
    return new LocalNode({ runtime });
  }

  /** How many timers run: each keeps a program from its end. */
  get alarms(): number {
    return this.#alarms.size;
  }

  /** Until nothing of the nodes is runnable. */
  async settle(): Promise<void> {
    do for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => nodeRuntime.turns.immediate(resolve));
    while (this.#pending > 0);
  }

  /** Moves the clock, alarm by alarm, with all that follows from each. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.settle();
    for (;;) {
      const next = [...this.#alarms].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > untilMs) break;
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
      await this.settle();
    }
    this.#nowMs = untilMs;
    await this.settle();
  }
}
