/**
 * A node: the processes, names and scheduler that belong together, on one set of ports. A program has a default node;
 * `createNode` of the cluster package and simulations make further ones.
 */
import { useContainment } from "./process/containment.ts";
import { unowned } from "./process/context.ts";
import type { Home, NodeName } from "./process/pid.ts";
import { LocalPid } from "./process/pid.ts";
import type { Process } from "./process/process.ts";
import type { Network } from "./process/route.ts";
import { ProcessTimer, type Timer } from "./process/timer.ts";
import { type Report, type ReportHandler, reportChannel, writeToStderr } from "./report/report.ts";
import { nodeRuntime, type Runtime } from "./runtime.ts";
import { Scheduler } from "./scheduler/scheduler.ts";

export interface NodeOptions {
  readonly name?: NodeName;
  readonly runtime?: Runtime;
  /** Whether messages are deep-frozen on send. Default: unless NODE_ENV is `production`. */
  readonly freeze?: boolean;
}

const ALONE: NodeName = "nonode@nohost";

export class LocalNode implements Home {
  readonly index = 0;
  readonly route = undefined;
  #name: NodeName;
  #network: Network | undefined;
  readonly runtime: Runtime;
  readonly scheduler: Scheduler;
  readonly freeze: boolean;
  readonly names: Map<string, Process> = new Map();
  /** A pid of no process: where a name led nowhere. */
  readonly nobody: LocalPid;
  /** Lingering code and stray errors of the dead, so far. */
  lingering = 0;
  processCount = 0;
  /** Handles every report after the diagnostics channel; replace it to log in your own way. */
  onReport: ReportHandler = writeToStderr;
  /** Whether `onReport` is given progress reports as well: ten thousand starts need not make ten thousand of them. */
  progress = true;
  #ids = 0;
  #first: Process | undefined = undefined;
  #last: Process | undefined = undefined;

  constructor(options: NodeOptions = {}) {
    this.#name = options.name ?? ALONE;
    this.runtime = options.runtime ?? nodeRuntime;
    this.freeze = options.freeze ?? process.env["NODE_ENV"] !== "production";
    this.scheduler = new Scheduler(this.runtime);
    this.nobody = new LocalPid(this, 0, undefined);
    useContainment();
  }

  /** `nonode@nohost` until it is part of a network. */
  get name(): NodeName {
    return this.#name;
  }

  /** The other nodes, once there are any to be reached. */
  get network(): Network | undefined {
    return this.#network;
  }

  /** The node is called `name` from now on, and reaches others by `network`. @see net_kernel:start/2 */
  join(name: NodeName, network: Network): void {
    this.#name = name;
    this.#network = network;
  }

  /** @see net_kernel:stop/0 */
  leave(): void {
    this.#name = ALONE;
    this.#network = undefined;
  }

  nextId(): number {
    return ++this.#ids;
  }

  admit(process: Process): void {
    process.before = this.#last;
    if (this.#last === undefined) this.#first = process;
    else this.#last.after = process;
    this.#last = process;
    this.processCount++;
  }

  forget(process: Process): void {
    if (process.before === undefined) this.#first = process.after;
    else process.before.after = process.after;
    if (process.after === undefined) this.#last = process.before;
    else process.after.before = process.before;
    process.before = process.after = undefined;
    this.processCount--;
  }

  *processes(): Iterable<Process> {
    for (let process = this.#first; process !== undefined; process = process.after) yield process;
  }

  /** Runs `callback` in `delayMs` milliseconds, unless cancelled. */
  after(delayMs: number, callback: () => void): Timer {
    return new ProcessTimer(this, undefined, delayMs, callback);
  }

  /** Whether anybody would see a progress report. OTP's logger hides them by its level in the same way. */
  get wantsProgress(): boolean {
    return reportChannel.hasSubscribers || (this.progress && this.onReport !== writeToStderr);
  }

  /** What a handler starts belongs to nobody: an error of its socket must not be taken for one of the process it reports. */
  report(report: Report): void {
    unowned(() => this.#tell(report));
  }

  #tell(report: Report): void {
    if (reportChannel.hasSubscribers) reportChannel.publish(report);
    // It was made for those of the channel.
    if (report.type === "progress" && !this.progress) return;
    // A failing report handler must not take a bystander down, nor may its failure vanish.
    const failed = (error: unknown): void => {
      if (this.onReport !== writeToStderr)
        writeToStderr({
          type: "warning",
          pid: undefined,
          label: "report handler",
          text: "failed",
          details: error,
          at: report.at,
        });
    };
    try {
      const handled: unknown = this.onReport(report);
      if (handled instanceof Promise) handled.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

let theDefault: LocalNode | undefined;

/** The node that serves outside any process. */
export function defaultNode(): LocalNode {
  theDefault ??= new LocalNode();
  return theDefault;
}

/**
 * Has every report of the default node given to `handler` instead of written to stderr. With `progress: false` none is
 * made for each start of a child.
 *
 * @example
 * onReport((report) => {
 *   if (report.type === "crash") console.error(formatReport(report));
 * });
 */
export function onReport(handler: ReportHandler, options?: { readonly progress?: boolean }): void {
  const node = defaultNode();
  node.onReport = handler;
  node.progress = options?.progress ?? true;
}
