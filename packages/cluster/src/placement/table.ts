/**
 * Which host holds which key, as one host knows, and for which keys something waits here. A key that nobody holds is asked of
 * its owner, and started if that is this host. Pure.
 */
import type { Hosts } from "./hosts.ts";
import type { Claim, Heritage, Of } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

/** A key that somebody holds. */
export interface Entry<P> extends Claim<P> {
  readonly holder: P;
}

export class Table<P> {
  readonly #self: P;
  readonly #hosts: Hosts<P>;
  readonly #outbox: Outbox<P>;
  readonly #entries = new Map<string, Entry<P>>();
  /** Keys that this host holds. */
  readonly #own = new Set<string>();
  /** Keys for which something waits, and whom it was asked for. */
  readonly #wanted = new Map<string, P | undefined>();
  #clock = 0;

  constructor(self: P, hosts: Hosts<P>, outbox: Outbox<P>) {
    this.#self = self;
    this.#hosts = hosts;
    this.#outbox = outbox;
  }

  entry(key: string): Entry<P> | undefined {
    return this.#entries.get(key);
  }

  /** One that this host holds, and since that epoch if one is given. */
  ownEntry(key: string, epoch?: number): Entry<P> | undefined {
    const entry = this.#entries.get(key);
    return entry?.holder === this.#self && (epoch === undefined || entry.epoch === epoch) ? entry : undefined;
  }

  /** Where to send what is for `key`; undefined while it has to wait. */
  pidOf(key: string): P | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.frozen !== undefined ? undefined : entry.pid;
  }

  get entries(): readonly Entry<P>[] {
    return [...this.#entries.values()];
  }

  get keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  get own(): readonly string[] {
    return [...this.#own];
  }

  /** What this host holds, as it tells others. */
  get claims(): readonly Claim<P>[] {
    return this.own.map((key) => claimOf(this.#entries.get(key) as Entry<P>));
  }

  // Epochs

  get clock(): number {
    return this.#clock;
  }

  /** Whatever this host begins from now on counts for more. */
  heardOf(epoch: number): void {
    this.#clock = Math.max(this.#clock, epoch);
  }

  nextEpoch(): number {
    return ++this.#clock;
  }

  // Changes

  set(entry: Entry<P>, reason: unknown = "noproc"): void {
    const { key, since } = entry;
    const before = this.#entries.get(key);
    this.#entries.set(key, entry);
    if (entry.holder === this.#self) this.#own.add(key);
    else this.#own.delete(key);
    if (before !== undefined && before.since !== since)
      this.#outbox.do({ type: "broken", key, since: before.since, reason });
  }

  /** The key is free. */
  forget(key: string, reason: unknown): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#own.delete(key);
    if (this.#wanted.has(key)) this.#wanted.set(key, undefined);
    this.#outbox.do({ type: "broken", key, since: entry.since, reason });
  }

  /** This host holds it no more. */
  free({ epoch, key }: Entry<P>, reason: unknown): void {
    this.forget(key, reason);
    this.#outbox.tellAll({ type: "gone", key, epoch, reason });
    this.ask(key);
  }

  /** Whoever waits for an answer has it after all hosts know where it came from. */
  announce(entry: Entry<P>): void {
    this.set(entry);
    this.#outbox.tellAll({ type: "at", claim: claimOf(entry) });
    this.open(entry.key);
  }

  /** Says it anew, so that it counts for all that have heard somebody else. */
  insist(entry: Entry<P>): void {
    this.announce({ ...entry, epoch: this.nextEpoch() });
  }

  open(key: string): void {
    const pid = this.pidOf(key);
    if (pid === undefined) return;
    this.#wanted.delete(key);
    this.#outbox.do({ type: "open", key, pid });
  }

  // Keys that are wanted

  want(key: string): void {
    if (this.#wanted.has(key)) return;
    this.#wanted.set(key, undefined);
    this.ask(key);
  }

  giveUp(key: string, error: unknown): void {
    if (this.#wanted.delete(key)) this.#outbox.do({ type: "fail", key, error });
  }

  ask(key: string): void {
    if (!this.#hosts.own.ready || this.#entries.has(key) || !this.#wanted.has(key)) return;
    const owner = this.#hosts.owner(key);
    if (owner === this.#self) return this.start(key);
    if (owner === undefined || this.#wanted.get(key) === owner) return;
    this.#wanted.set(key, owner);
    this.#outbox.tell(owner, { type: "want", key, by: this.#self });
  }

  askForAll(): void {
    for (const key of [...this.#wanted.keys()]) this.ask(key);
  }

  /** Asks again: while some nodes are cut off from others, an answer may not have come through. */
  remind(): void {
    for (const key of [...this.#wanted.keys()]) {
      const entry = this.#entries.get(key);
      if (entry !== undefined && entry.holder !== this.#self)
        this.#outbox.tell(entry.holder, { type: "holds", key, epoch: entry.epoch });
      this.#wanted.set(key, undefined);
      this.ask(key);
    }
  }

  start(key: string): void {
    const [epoch, holder] = [this.nextEpoch(), this.#self];
    this.set({ key, epoch, since: epoch, origin: holder, pid: undefined, frozen: undefined, holder });
    this.#outbox.do({ type: "start", key, epoch, again: false });
  }

  /** In place, after a crash. */
  startAgain(entry: Entry<P>, reason: unknown): void {
    const epoch = this.nextEpoch();
    const next = { ...entry, epoch, since: epoch, origin: this.#self, pid: undefined };
    this.set(next, reason);
    this.#outbox.tellAll({ type: "at", claim: claimOf(next), reason });
    this.#outbox.do({ type: "start", key: entry.key, epoch, again: true });
  }

  // What others ask

  /** `by` has something for it. */
  wanted(from: P, { by, key }: Of<P, "want">): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      if (!this.#wanted.has(key)) this.#wanted.set(key, undefined);
      this.ask(key);
    } else if (entry.holder === this.#self) {
      if (entry.pid !== undefined) this.#outbox.tell(by, { type: "at", claim: claimOf(entry) });
    } else if (from === by && entry.holder !== by) this.#outbox.tell(entry.holder, { type: "want", key, by });
  }

  /** Whether this host has it. */
  holds(from: P, { epoch, key }: Of<P, "holds">): void {
    const entry = this.#entries.get(key);
    if (entry?.holder === this.#self && entry.epoch >= epoch)
      return this.#outbox.tell(from, { type: "at", claim: claimOf(entry) });
    // Whoever has it now says so in time; were it called free, somebody might start it meanwhile.
    if (entry !== undefined && entry.holder !== from) this.#outbox.tell(entry.holder, { type: "want", key, by: from });
    else this.#outbox.tell(from, { type: "gone", key, epoch });
  }

  /** A host says that somebody may hold it whose death this one has not heard of. */
  reserve(holder: P, promised: Heritage<P>): void {
    if (!this.#entries.has(promised.key)) this.set({ ...promised, pid: undefined, frozen: undefined, holder });
  }
}

function claimOf<P>({ epoch, frozen, key, origin, pid, since }: Entry<P>): Claim<P> {
  return { key, epoch, since, origin, pid, frozen };
}
