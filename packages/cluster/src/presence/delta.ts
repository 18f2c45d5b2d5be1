/**
 * What the nodes of a presence tell each other. Each node counts the events of its own entries: the nth event is its clock n.
 * An entry is known by the clock of its join, and no other node ever speaks of it; so what one node says of another cannot
 * contradict what that one says of itself.
 */

/** The life of a node, as far as its entries go: one that was started again is another replica. */
export type Replica = string;

/**
 * The events of one replica with `after` < clock <= `upTo`. Of entries that joined in between, those that are not named have
 * left again. Applied by whoever knows all events up to `after`; any part that is known already does no harm.
 */
export interface Delta<Entry> {
  readonly after: number;
  readonly upTo: number;
  readonly joins: readonly (readonly [clock: number, entry: Entry])[];
  /** Entries that joined before, by the clock of their join. */
  readonly leaves: readonly number[];
}

export interface Changes<Entry> {
  readonly joins: readonly Entry[];
  readonly leaves: readonly Entry[];
}
