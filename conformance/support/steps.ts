/**
 * Work, counted instead of timed: steps of iterators over arrays, maps and sets, and looks along arrays. Whatever goes
 * through a table once per operation shows as the square of its size, on any machine.
 */

type Method = (this: unknown, ...args: never) => unknown;

const iterators = [new Map().values(), new Set().values(), [].values()].map(
  (one) => Object.getPrototypeOf(one) as Record<string, Method>,
);
const searches = ["indexOf", "includes", "find", "findIndex", "filter", "some", "every", "slice", "splice", "shift"];
const array = Array.prototype as unknown as Record<string, Method>;

/** Steps taken during `run`. */
export async function stepsOf(run: () => unknown): Promise<number> {
  let steps = 0;
  const originals: [Record<string, Method>, string, Method][] = [];
  const count = (target: Record<string, Method>, name: string, cost: (self: unknown) => number): void => {
    const original = target[name] as Method;
    originals.push([target, name, original]);
    target[name] = function (...args: never): unknown {
      steps += cost(this);
      return original.apply(this, args);
    };
  };
  for (const iterator of iterators) count(iterator, "next", () => 1);
  for (const name of searches) count(array, name, (self) => (self as readonly unknown[]).length);
  try {
    await run();
  } finally {
    for (const [target, name, original] of originals) target[name] = original;
  }
  return steps;
}
