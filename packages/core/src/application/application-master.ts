/**
 * The process at the top of a running application: traps exits, runs the application's callbacks and is linked to its
 * root supervisor. It ends with the reason of the root, or `"normal"` when the application was stopped.
 * @see application(3)
 */
import { InterlockError, isError, show } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import { runAs } from "../process/context.ts";
import { atExit, die } from "../process/exit.ts";
import { type ExitReason, reasonOf, showReason } from "../process/exit-reason.ts";
import { anyOf, when } from "../process/matcher.ts";
import { each } from "../process/one-or-many.ts";
import { LocalPid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import type { Self } from "../process/self.ts";
import { deliverMessage } from "../process/send.ts";
import type { Exit } from "../process/signal.ts";
import { spawnProcess } from "../process/spawn.ts";
import { isOddShutdown, type ShutdownMs, shutDown } from "../supervision/shutdown.ts";

type MaybePromise<T> = T | Promise<T>;

/** What a master runs: an application's callbacks with their arguments filled in. */
export interface Callbacks {
  readonly name: string;
  readonly start: () => MaybePromise<{ readonly pid: unknown }>;
  readonly phases: readonly (() => MaybePromise<void>)[];
  readonly prepStop: () => MaybePromise<void>;
  readonly stop: () => MaybePromise<void>;
  readonly shutdownMs: ShutdownMs;
}

interface StopRequest {
  readonly type: "stop";
}

export class ApplicationMaster {
  readonly #callbacks: Callbacks;
  readonly #process: Process;
  /** The root, once start and the phases are done; rejects when they fail. */
  readonly started: Promise<LocalPid>;
  /** Why it ended. */
  readonly ended: Promise<ExitReason>;

  constructor(node: LocalNode, callbacks: Callbacks) {
    this.#callbacks = callbacks;
    const started = Promise.withResolvers<LocalPid>();
    const ended = Promise.withResolvers<ExitReason>();
    this.started = started.promise;
    this.ended = ended.promise;
    const master = (self: Self<StopRequest>): Promise<void> => this.#run(self, started.resolve, started.reject);
    this.#process = spawnProcess(node, master, undefined, false, undefined);
    this.#process.more().label = `application ${callbacks.name}`;
    atExit(this.#process, (reason) => {
      started.reject(startFailed(callbacks.name, reason));
      ended.resolve(reason);
    });
  }

  get pid(): LocalPid {
    return this.#process.pid;
  }

  /** Stops the application. Resolves with the master's reason when it has ended. */
  stop(): Promise<ExitReason> {
    const request: StopRequest = { type: "stop" };
    deliverMessage(this.#process, request);
    return this.ended;
  }

  /** Ends it before it has started. Resolves when what it has started has ended, too. */
  async abort(): Promise<void> {
    const trees = [...each(this.#process.links)]
      .map(({ process }) => process)
      .filter((process) => process !== undefined);
    const ends = trees.map((process) => new Promise<void>((ended) => atExit(process, () => ended())));
    die(this.#process, "shutdown");
    await Promise.all(ends);
  }

  /** Runs one of the application's callbacks in the master's name. */
  async run<T>(callback: () => MaybePromise<T>): Promise<T> {
    return await runAs(this.#process, async (_process, call) => await call(), callback);
  }

  async #run(
    self: Self<StopRequest>,
    started: (root: LocalPid) => void,
    failed: (error: unknown) => void,
  ): Promise<void> {
    const exits = self.trapExit();
    let root: LocalPid | undefined;
    try {
      root = rootOf(this.#callbacks.name, await this.#callbacks.start());
      self.link(root);
      for (const phase of this.#callbacks.phases) await phase();
    } catch (error) {
      const reason = startReasonOf(error);
      if (root !== undefined) await this.#shutDown(root);
      failed(startFailed(this.#callbacks.name, reason, error));
      die(this.#process, reason);
      return;
    }
    started(root);
    const exitOfRoot = when(exits, (exit) => exit.from === root);
    const message = await self.receive(anyOf(when<StopRequest>({ type: "stop" }), exitOfRoot));
    // OTP: prep_stop and stop run as well when the tree has ended by itself.
    await this.#survive("prepStop", this.#callbacks.prepStop);
    if (message.type === "stop") await this.#shutDown(root);
    await this.#survive("stop", this.#callbacks.stop);
    // No crash report: the root's end has its own, and the controller reports the application's.
    die(this.#process, message.type === "stop" ? "normal" : (message as Exit).reason);
  }

  async #shutDown(root: LocalPid): Promise<void> {
    const { name, shutdownMs } = this.#callbacks;
    const reason = await shutDown(this.#process, root, shutdownMs);
    if (isOddShutdown(reason, shutdownMs, false))
      this.warn(`the root of ${name} ended with ${showReason(reason)}`, reason);
  }

  /** OTP: what these callbacks throw does not keep the application from stopping. */
  async #survive(what: string, callback: () => MaybePromise<void>): Promise<void> {
    try {
      await callback();
    } catch (error) {
      this.warn(`${what} failed`, error);
    }
  }

  warn(text: string, details: unknown): void {
    const { node } = this.#process;
    node.report({
      type: "warning",
      pid: this.#process.pid,
      label: `application ${this.#callbacks.name}`,
      text,
      details,
      at: node.runtime.clock.wallTime(),
    });
  }
}

export function startFailed(
  label: string,
  reason: ExitReason,
  cause?: unknown,
): InterlockError<"INTERLOCK_START_FAILED"> {
  return new InterlockError(
    "INTERLOCK_START_FAILED",
    `Cannot start application ${label}: ${showReason(reason)}`,
    { label, reason },
    cause === undefined ? undefined : { cause },
  );
}

/** A start that failed because of another one's start has that one's reason. */
function startReasonOf(error: unknown): ExitReason {
  return isError(error, "INTERLOCK_START_FAILED") ? error.details.reason : reasonOf(error);
}

function rootOf(name: string, started: { readonly pid: unknown } | undefined): LocalPid {
  const pid = started?.pid;
  if (pid instanceof LocalPid) return pid;
  const got = pid === undefined ? "nothing with a pid" : show(pid);
  throw new InterlockError(
    "INTERLOCK_BAD_RETURN",
    `start of application ${name} returned ${got}: expected { pid } of its root`,
    {
      label: name,
      callback: "start",
      got,
    },
  );
}
