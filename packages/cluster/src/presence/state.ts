/**
 * Who is present, as each replica knows it: an observed-remove set that converges whatever happens to the messages between
 * replicas (lost, repeated, late, in any order), without a process, a clock or a wire.
 *
 * Each join is a dot of its replica, and so is each leave. A delta holds some joins and the dots it speaks of; a dot that is
 * spoken of without a join is not present, or not any more. So a join that the other side has not seen wins over a leave of
 * an older one, and what was left never comes back. The full state is a delta that speaks of all. Only its own replica makes
 * a presence leave; when that replica is gone for good, anybody says so for all that it ever said.
 *
 * @see https://arxiv.org/abs/1603.01529 (delta state replicated data types, the optimised add-wins set)
 */
import assert from "node:assert/strict";

import { ALL, type Dot, type DotList, Dots, type Replica } from "./dots.ts";

export interface Delta<Value> {
  readonly joins: readonly (readonly [Dot, Value])[];
  readonly seen: DotList;
}

export interface Changes<Value> {
  readonly joins: readonly Value[];
  readonly leaves: readonly Value[];
}

const NOTHING: DotList = { upTo: {}, beyond: [] };

export class PresenceState<Value> {
  readonly replica: Replica;
  readonly #present = new Map<Replica, Map<number, Value>>();
  readonly #seen = new Dots();

  constructor(replica: Replica) {
    this.replica = replica;
  }

  *values(): IterableIterator<Value> {
    for (const ofReplica of this.#present.values()) yield* ofReplica.values();
  }

  /** The presences of one replica, with the dots to make them leave by. */
  *of(replica: Replica): IterableIterator<readonly [Dot, Value]> {
    for (const [clock, value] of this.#present.get(replica) ?? []) yield [{ replica, clock }, value];
  }

  /** A presence of this replica begins. @returns its dot, and what the others are to be told. */
  join(value: Value): { readonly dot: Dot; readonly delta: Delta<Value> } {
    const dot = this.#next();
    const delta: Delta<Value> = { joins: [[dot, value]], seen: { upTo: {}, beyond: [dot] } };
    this.merge(delta);
    return { dot, delta };
  }

  /** Presences of this replica end. */
  leave(dots: readonly Dot[]): Delta<Value> {
    // A dot of its own, of nothing that is present: who misses this delta can tell by the gap.
    const delta: Delta<Value> = { joins: [], seen: { upTo: {}, beyond: [...dots, this.#next()] } };
    this.merge(delta);
    return delta;
  }

  /** A presence of this replica changes, in one step for everyone: the old value leaves as the new one joins. */
  update(dot: Dot, value: Value): { readonly dot: Dot; readonly delta: Delta<Value> } {
    const next = this.join(value);
    return { dot: next.dot, delta: combine(this.leave([dot]), next.delta) };
  }

  /**
   * Whether the others have given this replica up. What it had is gone for everybody, here as well, and it cannot join
   * anything again: it goes on as another replica.
   */
  get isGone(): boolean {
    return this.#seen.upTo(this.replica) === ALL;
  }

  /** A replica is gone for good: nothing that it said, or that others still repeat of it, counts any more. */
  replicaGone(replica: Replica): { readonly delta: Delta<Value>; readonly changes: Changes<Value> } {
    const delta: Delta<Value> = { joins: [], seen: { upTo: { [replica]: ALL }, beyond: [] } };
    return { delta, changes: this.merge(delta) };
  }

  /**
   * Frees what is still kept of a replica that is gone. To be called once no message that speaks of it can be under way:
   * one that comes later would bring it back.
   */
  forget(replica: Replica): void {
    this.#present.delete(replica);
    this.#seen.forget(replica);
  }

  /** @returns what has changed here by it. */
  merge({ joins, seen }: Delta<Value>): Changes<Value> {
    const joined = joins.filter(([dot]) => !this.#seen.has(dot));
    const left = this.#takeLeft(joins, seen);
    for (const [{ clock, replica }, value] of joined) {
      const ofReplica = this.#present.get(replica) ?? new Map<number, Value>();
      ofReplica.set(clock, value);
      this.#present.set(replica, ofReplica);
    }
    this.#seen.addAll(seen);
    return { joins: joined.map(([, value]) => value), leaves: left };
  }

  /** Takes out what is present here, and is spoken of there as something that is not. */
  #takeLeft(joins: Delta<Value>["joins"], seen: DotList): Value[] {
    const there = new Dots();
    for (const [dot] of joins) there.add(dot);
    const left: Value[] = [];
    const take = (dot: Dot): void => {
      const ofReplica = this.#present.get(dot.replica);
      if (ofReplica === undefined || !ofReplica.has(dot.clock) || there.has(dot)) return;
      left.push(ofReplica.get(dot.clock) as Value);
      ofReplica.delete(dot.clock);
      if (ofReplica.size === 0) this.#present.delete(dot.replica);
    };
    for (const dot of seen.beyond) take(dot);
    for (const [replica, upTo] of Object.entries(seen.upTo))
      for (const clock of [...(this.#present.get(replica)?.keys() ?? [])]) if (clock <= upTo) take({ replica, clock });
    return left;
  }

  #next(): Dot {
    assert(!this.isGone, `the replica ${this.replica} was given up and cannot say anything any more`);
    return { replica: this.replica, clock: this.#seen.upTo(this.replica) + 1 };
  }

  /** Everything: what repairs a replica that has missed something. */
  full(): Delta<Value> {
    return { joins: [...this.#present.keys()].flatMap((replica) => [...this.of(replica)]), seen: this.#seen.toList() };
  }

  /** What has been seen here, for others to compare with: short, whatever the number of presences. */
  get seen(): DotList {
    return this.#seen.toList();
  }

  /** Whether the other one has seen something that this one has not: then it is to be asked for its full state. */
  isBehind(other: DotList): boolean {
    return !this.#seen.covers(other);
  }
}

/** One delta that does what the two do one after the other. */
export function combine<Value>(first: Delta<Value>, second: Delta<Value>): Delta<Value> {
  const both = new PresenceState<Value>("");
  both.merge(first);
  both.merge(second);
  return both.full();
}

/** Does nothing. */
export function emptyDelta<Value>(): Delta<Value> {
  return { joins: [], seen: NOTHING };
}
