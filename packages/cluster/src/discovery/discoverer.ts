/**
 * Asks the strategies, again and again, and keeps what they say. A failure changes nothing but its counter: it is reported
 * at the first, second, fourth, … time in a row, and asked again after a pause that grows.
 */
import { type LocalNode, unowned } from "@interlock/core";
import { backOffMs } from "@interlock/core/distribution";
import type { Discovery, DiscoveryContext, WatchDiscovery } from "./discovery.ts";
import { type DiscoveryStatus, Findings } from "./findings.ts";

export interface DiscovererOptions {
  readonly strategies: readonly Discovery[];
  readonly local: LocalNode;
  readonly context: Omit<DiscoveryContext, "local" | "signal">;
  /** Milliseconds between two looks; asked each time. */
  readonly intervalMs: () => number;
  /** After so many milliseconds a look has failed. */
  readonly lookupMs: number;
  /** Something was found, or could not be. */
  readonly found: () => void;
}

export class Discoverer {
  readonly findings: Findings;
  readonly #options: DiscovererOptions;
  readonly #stopping = new AbortController();

  constructor(options: DiscovererOptions) {
    this.#options = options;
    this.findings = new Findings(options.strategies.map(({ name }) => name));
  }

  start(): void {
    unowned(() => {
      for (const [at, strategy] of this.#options.strategies.entries()) void this.#run(at, strategy);
    });
  }

  /** Ends the looking, and has the strategies take back what they have left for others to find. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the node leaves"));
    const leaving = this.#options.strategies.map(async (strategy) => {
      try {
        await this.#within(async (signal) => strategy.leave?.(this.#context(signal)), new AbortController().signal);
      } catch (error) {
        this.#warn(strategy, "could not be left", error);
      }
    });
    await Promise.all(leaving);
  }

  status(): readonly DiscoveryStatus[] {
    return this.findings.status();
  }

  async #run(at: number, strategy: Discovery): Promise<void> {
    const { found, intervalMs, local } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let pauseMs = intervalMs();
      try {
        if ("watch" in strategy) await this.#watch(at, strategy);
        else {
          const nodes = await this.#within((looking) => strategy.lookup(this.#context(looking)), signal);
          if (signal.aborted) return;
          this.findings.succeeded(at, nodes);
          found();
        }
      } catch (error) {
        if (signal.aborted) return;
        const failures = this.findings.failed(at, error);
        pauseMs = backOffMs(failures, { firstMs: pauseMs }, local.runtime.random);
        // Powers of two: what fails all night fills no log.
        if ((failures & (failures - 1)) === 0)
          this.#warn(strategy, failures === 1 ? "failed" : `failed ${failures} times in a row`, error);
        found();
      }
      await this.#pause(pauseMs);
    }
  }

  /** Returns never: the end of what is watched is a failure. */
  async #watch(at: number, strategy: WatchDiscovery): Promise<never> {
    const { signal } = this.#stopping;
    for await (const nodes of strategy.watch(this.#context(signal))) {
      signal.throwIfAborted();
      this.findings.succeeded(at, nodes);
      this.#options.found();
    }
    throw new Error("it tells no more");
  }

  /** A look that takes too long has failed, whether it heeds its signal or not. */
  #within<T>(look: (signal: AbortSignal) => Promise<T>, ended: AbortSignal): Promise<T> {
    const { local, lookupMs } = this.#options;
    const limit = new AbortController();
    return new Promise((resolve, reject) => {
      const end = (error: Error): void => {
        limit.abort(error);
        reject(error);
      };
      const aborted = (): void => end(ended.reason as Error);
      const timer = local.after(lookupMs, () => end(new Error(`it did not answer within ${lookupMs} ms`)));
      ended.addEventListener("abort", aborted, { once: true });
      // A strategy may throw before it has a promise to give.
      void Promise.resolve()
        .then(() => look(limit.signal))
        .then(resolve, reject)
        .finally(() => {
          timer.cancel();
          ended.removeEventListener("abort", aborted);
        });
    });
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = this.#options.local.after(delayMs, () => {
        signal.removeEventListener("abort", ended);
        resolve();
      });
      const ended = (): void => {
        timer.cancel();
        resolve();
      };
      signal.addEventListener("abort", ended, { once: true });
    });
  }

  #context(signal: AbortSignal): DiscoveryContext {
    const { context, local } = this.#options;
    return { ...context, local, signal };
  }

  #warn({ name }: Discovery, text: string, details: unknown): void {
    const { context, local } = this.#options;
    const at = local.runtime.clock.wallTime();
    local.report({ type: "warning", pid: undefined, label: `${context.node} discovery by ${name}`, text, details, at });
  }
}
