/** A node whose files are a table and whose program only remembers what it was told. */
import { LocalNode } from "../node.ts";
import { spawnProcess } from "../process/spawn.ts";
import type { Report } from "../report/report.ts";
import { nodeRuntime } from "../runtime.ts";

export class TestNode {
  readonly node: LocalNode;
  readonly files = new Map<string, string>();
  readonly reports: Report[] = [];
  /** Exit codes. */
  readonly halts: number[] = [];
  /** How many things keep the program alive. */
  held = 0;
  readonly #halted = Promise.withResolvers<number>();

  constructor() {
    this.node = new LocalNode({
      runtime: {
        ...nodeRuntime,
        files: {
          readText: async (path) => {
            const text = this.files.get(path);
            if (text === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
            return text;
          },
        },
        program: {
          keepAlive: () => {
            this.held++;
            return () => void this.held--;
          },
          halt: (exitCode) => {
            this.halts.push(exitCode);
            this.#halted.resolve(exitCode);
          },
        },
      },
    });
    this.node.onReport = (report) => void this.reports.push(report);
  }

  get halted(): Promise<number> {
    return this.#halted.promise;
  }

  /** The texts of warnings so far. */
  get warnings(): readonly string[] {
    return this.reports.flatMap((report) => (report.type === "warning" ? [`${report.label}: ${report.text}`] : []));
  }

  /** Runs `steps` as a process of this node. */
  within<T>(steps: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      spawnProcess(
        this.node,
        async () => Promise.resolve().then(steps).then(resolve, reject),
        undefined,
        false,
        undefined,
      );
    });
  }
}
