/** The arbiter of a node: its rules are `arbitration.ts`, its lease and its clock are here. */
import { type LocalNode, type NodeName, type Timer, unowned } from "@interlock/core";
import { candidateName } from "../lease/candidate.ts";
import { type LeaseRequest, type LeaseTiming, leaseTiming } from "../lease/elector.ts";
import type { Lease } from "../lease/lease.ts";
import { carryOut, releasedWithin } from "../lease/requests.ts";
import { suspension } from "../node/halt.ts";
import { Arbitration, type ArbitrationEffect, type Claim, type Surroundings } from "./arbitration.ts";
import type { ArbiterMessage } from "./messages.ts";

export interface ArbiterOptions extends Partial<LeaseTiming> {
  /** One for the whole cluster, where all its nodes can reach it. */
  readonly lease: Lease;
  /**
   * What becomes of unique work on a node that misses others and cannot reach the lease. `stop`: it ends; `keep`: it goes on
   * where more than half of the nodes see each other, so that it may be done twice if the others still reach the lease.
   * Default `stop`.
   */
  readonly onLoss?: "stop" | "keep";
}

/** What a node knows of the arbiter of its cluster. */
export interface ArbiterStatus {
  /** Whether this node may do what only one may: hold singletons, run placed processes. */
  readonly allowed: boolean;
  /** Why not. */
  readonly reason: string | undefined;
  /** Whether it is on a side of a split that does not go on: then it should be given no visitors either. */
  readonly losing: boolean;
  /** Who holds the cluster's lease, as this node knows. */
  readonly holder: NodeName | undefined;
  /** Members that are not connected, and have neither left nor ended. */
  readonly missing: readonly NodeName[];
  /** Why the lease could not be reached the last time. As long as nobody is missing nothing follows from it. */
  readonly problem: string | undefined;
}

export interface ArbiterShell {
  readonly local: LocalNode;
  readonly tell: (nodes: readonly NodeName[], message: ArbiterMessage) => void;
  /** The claim may be another one now. */
  readonly changed: () => void;
}

export class Arbiter {
  readonly #lease: Lease;
  readonly #shell: ArbiterShell;
  readonly #arbitration: Arbitration;
  readonly #candidate: string;
  readonly #durationMs: number;
  #unwatch: (() => void) | undefined;
  #timer: Timer | undefined;
  #suspensions = 0;
  #isFailing = false;
  #wasIn = false;
  #isHalted = false;
  /** The claim as it was told last. */
  #said = "";
  /** Has been allowed to, once: before, not being so is nothing to be told of. */
  #wasAllowed = false;
  #releasing: Promise<unknown> | undefined;

  constructor({ lease, onLoss = "stop", ...given }: ArbiterOptions, shell: ArbiterShell) {
    const { local } = shell;
    const timing = leaseTiming(given);
    this.#lease = lease;
    this.#shell = shell;
    this.#candidate = candidateName(local);
    this.#durationMs = timing.durationMs;
    this.#arbitration = new Arbitration(local.name, this.#candidate, { timing, onLoss }, local.runtime.clock.now());
  }

