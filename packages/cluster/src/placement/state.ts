/**
 * What one host knows and does: which host holds which key, whom it waits for, what it hands over and what it is to take
 * over. Pure: events in, effects out; no clock, no processes. `P` is a pid, of a host or of a placed process.
 *
 * Why no key has two holders, as long as nobody is cut off:
 * - Only the owner starts a key that nobody holds, and only once all others know it. Two hosts that know each other agree
 *   which of them ranks higher, so both can be owners only if one does not know the other; but who has not been answered by
 *   all starts nothing, and who has answered knows it.
 * - A key has one that may speak for it: its holder, and when that one is dead its heir, whom all have acknowledged before
 *   anything left the holder. What others hear of the holder's death before they hear the heir only makes them wait for it.
 */
import type { NodeName } from "@interlock/core";
import type { PlacementEffect } from "./effects.ts";
import { HandingOver, type HandoffRules } from "./handing-over.ts";
import { Hosts } from "./hosts.ts";
import type { Claim, HostInfo, Of, PlacementMessage } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { type Entry, Table } from "./table.ts";
import { TakingOver } from "./taking-over.ts";

export interface PlacementRules extends HandoffRules {
  readonly placement: string;
  /** Whether a key goes to its owner when that has joined. */
  readonly rebalances: boolean;
  /** Whether keys of a host that has died are started at once, and not when they are used next. */
  readonly eager: boolean;
}

type Effects<P> = readonly PlacementEffect<P>[];

export class PlacementState<P> {
  readonly hosts: Hosts<P>;
  readonly #self: P;
  readonly #rules: PlacementRules;
  readonly #outbox: Outbox<P>;
  readonly #table: Table<P>;
  readonly #handing: HandingOver<P>;
  readonly #taking: TakingOver<P>;
  /** Nodes that have not answered yet. */
  readonly #unanswered = new Set<NodeName>();
  #knowsAll = false;
  #drained = false;

  constructor(self: P, info: HostInfo, rules: PlacementRules) {
    this.#self = self;
    this.#rules = rules;
    this.hosts = new Hosts(rules.placement, self, info);
    this.#outbox = new Outbox(this.hosts);
    this.#table = new Table(self, this.hosts, this.#outbox);
    this.#handing = new HandingOver(this.hosts, this.#outbox, this.#table, rules, () => this.#unanswered.size > 0);
    this.#taking = new TakingOver(self, this.hosts, this.#outbox, this.#table, (key) => this.#came(key));
  }

  // What is known

  entry(key: string): Entry<P> | undefined {
    return this.#table.entry(key);
  }

  /** Where to send what is for `key`; undefined while it has to wait. */
  pidOf(key: string): P | undefined {
    return this.#table.pidOf(key);
  }

  get keys(): readonly string[] {
    return this.#table.keys;
  }

  get own(): readonly string[] {
    return this.#table.own;
  }

  holds(key: string): boolean {
    return this.#table.ownEntry(key) !== undefined;
  }

  get unanswered(): readonly NodeName[] {
    return [...this.#unanswered];
  }

  /** What follows from what has just happened. */
  #effects(): Effects<P> {
    this.#handing.goOn();
    const isBusy = this.#table.own.length > 0 || this.#taking.isBusy || this.#handing.isBusy;
    if (this.hosts.own.leaving && !isBusy && !this.#drained) {
      this.#drained = true;
      this.#outbox.do({ type: "drained" });
    }
    return this.#outbox.take();
  }

  // Other nodes

  /** A node that may have a host. */
  met(node: NodeName): Effects<P> {
    if (node !== this.hosts.own.node && !this.#unanswered.has(node) && this.hosts.on(node) === undefined) {
      this.#unanswered.add(node);
      this.#outbox.do({ type: "greet", node, message: { type: "join", info: this.hosts.own } });
    }
    return this.#effects();
  }

  /** All nodes of the cluster have been met. */
  metAll(): Effects<P> {
    this.#knowsAll = true;
    this.#activate();
    return this.#effects();
  }

