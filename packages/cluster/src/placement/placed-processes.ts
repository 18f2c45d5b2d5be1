/** The processes of a placement on one node: how they start, are packed, go on for each other, and end. */
import { type ExitReason, type Pid, type Timer, unowned } from "@interlock/core";
import {
  becomeForwarder,
  exitFrom,
  IncomingCall,
  type LocalPid,
  type OpenCall,
  onEnd,
  type Process,
  packProcess,
  type Remainder,
  takeDeferred,
  takeRemainder,
  unpackProcess,
  unwatch,
  type Watcher,
  watch,
} from "@interlock/core/distribution";
import { type Identities, tuple } from "@interlock/wire";
import { forwardedCall } from "../node/gen-protocol.ts";
import type { CallerAddress } from "../node/incoming.ts";
import { callFailed } from "../node/outgoing-calls.ts";
import type { PlacementEffect } from "./effects.ts";
import { type Parcel, packed, unpacked } from "./parcel.ts";
import type { PlacedCalls } from "./placed-calls.ts";
import type { PlacementPlan } from "./plan.ts";
import type { PlacementState } from "./state.ts";
import type { Tally } from "./tally.ts";

const MOST_SAVING_MS = 2_000;

/** Runs as the init of a new process. */
export type Beginning = () => unknown;

export type StartChild = (key: string, beginning: Beginning) => Promise<{ readonly pid: Pid }>;

type Effect = PlacementEffect<LocalPid>;

export interface PlacedProcessesOptions {
  readonly plan: PlacementPlan;
  /** The host's. */
  readonly process: Process;
  readonly identities: () => Identities | undefined;
  readonly calls: PlacedCalls;
  readonly startChild: StartChild;
  readonly tally: Tally;
  readonly state: PlacementState<LocalPid>;
  readonly act: (effects: readonly Effect[]) => void;
}

export interface PlacedProcesses {
  act(effect: Effect): void;
  /** How much of the time to hand over is kept for saving what nobody takes. */
  savingMs(deadlineMs: number): number;
  /** The host has ended. */
  end(): void;
}

export function startProcesses(options: PlacedProcessesOptions): PlacedProcesses {
  return new RunningProcesses(options);
}

class RunningProcesses implements PlacedProcesses {
  readonly #options: PlacedProcessesOptions;
  readonly #watchers = new Map<LocalPid, EndWatcher>();
  /** Processes that have moved, and where to. */
  readonly #moved = new Map<LocalPid, LocalPid>();
  /** Calls that another node can answer, since the state of their callee was packed. */
  readonly #addressed = new Map<LocalPid, ReadonlySet<OpenCall>>();
  readonly #crashes = new Map<string, number[]>();
  /** Of the keys that wait for an heir's answer. */
  readonly #limits = new Map<string, Timer>();

  constructor(options: PlacedProcessesOptions) {
    this.#options = options;
  }

