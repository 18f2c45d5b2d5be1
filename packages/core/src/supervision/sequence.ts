/** Steps in order that cost a promise only where there is one: a supervisor with synchronous children never waits. */
import { isThenable } from "../process/plain.ts";

export type MaybePromise<T> = T | Promise<T>;

/** Runs `step` on each item in turn until one answers false. @returns whether all were done. */
export function inSequence<T>(items: readonly T[], step: (item: T) => MaybePromise<boolean>): MaybePromise<boolean> {
  for (let at = 0; at < items.length; at++) {
    const done = step(items[at] as T);
    if (isThenable(done)) return finish(items, at + 1, done as Promise<boolean>, step);
    if (!done) return false;
  }
  return true;
}

async function finish<T>(
  items: readonly T[],
  from: number,
  first: Promise<boolean>,
  step: (item: T) => MaybePromise<boolean>,
): Promise<boolean> {
  if (!(await first)) return false;
  for (const item of items.slice(from)) if (!(await step(item))) return false;
  return true;
}

/** `then` without a promise where there is none. */
export function after<T, R>(value: MaybePromise<T>, then: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isThenable(value) ? (value as Promise<T>).then(then) : then(value as T);
}