  /** The host there has ended, there is none, or it cannot be reached any more. */
  lost(node: NodeName): Effects<P> {
    this.#unanswered.delete(node);
    const host = this.hosts.on(node);
    if (host !== undefined) this.#down(host);
    this.#activate();
    return this.#effects();
  }

  /** As soon as all have answered it starts keys, and takes them. */
  #activate(): void {
    if (this.hosts.own.ready || !this.#knowsAll || this.#unanswered.size > 0) return;
    this.hosts.is(this.#self, { ready: true });
    this.#outbox.tellAll({ type: "ready" });
    this.#table.askForAll();
  }

  #joined(host: P, info: HostInfo): boolean {
    const before = this.hosts.on(info.node);
    if (before !== undefined && before !== host) {
      // What the last one was asked, this one has not heard.
      this.#unanswered.delete(info.node);
      this.#down(before);
    }
    this.hosts.add(host, info);
    return before !== host;
  }

  #welcome(from: P, info: HostInfo): void {
    const { own } = this.hosts;
    const isNew = this.#joined(from, info);
    const { claims, clock } = this.#table;
    this.#outbox.do({ type: "watch", node: info.node });
    this.#outbox.tell(from, { type: "welcome", info: own, claims, heritage: this.#taking.heritage, clock });
    // They were cut off from each other: others may have heard of it what was not true of what is held here.
    if (isNew && info.ready && own.ready) for (const key of this.own) this.#table.announce(this.#own(key));
    // What it holds it says to those that have joined it.
    if (isNew && !this.#unanswered.has(info.node)) {
      this.#unanswered.add(info.node);
      this.#outbox.tell(from, { type: "join", info: own });
    }
    this.#table.askForAll();
  }

  #welcomed(from: P, { claims, clock, heritage, info }: Of<P, "welcome">): void {
    this.#table.heardOf(clock);
    this.#joined(from, info);
    this.#unanswered.delete(info.node);
    for (const claim of claims) this.#heard(from, claim, undefined);
    // Its holder may be dead already: whoever took the key for a free one would start it twice.
    for (const one of heritage) this.#table.reserve(from, one);
    this.#activate();
    if (info.ready) this.#readied(from);
    this.#table.askForAll();
  }

  #readied(host: P): void {
    this.hosts.is(host, { ready: true });
    const { leaving, ready } = this.hosts.own;
    if (!this.#rules.rebalances || !ready || leaving) return;
    for (const key of this.own) if (this.hosts.owner(key) === host) this.#handing.add(key);
  }

  #left(host: P): void {
    this.hosts.is(host, { leaving: true });
    this.#handing.left(host);
    this.#table.askForAll();
  }

  #down(host: P): void {
    this.hosts.remove(host);
    this.#handing.down(host);
    for (const entry of this.#table.entries) {
      const { epoch, frozen, holder, key } = entry;
      if (holder === host) this.#orphaned(entry);
      // It may have taken the key over, and died before it could say so here.
      else if (frozen?.heir === host && holder !== this.#self) this.#outbox.tell(holder, { type: "holds", key, epoch });
    }
    this.#taking.down(host);
    this.#table.askForAll();
  }

  #orphaned(entry: Entry<P>): void {
    if (this.#taking.inherits(entry)) return;
    const { epoch, frozen, key } = entry;
    const heir = frozen?.heir;
    if (heir !== undefined && heir !== this.#self && this.hosts.has(heir)) {
      this.#table.set({ ...entry, holder: heir, pid: undefined });
      return this.#outbox.tell(heir, { type: "holds", key, epoch });
    }
    this.#table.forget(key, "noconnection");
    if (heir === this.#self) this.#outbox.tellAll({ type: "gone", key, epoch });
    if (this.#rules.eager && this.hosts.own.ready && this.hosts.owner(key) === this.#self) this.#table.start(key);
  }

  // What waits on this node

  wants(key: string): Effects<P> {
    this.#table.want(key);
    return this.#effects();
  }

  /** Some of it waits for long. */
  remind(): Effects<P> {
    this.#table.remind();
    return this.#effects();
  }

  // The processes of this node

  started(key: string, epoch: number, pid: P): Effects<P> {
    const entry = this.#table.ownEntry(key, epoch);
    if (entry === undefined) this.#outbox.do({ type: "discard", pid });
    else {
      // Above what may have been heard of it meanwhile from those who were cut off.
      this.#table.insist({ ...entry, pid });
      this.#came(key);
    }
    return this.#effects();
  }

  #came(key: string): void {
    if (this.hosts.own.leaving) this.#handing.add(key);
  }

  startFailed(key: string, epoch: number, error: unknown): Effects<P> {
    if (this.#table.ownEntry(key, epoch) !== undefined) {
      this.#table.forget(key, "noproc");
      this.#outbox.tellAll({ type: "gone", key, epoch, error });
      this.#table.giveUp(key, error);
    }
    return this.#effects();
  }

  /** `again`: it is to be started anew, here. */
  ended(key: string, epoch: number, reason: unknown, again: boolean): Effects<P> {
    const entry = this.#table.ownEntry(key, epoch);
    const handing = entry === undefined ? "kept" : this.#handing.ended(key, reason);
    if (entry === undefined || handing === "kept") return this.#effects();
    if (again && handing === "nothing" && !this.hosts.own.leaving) this.#table.startAgain(entry, reason);
    else this.#table.free(entry, reason);
    return this.#effects();
  }

  packed(key: string, epoch: number, content: unknown): Effects<P> {
    this.#handing.packed(key, epoch, content);
    return this.#effects();
  }

  begun(key: string, epoch: number, attempt: number, pid: P): Effects<P> {
    this.#taking.begun(key, epoch, attempt, pid);
    return this.#effects();
  }

  beginFailed(key: string, epoch: number, attempt: number, reason: string): Effects<P> {
    this.#taking.beginFailed(key, epoch, attempt, reason);
    return this.#effects();
  }

  /** One that has begun has ended before the key was its own. */
  begunEnded(key: string, pid: P): Effects<P> {
    this.#taking.begunEnded(key, pid);
    return this.#effects();
  }

  // Leaving

  /** This host takes no key any more, and gives its own away. */
  leave(): Effects<P> {
    if (this.hosts.own.leaving) return this.#effects();
    this.hosts.is(this.#self, { leaving: true });
    // Those that start are others' to start from now on, unless these know.
    for (const claim of this.#table.claims) if (claim.pid === undefined) this.#outbox.tellAll({ type: "at", claim });
    this.#outbox.tellAll({ type: "leaving" });
    this.#taking.leave();
    for (const key of this.own) this.#handing.add(key);
    this.#table.askForAll();
    return this.#effects();
  }

  /** The heir takes too long. */
  late(key: string, attempt: number): Effects<P> {
    this.#handing.late(key, attempt);
    return this.#effects();
  }

  /** The time for handing over is up: what has not been given to anybody yet is ended. */
  deadline(): Effects<P> {
    this.#handing.deadline();
    return this.#effects();
  }

  // Messages

  received(from: P, message: PlacementMessage<P>): Effects<P> {
    if (message.type === "join") this.#welcome(from, message.info);
    else if (message.type === "welcome") this.#welcomed(from, message);
    // Of a host that is taken for dead: it has to join again, and says everything then.
    else if (this.hosts.has(from)) this.#hear(from, message);
    return this.#effects();
  }

  #hear(from: P, message: Exclude<PlacementMessage<P>, { readonly type: "join" | "welcome" }>): void {
    switch (message.type) {
      case "ready":
        return this.#readied(from);
      case "leaving":
        return this.#left(from);
      case "want":
        return this.#table.wanted(from, message);
      case "at":
        return this.#heard(from, message.claim, message.reason);
      case "gone":
        return this.#gone(from, message);
      case "freeze":
        return this.#frozen(from, message);
      case "frozen":
        return this.#handing.acknowledged(from, message);
      case "take":
        return this.#taking.offered(from, message);
      case "taken":
        return this.#handing.taken(from, message);
      case "refused":
        return this.#handing.refused(from, message);
      case "complete":
        return this.#taking.completed(from, message);
      case "waived":
        return this.#waived(from, message);
      case "holds":
        return this.#asked(from, message);
      case "dispute":
        return this.#disputed(message);
    }
  }

  #own(key: string): Entry<P> {
    return this.#table.ownEntry(key) as Entry<P>;
  }

  #heard(from: P, claim: Claim<P>, reason: unknown): void {
    const { epoch, key } = claim;
    this.#table.heardOf(epoch);
    const entry = this.#table.entry(key);
    if (entry?.holder === this.#self) return this.#rivalled(entry, from, claim);
    // It may be the later one all the same: who started it had not heard of the other. If it holds it still, it says so.
    if (entry !== undefined && !counts(claim, from, entry))
      return this.#outbox.tell(from, { type: "dispute", key, epoch: entry.epoch });
    if (claim.frozen === undefined) this.#taking.disinherited(key, epoch);
    this.#table.set({ ...claim, holder: from }, reason);
    this.#table.open(key);
  }

  /** Another host says that it holds a key of this one. */
  #rivalled(entry: Entry<P>, from: P, claim: Claim<P>): void {
    const { epoch, key, origin, pid, since } = entry;
    if (this.#handing.settles(from, claim)) return;
    // What it said before it handed over that very process.
    if (claim.since === since && claim.origin === origin && claim.epoch < epoch) return;
    // Both have held it while they were cut off from each other. One that starts or moves is settled when it is there.
    if (pid === undefined || this.#handing.has(key)) return;
    if (this.hosts.staysAgainst(this.#self, from, key)) return this.#table.insist(entry);
    this.#table.set({ ...claim, holder: from }, "noconnection");
    this.#outbox.do({ type: "retire", key, own: pid, pid: claim.pid });
    this.#outbox.tell(from, { type: "dispute", key, epoch });
    this.#table.open(key);
  }

  #disputed({ epoch, key }: Of<P, "dispute">): void {
    this.#table.heardOf(epoch);
    const entry = this.#table.ownEntry(key);
    if (entry?.pid === undefined || entry.epoch > epoch || this.#handing.has(key)) return;
    this.#table.insist(entry);
  }

  #gone(from: P, { epoch, error, key, reason }: Of<P, "gone">): void {
    this.#table.heardOf(epoch);
    this.#taking.disinherited(key, epoch, from);
    const entry = this.#table.entry(key);
    const speaks = entry !== undefined && (entry.holder === from || entry.frozen?.heir === from);
    if (speaks && entry.holder !== this.#self && entry.epoch <= epoch) this.#table.forget(key, reason ?? "noproc");
    if (error !== undefined && this.#table.entry(key) === undefined) this.#table.giveUp(key, error);
    else this.#table.ask(key);
  }

  #frozen(from: P, message: Of<P, "freeze">): void {
    const { attempt, epoch, heir, key, origin, since } = message;
    this.#table.heardOf(epoch);
    this.#taking.disinherited(key, epoch);
    const entry = this.#table.entry(key);
    if (entry === undefined || (entry.holder !== this.#self && entry.epoch <= epoch))
      this.#table.set({ key, epoch, since, origin, pid: entry?.pid, frozen: { attempt, heir }, holder: from });
    this.#outbox.tell(from, { type: "frozen", key, epoch, attempt });
    if (heir === this.#self) this.#taking.promise(from, message);
  }

  #waived(from: P, message: Of<P, "waived">): void {
    if (this.#handing.waived(from, message)) return;
    const { epoch, key } = message;
    const entry = this.#table.entry(key);
    if (entry?.holder !== from || entry.epoch > epoch) return;
    this.#table.forget(key, "noproc");
    this.#table.ask(key);
  }

  #asked(from: P, message: Of<P, "holds">): void {
    const { epoch, key } = message;
    // That its holder is dead this host has not heard yet: it says so when it has.
    if (!this.holds(key) && this.#taking.expects(key, epoch)) return;
    this.#table.holds(from, message);
  }
}

/** Whether a claim counts for more than what is known; of equal ones the holder's own, or the first. */
function counts<P>({ epoch }: Claim<P>, from: P, known: Entry<P>): boolean {
  return epoch > known.epoch || (epoch === known.epoch && (from === known.holder || known.pid === undefined));
}
