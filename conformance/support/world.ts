/**
 * A node of its own for one test: its clock stands still until the test moves it, and what its processes do is written
 * down in one order. Waiting means `settle()`: until nothing of the node is runnable. No test here waits for time.
 */
import { subscribe } from "node:diagnostics_channel";

import {
  type ExitReason,
  LocalNode,
  monitor,
  nodeRuntime,
  type Pick,
  type Pid,
  type Report,
  type Self,
} from "@interlock/core";

import { showReason } from "../../packages/core/src/process/exit-reason.ts";
import { spawnProcess } from "../../packages/core/src/process/spawn.ts";

/** What a process did, and at what time of the node's clock. */
export interface Event {
  readonly kind: "start" | "fail" | "exit";
  readonly id: string;
  readonly reason: ExitReason;
  readonly atMs: number;
}

/** How the next start of a worker goes. */
export type Outcome =
  | "ok"
  | "ignore"
  | { readonly fail: ExitReason }
  | { readonly throws: Error }
  | { readonly hold: Hold };

/** A start that waits for the test's word. */
export class Hold {
  readonly reached: Promise<void>;
  readonly outcome: Promise<Outcome>;
  readonly decide: (outcome: Outcome) => void;
  readonly #arrive: () => void;

  constructor() {
    const reached = Promise.withResolvers<void>();
    const outcome = Promise.withResolvers<Outcome>();
    this.reached = reached.promise;
    this.#arrive = reached.resolve;
    this.outcome = outcome.promise;
    this.decide = outcome.resolve;
  }

  arrive(): void {
    this.#arrive();
  }
}

interface Alarm {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class World {
  readonly node: LocalNode;
  readonly events: Event[] = [];
  readonly reports: Report[] = [];
  /** The latest process of each id. */
  readonly #pids = new Map<string, Pid>();
  readonly #outcomes = new Map<string, Outcome[]>();
  readonly #alarms = new Set<Alarm>();
  #alarmsSet = 0;
  #nowMs = 0;
  /** Microtasks and turns that the scheduler has asked for and not had yet. */
  #pending = 0;

  constructor(options: { readonly pick?: Pick | undefined } = {}) {
    const counted =
      (plan: (callback: () => void) => void) =>
      (callback: () => void): void => {
        this.#pending++;
        plan(() => {
          this.#pending--;
          callback();
        });
      };
    this.node = new LocalNode({
      runtime: {
        ...nodeRuntime,
        ...options,
        clock: { now: () => this.#nowMs, wallTime: () => this.#nowMs },
        timers: {
          set: (callback, delayMs) => {
            const alarm: Alarm = { dueMs: this.#nowMs + delayMs, order: ++this.#alarmsSet, callback };
            this.#alarms.add(alarm);
            return alarm;
          },
          clear: (alarm) => void this.#alarms.delete(alarm as Alarm),
        },
        turns: {
          ...nodeRuntime.turns,
          microtask: counted(nodeRuntime.turns.microtask),
          immediate: counted(nodeRuntime.turns.immediate),
        },
      },
    });
    this.node.onReport = (report) => {
      this.reports.push(report);
      // Supervisors among the children say nothing of themselves: they are known from here.
      if (report.type === "progress" && !ids.has(report.childPid)) this.watch(report.childId, report.childPid);
    };
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Has the end of `pid` written down as that of `id`. */
  watch(id: string, pid: Pid): void {
    ids.set(pid, { world: this, id });
    this.#pids.set(id, pid);
  }

  /** The latest process of `id`, dead or alive. */
  pid(id: string): Pid {
    const pid = this.#pids.get(id);
    if (pid === undefined) throw new Error(`${id} has not been started`);
    return pid;
  }

  write(kind: Event["kind"], id: string, reason?: ExitReason): void {
    this.events.push({ kind, id, reason, atMs: this.#nowMs });
  }

  /** What happened since the last look: `+a` started, `!a` did not, `-a reason` ended. */
  trace(): readonly string[] {
    return this.events.splice(0).map(shown);
  }

  /** How the next starts of `id` go; after them every start succeeds. */
  script(id: string, ...outcomes: readonly Outcome[]): void {
    this.#outcomes.set(id, [...(this.#outcomes.get(id) ?? []), ...outcomes]);
  }

  nextOutcome(id: string): Outcome {
    return this.#outcomes.get(id)?.shift() ?? "ok";
  }

  supervisorReports(context?: string): readonly (Report & { type: "supervisor" })[] {
    const all = this.reports.filter((report) => report.type === "supervisor");
    return context === undefined ? all : all.filter((report) => report.context === context);
  }

  /** Runs `steps` as a process of this node. What it throws, and an end it did not choose, is the caller's. */
  run(steps: (self: Self<never>) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const process = spawnProcess<never>(
        this.node,
        async (self) => {
          try {
            await steps(self);
            resolve();
          } catch (error) {
            reject(error as Error);
          }
        },
        undefined,
        false,
        undefined,
      );
      void monitor(process.pid).then(({ reason }) =>
        reject(new Error(`the test's process ended: ${showReason(reason)}`)),
      );
    });
  }

  /** Resolves once nothing of this node is runnable. */
  async settle(): Promise<void> {
    do await new Promise((resolve) => void setImmediate(resolve));
    while (this.#pending > 0);
  }

  /** Moves the clock, alarm by alarm, with all that follows from each. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.settle();
    for (let next = this.#next(); next !== undefined && next.dueMs <= untilMs; next = this.#next())
      await this.#ring(next);
    this.#nowMs = untilMs;
    await this.settle();
  }

  /** Moves the clock for as long as anybody waits for it. */
  async finish(): Promise<void> {
    await this.settle();
    for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#ring(next);
  }

  /** Resolves after `delayMs` of this node's time. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.node.after(delayMs, resolve));
  }

  #next(): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms)
      if (next === undefined || alarm.dueMs < next.dueMs || (alarm.dueMs === next.dueMs && alarm.order < next.order))
        next = alarm;
    return next;
  }

  async #ring(alarm: Alarm): Promise<void> {
    this.#alarms.delete(alarm);
    this.#nowMs = Math.max(this.#nowMs, alarm.dueMs);
    alarm.callback();
    await this.settle();
  }
}

function shown({ id, kind, reason }: Pick2<Event>): string {
  if (kind === "exit") return `-${id} ${showReason(reason)}`;
  return kind === "start" ? `+${id}` : `!${id}`;
}
type Pick2<E extends Event> = Omit<E, "atMs">;

/** Whose process this is. Pids are unique per node and one object each. */
const ids = new WeakMap<Pid, { readonly world: World; readonly id: string }>();

subscribe("interlock:process.exit", (message) => {
  const { pid, reason } = message as { readonly pid: Pid; readonly reason: ExitReason };
  const known = ids.get(pid);
  known?.world.write("exit", known.id, reason);
});

/** A test whose steps run as a process of a node of their own. It traps exits, as OTP's test cases do. */
export function simulated(steps: (world: World, self: Self<never>) => unknown): () => Promise<void> {
  return () => {
    const world = new World();
    return world.run((self) => {
      self.trapExit();
      return steps(world, self);
    });
  };
}
