/**
 * Which events of which replicas have been seen. A dot is one event: the nth of a replica. Those that are seen without a gap
 * are one number a replica; those ahead of a gap lie in the cloud until it closes.
 */

/** The life of a node: one that was started again is another replica. */
export type Replica = string;

export interface Dot {
  readonly replica: Replica;
  /** 1 is the first. */
  readonly clock: number;
}

/** Dots as they travel. */
export interface DotList {
  /** Of each replica: all dots up to this one. */
  readonly upTo: Readonly<Record<Replica, number>>;
  readonly beyond: readonly Dot[];
}

/** Of a replica that will never be heard of again: all that it has said or might have. */
export const ALL: number = Number.MAX_SAFE_INTEGER;

export class Dots {
  readonly #upTo = new Map<Replica, number>();
  readonly #beyond = new Map<Replica, Set<number>>();

  has({ clock, replica }: Dot): boolean {
    return clock <= (this.#upTo.get(replica) ?? 0) || this.#beyond.get(replica)?.has(clock) === true;
  }

  /** The last dot of the replica before the first gap. */
  upTo(replica: Replica): number {
    return this.#upTo.get(replica) ?? 0;
  }

  add({ clock, replica }: Dot): void {
    if (this.has({ clock, replica })) return;
    const beyond = this.#beyond.get(replica) ?? new Set();
    beyond.add(clock);
    this.#beyond.set(replica, beyond);
    this.#close(replica, this.upTo(replica));
  }

  addUpTo(replica: Replica, clock: number): void {
    if (clock > this.upTo(replica)) this.#close(replica, clock);
  }

  addAll({ beyond, upTo }: DotList): void {
    for (const [replica, clock] of Object.entries(upTo)) this.addUpTo(replica, clock);
    for (const dot of beyond) this.add(dot);
  }

  /** Everything up to `clock` is there: what follows it without a gap leaves the cloud. */
  #close(replica: Replica, clock: number): void {
    const beyond = this.#beyond.get(replica);
    let last = clock;
    if (beyond !== undefined) {
      for (const one of [...beyond]) if (one <= last) beyond.delete(one);
      while (beyond.delete(last + 1)) last++;
      if (beyond.size === 0) this.#beyond.delete(replica);
    }
    if (last > 0) this.#upTo.set(replica, last);
  }

  /** Whether all of `dots` have been seen. */
  covers({ beyond, upTo }: DotList): boolean {
    return (
      Object.entries(upTo).every(([replica, clock]) => clock <= this.upTo(replica)) &&
      beyond.every((dot) => this.has(dot))
    );
  }

  /** A replica about which nothing need be known any more. */
  forget(replica: Replica): void {
    this.#upTo.delete(replica);
    this.#beyond.delete(replica);
  }

  toList(): DotList {
    return {
      upTo: Object.fromEntries(this.#upTo),
      beyond: [...this.#beyond].flatMap(([replica, clocks]) => [...clocks].map((clock) => ({ replica, clock }))),
    };
  }
}