  get #host(): LocalPid {
    return this.#options.process.pid;
  }

  end(): void {
    for (const limit of this.#limits.values()) limit.cancel();
    for (const [pid, { process }] of this.#watchers) {
      unwatch(process, this.#watchers.get(pid) as EndWatcher);
      exitFrom(this.#host, process, "kill");
    }
    for (const [pid, to] of this.#moved)
      if (pid.process !== undefined) exitFrom(this.#host, pid.process, { shutdown: tuple("moved", to) });
  }

  act(effect: Effect): void {
    const { act, plan, state, tally } = this.#options;
    switch (effect.type) {
      case "start":
        return this.#start(effect);
      case "begin":
        return this.#begin(effect);
      case "pack":
        return this.#pack(effect.key, effect.epoch);
      case "unpack": {
        this.#unlimit(effect.key);
        const process = this.#processOf(effect.key);
        if (process !== undefined) unpackProcess(process);
        return;
      }
      case "forward":
        return this.#forward(effect.key, effect.pid, effect.parcel as Parcel);
      case "retire":
        return this.#retire(effect.key, effect.own, effect.pid);
      case "strand":
        return this.#strand(effect.key);
      case "stop":
        return this.#stop(this.#processOf(effect.key));
      case "discard":
        if (effect.pid.process !== undefined) this.#kill(effect.pid.process);
        return;
      case "limit": {
        const { attempt, key } = effect;
        this.#unlimit(key);
        this.#limits.set(
          key,
          this.#options.process.node.after(plan.takeMs, () => act(state.late(key, attempt))),
        );
        return;
      }
      case "settled":
        return this.#settled(effect);
      case "adopted":
        return tally.warn(
          `the node of ${effect.key} died while handing it over: what its mailbox held is lost`,
          undefined,
        );
      case "drained":
        return tally.left();
      default:
    }
  }

  get #alive(): boolean {
    return this.#options.process.alive;
  }

  #processOf(key: string): Process | undefined {
    return this.#options.state.entry(key)?.pid?.process;
  }

  // Beginning

  #start({ again, epoch, key }: Extract<Effect, { readonly type: "start" }>): void {
    const { act, plan, state } = this.#options;
    const init = (): unknown => plan.server.module.init(...plan.args(key));
    const started = (pid: LocalPid): void => act(state.started(key, epoch, pid));
    const failed = (error: unknown): void => act(state.startFailed(key, epoch, error));
    const { store } = plan;
    // After a crash not: what was saved may be what it crashed of.
    if (store === undefined || again) return this.#launch(key, init, started, failed);
    const load = async (): Promise<unknown> => store.load(key);
    unowned(() => {
      load().then((value) => {
        if (this.#alive)
          this.#launch(key, value === undefined ? init : () => this.#restored(key, value), started, failed);
      }, failed);
    });
  }

  #begin({ attempt, epoch, key, parcel }: Extract<Effect, { readonly type: "begin" }>): void {
    const { act, state } = this.#options;
    this.#launch(
      key,
      this.#beginningOf(key, parcel as Parcel),
      (pid) => act(state.begun(key, epoch, attempt, pid)),
      (error) => act(state.beginFailed(key, epoch, attempt, (error as Error).message)),
    );
  }

  #beginningOf(key: string, parcel: Parcel): Beginning {
    const { identities, plan } = this.#options;
    const { module } = plan.server;
    if (parcel.mode === "restart") return () => module.init(...plan.args(key));
    const { mode, version } = parcel;
    return () => {
      const value = unpacked(parcel, identities() as Identities, this.#host);
      if (mode === "snapshot" || version === plan.version) return this.#restored(key, value);
      if (module.codeChange === undefined)
        throw new Error(`${module.name} ${plan.version} has no codeChange for a state of version ${version}`);
      const changed: unknown = module.codeChange(version, value);
      return changed instanceof Promise
        ? changed.then((state: unknown) => this.#restored(key, state))
        : this.#restored(key, changed);
    };
  }

  #restored(key: string, value: unknown): unknown {
    const { restore } = this.#options.plan;
    return restore === undefined ? value : restore(value, key);
  }

  /** Belongs to nobody: whoever used the name first may have ended by the time it is there. */
  #launch(key: string, beginning: Beginning, started: (pid: LocalPid) => void, failed: (error: unknown) => void): void {
    unowned(() => {
      this.#options.startChild(key, beginning).then(
        ({ pid }) => {
          if (!this.#alive) return;
          const local = pid as unknown as LocalPid;
          const { process } = local;
          if (process !== undefined) this.#watch(key, process);
          started(local);
          // Its end was not heard of.
          if (process === undefined) this.#ended(key, local, "noproc");
        },
        (error: unknown) => this.#alive && failed(error),
      );
    });
  }

  // Ending

  #watch(key: string, process: Process): void {
    const watcher = new EndWatcher(this.#host, process, (pid, reason) => this.#ended(key, pid, reason));
    this.#watchers.set(process.pid, watcher);
    watch(process, watcher);
  }

  #unwatch(process: Process): void {
    const watcher = this.#watchers.get(process.pid);
    this.#watchers.delete(process.pid);
    if (watcher !== undefined) unwatch(process, watcher);
  }

  #ended(key: string, pid: LocalPid, reason: ExitReason): void {
    const { act, state } = this.#options;
    this.#watchers.delete(pid);
    this.#addressed.delete(pid);
    const entry = state.entry(key);
    if (entry?.pid === pid && state.holds(key)) act(state.ended(key, entry.epoch, reason, this.#again(key, reason)));
    else act(state.begunEnded(key, pid));
  }

  /** Whether a process that ended so is started anew at once. */
  #again(key: string, reason: ExitReason): boolean {
    const { plan, process, tally } = this.#options;
    const isCrash = reason !== "normal" && reason !== "shutdown" && !isShutdown(reason);
    if (!isCrash || plan.restart === "temporary") return false;
    const now = process.node.runtime.clock.now();
    const recent = (this.#crashes.get(key) ?? []).filter((at) => now - at < plan.periodMs);
    recent.push(now);
    if (recent.length <= plan.intensity) {
      this.#crashes.set(key, recent);
      return true;
    }
    this.#crashes.delete(key);
    tally.warn(
      `${key} crashed ${recent.length} times within ${plan.periodMs} ms: it is started again when it is used next`,
      reason,
    );
    return false;
  }

  #kill(process: Process): void {
    this.#unwatch(process);
    exitFrom(this.#host, process, "kill");
  }

  /** As its supervisor would. */
  #stop(process: Process | undefined): void {
    if (process === undefined) return;
    const { plan } = this.#options;
    const limit = process.node.after(plan.shutdownMs, () => exitFrom(this.#host, process, "kill"));
    onEnd(process, () => limit.cancel());
    unpackProcess(process);
    exitFrom(process.parent ?? this.#host, process, "shutdown");
  }

  // Moving

  #pack(key: string, epoch: number): void {
    const { act, plan, state, tally } = this.#options;
    const process = this.#processOf(key);
    if (process === undefined) return;
    const ready = (parcel: Parcel): void => {
      if (this.#alive && process.alive) act(state.packed(key, epoch, parcel));
    };
    unowned(() => {
      packProcess(process, (value) => this.#parcelOf(key, process, value)).then(ready, (error: unknown) => {
        if (!process.alive) return;
        tally.warn(`the state of ${key} cannot travel: it starts afresh on another node`, error);
        ready(afresh(plan));
      });
    });
  }

  /** In the process. */
  #parcelOf(key: string, process: Process, state: unknown): Parcel | Promise<Parcel> {
    const { plan } = this.#options;
    if (plan.handoff === "restart") return afresh(plan);
    const value = plan.handoff === "snapshot" ? plan.snapshot?.(state) : state;
    return value instanceof Promise
      ? value.then((given: unknown) => this.#wrap(key, process, given))
      : this.#wrap(key, process, value);
  }

  #wrap(key: string, process: Process, value: unknown): Parcel {
    const { calls, identities, plan, state } = this.#options;
    const mode = plan.handoff === "snapshot" ? "snapshot" : "move";
    const addressed = new Set<OpenCall>();
    const addressOf = (call: OpenCall): CallerAddress => {
      addressed.add(call);
      const address = call instanceof IncomingCall ? (call.address as CallerAddress | undefined) : undefined;
      return address ?? calls.address(key, state.entry(key)?.since ?? 0, process.pid, call);
    };
    const parcel = packed(value, { mode, version: plan.version, identities: identities() as Identities, addressOf });
    this.#addressed.set(process.pid, addressed);
    return parcel;
  }

  /** The process goes on as `to`: what waits in it, and what still comes for its pid, goes there. */
  #forward(key: string, to: LocalPid, { mode }: Parcel): void {
    const process = this.#processOf(key);
    if (process === undefined) return;
    const { since = 0 } = this.#options.state.entry(key) ?? {};
    const addressed = this.#addressed.get(process.pid);
    this.#addressed.delete(process.pid);
    this.#unwatch(process);
    const send = (one: Remainder): void => this.#sendOn(key, since, process.pid, to, one);
    // What begins afresh knows nothing of those who still wait: they hear of the end of this one.
    if (mode === "restart") {
      for (const one of takeRemainder(process)) send(one);
      return this.#stop(process);
    }
    const reason: ExitReason = { shutdown: tuple("moved", to) };
    for (const call of takeDeferred(process)) if (addressed?.has(call) !== true) call.fail(callFailed(call, reason));
    becomeForwarder(process, send);
    this.#moved.set(process.pid, to);
  }

  #sendOn(key: string, since: number, from: LocalPid, to: LocalPid, one: Remainder): void {
    const { calls, tally } = this.#options;
    const { route } = to.home;
    try {
      if (one.type === "message") return route?.send(from, to, one.message);
      if (one.type === "cast") return route?.cast(from, to, one.operation, one.args);
      const address = one.call instanceof IncomingCall ? (one.call.address as CallerAddress | undefined) : undefined;
      if (address === undefined) return calls.start(key, since, from, to, one.call);
      route?.send(from, to, forwardedCall(address, one.operation, one.args));
    } catch (error) {
      tally.warn(`a ${one.type} to ${key} could not follow it to ${to.node}`, error);
    }
  }

  /** Two nodes that were cut off from each other have both run the key, and the other's process stays. */
  #retire(key: string, own: LocalPid, to: LocalPid | undefined): void {
    const { process } = own;
    this.#options.tally.warn(`${key} ran on two nodes that were cut off from each other: the one here ends`, undefined);
    if (process === undefined) return;
    this.#unwatch(process);
    const end = (): void => {
      if (to !== undefined) for (const one of takeRemainder(process)) this.#sendOn(key, 0, own, to, one);
      exitFrom(this.#host, process, { shutdown: tuple("moved", to) });
      if (process.alive) this.#stop(process);
    };
    unowned(() => {
      packProcess(process, () => undefined).then(end, () => undefined);
    });
  }

  #settled({ key, lost, parcel, to }: Extract<Effect, { readonly type: "settled" }>): void {
    this.#unlimit(key);
    const moved = (parcel as Parcel | undefined)?.mode === "restart" ? "restarted" : "moved";
    this.#options.tally.settled(key, lost ? "failed" : to === undefined ? "ended" : moved, to?.node);
  }

  #unlimit(key: string): void {
    this.#limits.get(key)?.cancel();
    this.#limits.delete(key);
  }

  savingMs(deadlineMs: number): number {
    return this.#options.plan.store === undefined ? 0 : Math.min(MOST_SAVING_MS, deadlineMs / 4);
  }

  /** Nobody takes it: what it is made of is saved, if there is a place for that, and it ends. */
  #strand(key: string): void {
    const { plan, tally } = this.#options;
    const { handoff, store } = plan;
    const process = this.#processOf(key);
    if (process === undefined || store === undefined || handoff === "restart") return this.#stop(process);
    const save = async (state: unknown): Promise<void> =>
      store.save(key, handoff === "snapshot" ? await plan.snapshot?.(state) : state);
    unowned(() => {
      packProcess(process, save)
        .catch((error: unknown) => process.alive && tally.warn(`the state of ${key} could not be saved`, error))
        .finally(() => this.#alive && this.#stop(process));
    });
  }
}

export function afresh({ version }: PlacementPlan): Parcel {
  return { mode: "restart", version, bytes: new Uint8Array() };
}

function isShutdown(reason: ExitReason): boolean {
  return typeof reason === "object" && reason !== null && "shutdown" in reason;
}

/** A monitor whose DOWN is acted on at once: a name must not lead to the dead. */
class EndWatcher implements Watcher {
  readonly by: LocalPid;
  readonly process: Process;
  readonly fire: (pid: LocalPid, reason: ExitReason) => void;

  constructor(by: LocalPid, process: Process, fire: (pid: LocalPid, reason: ExitReason) => void) {
    this.by = by;
    this.process = process;
    this.fire = fire;
  }
}
