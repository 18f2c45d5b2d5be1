/** Code of the dead that goes on: it is fenced, and if it does not end within its time, reported. */
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import { labelOf } from "./crash.ts";
import type { Process } from "./process.ts";

const DEFAULT_SHUTDOWN_MS = 5_000;

class Deadline implements Timed {
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly #process: Process;
  readonly #settled: () => boolean;

  constructor(process: Process, settled: () => boolean) {
    this.#process = process;
    this.#settled = settled;
  }

  fire(): void {
    if (!this.#settled()) lingered(this.#process, "still_running", undefined);
  }
}

/** Most leftovers end in the same turn, when their receive or call rejects: only the others cost a timer. */
export function expectEnd(process: Process, settled: () => boolean): void {
  const { scheduler } = process.node;
  scheduler.atTurnEnd(() => {
    if (!settled())
      scheduler.timers.start(new Deadline(process, settled), process.extras?.shutdownMs ?? DEFAULT_SHUTDOWN_MS);
  });
}

export function lingered(process: Process, problem: "threw" | "still_running", error: unknown): void {
  process.node.lingering++;
  process.node.report({
    type: "lingering",
    pid: process.pid,
    label: labelOf(process),
    problem,
    error,
    at: process.node.runtime.clock.wallTime(),
  });
}
