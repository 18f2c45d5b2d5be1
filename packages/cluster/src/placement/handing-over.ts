/**
 * How a host gives its keys away: to each an heir, whom all hosts acknowledge before anything leaves; then the state, then what
 * waits in the mailbox. When an heir dies, refuses or takes too long, the next one is asked. Pure.
 */
import { type Handing, HandingQueue } from "./handing.ts";
import type { Hosts } from "./hosts.ts";
import type { Claim, Of } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { Entry, Table } from "./table.ts";

export interface HandoffRules {
  /** Keys that are handed over at the same time. */
  readonly concurrency: number;
  /** The more, the earlier it is handed over. */
  readonly priority: (key: string) => number;
  /** Whether a leaving host ends its keys instead of handing them over. */
  readonly endsAll: boolean;
  /** What a process begins afresh with. */
  readonly afresh: unknown;
}

export class HandingOver<P> {
  readonly #hosts: Hosts<P>;
  readonly #outbox: Outbox<P>;
  readonly #table: Table<P>;
  readonly #rules: HandoffRules;
  readonly #queue: HandingQueue<P>;
  /** Whether hosts may be about to join that are not known yet. */
  readonly #expectsMore: () => boolean;

  constructor(hosts: Hosts<P>, outbox: Outbox<P>, table: Table<P>, rules: HandoffRules, expectsMore: () => boolean) {
    this.#hosts = hosts;
    this.#outbox = outbox;
    this.#table = table;
    this.#rules = rules;
    this.#queue = new HandingQueue(rules.concurrency, rules.priority);
    this.#expectsMore = expectsMore;
  }

  get isBusy(): boolean {
    return this.#queue.busy;
  }

  has(key: string): boolean {
    return this.#queue.get(key) !== undefined;
  }

  /** One that starts follows when it is there. */
  add(key: string): void {
    if (this.#table.entry(key)?.pid !== undefined) this.#queue.add(key);
  }

  /** Begins as many as may run. */
  goOn(): void {
    while (this.#queue.mayBegin && !this.#waitsForHeirs()) {
      const key = this.#queue.next();
      const entry = this.#table.ownEntry(key);
      if (entry?.pid === undefined) continue;
      const handing = this.#queue.begin(key);
      if (!this.#rules.endsAll) this.#tryNext(handing);
      else {
        handing.stage = "ending";
        this.#outbox.do({ type: "stop", key, epoch: entry.epoch });
      }
    }
  }

  /** Nobody could take a key now, but somebody is about to join. */
  #waitsForHeirs(): boolean {
    if (this.#rules.endsAll || this.#hosts.heirs("", new Set()).length > 0) return false;
    return this.#expectsMore() || this.#hosts.someWillBeReady;
  }

  #entryOf({ key }: Handing<P>): Entry<P> {
    return this.#table.entry(key) as Entry<P>;
  }

  // The heir

  #tryNext(handing: Handing<P>): void {
    if (handing.heir !== undefined) handing.tried.add(handing.heir);
    const [heir] = this.#hosts.heirs(handing.key, handing.tried);
    // Nobody was ever promised anything: nobody need be told that nothing comes.
    if (heir === undefined && handing.attempt === 0) return this.#withoutHeir(handing);
    const entry = this.#entryOf(handing);
    handing.heir = heir;
    handing.attempt++;
    handing.stage = "freezing";
    handing.awaited = new Set(this.#hosts.others);
    const { attempt } = handing;
    const { epoch, key, origin, since } = entry;
    this.#table.set({ ...entry, frozen: { attempt, heir } });
    this.#outbox.tellAll({ type: "freeze", key, epoch, since, origin, attempt, heir });
    this.#advance(handing);
  }

  /** As soon as all have heard who the heir is. */
  #advance(handing: Handing<P>): void {
    if (handing.stage !== "freezing" || handing.awaited.size > 0) return;
    const { attempt, heir, key } = handing;
    if (heir === undefined) return this.#withoutHeir(handing);
    const { epoch } = this.#entryOf(handing);
    if (handing.parcel === undefined) {
      if (handing.packing) return;
      handing.packing = true;
      return this.#outbox.do({ type: "pack", key, epoch });
    }
    handing.stage = "taking";
    this.#outbox.tell(heir, { type: "take", key, epoch, attempt, parcel: handing.parcel.content });
    this.#outbox.do({ type: "limit", key, attempt });
  }

  acknowledged(from: P, { attempt, key }: Of<P, "frozen">): void {
    const handing = this.#queue.get(key);
    if (handing?.attempt !== attempt) return;
    handing.awaited.delete(from);
    this.#advance(handing);
  }

