/**
 * What a measuring program prints: one line of JSON for each figure, in the shape of the Erlang programs' own.
 * Everything here runs in the child process that measures, and follows `bb.erl`: five repetitions, the median counts.
 */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Operations in one repetition. */
  readonly count: number;
  readonly [extra: string]: string | number;
}

/** A short run for a first impression: fewer repetitions and shorter windows, the same programs. */
export const quick = process.env["BENCH_QUICK"] === "1";

export const repetitions: number = quick ? 3 : 5;

/** For programs of some milliseconds: five of those would measure how fast V8 compiles, and a service runs for days. */
export const shortRepetitions: number = quick ? 15 : 25;

export function emit(figure: Figure): void {
  console.log(JSON.stringify(figure));
}

/** `bb:med`: of an even number of figures the lower middle one. */
export function median(list: readonly number[]): number {
  return percentile(list, 50);
}

/** `bb:pct`. */
export function percentile(list: readonly number[], percent: number): number {
  const sorted = [...list].sort((left, right) => left - right);
  const value = sorted[Math.max(1, Math.round((sorted.length * percent) / 100)) - 1];
  if (value === undefined) throw new Error("a percentile of no figures at all");
  return value;
}

/** The time `run` takes, in seconds. */
export async function seconds(run: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1_000;
}

/** Emits operations a second out of the seconds that each repetition took. */
export function emitRate(name: string, count: number, times: readonly number[], unit = "ops/s"): void {
  const first = times[0] ?? Number.NaN;
  const time = median(times);
  emit({
    name,
    value: count / time,
    unit,
    count,
    us_per_op: (time * 1e6) / count,
    best: count / Math.min(...times),
    first: count / first,
  });
}

/** Bytes of live heap, after everything that can be collected was. */
export async function heapAfterGc(): Promise<number> {
  await settle();
  return process.memoryUsage().heapUsed;
}

export async function rssAfterGc(): Promise<number> {
  await settle();
  return process.memoryUsage.rss();
}

async function settle(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error("memory is measured under node --expose-gc");
  for (let round = 0; round < 4; round++) {
    globalThis.gc();
    // Finalizers and freed pages need a turn of the loop each.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs the programs that the command line names, all of them when it names none, and ends this process. */
export async function runPrograms(programs: Readonly<Record<string, () => Promise<void>>>): Promise<void> {
  const asked = process.argv.slice(2);
  const names = asked.length > 0 ? asked : Object.keys(programs);
  for (const name of names) {
    const program = programs[name];
    if (program === undefined)
      throw new Error(`no program ${name} here; there are ${Object.keys(programs).join(", ")}`);
    await program();
  }
  process.exit(0);
}
