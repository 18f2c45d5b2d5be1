/**
 * What the holder of the lease grants to others, and to whom nothing: of two that miss each other, only one may go on. Part of
 * the rules of the arbiter, as pure as they are.
 */
import type { NodeName } from "@interlock/core";
import { type LeaseTiming, stopMsOf } from "../lease/elector.ts";
import { excluded } from "./exclusion.ts";

/** Who asks: whom it misses, and whether it does no unique work now. */
export interface Asking {
  readonly node: NodeName;
  readonly missing: readonly NodeName[];
  readonly isIdle: boolean;
}

interface Cuts {
  readonly since: ReadonlyMap<NodeName, number>;
  readonly isIdle: boolean;
  readonly atMs: number;
}

export interface GrantRules {
  readonly timing: LeaseTiming;
  /** After this long without asking, a node that asks every `askMs` misses nobody any more. */
  readonly askMs: number;
  /** For so long a split may heal, and others may hear of it, before anything is given up for it. */
  readonly stableMs: number;
}

export class Grants {
  readonly #rules: GrantRules;
  readonly #liveSinceMs = new Map<NodeName, number>();
  /** Of each the end of its latest licence. */
  readonly #granted = new Map<NodeName, number>();
  /** Of whoever has asked lately: whom it misses, and since when. */
  readonly #cuts = new Map<NodeName, Cuts>();
  #excluded: ReadonlySet<NodeName> = new Set();

  constructor(rules: GrantRules) {
    this.#rules = rules;
  }

  /** These are connected, and no others. */
  connected(live: ReadonlySet<NodeName>, nowMs: number): void {
    for (const node of this.#liveSinceMs.keys()) if (!live.has(node)) this.#liveSinceMs.delete(node);
    for (const node of live) if (!this.#liveSinceMs.has(node)) this.#liveSinceMs.set(node, nowMs);
  }

  /** A node that is connected asks; it is to be remembered whom it misses, whatever it is answered. */
  asks({ isIdle, missing, node }: Asking, nowMs: number): void {
    for (const [other, { atMs }] of this.#cuts) if (nowMs - atMs > 3 * this.#rules.askMs) this.#cuts.delete(other);
    for (const other of this.#granted.keys()) if (nowMs >= this.#endMs(other)) this.#granted.delete(other);
    const known = this.#cuts.get(node)?.since;
    const since = new Map(missing.map((one) => [one, known?.get(one) ?? nowMs]));
    this.#cuts.set(node, { since, isIdle, atMs: nowMs });
  }

  /** For how long it may go on, by a lease that is held until `untilMs`; undefined: that is not known yet. */
  licence({ isIdle, missing, node }: Asking, untilMs: number, nowMs: number): number | "refused" | undefined {
    const { now, soon } = this.#exclude(nowMs);
    if (now.has(node)) return "refused";
    // Until then it goes on by what it has, and is given no more: a cut is no newer for this node having been away.
    if (soon.has(node)) return undefined;
    // Whoever begins does so when all has ended that those do whom it misses, or who miss it.
    if (isIdle && this.#cutFrom(node, missing).some((one) => nowMs < this.#endMs(one))) return undefined;
    // Short: before the lease can be given up all of them must have run out.
    const licence = Math.min(untilMs - nowMs, this.#rules.timing.renewDeadlineMs / 4);
    this.#granted.set(node, nowMs + licence);
    const cuts = this.#cuts.get(node);
    // From now on it is not idle, though it has not said so yet.
    if (cuts !== undefined) this.#cuts.set(node, { ...cuts, isIdle: false });
    return licence;
  }

  /** When all that is done by licences has ended. */
  lastEndMs(): number {
    return Math.max(Number.NEGATIVE_INFINITY, ...[...this.#granted.keys()].map((node) => this.#endMs(node)));
  }

  /** Who has to go now, and who will have to when the cuts last that are new. */
  #exclude(nowMs: number): { readonly now: ReadonlySet<NodeName>; readonly soon: ReadonlySet<NodeName> } {
    const cuts = new Map<NodeName, readonly NodeName[]>();
    const lasting = new Map<NodeName, readonly NodeName[]>();
    const idle = new Set(this.#excluded);
    for (const [node, { isIdle, since }] of this.#cuts) {
      if (!this.#liveSinceMs.has(node)) continue;
      // Nothing is lost by not letting it begin.
      if (isIdle) idle.add(node);
      const others = [...since.keys()].filter((other) => this.#mayAct(other, nowMs));
      // This node may not have heard yet of a cut that is new, and the two may be about to meet.
      const isLasting = (other: NodeName): boolean => {
        const sinceMs = since.get(other) ?? nowMs;
        return isIdle || nowMs - Math.max(sinceMs, this.#liveSinceMs.get(other) ?? sinceMs) >= this.#rules.stableMs;
      };
      cuts.set(node, others);
      lasting.set(node, others.filter(isLasting));
    }
    this.#excluded = excluded(lasting, idle);
    return { now: this.#excluded, soon: excluded(cuts, new Set([...idle, ...this.#excluded])) };
  }

  #cutFrom(node: NodeName, missing: readonly NodeName[]): readonly NodeName[] {
    return [...missing, ...[...this.#cuts].flatMap(([other, { since }]) => (since.has(node) ? other : []))];
  }

  /** By what this node has granted it, or may grant it. */
  #mayAct(node: NodeName, nowMs: number): boolean {
    return this.#liveSinceMs.has(node) || nowMs < this.#endMs(node);
  }

  /** When all that was done by its latest licence has ended. */
  #endMs(node: NodeName): number {
    return (this.#granted.get(node) ?? Number.NEGATIVE_INFINITY) + stopMsOf(this.#rules.timing);
  }
}