  packed(key: string, epoch: number, content: unknown): void {
    const handing = this.#queue.get(key);
    if (handing === undefined || this.#table.ownEntry(key, epoch) === undefined) return;
    handing.parcel = { content };
    this.#advance(handing);
  }

  taken(from: P, { attempt, epoch, key, pid }: Of<P, "taken">): void {
    const handing = this.#queue.get(key);
    if (handing?.stage !== "taking" || handing.heir !== from || handing.attempt !== attempt) return;
    handing.stage = "completing";
    this.#outbox.do({ type: "forward", key, pid, parcel: handing.parcel?.content });
    this.#outbox.tell(from, { type: "complete", key, epoch, attempt });
  }

  /** Whether the claim is that of the heir, who has the key now, or of somebody who had it from there already. */
  settles(from: P, claim: Claim<P>): boolean {
    const { epoch, key } = claim;
    const handing = this.#queue.get(key);
    if (handing?.stage !== "completing" || epoch <= this.#entryOf(handing).epoch) return false;
    this.#queue.end(key);
    this.#table.set({ ...claim, holder: from });
    this.#outbox.do({ type: "settled", key, lost: false, to: from, parcel: handing.parcel?.content });
    this.#table.open(key);
    return true;
  }

  // Heirs that take nothing

  refused(from: P, { attempt, key }: Of<P, "refused">): void {
    const handing = this.#queue.get(key);
    if (handing?.heir === from && handing.attempt === attempt) this.#withoutThisHeir(handing);
  }

  /** Whether it was this host that had promised something to it. */
  waived(from: P, { epoch, key }: Of<P, "waived">): boolean {
    const handing = this.#queue.get(key);
    if (handing?.heir !== from || this.#entryOf(handing).epoch !== epoch) return false;
    this.#withoutThisHeir(handing);
    return true;
  }

  /** The heir takes too long. */
  late(key: string, attempt: number): void {
    const handing = this.#queue.get(key);
    if (handing?.stage === "taking" && handing.attempt === attempt) this.#tryNext(handing);
  }

  left(host: P): void {
    for (const handing of this.#queue.all)
      if (handing.heir === host && handing.stage === "freezing") this.#tryNext(handing);
  }

  down(host: P): void {
    for (const handing of this.#queue.all) {
      handing.awaited.delete(host);
      if (handing.heir === host) this.#withoutThisHeir(handing);
      else this.#advance(handing);
    }
  }

  #withoutThisHeir(handing: Handing<P>): void {
    if (handing.stage !== "completing") return this.#tryNext(handing);
    // With everything that had been given to it.
    this.#lost(handing, "noconnection");
  }

  #withoutHeir(handing: Handing<P>): void {
    const { ended, key } = handing;
    // Somebody has joined meanwhile.
    if (this.#hosts.heirs(key, handing.tried).length > 0) return this.#tryNext(handing);
    const { leaving } = this.#hosts.own;
    if (handing.parcel !== undefined && !handing.afresh && (leaving || ended !== undefined)) {
      handing.afresh = true;
      handing.parcel = { content: this.#rules.afresh };
      handing.tried.clear();
      if (this.#hosts.heirs(key, handing.tried).length > 0) return this.#tryNext(handing);
    }
    if (ended !== undefined) return this.#lost(handing, ended.reason);
    if (leaving && !this.#waitsForHeirs()) return this.#strand(handing);
    this.#queue.end(key);
    if (leaving) this.#queue.add(key);
    this.#outbox.do({ type: "unpack", key });
    this.#table.insist({ ...this.#entryOf(handing), frozen: undefined });
  }

  // Ends

  #lost(handing: Handing<P>, reason: unknown): void {
    const { key } = handing;
    this.#queue.end(key);
    this.#outbox.do({ type: "settled", key, lost: true, to: undefined, parcel: undefined });
    this.#table.free(this.#entryOf(handing), reason);
  }

  #strand(handing: Handing<P>): void {
    handing.stage = "stranded";
    handing.heir = undefined;
    const { epoch, key } = this.#entryOf(handing);
    this.#outbox.do({ type: "strand", key, epoch });
  }

  /** The time is up: what has not been given to anybody yet is ended. */
  deadline(): void {
    this.#queue.stopWaiting();
    // One with a second heir may have begun with the first: that one has to be told by all means.
    for (const handing of this.#queue.all)
      if (handing.stage === "freezing" && handing.attempt === 1) this.#strand(handing);
    for (const key of this.#table.own)
      if (!this.has(key) && this.#table.entry(key)?.pid !== undefined) this.#strand(this.#queue.begin(key));
  }

  /**
   * The process of a key has ended. `nothing`: of no key that is handed over; `kept`: its heir may have begun already, and
   * counts on what it was given; `over`: the key is free.
   */
  ended(key: string, reason: unknown): "nothing" | "kept" | "over" {
    const handing = this.#queue.get(key);
    if (handing === undefined) return "nothing";
    if (handing.parcel !== undefined && handing.stage !== "stranded") {
      handing.ended = { reason };
      return "kept";
    }
    this.#queue.end(key);
    this.#outbox.do({ type: "settled", key, lost: handing.stage === "stranded", to: undefined, parcel: undefined });
    return "over";
  }
}
