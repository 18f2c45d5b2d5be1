/**
 * The ports: everything outside a runtime that is not a function of its inputs. Production plugs in Node.js, simulation
 * plugs in virtual time and a seed. No other file of this package touches the clock, timers or randomness (a test reads
 * the sources and fails otherwise).
 */
import { builtin } from "./builtin.ts";

/** Two clocks, both in milliseconds: `now` never goes back, `wallTime` is the time of day (Unix epoch). */
export interface Clock {
  now(): number;
  wallTime(): number;
}

/** One-shot timers. `delayMs` is between 0 and 2^31 - 1: the timer queue splits longer waits. */
export interface Timers {
  set(callback: () => void, delayMs: number): unknown;
  clear(handle: unknown): void;
}

/** How the scheduler is woken: still in this turn of the event loop, or in its next one. */
export interface Turns {
  microtask(callback: () => void): void;
  /** Still in this turn, once no microtask is left. */
  settled(callback: () => void): void;
  immediate(callback: () => void): void;
}

/** A number in [0, 1). */
export type Random = () => number;

/**
 * Chooses which runnable process goes next: an index below `length`. `undefined` is first in, first out, and lets the
 * scheduler take its shortcuts (a wake or a call that skips the run queue); a port that picks sees every decision.
 */
export type Pick = (length: number) => number;

/** Files that are read once in a while: configuration. */
export interface Files {
  /** The text of a file (UTF-8). Rejects as `node:fs` does, with a `code`. */
  readText(path: string): Promise<string>;
}

/** The operating-system process around the runtime. */
export interface Program {
  /** Keeps the program alive although nothing else does. @returns what releases it. */
  keepAlive(): () => void;
  /** Ends the program at once. */
  halt(exitCode: number): void;
}

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly turns: Turns;
  readonly random: Random;
  readonly files: Files;
  readonly program: Program;
  readonly pick?: Pick | undefined;
}

const resolved = Promise.resolve();
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/** Node.js itself. */
export const nodeRuntime: Runtime = {
  clock: {
    now: () => performance.now(),
    wallTime: () => Date.now(),
  },
  timers: {
    set: (callback, delayMs) => setTimeout(callback, delayMs),
    clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
  },
  turns: {
    // A reaction of a settled promise is a microtask at two thirds of queueMicrotask's price: no AsyncResource is made.
    microtask: (callback) => void resolved.then(callback),
    // What is put off from within a microtask runs when all of them have.
    settled: (callback) => void resolved.then(() => process.nextTick(callback)),
    immediate: (callback) => void setImmediate(callback),
  },
  random: Math.random,
  files: {
    readText: (path) => builtin("node:fs/promises").readFile(path, "utf8"),
  },
  program: {
    keepAlive: () => {
      const handle = setInterval(() => undefined, LONGEST_INTERVAL_MS);
      return () => clearInterval(handle);
    },
    halt: (exitCode) => process.exit(exitCode),
  },
};
