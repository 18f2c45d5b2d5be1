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
import { type Handing, HandingQueue } from "./handing.ts";
import { Hosts } from "./hosts.ts";
import type { Claim, Heritage, HostInfo, PlacementMessage } from "./messages.ts";

/** A key that somebody holds, as this host knows. */
export interface Entry<P> extends Claim<P> {
  readonly holder: P;
}

export interface PlacementRules {
  readonly placement: string;
  /** Keys that are handed over at the same time. */
  readonly concurrency: number;
  /** The more, the earlier it is handed over. */
  readonly priority: (key: string) => number;
  /** Whether a leaving host ends its keys instead of handing them over. */
  readonly endsAll: boolean;
  /** Whether a key goes to its owner when that has joined. */
  readonly rebalances: boolean;
  /** Whether keys of a host that has died are started at once, and not when they are used next. */
  readonly eager: boolean;
  /** What a process begins afresh with. */
  readonly afresh: unknown;
}

/** A key that another host is about to hand over to this one. */
interface Promised<P> extends Heritage<P> {
  readonly source: P;
  readonly attempt: number;
  readonly stage: "promised" | "beginning" | "begun";
  readonly pid: P | undefined;
}

export class PlacementState<P> {
  readonly hosts: Hosts<P>;
  readonly #self: P;
  readonly #rules: PlacementRules;
  readonly #entries = new Map<string, Entry<P>>();
  /** Keys that this host holds. */
  readonly #own = new Set<string>();
  /** Keys for which something waits here, and whom it was asked for. */
  readonly #wanted = new Map<string, P | undefined>();
  readonly #promised = new Map<string, Promised<P>>();
  readonly #handing: HandingQueue<P>;
  /** Nodes that have not answered yet. */
  readonly #unanswered = new Set<NodeName>();
  #knowsAll = false;
  #drained = false;
  #clock = 0;
  #effects: PlacementEffect<P>[] = [];

  constructor(self: P, info: HostInfo, rules: PlacementRules) {
    this.#self = self;
    this.#rules = rules;
    this.hosts = new Hosts(rules.placement, self, info);
    this.#handing = new HandingQueue(rules.concurrency, rules.priority);
  }

  // What is known

  entry(key: string): Entry<P> | undefined {
    return this.#entries.get(key);
  }

