/**
 * The other replicas of a presence, as one node knows them: what each has told of its entries, and whether they count now.
 * Without a process, a clock or a wire; times are the caller's, in milliseconds.
 *
 * A replica is up, and its entries count, from the answer to a question until its node is down, or nothing was heard of it for
 * `downMs`. Then it is away: its entries do not count, and are kept for `permdownMs`, so that one that comes back need only
 * tell what has changed. Only an answer to the present question brings a replica up: what was said before its node went down
 * may still be under way afterwards.
 */
import type { Changes, Delta, Replica } from "./delta.ts";

export interface OtherReplicasRules {
  readonly downMs: number;
  readonly permdownMs: number;
  /** A question that is not answered within this time is put again. */
  readonly answerMs: number;
}

/** Who speaks: the process that acts for a replica now. */
export interface Speaker<Pid> {
  readonly replica: Replica;
  readonly pid: Pid;
  readonly node: string;
}

/** A question to a replica: what has happened after the clock `have`? */
export interface Question<Pid> {
  readonly to: Pid;
  /** In the answers. */
  readonly ref: number;
  readonly have: number;
}

export interface Answer<Entry> {
  readonly ref: number;
  readonly delta: Delta<Entry>;
  readonly last: boolean;
}

export interface Outcome<Entry, Pid> extends Changes<Entry> {
  readonly ask: Question<Pid> | undefined;
}

interface Other<Entry, Pid> {
  pid: Pid;
  node: string;
  /** All events up to this clock are known. */
  upTo: number;
  /** The highest clock that it has spoken of. */
  clock: number;
  heardMs: number;
  /** Undefined while it is up. */
  awayMs: number | undefined;
  asking: { readonly ref: number; atMs: number } | undefined;
  readonly entries: Map<number, Entry>;
  /** No entry is known by a later clock. */
  latest: number;
}

const NONE: readonly never[] = [];

export class OtherReplicas<Entry, Pid> {
  readonly #rules: OtherReplicasRules;
  readonly #others = new Map<Replica, Other<Entry, Pid>>();
  #questions = 0;

  constructor(rules: OtherReplicasRules) {
    this.#rules = rules;
  }

