/** The drain of this program: the state machine on its timers, the participants it runs, and its end. */
import { type Runtime, unowned } from "@interlock/core";
import type { ParticipantStatus, PodRegistry } from "../registry.ts";
import type { DrainBudgets } from "./budgets.ts";
import { type DrainEffect, type DrainEvent, type DrainPhase, type DrainStep, drainNext, serving } from "./machine.ts";

export interface DrainOptions {
  readonly budgets: DrainBudgets;
  readonly registry: PodRegistry;
  readonly runtime: Runtime;
  /** Stops the applications. */
  readonly stop: () => Promise<void>;
  readonly exit: (code: number) => void;
  /** Told of every phase that begins, with what took how long. */
  readonly entered: (phase: DrainPhase) => void;
  /** Told of every participant that has come to its end. */
  readonly ended?: (participant: ParticipantStatus) => void;
}

export class Drain {
  readonly #options: DrainOptions;
  readonly #cuts = new Map<DrainStep, AbortController>();
  readonly #sinceMs = new Map<DrainPhase, number>();
  #waiting: (() => void)[] = [];
  #state: ReturnType<typeof serving>;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#state = serving(options.budgets);
  }

  get phase(): DrainPhase {
    return this.#state.phase;
  }

  get isDraining(): boolean {
    return this.phase !== "serving";
  }

  /** From when the listeners are closed. */
  get isClosing(): boolean {
    return !["serving", "settling", "moving"].includes(this.phase);
  }

  /** When each phase began, in milliseconds after the first one. */
  get timeline(): Readonly<Record<string, number>> {
    const [first = 0] = this.#sinceMs.values();
    return Object.fromEntries([...this.#sinceMs].map(([phase, sinceMs]) => [phase, Math.round(sinceMs - first)]));
  }

  /** The kubelet's hook. Resolves when requests may stop coming. */
  preStop(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#feed({ type: "preStop" });
    });
  }

  signal(quit: boolean): void {
    this.#feed({ type: "signal", quit });
  }

  gaveUp(): void {
    this.#feed({ type: "gaveUp" });
  }

  #feed(event: DrainEvent): void {
    const before = this.phase;
    const [state, effects] = drainNext(this.#state, event);
    this.#state = state;
    if (state.phase !== before) {
      this.#sinceMs.set(state.phase, this.#options.runtime.clock.now());
      this.#options.entered(state.phase);
    }
    for (const effect of effects) this.#act(effect);
  }

  #act(effect: DrainEffect): void {
    const { exit, registry, runtime } = this.#options;
    switch (effect.type) {
      case "announce":
        return void registry.run("announce", this.#options.budgets.settleMs, new AbortController().signal);
      case "answerPreStop":
        for (const answer of this.#waiting.splice(0)) answer();
        return;
      case "begin":
        return this.#begin(effect.step, effect.budgetMs);
      case "cut":
        return this.#cuts.get(effect.step)?.abort(new Error(`the time for ${effect.step} is over`));
      case "timer": {
        const { delayMs, timer } = effect;
        unowned(() => runtime.timers.set(() => this.#feed({ type: "due", timer }), delayMs));
        return;
      }
      case "exit":
        return exit(effect.code);
    }
  }

  #begin(step: DrainStep, budgetMs: number): void {
    const cut = new AbortController();
    this.#cuts.set(step, cut);
    const run =
      step === "stop"
        ? this.#options.stop()
        : this.#options.registry.run(step, budgetMs, cut.signal, this.#options.ended);
    const done = (): void => this.#feed({ type: "done", step });
    // What did not work is in the participant's status, or the application's own report.
    run.then(done, done);
  }
}
