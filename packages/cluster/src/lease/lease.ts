/**
 * Leases: who may do what only one may. A lease is one record somewhere that all candidates can reach (a file, a Kubernetes
 * Lease), and every change of it names the version that it replaces, so that of two who race one is told of the other.
 *
 * Nobody's clock is compared with another's. A holder counts from before it asked; the others count from when they first saw
 * a version, and take the lease over when that has stood unchanged for its duration. So what must hold is only that two clocks
 * measure a duration of seconds alike; `elector.ts` has the margins.
 *
 * Whoever was paused (a suspended machine, a long garbage collection) may believe itself the holder for one write too many.
 * That is what the token is for: it grows with every acquisition, and whatever is written to can refuse a lower one.
 * @see https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
 */

/** One state of a lease. */
export interface LeaseRecord {
  /** Undefined: it was released. */
  readonly holder: string | undefined;
  /** The fencing token: of each acquisition greater than of all before, also after a release. */
  readonly token: number;
  /** Milliseconds without renewal after which others may take it. */
  readonly durationMs: number;
  /** Another one after every change, renewals too. */
  readonly version: string;
}

export interface LeaseAnswer {
  readonly granted: boolean;
  /** As it is now: when granted, the caller's. Undefined: nobody has ever held it. */
  readonly record: LeaseRecord | undefined;
}

/**
 * One lease. Every method rejects when the answer is not known: an error never means that nobody holds it, and what was
 * asked may have happened all the same.
 */
export interface Lease {
  readonly name: string;
  /** Undefined: nobody has ever held it. */
  read(): Promise<LeaseRecord | undefined>;
  /** Takes it, with a new token, if `over` is what it still is. Whether it may be taken is for the caller to know. */
  acquire(
    claim: { readonly holder: string; readonly durationMs: number },
    over: LeaseRecord | undefined,
  ): Promise<LeaseAnswer>;
  /** Has it last for its duration from now, if it still is the holder's by the same token. */
  renew(held: LeaseRecord): Promise<LeaseAnswer>;
  /** Gives it up, so that nobody need wait. @returns false when it was not the holder's any more, or the next one has it already. */
  release(held: LeaseRecord): Promise<boolean>;
  /** Has `changed` called, soon after, when others may have changed it. Absent: they are found by reading. @returns what ends it. */
  watch?(changed: () => void): () => void;
}

/** Where leases are kept. */
export interface Leases {
  lease(name: string): Lease;
}

/** The one operation that a place to keep leases must have: replacing what is there only if it is what was seen. */
export interface LeaseCell {
  read(): Promise<LeaseRecord | undefined>;
  /** @returns what is there now with its version, or undefined when `over` was not what was there. */
  replace(record: Omit<LeaseRecord, "version">, over: LeaseRecord | undefined): Promise<LeaseRecord | undefined>;
  watch?(changed: () => void): () => void;
}

/** A lease kept in a cell. */
export function leaseIn(name: string, cell: LeaseCell): Lease {
  return new CellLease(name, cell);
}

class CellLease implements Lease {
  readonly name: string;
  readonly watch?: (changed: () => void) => () => void;
  readonly #cell: LeaseCell;

  constructor(name: string, cell: LeaseCell) {
    this.name = name;
    this.#cell = cell;
    if (cell.watch !== undefined) this.watch = (changed) => cell.watch?.(changed) ?? (() => undefined);
  }

  read(): Promise<LeaseRecord | undefined> {
    return this.#cell.read();
  }

  async acquire(
    { durationMs, holder }: { readonly holder: string; readonly durationMs: number },
    over: LeaseRecord | undefined,
  ): Promise<LeaseAnswer> {
    const record = await this.#cell.replace({ holder, durationMs, token: (over?.token ?? 0) + 1 }, over);
    return record === undefined ? this.#refused() : { granted: true, record };
  }

  async renew(held: LeaseRecord): Promise<LeaseAnswer> {
    const record = await this.#replaceHeld(held, held);
    return record === undefined ? this.#refused() : { granted: true, record };
  }

  async release(held: LeaseRecord): Promise<boolean> {
    return (await this.#replaceHeld({ ...held, holder: undefined }, held)) !== undefined;
  }

  /** A renewal without an answer may have changed the version: it is the holder's still. */
  async #replaceHeld(next: LeaseRecord, held: LeaseRecord): Promise<LeaseRecord | undefined> {
    const { durationMs, holder, token } = next;
    const record = { holder, token, durationMs };
    const replaced = await this.#cell.replace(record, held);
    if (replaced !== undefined) return replaced;
    const now = await this.#cell.read();
    if (now === undefined || now.holder !== held.holder || now.token !== held.token) return undefined;
    return this.#cell.replace(record, now);
  }

  async #refused(): Promise<LeaseAnswer> {
    return { granted: false, record: await this.#cell.read() };
  }
}
