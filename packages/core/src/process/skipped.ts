/**
 * The messages that a selective receive has passed over, in order of arrival and by key. Each message is moved here once;
 * after that a receive whose pattern has a key finds its oldest match in one look, however often the others were
 * skipped before. Hot file: `bench` row selective_receive_10k_deep.
 *
 *     users    first → ping → order → ping → last          (arrival; signals have a list of their own)
 *     buckets  "ping"  → ping ───────→ ping
 *              "order" → order
 */
import { type Envelope, SIGNAL } from "./mailbox.ts";
import { keyOf, type Selection } from "./matcher.ts";

class Skipped {
  readonly envelope: Envelope;
  readonly order: number;
  readonly key: unknown;
  before: Skipped | undefined = undefined;
  after: Skipped | undefined = undefined;
  olderOfKey: Skipped | undefined = undefined;
  newerOfKey: Skipped | undefined = undefined;

  constructor(envelope: Envelope, order: number, key: unknown) {
    this.envelope = envelope;
    this.order = order;
    this.key = key;
  }
}

interface Ends {
  first: Skipped | undefined;
  last: Skipped | undefined;
}

/** DOWN messages are indexed by their monitor's reference, so that each monitor finds its own at once. */
function indexKey(envelope: Envelope): unknown {
  const message = envelope.payload as { ref?: unknown } | null;
  if (envelope.kind === SIGNAL && message !== null && message.ref !== undefined) return message.ref;
  return keyOf(envelope.payload);
}

export class SkippedMessages {
  readonly #users: Ends = { first: undefined, last: undefined };
  readonly #signals: Ends = { first: undefined, last: undefined };
  readonly #buckets = new Map<unknown, Ends>();
  #order = 0;
  length = 0;

  add(envelope: Envelope): void {
    const entry = new Skipped(envelope, ++this.#order, indexKey(envelope));
    const all = this.#all(envelope);
    entry.before = all.last;
    if (all.last === undefined) all.first = entry;
    else all.last.after = entry;
    all.last = entry;
    const bucket = this.#buckets.get(entry.key);
    if (bucket === undefined) this.#buckets.set(entry.key, { first: entry, last: entry });
    else {
      entry.olderOfKey = bucket.last;
      (bucket.last as Skipped).newerOfKey = entry;
      bucket.last = entry;
    }
    this.length++;
  }

  /** Takes the oldest message that `selection` accepts; without one the oldest of the user's. */
  take(selection: Selection | undefined): Envelope | undefined {
    const found = selection === undefined ? this.#users.first : this.#find(selection);
    if (found !== undefined) this.#remove(found);
    return found?.envelope;
  }

  takeOldestOfUser(): Envelope | undefined {
    return this.take(undefined);
  }

  *[Symbol.iterator](): Iterator<Envelope> {
    let user = this.#users.first;
    let signal = this.#signals.first;
    while (user !== undefined || signal !== undefined) {
      if (signal === undefined || (user !== undefined && user.order < signal.order)) {
        yield (user as Skipped).envelope;
        user = user?.after;
      } else {
        yield signal.envelope;
        signal = signal.after;
      }
    }
  }

  #find(selection: Selection): Skipped | undefined {
    let oldest: Skipped | undefined;
    if (selection.keys === undefined) {
      if (selection.user) oldest = firstMatch(this.#users.first, selection);
      if (selection.signals) oldest = older(oldest, firstMatch(this.#signals.first, selection));
      return oldest;
    }
    for (const key of selection.keys) {
      let entry = this.#buckets.get(key)?.first;
      // A key may be shared by a user's message and a signal; the selection says which it wants.
      while (entry !== undefined && !accepts(selection, entry.envelope)) entry = entry.newerOfKey;
      oldest = older(oldest, entry);
    }
    return oldest;
  }

  #remove(entry: Skipped): void {
    const all = this.#all(entry.envelope);
    if (entry.before === undefined) all.first = entry.after;
    else entry.before.after = entry.after;
    if (entry.after === undefined) all.last = entry.before;
    else entry.after.before = entry.before;
    const bucket = this.#buckets.get(entry.key) as Ends;
    if (entry.olderOfKey === undefined) bucket.first = entry.newerOfKey;
    else entry.olderOfKey.newerOfKey = entry.newerOfKey;
    if (entry.newerOfKey === undefined) bucket.last = entry.olderOfKey;
    else entry.newerOfKey.olderOfKey = entry.olderOfKey;
    if (bucket.first === undefined) this.#buckets.delete(entry.key);
    this.length--;
  }

  #all(envelope: Envelope): Ends {
    return envelope.kind >= SIGNAL ? this.#signals : this.#users;
  }
}

/** Whether `selection` takes `envelope`; without a selection any of the user's. */
export function accepts(selection: Selection | undefined, envelope: Envelope): boolean {
  const signal = envelope.kind >= SIGNAL;
  if (selection === undefined) return !signal;
  return (signal ? selection.signals : selection.user) && selection.matches(envelope.payload);
}

function firstMatch(first: Skipped | undefined, selection: Selection): Skipped | undefined {
  let entry = first;
  while (entry !== undefined && !selection.matches(entry.envelope.payload)) entry = entry.after;
  return entry;
}

function older(one: Skipped | undefined, other: Skipped | undefined): Skipped | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.order < other.order ? one : other;
}
