/** Code of the dead that goes on: it is fenced, and if it does not end within its time, reported. */
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import { crash, labelOf } from "./crash.ts";
import { ProcessExit } from "./exit-reason.ts";
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

/** `process` is to answer for `error`: its end, or, if it has ended already, news of what still runs. */
export function blame(process: Process, error: unknown): void {
  if (process.alive) crash(process, error);
  // The fence itself, thrown in leftover code and caught by nobody, is no news.
  else if (!(error instanceof ProcessExit)) lingered(process, "threw", error);
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
