/**
 * The keys of a work queue: which wait, which run, which are to be tried again and when. Deterministic: the time and what is
 * left to chance are arguments.
 *
 * A key is at most once in each place. What comes while it runs has it run once more; what comes while it waits for its
 * next try brings that forward, to the first step of the back-off: who mends something is heard soon, and what fails with
 * every change does not spin.
 */
import { type BackOff, backOffMs } from "@interlock/core/distribution";

export interface QueueRules {
  readonly workers: number;
  readonly backOff: Required<BackOff>;
  /** Starts, in the long run and at once. Undefined: as many as there are. */
  readonly rate: { readonly perSecond: number; readonly burst: number } | undefined;
}

export interface Failing {
  readonly key: string;
  /** In a row. */
  readonly failures: number;
  readonly problem: unknown;
}

/** A token that came in many pieces may be a little less than one. */
const ONE = 1 - 1e-6;

export class QueueState {
  readonly #rules: QueueRules;
  readonly #ready = new Set<string>();
  readonly #running = new Set<string>();
  /** Came while they ran. */
  readonly #again = new Set<string>();
  readonly #later = new Map<string, number>();
  readonly #failing = new Map<string, Failing>();
  #tokens: number;
  #tokensAtMs = Number.NEGATIVE_INFINITY;
  #isDraining = false;

  constructor(rules: QueueRules) {
    this.#rules = rules;
    this.#tokens = rules.rate?.burst ?? 0;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  get isIdle(): boolean {
    return this.#ready.size === 0 && this.#running.size === 0;
  }

  get sizes(): { readonly ready: number; readonly running: number; readonly later: number } {
    return { ready: this.#ready.size, running: this.#running.size, later: this.#later.size };
  }

  get failing(): readonly Failing[] {
    return [...this.#failing.values()];
  }

  /** @returns false when nothing is taken any more. */
  add(key: string, nowMs: number): boolean {
    if (this.#isDraining) return false;
    if (this.#running.has(key)) this.#again.add(key);
    else if (this.#failing.has(key) && !this.#ready.has(key)) this.#soon(key, nowMs + this.#rules.backOff.firstMs);
    else this.#ready.add(key);
    return true;
  }

  /** The earliest of several times counts. @returns as `add`. */
  addAfter(key: string, delayMs: number, nowMs: number): boolean {
    if (delayMs <= 0) return this.add(key, nowMs);
    if (this.#isDraining) return false;
    this.#soon(key, nowMs + delayMs);
    return true;
  }

  /** The keys whose work begins now. */
  start(nowMs: number): readonly { readonly key: string; readonly attempt: number }[] {
    for (const [key, atMs] of this.#later)
      if (atMs <= nowMs) {
        this.#later.delete(key);
        if (this.#running.has(key)) this.#again.add(key);
        else this.#ready.add(key);
      }
    this.#refill(nowMs);
    const started: { key: string; attempt: number }[] = [];
    for (const key of this.#ready) {
      if (this.#running.size >= this.#rules.workers || (this.#rules.rate !== undefined && this.#tokens < ONE)) break;
      this.#ready.delete(key);
      this.#running.add(key);
      this.#tokens--;
      started.push({ key, attempt: (this.#failing.get(key)?.failures ?? 0) + 1 });
    }
    return started;
  }

  /** When there will be something to start, unless something else happens before. Undefined: never. */
  wakeMs(nowMs: number): number | undefined {
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const atMs of this.#later.values()) wakeMs = Math.min(wakeMs, atMs);
    const { rate, workers } = this.#rules;
    if (rate !== undefined && this.#ready.size > 0 && this.#running.size < workers)
      wakeMs = Math.min(wakeMs, nowMs + ((1 - this.#tokens) * 1_000) / rate.perSecond);
    return wakeMs === Number.POSITIVE_INFINITY ? undefined : wakeMs;
  }

  done(key: string): void {
    this.#failing.delete(key);
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#ready.add(key);
  }

  /** @returns how often in a row. */
  failed(key: string, problem: unknown, nowMs: number, random: number): number {
    const failures = (this.#failing.get(key)?.failures ?? 0) + 1;
    this.#failing.set(key, { key, failures, problem });
    this.#running.delete(key);
    const { backOff } = this.#rules;
    const delayMs = backOffMs(failures, backOff, () => random);
    // What came meanwhile may be what mends it.
    const isNews = this.#again.delete(key);
    if (!this.#isDraining) this.#soon(key, nowMs + (isNews ? Math.min(delayMs, backOff.firstMs) : delayMs));
    return failures;
  }

  /** Takes nothing more; what waits for a later time is given up. What is ready and what runs is done. */
  drain(): void {
    this.#isDraining = true;
    this.#later.clear();
  }

  /** After an end in the midst of it: what ran is ready again. */
  recover(): void {
    this.#isDraining = false;
    for (const key of this.#running) this.#ready.add(key);
    for (const key of this.#failing.keys()) if (!this.#later.has(key)) this.#ready.add(key);
    this.#running.clear();
    this.#again.clear();
  }

  #soon(key: string, atMs: number): void {
    this.#later.set(key, Math.min(atMs, this.#later.get(key) ?? Number.POSITIVE_INFINITY));
  }

  #refill(nowMs: number): void {
    const { rate } = this.#rules;
    if (rate === undefined) return;
    if (this.#tokensAtMs === Number.NEGATIVE_INFINITY) this.#tokensAtMs = nowMs;
    this.#tokens = Math.min(rate.burst, this.#tokens + ((nowMs - this.#tokensAtMs) * rate.perSecond) / 1_000);
    this.#tokensAtMs = nowMs;
  }
}
