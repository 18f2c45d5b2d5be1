/**
 * What the parts of a program have to say about their pod: what is to be done when it drains, and what has to be so for it to
 * be ready. They register; none of them owns a signal.
 */
import { unowned } from "@interlock/core";

/**
 * `announce`: everybody is to hear that this pod goes; it serves on. `handoff`: what is here goes elsewhere, while `requests`
 * in flight come to their end. `close`: nothing more comes in. Then the applications stop. `leave`: the others are told.
 * `flush`: logs and metrics.
 */
export type ParticipantPhase = "announce" | "handoff" | "requests" | "close" | "leave" | "flush";

export interface DrainParticipant {
  /** In reports. */
  readonly name: string;
  readonly phase: ParticipantPhase;
  /**
   * Begun with all others of its phase. `signal` is aborted when its time is over, which is `budgetMs` after its begin or,
   * when somebody is in a hurry, earlier: from then on nobody waits for it. What it resolves with is shown in the status.
   * Nobody waits for an announcement, whose budget is the settle time.
   */
  run(signal: AbortSignal, budgetMs: number): unknown;
}

export interface ReadinessCheck {
  /** In the reasons. */
  readonly name: string;
  /** Undefined: it is so. Otherwise why it is not, in words. Called often, so it must not wait for anything. */
  check(): string | undefined;
}

export type ParticipantState = "waiting" | "running" | "done" | "failed" | "cut";

export interface ParticipantStatus {
  readonly name: string;
  readonly phase: ParticipantPhase;
  readonly state: ParticipantState;
  /** What it has said, or why it failed. */
  readonly said: unknown;
}

class Entry {
  readonly participant: DrainParticipant;
  state: ParticipantState = "waiting";
  said: unknown = undefined;

  constructor(participant: DrainParticipant) {
    this.participant = participant;
  }

  get status(): ParticipantStatus {
    const { name, phase } = this.participant;
    return { name, phase, state: this.state, said: this.said };
  }
}

type Ended = (participant: ParticipantStatus) => void;

interface Round {
  readonly signal: AbortSignal;
  readonly budgetMs: number;
  readonly ended: Ended;
  readonly running: Set<Promise<void>>;
}

export class PodRegistry {
  readonly #entries = new Set<Entry>();
  readonly #checks = new Set<ReadinessCheck>();
  readonly #shown = new Map<string, () => unknown>();
  readonly #rounds = new Map<ParticipantPhase, Round>();

  /** @returns what takes it back. */
  onDrain(participant: DrainParticipant): () => void {
    const entry = new Entry(participant);
    this.#entries.add(entry);
    // A part that was started anew while its pod drains has its share in what goes on.
    const round = this.#rounds.get(participant.phase);
    if (round !== undefined && !round.signal.aborted) this.#start(entry, round);
    return () => {
      if (entry.state === "waiting") this.#entries.delete(entry);
    };
  }

  /** @returns what takes it back. */
  readyWhen(check: ReadinessCheck): () => void {
    this.#checks.add(check);
    return () => this.#checks.delete(check);
  }

  /** Has `say` asked for what the pod's status shows under that name. @returns what takes it back. */
  show(name: string, say: () => unknown): () => void {
    this.#shown.set(name, say);
    return () => {
      if (this.#shown.get(name) === say) this.#shown.delete(name);
    };
  }

  get shown(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#shown].map(([name, say]) => [name, say()]));
  }

  get problems(): readonly { readonly check: string; readonly reason: string }[] {
    return [...this.#checks].flatMap((one) => {
      const reason = reasonOf(one);
      return reason === undefined ? [] : [{ check: one.name, reason }];
    });
  }

  get participants(): readonly ParticipantStatus[] {
    return [...this.#entries].map((entry) => entry.status);
  }

  /**
   * Runs all of a phase, those too that come while it goes on. Resolves when all are done, or the signal is aborted. `ended` is
   * told of each as soon as it has come to its end; of one that is cut, perhaps again when it has.
   */
  async run(
    phase: ParticipantPhase,
    budgetMs: number,
    signal: AbortSignal,
    ended: Ended = () => undefined,
  ): Promise<void> {
    const round: Round = { signal, budgetMs, ended, running: new Set() };
    this.#rounds.set(phase, round);
    for (const entry of this.#entries)
      if (entry.participant.phase === phase && entry.state === "waiting") this.#start(entry, round);
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (round.running.size > 0 && !signal.aborted) await Promise.race([Promise.all(round.running), aborted]);
    for (const entry of this.#entries)
      if (entry.participant.phase === phase && entry.state === "running") {
        entry.state = "cut";
        ended(entry.status);
      }
  }

  #start(entry: Entry, { budgetMs, ended, running, signal }: Round): void {
    entry.state = "running";
    const settled = (state: ParticipantState, said: unknown): void => {
      running.delete(run);
      if (entry.state === "running") entry.state = state;
      // Of one that was cut, too: how much it has left undone.
      entry.said = said;
      ended(entry.status);
    };
    const run: Promise<void> = unowned(() => (async () => entry.participant.run(signal, budgetMs))()).then(
      (said) => settled("done", said),
      (error: unknown) => settled("failed", error instanceof Error ? error.message : String(error)),
    );
    running.add(run);
  }
}

function reasonOf(check: ReadinessCheck): string | undefined {
  try {
    return check.check();
  } catch (error) {
    return `the check failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Of this program. */
export const pod: PodRegistry = new PodRegistry();

/**
 * Has `participant` run when this program's pod drains. Nothing where nobody drains it, so that the same program runs anywhere.
 * @returns what takes it back.
 *
 * @example
 * const forget = onDrain({ name: "outbox", phase: "handoff", run: async (signal) => console.log(signal.aborted) });
 * forget();
 */
export function onDrain(participant: DrainParticipant): () => void {
  return pod.onDrain(participant);
}

/**
 * Has the pod be ready only while `check` finds nothing wrong. For what this program alone can know of itself, never for what
 * it depends on: a database that is down would take all pods out of service at once.
 * @returns what takes it back.
 *
 * @example
 * let isWarm = false;
 * readyWhen({ name: "cache", check: () => (isWarm ? undefined : "the cache is being filled") });
 * isWarm = true;
 */
export function readyWhen(check: ReadinessCheck): () => void {
  return pod.readyWhen(check);
}
