/** A program for tests: a node on a clock that stands still until the test moves it. */
import {
  type ChildSpec,
  exit,
  type LocalNode,
  type Pid,
  processes,
  processInfo,
  type Report,
  supervisor,
} from "@interlock/core";
import { spawnProcess } from "@interlock/core/distribution";

import { VirtualTime } from "../../../cluster/src/names/virtual-time.fixture.ts";

export class TestProgram implements AsyncDisposable {
  readonly time: VirtualTime;
  readonly node: LocalNode;
  readonly reports: Report[] = [];
  readonly #tops: Pid[] = [];

  /** Several programs may share one clock. */
  constructor(time: VirtualTime = new VirtualTime()) {
    this.time = time;
    this.node = time.node();
    this.node.progress = false;
    this.node.onReport = (report) => void this.reports.push(report);
  }

  /** The texts of warnings so far. */
  get warnings(): readonly string[] {
    return this.reports.flatMap((report) => (report.type === "warning" ? [`${report.label}: ${report.text}`] : []));
  }

  get nowMs(): number {
    return this.node.runtime.clock.now();
  }

  /** Runs `body` in a process of this node and gives its result. */
  run<T>(body: () => T | Promise<T>): Promise<T> {
    const { promise, reject, resolve } = Promise.withResolvers<T>();
    const run = async (): Promise<void> => {
      try {
        resolve(await body());
      } catch (error) {
        reject(error as Error);
      }
    };
    spawnProcess(this.node, run, undefined, false, undefined);
    return promise;
  }

  /** The process that calls itself that. */
  async labelled(label: string): Promise<Pid> {
    const found = await this.run(() => processes().find((pid) => processInfo(pid)?.label === label));
    if (found === undefined) throw new Error(`no process is called ${label}`);
    return found;
  }

  /** Starts children under a supervisor. @returns what stops it in an orderly way. */
  async supervise(...children: readonly ChildSpec[]): Promise<() => Promise<void>> {
    const Top = supervisor({ name: "top", strategy: "one_for_one", intensity: 100, children: () => children });
    const top = await this.run(() => Top.start());
    this.#tops.push(top.pid);
    await this.time.settle();
    return () => this.run(() => top.stop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#tops) exit(pid, "kill");
    await this.time.settle();
  }
}
