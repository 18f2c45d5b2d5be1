/**
 * Which side of a split goes on: the rules of the arbiter, without a process, a clock or a wire.
 *
 * One lease stands for the whole cluster. Whoever begins a cluster holds it first, and one of the members renews it from then
 * on. As long as nobody is missing it decides nothing, and may as well be out of reach: all members may do unique work.
 *
 * Who misses a member that has not left, and of which nothing shows that its process has ended, goes on only with a licence:
 * as the holder of the lease, or granted by the holder over a live connection. A licence is counted from when it was asked for and never lasts
 * longer than the holder's term, so all of them have run out before anybody else can hold the lease. Who gets none stops its
 * unique work, and waits until it is granted one again: mostly when the split has healed.
 *
 * The larger side is to win. A holder that sees fewer than half stops and gives the lease up, once, and a side that sees fewer
 * than half takes a free lease only when the others have left it alone for a while.
 */
import type { NodeName } from "@interlock/core";
import { nodeOf } from "../lease/candidate.ts";
import {
  answered,
  changed,
  decide,
  type Election,
  election,
  failed,
  holderAt,
  type LeaseRequest,
  type LeaseTiming,
  resigned,
  stopped,
  tokenAt,
} from "../lease/elector.ts";
import type { LeaseAnswer, LeaseRecord } from "../lease/lease.ts";
import { type Asking, Grants } from "./grants.ts";
import type { ArbiterMessage, Licence } from "./messages.ts";

export interface ArbitrationRules {
  readonly timing: LeaseTiming;
  /** What becomes of unique work when members are missing and the lease cannot be reached: `keep` where most members are seen. */
  readonly onLoss: "stop" | "keep";
}

/** What membership knows. */
export interface Surroundings {
  /** `waiting`: in no cluster; `forming`: in none, and about to begin one; `in`: in a cluster. */
  readonly phase: "waiting" | "forming" | "in";
  /** The other members that are connected. */
  readonly live: ReadonlySet<NodeName>;
  /** Members that are not connected, and may be alive: nothing has shown that their process has ended. */
  readonly missing: ReadonlySet<NodeName>;
}

/** Whether a node that would begin a cluster may. */
export type Claim =
  | { readonly type: "held" }
  /** Another node holds the lease: its cluster is to be joined. */
  | { readonly type: "taken"; readonly by: NodeName }
  | { readonly type: "open"; readonly reason: string };

export type ArbitrationEffect =
  | { readonly type: "request"; readonly number: number; readonly request: LeaseRequest }
  | { readonly type: "release"; readonly held: LeaseRecord }
  | { readonly type: "tell"; readonly nodes: readonly NodeName[]; readonly message: ArbiterMessage }
  /** From now on; when all has ended that was not allowed any more, `ended` is to follow. */
  | { readonly type: "unique"; readonly allowed: boolean };

const NOBODY: ReadonlySet<NodeName> = new Set();

export class Arbitration {
  readonly #self: NodeName;
  readonly #rules: ArbitrationRules;
  #around: Surroundings = { phase: "waiting", live: NOBODY, missing: NOBODY };
  #missingSinceMs = 0;
  #hasLeft = false;
  #lastMs: number;
  /** When it last had nothing to do for so long that it stood still: whoever calls it does so every second. */
  #still = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.NEGATIVE_INFINITY };
  #resignedMs = Number.NEGATIVE_INFINITY;
  #election: Election;
  /** Since when the lease answers; undefined: the last request failed. */
  #contactSinceMs: number | undefined;
  #problem: string | undefined;
  /** Infinity: nobody is missing, and whoever could know has said that this is all there is. */
  #allowedUntilMs = Number.NEGATIVE_INFINITY;
  #isAllowed = false;
  /** Whether what is not allowed has ended. */
  #hasEnded = true;
  #refusedBy: NodeName | undefined;
  /** It sees fewer than half, and gives the lease up as soon as all that was done by it has ended. */
  #isOffering = false;
  /** For whose sake it has been given up already. */
  #offeredFor: ReadonlySet<NodeName> = NOBODY;
  readonly #grants: Grants;
  readonly #asked = new Map<number, number>();
  #asks = 0;
  #nextAskMs = Number.NEGATIVE_INFINITY;
  #wakeMs = Number.NEGATIVE_INFINITY;
  #effects: ArbitrationEffect[] = [];

