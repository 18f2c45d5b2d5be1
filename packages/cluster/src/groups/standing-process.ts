/** Processes of this package's own that are there as long as their node is. */
import type { LocalNode, Self } from "@interlock/core";
import { exitFrom, type LocalPid, onEnd, type Process, spawnProcess } from "@interlock/core/distribution";

export interface StandingProcessOptions {
  /** For reports and `processInfo`. */
  readonly label: string;
  /** Called with each process, before its first message. */
  readonly begin: (process: Process) => void;
  /** Each message, signals too; runs in the process. */
  readonly receive: (self: Self<unknown>, message: unknown) => void;
}

/** A process that is replaced should it be ended, as by a supervisor. */
export class StandingProcess {
  readonly #node: LocalNode;
  readonly #options: StandingProcessOptions;
  #process: Process | undefined;

  constructor(node: LocalNode, options: StandingProcessOptions) {
    this.#node = node;
    this.#options = options;
  }

  /** Of the process that runs; starts it if none does. Throws what `begin` throws. */
  get pid(): LocalPid {
    return (this.#process ?? this.#start()).pid;
  }

  #start(): Process {
    const { begin, label, receive } = this.#options;
    const run = async (self: Self<unknown>): Promise<never> => {
      self.setLabel(label);
      for (;;) receive(self, await self.receive(everything));
    };
    const process = spawnProcess(this.#node, run, undefined, false, undefined);
    this.#process = process;
    onEnd(process, () => this.#ended());
    try {
      begin(process);
    } catch (error) {
      this.#process = undefined;
      exitFrom(process.pid, process, "kill");
      throw error;
    }
    return process;
  }

  #ended(): void {
    if (this.#process === undefined) return;
    this.#process = undefined;
    // Not at once: whoever ends all processes of a node must come to an end.
    this.#node.after(0, () => this.#restart());
  }

  #restart(): void {
    try {
      if (this.#process === undefined) this.#start();
    } catch (details) {
      const { label } = this.#options;
      const at = this.#node.runtime.clock.wallTime();
      this.#node.report({ type: "warning", pid: undefined, label, text: "could not be started again", details, at });
    }
  }
}

/** Unlike a pattern, it takes DOWN and EXIT in their order among the messages. */
const everything = { matches: () => true };
