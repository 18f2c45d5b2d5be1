import { nodeRuntime, type Runtime } from "@interlock/core";
import { expect, test } from "vitest";

import { type ParticipantPhase, PodRegistry } from "../registry.ts";
import { defaultBudgets } from "./budgets.ts";
import { Drain } from "./drain.ts";

/** A pod in a time that passes when it is told to; its log says what happened when. */
class Pod {
  readonly registry = new PodRegistry();
  readonly log: string[] = [];
  readonly drain: Drain;
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  constructor(stop: () => Promise<void> = () => Promise.resolve()) {
    const runtime: Runtime = {
      ...nodeRuntime,
      clock: { now: () => this.#nowMs, wallTime: () => this.#nowMs },
      timers: {
        set: (callback, delayMs) => this.#timers.push({ atMs: this.#nowMs + delayMs, callback }),
        clear: () => undefined,
      },
    };
    this.drain = new Drain({
      budgets: defaultBudgets,
      registry: this.registry,
      runtime,
      stop: () => {
        this.log.push(`${this.#nowMs} stop`);
        return stop();
      },
      exit: (code) => this.log.push(`${this.#nowMs} exit ${code}`),
      entered: () => undefined,
    });
  }

  part(phase: ParticipantPhase, run: (signal: AbortSignal) => unknown = () => undefined): void {
    this.registry.onDrain({
      name: phase,
      phase,
      run: (signal) => {
        this.log.push(`${this.#nowMs} ${phase}`);
        signal.addEventListener("abort", () => this.log.push(`${this.#nowMs} ${phase} is cut`));
        return run(signal);
      },
    });
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }
}

const phases = ["announce", "handoff", "requests", "close", "leave", "flush"] as const;
const never = new Promise<never>(() => undefined);

test("a drain runs its phases in order, none longer than it takes", async () => {
  const pod = new Pod();
  for (const phase of phases) pod.part(phase);
  pod.drain.signal(false);
  expect([pod.drain.isDraining, pod.drain.isClosing]).toEqual([true, false]);
  await pod.pass(4_999);
  expect(pod.log).toEqual(["0 announce"]);
  await pod.pass(1);
  const after = ["handoff", "requests", "close", "stop", "leave", "flush", "exit 0"].map((what) => `5000 ${what}`);
  expect(pod.log).toEqual(["0 announce", ...after]);
  expect([pod.drain.isClosing, pod.drain.phase]).toEqual([true, "ended"]);
  expect(pod.drain.timeline).toMatchObject({ settling: 0, moving: 5_000, ended: 5_000 });
});

test("what never ends is cut when its time is over, and the applications are stopped all the same", async () => {
  const pod = new Pod(() => never);
  for (const phase of phases) pod.part(phase, () => never);
  pod.drain.signal(false);
  await pod.pass(60_000);
  expect(pod.log).toEqual([
    "0 announce",
    "5000 handoff",
    "5000 requests",
    "35000 handoff is cut",
    "35000 requests is cut",
    "35000 close",
    "35500 close is cut",
    "35500 stop",
    "39500 leave",
    "44500 leave is cut",
    "44500 flush",
    "45000 flush is cut",
    "45000 exit 0",
  ]);
});

test("every hook is answered when the pod has settled, and one that comes later at once", async () => {
  const pod = new Pod();
  pod.part("requests", () => never);
  const answers: string[] = [];
  const ask = (name: string): void => void pod.drain.preStop().then(() => answers.push(name));
  ask("first");
  await pod.pass(2_000);
  ask("second");
  await pod.pass(2_999);
  expect(answers).toEqual([]);
  await pod.pass(1);
  expect(answers).toEqual(["first", "second"]);
  ask("late");
  await pod.pass(0);
  expect(answers).toEqual(["first", "second", "late"]);
});

test("an application that cannot be stopped keeps nobody from leaving", async () => {
  const pod = new Pod(() => Promise.reject(new Error("it does not want to")));
  pod.part("leave");
  pod.drain.signal(false);
  await pod.pass(5_000);
  expect(pod.log).toEqual(["5000 stop", "5000 leave", "5000 exit 0"]);
});

test("an application that has given up leaves, and the program ends with 1", async () => {
  const pod = new Pod();
  for (const phase of phases) pod.part(phase);
  pod.drain.gaveUp();
  await pod.pass(0);
  expect(pod.log).toEqual(["0 leave", "0 flush", "0 exit 1"]);
});
