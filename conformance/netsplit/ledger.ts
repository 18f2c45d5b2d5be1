/** What is written to a resource that only one may own at a time, and how to tell that two did. */

export interface Write {
  /** The fencing token of the writer's term. */
  readonly token: number;
  readonly by: string;
}

/** Takes no token lower than one that it has seen, and keeps a record of what it was asked. */
export class Ledger {
  readonly accepted: Write[] = [];
  readonly refused: Write[] = [];
  #highest = 0;

  write(write: Write): boolean {
    const isFenced = write.token < this.#highest;
    this.#highest = Math.max(this.#highest, write.token);
    (isFenced ? this.refused : this.accepted).push(write);
    return !isFenced;
  }

  /** All that it was asked to write, in the order in which it came: what a resource that fences nobody would have taken. */
  readonly asked: Write[] = [];
}

/** The writes that came after one of a later owner, or by the token of another one: at that moment two owned the resource. */
export function ownedTwice<W extends Write>(writes: readonly W[]): readonly W[] {
  const owners = new Map<number, string>();
  let highest = 0;
  return writes.filter(({ by, token }) => {
    const owner = owners.get(token) ?? by;
    owners.set(token, owner);
    const isLate = token < highest || owner !== by;
    highest = Math.max(highest, token);
    return isLate;
  });
}

/** A time in which a server ran; `endMs` is missing while it runs. */
export interface Term extends Write {
  readonly beganMs: number;
  readonly endMs: number | undefined;
}

/** Pairs of terms that ran at the same time. */
export function overlapping(terms: readonly Term[]): readonly (readonly [Term, Term])[] {
  const sorted = terms.toSorted((a, b) => a.beganMs - b.beganMs);
  return sorted.flatMap((earlier, at) =>
    sorted.slice(at + 1).flatMap((later) => {
      return later.beganMs < (earlier.endMs ?? Number.POSITIVE_INFINITY) ? [[earlier, later] as const] : [];
    }),
  );
}
