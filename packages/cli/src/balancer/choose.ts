/** Which node gets a visitor. Pure. */

/** A node that takes visitors. */
export interface Upstream {
  readonly id: string;
  /** `http://127.0.0.1:41000` */
  readonly url: string;
}

export interface Wish {
  /** Only this one will do. */
  readonly only?: string | undefined;
  /** This one if it is there. */
  readonly rather?: string | undefined;
}

/**
 * The one with the fewest open exchanges, of those that were not tried yet; of equals the one after `last`, so that a
 * quiet site is spread as evenly as a busy one.
 */
export function choose(
  upstreams: readonly Upstream[],
  openAt: (id: string) => number,
  last: string | undefined,
  tried: ReadonlySet<string>,
  { only, rather }: Wish = {},
): Upstream | undefined {
  const left = upstreams.filter(({ id }) => !tried.has(id) && (only === undefined || id === only));
  const wished = left.find(({ id }) => id === rather);
  if (wished !== undefined) return wished;
  const after = left.findIndex(({ id }) => id === last) + 1;
  const inTurn = [...left.slice(after), ...left.slice(0, after)];
  return inTurn.reduce<Upstream | undefined>(
    (best, one) => (best === undefined || openAt(one.id) < openAt(best.id) ? one : best),
    undefined,
  );
}