  /** From now on no unique work is done here until it is known that it may be. */
  start(): void {
    const { local } = this.#shell;
    void suspension.halt(local);
    this.#unwatch = unowned(() =>
      this.#lease.watch?.(() => this.#act((arbitration, nowMs) => arbitration.changed(nowMs))),
    );
    this.#act((arbitration, nowMs) => arbitration.wake(nowMs));
  }

  /** All that it was told of: a membership that begins anew has to find them again, or that they have ended. */
  get known(): ReadonlySet<NodeName> {
    const { live, missing } = this.#arbitration.around;
    return new Set([...live, ...missing]);
  }

  surrounded(around: Surroundings): void {
    // A membership that begins anew knows less than this.
    if (this.#wasIn && around.phase !== "in") return;
    this.#wasIn = around.phase === "in";
    this.#act((arbitration, nowMs) => arbitration.surrounded(around, nowMs));
  }

  received(message: ArbiterMessage): void {
    this.#act((arbitration, nowMs) => arbitration.received(message, nowMs));
  }

  get claim(): Claim {
    return this.#arbitration.claim(this.#nowMs);
  }

  status(): ArbiterStatus {
    const nowMs = this.#nowMs;
    const { around, isAllowed: allowed, problem } = this.#arbitration;
    return {
      allowed,
      reason: this.#arbitration.reason(nowMs),
      losing: this.#arbitration.isLosing(nowMs),
      holder: this.#arbitration.holder(nowMs),
      missing: [...around.missing].sort(),
      problem,
    };
  }

  /** Resolves when all unique work has ended here. None is done any more, whatever is granted. */
  halt(): Promise<void> {
    this.#isHalted = true;
    return unowned(() => suspension.halt(this.#shell.local));
  }

  /** Gives the lease up, so that the others need not wait for its end. */
  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#act((arbitration, nowMs) => arbitration.leave(nowMs));
    this.#timer?.cancel();
    if (this.#releasing !== undefined) await releasedWithin(this.#shell.local, this.#releasing, this.#durationMs / 3);
  }

  get #nowMs(): number {
    return this.#shell.local.runtime.clock.now();
  }

  #act(step: (arbitration: Arbitration, nowMs: number) => readonly ArbitrationEffect[]): void {
    const { local } = this.#shell;
    for (const effect of step(this.#arbitration, this.#nowMs)) this.#do(effect);
    this.#timer?.cancel();
    const delayMs = Math.max(0, this.#arbitration.wakeMs - this.#nowMs);
    // What it brings belongs to no process.
    this.#timer =
      delayMs < 2 ** 31
        ? unowned(() => local.after(delayMs, () => this.#act((one, nowMs) => one.wake(nowMs))))
        : undefined;
    const { claim } = this;
    const said = JSON.stringify(claim);
    if (said === this.#said) return;
    this.#said = said;
    this.#shell.changed();
  }

  #do(effect: ArbitrationEffect): void {
    switch (effect.type) {
      case "request":
        return this.#ask(effect.number, effect.request);
      case "release":
        this.#releasing = unowned(() => this.#lease.release(effect.held)).catch((error: unknown) =>
          this.#complain(error),
        );
        return;
      case "tell":
        return this.#shell.tell(effect.nodes, effect.message);
      case "unique":
        return effect.allowed ? this.#resume() : this.#suspend();
    }
  }

  #ask(number: number, request: LeaseRequest): void {
    const claim = { holder: this.#candidate, durationMs: this.#durationMs };
    unowned(() => {
      carryOut(this.#lease, request, claim, () => this.#arbitration.awaits(number)).then(
        (answer) => {
          this.#isFailing = false;
          this.#act((arbitration, nowMs) => arbitration.answered(number, answer, nowMs));
        },
        (error: unknown) => {
          this.#complain(error);
          const problem = error instanceof Error ? error.message : String(error);
          this.#act((arbitration, nowMs) => arbitration.failed(number, problem, nowMs));
        },
      );
    });
  }

  #suspend(): void {
    const { local } = this.#shell;
    const number = ++this.#suspensions;
    this.#warn(`does no unique work any more: ${this.#arbitration.reason(this.#nowMs) ?? "it is in no cluster"}`);
    unowned(() => {
      void suspension.halt(local).then(() => {
        if (number === this.#suspensions) this.#act((arbitration, nowMs) => arbitration.ended(nowMs));
      });
    });
  }

  #resume(): void {
    if (this.#isHalted) return;
    this.#suspensions++;
    if (this.#wasAllowed) this.#warn("does unique work again");
    this.#wasAllowed = true;
    unowned(() => suspension.goOn(this.#shell.local));
  }

  /** Once, not every two seconds. */
  #complain(details: unknown): void {
    if (!this.#isFailing) this.#warn("cannot reach the cluster's lease", details);
    this.#isFailing = true;
  }

  #warn(text: string, details?: unknown): void {
    const { local } = this.#shell;
    const at = local.runtime.clock.wallTime();
    local.report({ type: "warning", pid: undefined, label: `${local.name} arbiter`, text, details, at });
  }
}
