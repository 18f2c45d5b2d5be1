/**
 * How a host takes keys over that others give away. What it has been promised it may have to answer for: when the holder dies,
 * an heir that has begun goes on, and one that has nothing yet says that the key is free. Pure.
 */
import type { Hosts } from "./hosts.ts";
import type { Heritage, Of } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { Entry, Table } from "./table.ts";

interface Promised<P> extends Heritage<P> {
  readonly source: P;
  readonly attempt: number;
  readonly stage: "promised" | "beginning" | "begun";
  readonly pid: P | undefined;
}

export class TakingOver<P> {
  readonly #self: P;
  readonly #hosts: Hosts<P>;
  readonly #outbox: Outbox<P>;
  readonly #table: Table<P>;
  readonly #adopted: (key: string) => void;
  readonly #promised = new Map<string, Promised<P>>();

  /** `adopted` is told of each key that this host has now. */
  constructor(self: P, hosts: Hosts<P>, outbox: Outbox<P>, table: Table<P>, adopted: (key: string) => void) {
    this.#self = self;
    this.#hosts = hosts;
    this.#outbox = outbox;
    this.#table = table;
    this.#adopted = adopted;
  }

  get isBusy(): boolean {
    return this.#promised.size > 0;
  }

  get heritage(): readonly Heritage<P>[] {
    return [...this.#promised.values()].map(({ epoch, key, origin, since }) => ({ key, epoch, since, origin }));
  }

  /** Of a holder whose death this host may not have heard of yet. */
  expects(key: string, epoch: number): boolean {
    return this.#promised.get(key)?.epoch === epoch;
  }

  // From the promise to the key

  promise(source: P, { attempt, epoch, key, origin, since }: Of<P, "freeze">): void {
    const stage = "promised" as const;
    const promised = { key, epoch, since, origin, attempt, source, stage, pid: undefined };
    this.#promised.set(key, promised);
    const refusal = this.#refusal(key);
    if (refusal !== undefined) this.#refuse(promised, refusal);
  }

  /** Why this host takes no key over, or not this one. */
  #refusal(key: string): string | undefined {
    const { hosts, leaving, ready } = this.#hosts.own;
    if (leaving || !hosts) return "it takes no keys (any more)";
    // A host that has not answered yet would not count on it.
    if (!ready) return "it is not known to all yet";
    return this.#table.ownEntry(key) === undefined ? undefined : "it has one of its own";
  }

  offered(from: P, { attempt, epoch, key, parcel }: Of<P, "take">): void {
    const promised = this.#promised.get(key);
    if (promised?.source !== from || promised.attempt !== attempt || promised.stage !== "promised")
      return this.#outbox.tell(from, { type: "refused", key, epoch, attempt, reason: "it was not promised to it" });
    const refusal = this.#refusal(key);
    if (refusal !== undefined) return this.#refuse(promised, refusal);
    this.#promised.set(key, { ...promised, stage: "beginning" });
    this.#outbox.do({ type: "begin", key, epoch, attempt, parcel });
  }

  begun(key: string, epoch: number, attempt: number, pid: P): void {
    const promised = this.#promised.get(key);
    if (promised?.epoch !== epoch || promised.attempt !== attempt) return this.#outbox.do({ type: "discard", pid });
    const begun = { ...promised, stage: "begun" as const, pid };
    this.#promised.set(key, begun);
    if (this.#hosts.has(promised.source))
      this.#outbox.tell(promised.source, { type: "taken", key, epoch, attempt, pid });
    else this.#adopt(begun, false);
  }

  completed(from: P, { attempt, key }: Of<P, "complete">): void {
    const promised = this.#promised.get(key);
    if (promised?.source === from && promised.attempt === attempt && promised.stage === "begun")
      this.#adopt(promised, true);
  }

  #adopt({ key, origin, pid, since }: Promised<P>, isWhole: boolean): void {
    this.#promised.delete(key);
    const [epoch, holder] = [this.#table.nextEpoch(), this.#self];
    this.#table.announce({ key, epoch, since, origin, pid, frozen: undefined, holder });
    if (!isWhole) this.#outbox.do({ type: "adopted", key });
    this.#adopted(key);
  }

  // Promises that come to nothing

  beginFailed(key: string, epoch: number, attempt: number, reason: string): void {
    const promised = this.#promised.get(key);
    if (promised?.epoch !== epoch || promised.attempt !== attempt) return;
    if (this.#hosts.has(promised.source)) this.#refuse(promised, reason);
    else this.#renounce(promised);
  }

  /** One that has begun has ended before the key was its own. */
  begunEnded(key: string, pid: P): void {
    const promised = this.#promised.get(key);
    if (promised?.pid === pid) this.#refuse({ ...promised, pid: undefined }, "it has ended already");
  }

  #refuse(promised: Promised<P>, reason: string): void {
    const { attempt, epoch, key, source } = promised;
    this.#waive(promised);
    this.#outbox.tell(source, { type: "refused", key, epoch, attempt, reason });
  }

  /** The holder has chosen somebody else, or goes on itself. */
  disinherited(key: string, epoch: number, source?: P): void {
    const promised = this.#promised.get(key);
    if (promised === undefined || promised.epoch > epoch) return;
    if (source === undefined || promised.source === source) this.#waive(promised);
  }

  #waive({ epoch, key, pid }: Promised<P>): void {
    this.#promised.delete(key);
    if (pid !== undefined) this.#outbox.do({ type: "discard", pid });
    // Somebody may know of it only by the promise.
    this.#outbox.tellAll({ type: "waived", key, epoch });
  }

  /** The holder is dead, and nothing of the key has come here. */
  #renounce(promised: Promised<P>): void {
    const { epoch, key } = promised;
    this.#waive(promised);
    this.#outbox.tellAll({ type: "gone", key, epoch });
    if (this.#table.entry(key)?.epoch === epoch) this.#table.forget(key, "noconnection");
  }

  leave(): void {
    for (const promised of this.#promised.values())
      if (promised.stage === "promised") this.#refuse(promised, "it takes no keys any more");
  }

  // Holders that die

  /** Whether the key of a dead holder is this host's to answer for, now or when its process has begun. */
  inherits(entry: Entry<P>): boolean {
    const promised = this.#promised.get(entry.key);
    if (entry.frozen?.heir !== this.#self || promised === undefined || promised.stage === "promised") return false;
    this.#table.set({ ...entry, holder: this.#self, pid: undefined });
    return true;
  }

  down(host: P): void {
    for (const promised of this.#promised.values()) {
      if (promised.source !== host || promised.stage === "beginning") continue;
      if (promised.stage === "begun") this.#adopt(promised, false);
      else this.#renounce(promised);
    }
  }
}