  constructor(self: NodeName, candidate: string, rules: ArbitrationRules, nowMs: number) {
    this.#self = self;
    this.#rules = rules;
    this.#grants = new Grants({ timing: rules.timing, askMs: this.#askMs, stableMs: this.#stableMs });
    this.#election = election(candidate, rules.timing, nowMs);
    this.#lastMs = nowMs;
  }

  /** When to call `wake`, unless something happens before. */
  get wakeMs(): number {
    return this.#wakeMs;
  }

  /** Whether this node may do what only one may. */
  get isAllowed(): boolean {
    return this.#isAllowed;
  }

  /** Whether the answer to that request counts still. */
  awaits(number: number): boolean {
    return !this.#hasLeft && this.#election.asked?.number === number;
  }

  isHolder(nowMs: number): boolean {
    return tokenAt(this.#election, nowMs) !== undefined;
  }

  /** The node that holds the lease, as far as is known. */
  holder(nowMs: number): NodeName | undefined {
    const holder = holderAt(this.#election, nowMs);
    return holder === undefined ? undefined : nodeOf(holder);
  }

  /** Whether a cluster may be begun here. */
  claim(nowMs: number): Claim {
    if (this.isHolder(nowMs)) return { type: "held" };
    const by = this.holder(nowMs);
    if (by !== undefined) return { type: "taken", by };
    const { problem } = this;
    if (problem !== undefined) return { type: "open", reason: `the cluster's lease cannot be reached: ${problem}` };
    return { type: "open", reason: "the cluster's lease is being asked for" };
  }

  get around(): Surroundings {
    return this.#around;
  }

  /** Why the lease could not be reached the last time; undefined: it could, or was not asked. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Not on the side that goes on. The larger side of a split serves on when the lease is out of reach, without unique work. */
  isLosing(nowMs: number): boolean {
    if (this.#isAllowed || this.#around.phase !== "in") return false;
    return !(this.#isUnreachable(nowMs) && this.#isMajority && this.#refusedBy === undefined);
  }

  /** Why this node may do no unique work. */
  reason(nowMs: number): string | undefined {
    if (this.#isAllowed) return undefined;
    const { live, missing, phase } = this.#around;
    const holder = this.holder(nowMs);
    const cut = missing.size === 0 ? "" : `cut off from ${[...missing].sort().join(", ")}: `;
    if (this.#isOffering) return `${cut}it sees fewer than half of the nodes, and gives the cluster's lease up`;
    if (this.#refusedBy !== undefined)
      return `${cut}${this.#refusedBy} holds the cluster's lease, and goes on without it`;
    if (this.#problem !== undefined) return `${cut}the cluster's lease cannot be reached: ${this.#problem}`;
    if (holder === undefined) return `${cut}nobody holds the cluster's lease`;
    if (holder === this.#self) return undefined;
    const what = phase === "in" && live.has(holder) ? "has not answered yet" : "is not connected";
    return `${cut}${holder} holds the cluster's lease, and ${what}`;
  }

  // What happens

  surrounded(around: Surroundings, nowMs: number): readonly ArbitrationEffect[] {
    const { missing } = this.#around;
    this.#notice(nowMs);
    if ([...around.missing].some((node) => !missing.has(node))) {
      // It may have been cut off while it stood still, and hear of it now.
      const { fromMs, untilMs } = this.#still;
      this.#missingSinceMs = nowMs - untilMs < this.#stableMs ? fromMs : nowMs;
      this.#nextAskMs = nowMs;
    }
    if (around.phase !== this.#around.phase || around.live.size !== this.#around.live.size) this.#nextAskMs = nowMs;
    // Who is to begin a cluster does not wait for the time to look again.
    if (around.phase !== this.#around.phase) this.#election = changed(this.#election, nowMs);
    if (around.missing.size === 0) {
      this.#offeredFor = NOBODY;
      this.#refusedBy = undefined;
    }
    if (this.#refusedBy !== undefined && !around.live.has(this.#refusedBy)) this.#refusedBy = undefined;
    this.#grants.connected(around.live, nowMs);
    this.#around = around;
    return this.#next(nowMs);
  }

  answered(number: number, answer: LeaseAnswer, nowMs: number): readonly ArbitrationEffect[] {
    if (this.#election.asked?.number === number) {
      this.#contactSinceMs ??= nowMs;
      this.#problem = undefined;
    }
    this.#election = answered(this.#election, number, answer, nowMs);
    return this.#next(nowMs);
  }

  failed(number: number, problem: string, nowMs: number): readonly ArbitrationEffect[] {
    if (this.#election.asked?.number === number) this.#unreachable(problem);
    this.#election = failed(this.#election, number, nowMs);
    return this.#next(nowMs);
  }

  /** Others may have changed the lease. */
  changed(nowMs: number): readonly ArbitrationEffect[] {
    this.#election = changed(this.#election, nowMs);
    return this.#next(nowMs);
  }

  /** The unique work that was not allowed any more has ended. */
  ended(nowMs: number): readonly ArbitrationEffect[] {
    this.#hasEnded = !this.#isAllowed;
    return this.#next(nowMs);
  }

  wake(nowMs: number): readonly ArbitrationEffect[] {
    return this.#next(nowMs);
  }

  received(message: ArbiterMessage, nowMs: number): readonly ArbitrationEffect[] {
    const { node, number } = message;
    this.#notice(nowMs);
    if (message.type === "may") this.#mayHe(message, nowMs);
    else {
      const askedMs = this.#asked.get(number);
      const { licence } = message;
      if (askedMs === undefined || this.#around.phase !== "in") return this.#taken();
      const isMissing = this.#around.missing.size > 0;
      if (licence === "refused" && isMissing) {
        this.#refusedBy = node;
        this.#allowedUntilMs = nowMs;
      } else if (licence === "free" && !isMissing) {
        // Whoever sees all that it knows of knows nothing of whom this node misses.
        this.#allowedUntilMs = Number.POSITIVE_INFINITY;
      } else if (typeof licence === "number") {
        this.#refusedBy = undefined;
        this.#allowedUntilMs = Math.max(this.#allowedUntilMs, askedMs + licence);
      }
    }
    return this.#next(nowMs);
  }

  /** The node leaves. Licences that others have of it last a little longer: then the lease is left to run out. */
  leave(nowMs: number): readonly ArbitrationEffect[] {
    this.#hasLeft = true;
    if (nowMs >= this.#grants.lastEndMs()) this.#resign(nowMs);
    this.#wakeMs = Number.POSITIVE_INFINITY;
    return this.#taken();
  }

  #mayHe(asking: Asking & { readonly number: number }, nowMs: number): void {
    const { live, phase } = this.#around;
    const { node, number } = asking;
    if (phase !== "in" || !live.has(node) || nowMs >= this.#allowedUntilMs) return;
    this.#grants.asks(asking, nowMs);
    const licence = this.#licenceFor(asking, nowMs);
    if (licence !== undefined) this.#tell([node], { type: "licence", node: this.#self, number, licence });
  }

  #licenceFor(asking: Asking, nowMs: number): Licence | undefined {
    if (asking.missing.length === 0 && this.#allowedUntilMs === Number.POSITIVE_INFINITY) return "free";
    const { held } = this.#election;
    return held === undefined || nowMs >= held.untilMs ? undefined : this.#grants.licence(asking, held.untilMs, nowMs);
  }

  // What follows

  get #askMs(): number {
    return this.#rules.timing.retryMs / 2;
  }

  /** Of all that may be alive. */
  get #isMinority(): boolean {
    const { live, missing } = this.#around;
    return live.size + 1 < missing.size;
  }

  get #isMajority(): boolean {
    const { live, missing } = this.#around;
    return live.size + 1 > missing.size;
  }

  #isUnreachable(nowMs: number): boolean {
    return this.#problem !== undefined && !this.isHolder(nowMs);
  }

  #unreachable(problem: string): void {
    this.#contactSinceMs = undefined;
    this.#problem = problem;
  }

  #next(nowMs: number): readonly ArbitrationEffect[] {
    if (this.#hasLeft) return this.#taken();
    this.#notice(nowMs);
    this.#offer(nowMs);
    this.#elect(nowMs);
    this.#allow(nowMs);
    this.#ask(nowMs);
    return this.#taken();
  }

  /** It may have stood still for so long that the others have gone on without it: then it has to hear first that they have not. */
  #notice(nowMs: number): void {
    const { durationMs, retryMs } = this.#rules.timing;
    if (nowMs - this.#lastMs >= durationMs) this.#allowedUntilMs = Number.NEGATIVE_INFINITY;
    if (nowMs - this.#lastMs >= retryMs) this.#still = { fromMs: this.#lastMs, untilMs: nowMs };
    this.#lastMs = nowMs;
  }

  #elect(nowMs: number): void {
    const { phase } = this.#around;
    if (phase === "waiting") this.#resign(nowMs);
    const overdue = this.#election.asked;
    const decision = decide({ ...this.#election, abstains: !this.#mayTake(nowMs) }, nowMs);
    // What was done by a term that has ended is ended by its own licences, not by the next term.
    this.#election = decision.election.stopping ? stopped(decision.election, nowMs) : decision.election;
    const { asked } = this.#election;
    if (overdue !== undefined && overdue.number !== asked?.number) this.#unreachable("no answer");
    if (decision.request !== undefined && asked !== undefined)
      this.#effects.push({ type: "request", number: asked.number, request: decision.request });
    this.#wakeMs = decision.election.stopping ? nowMs : decision.wakeMs;
  }

  #mayTake(nowMs: number): boolean {
    const { phase } = this.#around;
    if (phase !== "in") return phase === "forming";
    if (this.#isOffering) return false;
    if (this.#isAllowed && !this.#isMinority) return true;
    const freeMs = this.#freeSinceMs(nowMs);
    if (freeMs === undefined || this.#contactSinceMs === undefined) return false;
    return nowMs - Math.max(freeMs, this.#contactSinceMs) >= this.#rules.timing.renewDeadlineMs / 2;
  }

  #freeSinceMs(nowMs: number): number | undefined {
    const { candidate, seen } = this.#election;
    if (seen === undefined) return undefined;
    const { record, sinceMs } = seen;
    if (record?.holder === undefined || record.holder === candidate) return Math.max(sinceMs, this.#resignedMs);
    const untilMs = sinceMs + record.durationMs;
    return untilMs <= nowMs ? untilMs : undefined;
  }

  /** A holder that sees fewer than half of the nodes lets the others have the lease, if they want it. */
  #offer(nowMs: number): void {
    const { missing, phase } = this.#around;
    const isNew = [...missing].some((node) => !this.#offeredFor.has(node));
    if (!(this.isHolder(nowMs) && phase === "in" && this.#isMinority && isNew)) this.#isOffering = false;
    else if (nowMs - this.#missingSinceMs >= this.#stableMs) this.#isOffering = true;
    if (!this.#isOffering || !this.#hasEnded || nowMs < this.#grants.lastEndMs()) return;
    this.#isOffering = false;
    this.#offeredFor = new Set(missing);
    this.#resign(nowMs);
  }

  /** For so long a split may heal, and others may hear of it, before anything is given up for it. */
  get #stableMs(): number {
    return this.#rules.timing.renewDeadlineMs / 2;
  }

  #resign(nowMs: number): void {
    const { election: last, release } = resigned(this.#election);
    if (release === undefined) return;
    this.#election = stopped(last, nowMs);
    this.#resignedMs = nowMs;
    // What it did by the lease is over, whatever the lease's term said.
    this.#allowedUntilMs = Math.min(this.#allowedUntilMs, nowMs);
    this.#effects.push({ type: "release", held: release });
  }

  #allow(nowMs: number): void {
    const { missing, phase } = this.#around;
    const { durationMs, retryMs } = this.#rules.timing;
    const holder = this.holder(nowMs);
    const { held, seen } = this.#election;
    if (missing.size > 0 && this.#allowedUntilMs === Number.POSITIVE_INFINITY)
      this.#allowedUntilMs = this.#missingSinceMs + durationMs;
    if (held !== undefined && !this.#isOffering) this.#allowedUntilMs = Math.max(this.#allowedUntilMs, held.untilMs);
    // Renewed after the cut, by one on its other side, that has no reason to give it up.
    else if (holder !== undefined && missing.has(holder) && !this.#isMajority && seen !== undefined)
      if (seen.sinceMs > this.#missingSinceMs + retryMs) this.#allowedUntilMs = Math.min(this.#allowedUntilMs, nowMs);
    if (this.#isOffering) this.#allowedUntilMs = Math.min(this.#allowedUntilMs, nowMs);
    if (phase === "in" && missing.size === 0 && nowMs < this.#allowedUntilMs)
      this.#allowedUntilMs = Number.POSITIVE_INFINITY;
    const isKept =
      this.#rules.onLoss === "keep" && this.#isUnreachable(nowMs) && this.#isMajority && this.#refusedBy === undefined;
    const isAllowed = phase === "in" && (nowMs < this.#allowedUntilMs || isKept);
    if (nowMs < this.#allowedUntilMs) this.#wakeMs = Math.min(this.#wakeMs, this.#allowedUntilMs);
    if (this.isHolder(nowMs) && this.#isMinority && !this.#isOffering)
      this.#wakeMs = Math.min(this.#wakeMs, Math.max(nowMs + 1, this.#missingSinceMs + this.#stableMs));
    if (this.#isOffering && this.#hasEnded)
      this.#wakeMs = Math.min(this.#wakeMs, Math.max(nowMs + 1, this.#grants.lastEndMs()));
    if (isAllowed === this.#isAllowed) return;
    this.#isAllowed = isAllowed;
    this.#hasEnded = false;
    this.#effects.push({ type: "unique", allowed: isAllowed });
  }

  #ask(nowMs: number): void {
    const { live, missing, phase } = this.#around;
    if (phase !== "in" || (missing.size === 0 && this.#isAllowed) || this.isHolder(nowMs) || live.size === 0) return;
    if (nowMs >= this.#nextAskMs) {
      this.#nextAskMs = nowMs + this.#askMs;
      const number = ++this.#asks;
      this.#asked.set(number, nowMs);
      for (const [old, atMs] of this.#asked)
        if (nowMs - atMs > this.#rules.timing.renewDeadlineMs) this.#asked.delete(old);
      this.#tell([...live], { type: "may", node: this.#self, number, missing: [...missing], isIdle: !this.#isAllowed });
    }
    this.#wakeMs = Math.min(this.#wakeMs, this.#nextAskMs);
  }

  #tell(nodes: readonly NodeName[], message: ArbiterMessage): void {
    this.#effects.push({ type: "tell", nodes, message });
  }

  #taken(): readonly ArbitrationEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