  /** Where to send what is for `key`; undefined while it has to wait. */
  pidOf(key: string): P | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.frozen !== undefined ? undefined : entry.pid;
  }

  get keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  get own(): readonly string[] {
    return [...this.#own];
  }

  holds(key: string): boolean {
    return this.#own.has(key);
  }

  /** Whether it starts keys, and takes them: all others have answered. */
  get active(): boolean {
    return this.hosts.own.ready;
  }

  get unanswered(): readonly NodeName[] {
    return [...this.#unanswered];
  }

  // Other nodes

  /** A node that may have a host. */
  met(node: NodeName): readonly PlacementEffect<P>[] {
    if (node !== this.hosts.own.node && !this.#unanswered.has(node) && this.hosts.on(node) === undefined) {
      this.#unanswered.add(node);
      this.#do({ type: "greet", node, message: { type: "join", info: this.hosts.own } });
    }
    return this.#take();
  }

  /** All nodes of the cluster have been met. */
  metAll(): readonly PlacementEffect<P>[] {
    this.#knowsAll = true;
    this.#activate();
    return this.#take();
  }

  /** The host there has ended, there is none, or it cannot be reached any more. */
  lost(node: NodeName): readonly PlacementEffect<P>[] {
    this.#unanswered.delete(node);
    const host = this.hosts.on(node);
    if (host !== undefined) this.#down(host);
    this.#activate();
    return this.#take();
  }

  #activate(): void {
    if (this.active || !this.#knowsAll || this.#unanswered.size > 0) return;
    this.hosts.is(this.#self, { ready: true });
    this.#tellAll({ type: "ready" });
    this.#askForAll();
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

  #down(host: P): void {
    this.hosts.remove(host);
    for (const handing of [...this.#handing.all]) {
      handing.awaited.delete(host);
      if (handing.heir === host) this.#withoutThisHeir(handing);
      else this.#advance(handing);
    }
    for (const entry of [...this.#entries.values()]) {
      if (entry.holder === host) this.#orphaned(entry);
      // It may have taken the key over, and died before it could say so here.
      else if (entry.frozen?.heir === host && entry.holder !== this.#self)
        this.#tell([entry.holder], { type: "holds", key: entry.key, epoch: entry.epoch });
    }
    for (const promised of [...this.#promised.values()]) {
      if (promised.source !== host || promised.stage === "beginning") continue;
      if (promised.stage === "begun") this.#adopt(promised, false);
      else this.#renounce(promised);
    }
    this.#askForAll();
  }

  /** The heir died with everything that had been given to it. */
  #lostOnTheWay({ key }: Handing<P>): void {
    this.#handing.end(key);
    const entry = this.#entries.get(key) as Entry<P>;
    this.#do({ type: "settled", key, lost: true, to: undefined, parcel: undefined });
    this.#free(entry, "noconnection");
  }

  #orphaned(entry: Entry<P>): void {
    const { epoch, frozen, key } = entry;
    const heir = frozen?.heir;
    const promised = this.#promised.get(key);
    if (heir === this.#self && promised !== undefined && promised.stage !== "promised")
      return this.#set({ ...entry, holder: this.#self, pid: undefined });
    if (heir !== undefined && heir !== this.#self && this.hosts.has(heir)) {
      this.#set({ ...entry, holder: heir, pid: undefined });
      return this.#tell([heir], { type: "holds", key, epoch });
    }
    this.#forget(key, "noconnection");
    if (heir === this.#self) this.#tellAll({ type: "gone", key, epoch });
    if (this.#rules.eager && this.active && this.hosts.owner(key) === this.#self) this.#start(key);
  }

  // Keys that are wanted

  /** Something for `key` waits here. */
  wants(key: string): readonly PlacementEffect<P>[] {
    if (!this.#wanted.has(key)) {
      this.#wanted.set(key, undefined);
      this.#ask(key);
    }
    return this.#take();
  }

  #ask(key: string): void {
    if (!this.active || this.#entries.has(key) || !this.#wanted.has(key)) return;
    const owner = this.hosts.owner(key);
    if (owner === this.#self) return this.#start(key);
    if (owner === undefined || this.#wanted.get(key) === owner) return;
    this.#wanted.set(key, owner);
    this.#tell([owner], { type: "want", key, by: this.#self });
  }

  /** Asks again for what still waits: while some nodes are cut off from others, an answer may not have come through. */
  remind(): readonly PlacementEffect<P>[] {
    for (const key of [...this.#wanted.keys()]) {
      const entry = this.#entries.get(key);
      if (entry !== undefined && entry.holder !== this.#self)
        this.#tell([entry.holder], { type: "holds", key, epoch: entry.epoch });
      this.#wanted.set(key, undefined);
      this.#ask(key);
    }
    return this.#take();
  }

  #askForAll(): void {
    for (const key of [...this.#wanted.keys()]) this.#ask(key);
  }

  #start(key: string): void {
    const epoch = ++this.#clock;
    const holder = this.#self;
    this.#set({ key, epoch, since: epoch, origin: holder, pid: undefined, frozen: undefined, holder });
    this.#do({ type: "start", key, epoch, again: false });
  }

  // The processes of this host

  started(key: string, epoch: number, pid: P): readonly PlacementEffect<P>[] {
    const entry = this.#ownEntry(key, epoch);
    if (entry === undefined) this.#do({ type: "discard", pid });
    else {
      this.#set({ ...entry, pid });
      this.#announce(key);
      if (this.hosts.own.leaving) this.#handOver(key);
    }
    return this.#take();
  }

  startFailed(key: string, epoch: number, error: unknown): readonly PlacementEffect<P>[] {
    const entry = this.#ownEntry(key, epoch);
    if (entry !== undefined) {
      this.#forget(key, "noproc");
      this.#tellAll({ type: "gone", key, epoch, error });
      this.#giveUp(key, error);
    }
    return this.#take();
  }

  /** `again`: it is to be started anew, here. */
  ended(key: string, epoch: number, reason: unknown, again: boolean): readonly PlacementEffect<P>[] {
    const entry = this.#ownEntry(key, epoch);
    const handing = this.#handing.get(key);
    if (entry === undefined) return this.#take();
    if (handing?.parcel !== undefined && handing.stage !== "stranded") {
      // Its heir may have begun already, and counts on what it was given.
      handing.ended = { reason };
      return this.#take();
    }
    if (handing !== undefined) {
      this.#handing.end(key);
      this.#do({ type: "settled", key, lost: handing.stage === "stranded", to: undefined, parcel: undefined });
    }
    if (again && !this.hosts.own.leaving && handing === undefined) {
      const next = ++this.#clock;
      this.#set({ ...entry, epoch: next, since: next, origin: this.#self, pid: undefined }, reason);
      this.#tellAll({ type: "at", claim: claimOf(this.#entries.get(key) as Entry<P>), reason });
      this.#do({ type: "start", key, epoch: next, again: true });
    } else this.#free(entry, reason);
    return this.#take();
  }

  #ownEntry(key: string, epoch: number): Entry<P> | undefined {
    const entry = this.#entries.get(key);
    return entry?.holder === this.#self && entry.epoch === epoch ? entry : undefined;
  }

  // Handing over

  /** This host takes no key any more, and gives its own away. */
  leave(): readonly PlacementEffect<P>[] {
    if (!this.hosts.own.leaving) {
      this.hosts.is(this.#self, { leaving: true });
      // From now on they are others' to start, unless these know.
      for (const key of this.own) {
        const entry = this.#entries.get(key) as Entry<P>;
        if (entry.pid === undefined) this.#tellAll({ type: "at", claim: claimOf(entry) });
      }
      this.#tellAll({ type: "leaving" });
      for (const promised of [...this.#promised.values()])
        if (promised.stage === "promised") this.#refuse(promised, "leaving");
      for (const key of this.own) this.#handOver(key);
      this.#askForAll();
    }
    return this.#take();
  }

  /** The time for handing over is up: what has not been given to anybody yet is ended. */
  deadline(): readonly PlacementEffect<P>[] {
    this.#handing.stopWaiting();
    // One with a second heir may have begun with the first: that one has to be told by all means.
    for (const handing of [...this.#handing.all])
      if (handing.stage === "freezing" && handing.attempt === 1) this.#strand(handing);
    for (const key of this.own)
      if (this.#handing.get(key) === undefined && this.#entries.get(key)?.pid !== undefined)
        this.#strand(this.#handing.begin(key));
    return this.#take();
  }

  #handOver(key: string): void {
    if (this.#entries.get(key)?.pid !== undefined) this.#handing.add(key);
  }

  /** Begins as many hand-offs as may run. */
  #goOn(): void {
    while (this.#handing.mayBegin && !this.#waitsForHeirs()) {
      const key = this.#handing.next();
      const entry = this.#entries.get(key);
      if (entry?.holder !== this.#self || entry.pid === undefined) continue;
      const handing = this.#handing.begin(key);
      if (!this.#rules.endsAll) this.#tryNext(handing);
      else {
        handing.stage = "ending";
        this.#do({ type: "stop", key, epoch: entry.epoch });
      }
    }
    if (this.#drained || !this.hosts.own.leaving) return;
    if (this.#own.size > 0 || this.#promised.size > 0 || this.#handing.busy) return;
    this.#drained = true;
    this.#do({ type: "drained" });
  }

  /** Nobody could take a key now, but somebody is about to join. */
  #waitsForHeirs(): boolean {
    if (this.#rules.endsAll || this.hosts.heirs("", new Set()).length > 0) return false;
    return this.#unanswered.size > 0 || this.hosts.someWillBeReady;
  }

  #tryNext(handing: Handing<P>): void {
    if (handing.heir !== undefined) handing.tried.add(handing.heir);
    const [heir] = this.hosts.heirs(handing.key, handing.tried);
    // Nobody was ever promised anything: nobody need be told that nothing comes.
    if (heir === undefined && handing.attempt === 0) return this.#withoutHeir(handing);
    const entry = this.#entries.get(handing.key) as Entry<P>;
    handing.heir = heir;
    handing.attempt++;
    handing.stage = "freezing";
    handing.awaited = new Set(this.hosts.others);
    const { attempt, key } = handing;
    this.#set({ ...entry, frozen: { attempt, heir } });
    const { epoch, origin, since } = entry;
    this.#tellAll({ type: "freeze", key, epoch, since, origin, attempt, heir });
    this.#advance(handing);
  }

  /** All have heard who the heir is. */
  #advance(handing: Handing<P>): void {
    if (handing.stage !== "freezing" || handing.awaited.size > 0) return;
    const { attempt, heir, key } = handing;
    if (heir === undefined) return this.#withoutHeir(handing);
    const { epoch } = this.#entries.get(key) as Entry<P>;
    if (handing.parcel === undefined) {
      if (handing.packing) return;
      handing.packing = true;
      return this.#do({ type: "pack", key, epoch });
    }
    handing.stage = "taking";
    this.#tell([heir], { type: "take", key, epoch, attempt, parcel: handing.parcel.content });
    this.#do({ type: "limit", key, attempt });
  }

  packed(key: string, epoch: number, content: unknown): readonly PlacementEffect<P>[] {
    const handing = this.#handing.get(key);
    if (handing !== undefined && this.#ownEntry(key, epoch) !== undefined) {
      handing.parcel = { content };
      this.#advance(handing);
    }
    return this.#take();
  }

  /** The heir takes too long. */
  late(key: string, attempt: number): readonly PlacementEffect<P>[] {
    const handing = this.#handing.get(key);
    if (handing?.stage === "taking" && handing.attempt === attempt) this.#tryNext(handing);
    return this.#take();
  }

  #withoutHeir(handing: Handing<P>): void {
    // Somebody has joined meanwhile.
    if (this.hosts.heirs(handing.key, handing.tried).length > 0) return this.#tryNext(handing);
    const { leaving } = this.hosts.own;
    const { ended, key } = handing;
    if (handing.parcel !== undefined && !handing.afresh && (leaving || ended !== undefined)) {
      handing.afresh = true;
      handing.parcel = { content: this.#rules.afresh };
      handing.tried.clear();
      if (this.hosts.heirs(key, handing.tried).length > 0) return this.#tryNext(handing);
    }
    if (ended !== undefined || (leaving && !this.#waitsForHeirs())) return this.#strand(handing);
    this.#handing.end(key);
    if (leaving) this.#handing.add(key);
    this.#do({ type: "unpack", key });
    this.#insist({ ...(this.#entries.get(key) as Entry<P>), frozen: undefined });
  }

  #strand(handing: Handing<P>): void {
    const { ended, key } = handing;
    const entry = this.#entries.get(key) as Entry<P>;
    handing.stage = "stranded";
    handing.heir = undefined;
    if (ended !== undefined) {
      this.#handing.end(key);
      this.#do({ type: "settled", key, lost: true, to: undefined, parcel: undefined });
      return this.#free(entry, ended.reason);
    }
    this.#do({ type: "strand", key, epoch: entry.epoch });
  }

  // Taking over

  #refuse(promised: Promised<P>, reason: string): void {
    const { attempt, epoch, key, source } = promised;
    this.#waive(promised);
    this.#tell([source], { type: "refused", key, epoch, attempt, reason });
  }

  begun(key: string, epoch: number, attempt: number, pid: P): readonly PlacementEffect<P>[] {
    const promised = this.#promised.get(key);
    if (promised?.epoch !== epoch || promised.attempt !== attempt) this.#do({ type: "discard", pid });
    else {
      const begun = { ...promised, stage: "begun" as const, pid };
      this.#promised.set(key, begun);
      if (this.hosts.has(promised.source)) this.#tell([promised.source], { type: "taken", key, epoch, attempt, pid });
      else this.#adopt(begun, false);
    }
    return this.#take();
  }

  /** One that has begun has ended before the key was its own. */
  begunEnded(key: string, pid: P): readonly PlacementEffect<P>[] {
    const promised = this.#promised.get(key);
    if (promised?.pid === pid) this.#refuse({ ...promised, pid: undefined }, "it has ended already");
    return this.#take();
  }

  beginFailed(key: string, epoch: number, attempt: number, reason: string): readonly PlacementEffect<P>[] {
    const promised = this.#promised.get(key);
    if (promised?.epoch === epoch && promised.attempt === attempt) {
      if (this.hosts.has(promised.source)) this.#refuse(promised, reason);
      else this.#renounce(promised);
    }
    return this.#take();
  }

  #adopt({ key, origin, pid, since }: Promised<P>, whole: boolean): void {
    this.#promised.delete(key);
    const epoch = ++this.#clock;
    this.#set({ key, epoch, since, origin, pid, frozen: undefined, holder: this.#self });
    this.#announce(key);
    if (!whole) this.#do({ type: "adopted", key });
    if (this.hosts.own.leaving) this.#handOver(key);
  }

  /** The holder is dead, and nothing of the key has come here. */
  #renounce(promised: Promised<P>): void {
    const { epoch, key } = promised;
    this.#waive(promised);
    this.#tellAll({ type: "gone", key, epoch });
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.epoch === epoch) this.#forget(key, "noconnection");
  }

  /** The holder has chosen somebody else, or goes on itself. */
  #disinherited(key: string, epoch: number): void {
    const promised = this.#promised.get(key);
    if (promised !== undefined && promised.epoch <= epoch) this.#waive(promised);
  }

  #waive({ epoch, key, pid }: Promised<P>): void {
    this.#promised.delete(key);
    if (pid !== undefined) this.#do({ type: "discard", pid });
    // Somebody may know of it only by the promise.
    this.#tellAll({ type: "waived", key, epoch });
  }

  // Messages

  received(from: P, message: PlacementMessage<P>): readonly PlacementEffect<P>[] {
    if (message.type === "join") this.#welcome(from, message.info);
    else if (message.type === "welcome") this.#welcomed(from, message);
    // Of a host that is taken for dead: it has to join again, and says everything then.
    else if (this.hosts.has(from)) this.#hear(from, message);
    return this.#take();
  }

  #welcome(from: P, info: HostInfo): void {
    const isNew = this.#joined(from, info);
    this.#do({ type: "watch", node: info.node });
    const claims = this.own.map((key) => claimOf(this.#entries.get(key) as Entry<P>));
    const heritage = [...this.#promised.values()].map(({ epoch, key, origin, since }) => ({
      key,
      epoch,
      since,
      origin,
    }));
    this.#tell([from], { type: "welcome", info: this.hosts.own, claims, heritage, clock: this.#clock });
    // They were cut off from each other: others may have heard of it what was not true of what is held here.
    if (isNew && info.ready && this.active) for (const key of this.own) this.#announce(key);
    // What it holds it says to those that have joined it.
    if (isNew && !this.#unanswered.has(info.node)) {
      this.#unanswered.add(info.node);
      this.#tell([from], { type: "join", info: this.hosts.own });
    }
    this.#askForAll();
  }

  #welcomed(from: P, { claims, clock, heritage, info }: Of<P, "welcome">): void {
    this.#clock = Math.max(this.#clock, clock);
    this.#joined(from, info);
    this.#unanswered.delete(info.node);
    for (const claim of claims) this.#heard(from, claim, undefined);
    // Its holder may be dead already: whoever took the key for a free one would start it twice.
    for (const one of heritage)
      if (!this.#entries.has(one.key)) this.#set({ ...one, pid: undefined, frozen: undefined, holder: from });
    this.#activate();
    if (info.ready) this.#readied(from);
    this.#askForAll();
  }

  #hear(from: P, message: Exclude<PlacementMessage<P>, { readonly type: "join" | "welcome" }>): void {
    switch (message.type) {
      case "ready":
        return this.#readied(from);
      case "leaving":
        return this.#left(from);
      case "want":
        return this.#asked(from, message.key, message.by);
      case "at":
        return this.#heard(from, message.claim, message.reason);
      case "gone":
        return this.#gone(from, message);
      case "freeze":
        return this.#freeze(from, message);
      case "frozen":
        return this.#acknowledged(from, message);
      case "take":
        return this.#offered(from, message);
      case "taken":
        return this.#taken(from, message);
      case "refused":
        return this.#refused(from, message);
      case "complete":
        return this.#completed(from, message);
      case "waived":
        return this.#waived(from, message);
      case "holds":
        return this.#askedAgain(from, message);
      case "dispute":
        return this.#disputed(message);
    }
  }

  #left(from: P): void {
    this.hosts.is(from, { leaving: true });
    for (const handing of [...this.#handing.all])
      if (handing.heir === from && handing.stage === "freezing") this.#tryNext(handing);
    this.#askForAll();
  }

  #readied(joined: P): void {
    this.hosts.is(joined, { ready: true });
    if (!this.#rules.rebalances || !this.active || this.hosts.own.leaving) return;
    for (const key of this.own) if (this.hosts.owner(key) === joined) this.#handOver(key);
  }

  #asked(from: P, key: string, by: P): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      if (!this.#wanted.has(key)) this.#wanted.set(key, undefined);
      this.#ask(key);
    } else if (entry.holder === this.#self) {
      if (entry.pid !== undefined) this.#tell([by], { type: "at", claim: claimOf(entry) });
    } else if (from === by && entry.holder !== by) this.#tell([entry.holder], { type: "want", key, by });
  }

  #heard(from: P, claim: Claim<P>, reason: unknown): void {
    this.#clock = Math.max(this.#clock, claim.epoch);
    const { key } = claim;
    const entry = this.#entries.get(key);
    if (entry?.holder === this.#self) return this.#rivalled(entry, from, claim);
    // It may be the later one all the same: who started it had not heard of the other. If it holds it still, it says so.
    if (entry !== undefined && !counts(claim, from, entry))
      return this.#tell([from], { type: "dispute", key, epoch: entry.epoch });
    if (claim.frozen === undefined) this.#disinherited(key, claim.epoch);
    this.#set({ ...claim, holder: from }, reason);
    this.#open(key);
  }

  /** Another host says that it holds a key of this one. */
  #rivalled(entry: Entry<P>, from: P, claim: Claim<P>): void {
    const { epoch, key } = entry;
    const handing = this.#handing.get(key);
    if (handing?.heir === from && handing.stage === "completing") {
      this.#handing.end(key);
      this.#set({ ...claim, holder: from });
      this.#do({ type: "settled", key, lost: false, to: from, parcel: handing.parcel?.content });
      return this.#open(key);
    }
    // What it said before it handed over that very process.
    if (claim.since === entry.since && claim.origin === entry.origin && claim.epoch < epoch) return;
    // Both have held it while they were cut off from each other. One that starts or moves is settled when it is there.
    if (handing !== undefined || entry.pid === undefined) return;
    if (this.hosts.staysAgainst(this.#self, from, key)) return this.#insist(entry);
    this.#set({ ...claim, holder: from }, "noconnection");
    this.#do({ type: "retire", key, own: entry.pid, pid: claim.pid });
    this.#tell([from], { type: "dispute", key, epoch });
    this.#open(key);
  }

  /** Says it anew, so that it counts for all that have heard somebody else. */
  #insist(entry: Entry<P>): void {
    this.#set({ ...entry, epoch: ++this.#clock });
    this.#announce(entry.key);
  }

  #disputed({ epoch, key }: Of<P, "dispute">): void {
    this.#clock = Math.max(this.#clock, epoch);
    const entry = this.#entries.get(key);
    if (entry?.holder === this.#self && entry.epoch <= epoch && this.#handing.get(key) === undefined)
      this.#insist(entry);
  }

  #gone(from: P, { epoch, error, key, reason }: Of<P, "gone">): void {
    this.#clock = Math.max(this.#clock, epoch);
    const promised = this.#promised.get(key);
    if (promised?.source === from) this.#disinherited(key, epoch);
    const entry = this.#entries.get(key);
    const speaks = entry !== undefined && (entry.holder === from || entry.frozen?.heir === from);
    if (speaks && entry.holder !== this.#self && entry.epoch <= epoch) this.#forget(key, reason ?? "noproc");
    if (error !== undefined && !this.#entries.has(key)) this.#giveUp(key, error);
    else this.#ask(key);
  }

  #freeze(from: P, { attempt, epoch, heir, key, origin, since }: Of<P, "freeze">): void {
    this.#clock = Math.max(this.#clock, epoch);
    this.#disinherited(key, epoch);
    const entry = this.#entries.get(key);
    const frozen = { attempt, heir };
    if (entry?.holder !== this.#self && !(entry !== undefined && entry.epoch > epoch))
      this.#set({ key, epoch, since, origin, pid: entry?.pid, frozen, holder: from });
    this.#tell([from], { type: "frozen", key, epoch, attempt });
    if (heir !== this.#self) return;
    const stage = "promised" as const;
    const promised = { key, epoch, since, origin, attempt, source: from, stage, pid: undefined };
    this.#promised.set(key, promised);
    const refusal = this.#refusal(key);
    if (refusal !== undefined) this.#refuse(promised, refusal);
  }

  /** Why this host takes no key over, or not this one. */
  #refusal(key: string): string | undefined {
    const { hosts, leaving } = this.hosts.own;
    if (leaving || !hosts) return "it takes no keys (any more)";
    // A host that has not answered yet would not count on it.
    if (!this.active) return "it is not known to all yet";
    return this.#own.has(key) ? "it has one of its own" : undefined;
  }

  #acknowledged(from: P, { attempt, key }: Of<P, "frozen">): void {
    const handing = this.#handing.get(key);
    if (handing?.attempt !== attempt) return;
    handing.awaited.delete(from);
    this.#advance(handing);
  }

  #offered(from: P, { attempt, epoch, key, parcel }: Of<P, "take">): void {
    const promised = this.#promised.get(key);
    if (promised?.source !== from || promised.attempt !== attempt || promised.stage !== "promised")
      return this.#tell([from], { type: "refused", key, epoch, attempt, reason: "it was not promised to it" });
    const refusal = this.#refusal(key);
    if (refusal !== undefined) return this.#refuse(promised, refusal);
    this.#promised.set(key, { ...promised, stage: "beginning" });
    this.#do({ type: "begin", key, epoch, attempt, parcel });
  }

  #taken(from: P, { attempt, epoch, key, pid }: Of<P, "taken">): void {
    const handing = this.#handing.get(key);
    if (handing?.stage !== "taking" || handing.heir !== from || handing.attempt !== attempt) return;
    handing.stage = "completing";
    this.#do({ type: "forward", key, pid, parcel: handing.parcel?.content });
    this.#tell([from], { type: "complete", key, epoch, attempt });
  }

  #refused(from: P, { attempt, key }: Of<P, "refused">): void {
    const handing = this.#handing.get(key);
    if (handing?.heir === from && handing.attempt === attempt) this.#withoutThisHeir(handing);
  }

  #withoutThisHeir(handing: Handing<P>): void {
    if (handing.stage === "completing") this.#lostOnTheWay(handing);
    else this.#tryNext(handing);
  }

  #completed(from: P, { attempt, key }: Of<P, "complete">): void {
    const promised = this.#promised.get(key);
    if (promised?.source === from && promised.attempt === attempt && promised.stage === "begun")
      this.#adopt(promised, true);
  }

  #waived(from: P, { epoch, key }: Of<P, "waived">): void {
    const entry = this.#entries.get(key);
    const handing = this.#handing.get(key);
    if (handing?.heir === from && entry?.epoch === epoch) return this.#withoutThisHeir(handing);
    if (entry?.holder !== from || entry.epoch > epoch) return;
    this.#forget(key, "noproc");
    this.#ask(key);
  }

  #askedAgain(from: P, { epoch, key }: Of<P, "holds">): void {
    const entry = this.#entries.get(key);
    if (entry?.holder === this.#self && entry.epoch >= epoch)
      return this.#tell([from], { type: "at", claim: claimOf(entry) });
    // Of its holder's death this host has not heard yet.
    if (this.#promised.get(key)?.epoch === epoch) return;
    // Whoever has it now says so in time; were it called free, somebody might start it meanwhile.
    if (entry !== undefined && entry.holder !== from) this.#tell([entry.holder], { type: "want", key, by: from });
    else this.#tell([from], { type: "gone", key, epoch });
  }

  // The table

  #set(entry: Entry<P>, reason: unknown = "noproc"): void {
    const { key, since } = entry;
    const before = this.#entries.get(key);
    this.#entries.set(key, entry);
    if (entry.holder === this.#self) this.#own.add(key);
    else this.#own.delete(key);
    if (before !== undefined && before.since !== since) this.#do({ type: "broken", key, since: before.since, reason });
  }

  /** The key is free. */
  #forget(key: string, reason: unknown): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#own.delete(key);
    if (this.#wanted.has(key)) this.#wanted.set(key, undefined);
    this.#do({ type: "broken", key, since: entry.since, reason });
  }

  /** This host holds it no more. */
  #free({ epoch, key }: Entry<P>, reason: unknown): void {
    this.#forget(key, reason);
    this.#tellAll({ type: "gone", key, epoch, reason });
    this.#ask(key);
  }

  #giveUp(key: string, error: unknown): void {
    if (this.#wanted.delete(key)) this.#do({ type: "fail", key, error });
  }

  /** Whoever waits for an answer has it after all hosts know where it came from. */
  #announce(key: string): void {
    this.#tellAll({ type: "at", claim: claimOf(this.#entries.get(key) as Entry<P>) });
    this.#open(key);
  }

  #open(key: string): void {
    const pid = this.pidOf(key);
    if (pid === undefined) return;
    this.#wanted.delete(key);
    this.#do({ type: "open", key, pid });
  }

  // Effects

  #tellAll(message: PlacementMessage<P>): void {
    this.#tell(this.hosts.others, message);
  }

  #tell(to: readonly P[], message: PlacementMessage<P>): void {
    if (to.length > 0) this.#do({ type: "tell", to, message });
  }

  #do(effect: PlacementEffect<P>): void {
    this.#effects.push(effect);
  }

  #take(): readonly PlacementEffect<P>[] {
    this.#goOn();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

type Of<P, Type extends PlacementMessage<P>["type"]> = Extract<PlacementMessage<P>, { readonly type: Type }>;

/** Whether a claim counts for more than what is known; of equal ones the holder's own, or the first. */
function counts<P>({ epoch }: Claim<P>, from: P, known: Entry<P>): boolean {
  return epoch > known.epoch || (epoch === known.epoch && (from === known.holder || known.pid === undefined));
}

function claimOf<P>({ epoch, frozen, key, origin, pid, since }: Entry<P>): Claim<P> {
  return { key, epoch, since, origin, pid, frozen };
}
