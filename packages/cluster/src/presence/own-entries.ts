/** A node's own entries: what is there, what the others have not been told yet, and what to tell one that missed something. */
import assert from "node:assert/strict";
import type { Delta } from "./delta.ts";

/** A delta still being made. */
class Draft<Entry> {
  readonly after: number;
  upTo: number;
  readonly joins = new Map<number, Entry>();
  readonly leaves: number[] = [];
  sizeBytes = 0;

  constructor(after: number) {
    this.after = this.upTo = after;
  }

  finished(): Delta<Entry> {
    const { after, joins, leaves, upTo } = this;
    return { after, upTo, joins: [...joins], leaves };
  }
}

interface Sized<Entry> {
  readonly entry: Entry;
  readonly sizeBytes: number;
}

export interface OwnEntriesLimits {
  /** About so much goes into one delta: whoever has much to tell lets others speak in between. */
  readonly deltaBytes: number;
  /** Of at least so many leaves it is known when they happened: who missed more is told of everything. */
  readonly leavesKept: number;
}

/** What a leave takes in a delta. */
const LEAVE_BYTES = 8;

export class OwnEntries<Entry> {
  readonly #limits: OwnEntriesLimits;
  #clock = 0;
  /** By the clock of the join, in that order. */
  readonly #present = new Map<number, Sized<Entry>>();
  /** The latest leaves, in order: when, and of what. */
  readonly #left: { readonly at: number; readonly joined: number }[] = [];
  /** All leaves after this clock are known. */
  #floor = 0;
  #drafts: Draft<Entry>[] = [];

  constructor(limits: OwnEntriesLimits) {
    this.#limits = limits;
  }

  get clock(): number {
    return this.#clock;
  }

  /** @returns the clock by which the entry is known. */
  join(entry: Entry, sizeBytes: number): number {
    return this.#join(this.#draft(), { entry, sizeBytes });
  }

  leave(joined: number): Entry | undefined {
    const found = this.#present.get(joined);
    if (found !== undefined) this.#leave(this.#draft(), joined);
    return found?.entry;
  }

  /** In one step for everyone: the old entry leaves as the new one joins. */
  replace(joined: number, entry: Entry, sizeBytes: number): { readonly clock: number; readonly entry: Entry } {
    const old = this.#present.get(joined);
    assert(old !== undefined, "what is replaced is there");
    const draft = this.#draft();
    this.#leave(draft, joined);
    return { clock: this.#join(draft, { entry, sizeBytes }), entry: old.entry };
  }

  /** An event of nothing: what was said of the clock before is out of date. */
  skip(): void {
    const draft = this.#draft();
    draft.upTo = ++this.#clock;
  }

  /** What nobody has been told yet; from now on it counts as told. */
  takeUntold(): readonly Delta<Entry>[] {
    const drafts = this.#drafts;
    this.#drafts = [];
    return drafts.map((draft) => draft.finished());
  }

  /**
   * What happened after the clock `have`, one delta after the other, as of now: what happens while they are taken is not in
   * them. When that is not known any more, they begin at 0 and hold everything.
   */
  since(have: number): Iterator<Delta<Entry>, undefined> {
    const after = have >= this.#floor && have <= this.#clock ? have : 0;
    const joins = [...this.#present].filter(([joined]) => joined > after);
    const leaves = after === 0 ? [] : this.#left.filter(({ at, joined }) => at > after && joined <= after);
    return this.#deltas(
      after,
      this.#clock,
      joins,
      leaves.map(({ joined }) => joined),
    );
  }

  *#deltas(
    after: number,
    upTo: number,
    joins: readonly (readonly [number, Sized<Entry>])[],
    leaves: readonly number[],
  ): Generator<Delta<Entry>, undefined> {
    let draft = new Draft<Entry>(after);
    for (const joined of leaves) draft.leaves.push(joined);
    for (const [joined, { entry, sizeBytes }] of joins) {
      if (draft.sizeBytes + sizeBytes > this.#limits.deltaBytes && draft.joins.size > 0) {
        yield draft.finished();
        draft = new Draft(draft.upTo);
      }
      draft.joins.set(joined, entry);
      draft.sizeBytes += sizeBytes;
      draft.upTo = joined;
    }
    draft.upTo = upTo;
    yield draft.finished();
    return undefined;
  }

  #draft(): Draft<Entry> {
    const last = this.#drafts.at(-1);
    if (last !== undefined && last.sizeBytes < this.#limits.deltaBytes) return last;
    const draft = new Draft<Entry>(this.#clock);
    this.#drafts.push(draft);
    return draft;
  }

  #join(draft: Draft<Entry>, sized: Sized<Entry>): number {
    const clock = ++this.#clock;
    this.#present.set(clock, sized);
    draft.joins.set(clock, sized.entry);
    draft.sizeBytes += sized.sizeBytes;
    draft.upTo = clock;
    return clock;
  }

  #leave(draft: Draft<Entry>, joined: number): void {
    const clock = ++this.#clock;
    this.#present.delete(joined);
    this.#left.push({ at: clock, joined });
    // Half at a time: one at a time would move all others with each leave.
    if (this.#left.length > 2 * this.#limits.leavesKept) {
      this.#left.splice(0, this.#limits.leavesKept);
      this.#floor = (this.#left[0]?.at ?? this.#clock) - 1;
    }
    // One that nobody has heard of leaves without a word.
    if (!draft.joins.delete(joined)) draft.leaves.push(joined);
    draft.sizeBytes += LEAVE_BYTES;
    draft.upTo = clock;
  }
}
