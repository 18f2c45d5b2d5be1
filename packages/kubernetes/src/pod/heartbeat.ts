/**
 * The beats of a main thread, in memory that another thread reads: when they stop, the main thread hangs, and whoever reads
 * them can end the program. Runs where there is no Runtime, and imports nothing but Node.js: every node of a launcher loads it.
 */
import { url as debuggerUrl } from "node:inspector";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

export const BEAT_MS = 500;
/** Instead of a number of beats: somebody has a debugger open and may halt the main thread for as long as they like. */
const HALTED_BY_HAND = -1;
/** The program is still being loaded: whoever started it sees to it that this has an end. */
const NOT_TURNED_YET = 0;
const MOST_BEATS = 1_000;

/** Begins to beat in this thread, from the first turn of its event loop on, and keeps no program alive. */
export function beat(): Int32Array {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const one = (): void => {
    const last = Math.max(Atomics.load(beats, 0), NOT_TURNED_YET);
    Atomics.store(beats, 0, debuggerUrl() === undefined ? (last % MOST_BEATS) + 1 : HALTED_BY_HAND);
  };
  setImmediate(one);
  setInterval(one, BEAT_MS).unref();
  return beats;
}

/**
 * Looks at the beats of another thread. `missing` is told after every look for how long there has been none, in milliseconds.
 * Missed beats are counted, not the time: a whole process that was stopped and goes on (SIGSTOP, SIGCONT) has not hung.
 */
export function watchBeats(beats: Int32Array, missing: (forMs: number) => void): void {
  let last = Atomics.load(beats, 0);
  let missed = 0;
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    missed = now === last && now > NOT_TURNED_YET ? missed + 1 : 0;
    last = now;
    missing(missed * BEAT_MS);
  }, BEAT_MS);
}

/**
 * Ends this program at once, from any of its threads and whatever the main one does.
 *
 * The kernel does not give PID 1 of a container a signal from within that it has no handler for, SIGKILL neither; an
 * instruction that traps ends that one, too. `process.abort()` is not there for threads.
 */
export function killProgram(): void {
  process.kill(process.pid, "SIGKILL");
  setFlagsFromString("--allow-natives-syntax");
  new Script("%SystemBreak()").runInThisContext();
}