  get statistics(): { readonly up: number; readonly away: number; readonly questions: number } {
    const up = [...this.#others.values()].filter(({ awayMs }) => awayMs === undefined).length;
    return { up, away: this.#others.size - up, questions: this.#questions };
  }

  /** A replica says where its clock stands. */
  heard(speaker: Speaker<Pid>, clock: number, nowMs: number): Outcome<Entry, Pid> {
    const other = this.#known(speaker, nowMs);
    other.clock = Math.max(other.clock, clock);
    return this.#outcome(other, nothing(), nowMs);
  }

  /** A replica says what has happened. */
  told(speaker: Speaker<Pid>, delta: Delta<Entry>, nowMs: number): Outcome<Entry, Pid> {
    const other = this.#known(speaker, nowMs);
    other.clock = Math.max(other.clock, delta.upTo);
    const fits = other.awayMs === undefined && delta.after <= other.upTo && delta.upTo > other.upTo;
    return this.#outcome(other, fits ? apply(other, delta) : nothing(), nowMs);
  }

  answered(replica: Replica, { delta, last, ref }: Answer<Entry>, nowMs: number): Outcome<Entry, Pid> {
    const other = this.#others.get(replica);
    if (other?.asking?.ref !== ref) return { ...nothing<Entry>(), ask: undefined };
    other.heardMs = other.asking.atMs = nowMs;
    other.clock = Math.max(other.clock, delta.upTo);
    let changes = delta.after <= other.upTo ? apply(other, delta) : nothing<Entry>();
    if (other.awayMs !== undefined) changes = nothing();
    if (last) {
      other.asking = undefined;
      if (other.awayMs !== undefined) changes = { joins: [...other.entries.values()], leaves: NONE };
      other.awayMs = undefined;
    }
    return this.#outcome(other, changes, nowMs);
  }

  /** A replica has said goodbye at that clock. One that has been heard of since is meant no more. */
  gone(replica: Replica, clock: number): Changes<Entry> {
    const other = this.#others.get(replica);
    if (other === undefined || other.clock > clock) return nothing();
    this.#others.delete(replica);
    return { joins: NONE, leaves: other.awayMs === undefined ? [...other.entries.values()] : NONE };
  }

  /** The connection to a node has ended. */
  nodeDown(node: string, nowMs: number): Changes<Entry> {
    return this.#toAway((other) => other.node === node, nowMs);
  }

  /** To be called now and then. */
  tick(nowMs: number): Changes<Entry> {
    const { downMs, permdownMs } = this.#rules;
    for (const [replica, { awayMs }] of this.#others)
      if (awayMs !== undefined && nowMs - awayMs >= permdownMs) this.#others.delete(replica);
    return this.#toAway(({ heardMs }) => nowMs - heardMs >= downMs, nowMs);
  }

  /** Nobody has listened for a while: silence does not count, and nobody waits for an answer. */
  resume(nowMs: number): void {
    for (const other of this.#others.values()) {
      other.heardMs = nowMs;
      other.asking = undefined;
    }
  }

  #toAway(which: (other: Other<Entry, Pid>) => boolean, nowMs: number): Changes<Entry> {
    const leaves: Entry[] = [];
    for (const other of this.#others.values()) {
      if (!which(other)) continue;
      other.asking = undefined;
      if (other.awayMs !== undefined) continue;
      other.awayMs = nowMs;
      leaves.push(...other.entries.values());
    }
    return { joins: NONE, leaves };
  }

  #known({ node, pid, replica }: Speaker<Pid>, nowMs: number): Other<Entry, Pid> {
    let other = this.#others.get(replica);
    if (other === undefined) {
      other = {
        pid,
        node,
        upTo: 0,
        clock: 0,
        heardMs: nowMs,
        awayMs: nowMs,
        asking: undefined,
        entries: new Map(),
        latest: 0,
      };
      this.#others.set(replica, other);
    }
    // Its process was restarted: the one that was asked will not answer.
    if (other.pid !== pid) other.asking = undefined;
    other.pid = pid;
    other.node = node;
    other.heardMs = nowMs;
    return other;
  }

  #outcome(other: Other<Entry, Pid>, changes: Changes<Entry>, nowMs: number): Outcome<Entry, Pid> {
    const behind = other.awayMs !== undefined || other.clock > other.upTo;
    const waiting = other.asking !== undefined && nowMs - other.asking.atMs < this.#rules.answerMs;
    if (!behind || waiting) return { ...changes, ask: undefined };
    other.asking = { ref: ++this.#questions, atMs: nowMs };
    return { ...changes, ask: { to: other.pid, ref: other.asking.ref, have: other.upTo } };
  }
}

function nothing<Entry>(): Changes<Entry> {
  return { joins: NONE, leaves: NONE };
}

function apply<Entry>(other: Other<Entry, unknown>, delta: Delta<Entry>): Changes<Entry> {
  const { after, upTo } = delta;
  const named = new Map(delta.joins);
  const leaves: Entry[] = [];
  const joins: Entry[] = [];
  const leave = (clock: number): void => {
    const entry = other.entries.get(clock);
    if (entry !== undefined && other.entries.delete(clock)) leaves.push(entry);
  };
  for (const clock of delta.leaves) leave(clock);
  if (after < other.latest)
    for (const clock of other.entries.keys()) if (clock > after && clock <= upTo && !named.has(clock)) leave(clock);
  for (const [clock, entry] of delta.joins) {
    // One that is known to be there or to have left again.
    if (clock <= other.upTo || other.entries.has(clock)) continue;
    other.entries.set(clock, entry);
    other.latest = Math.max(other.latest, clock);
    joins.push(entry);
  }
  other.upTo = Math.max(other.upTo, upTo);
  return { joins, leaves };
}
