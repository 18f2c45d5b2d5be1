/**
 * Monitors: one-way, counted, each fires exactly once. The reference, the matcher of its DOWN and the record in both
 * processes are one object.
 */
import { badArgument, InterlockError } from "../errors.ts";
import { type Alias, type AliasMode, LocalAlias } from "./alias.ts";
import { currentProcess } from "./context.ts";
import type { ExitReason } from "./exit-reason.ts";
import { Envelope, SIGNAL } from "./mailbox.ts";
import { isSelection, type Matcher, type Selection } from "./matcher.ts";
import { add, remove } from "./one-or-many.ts";
import { LocalPid, type Pid, type Ref, Reference } from "./pid.ts";
import { Process } from "./process.ts";
import type { Away } from "./route.ts";
import type { Down } from "./signal.ts";

export interface Monitor {
  readonly ref: Ref;
  /** Takes the DOWN of this monitor. */
  readonly down: Matcher<Down>;
  /**
   * Ends the monitor; a DOWN that is already in the mailbox stays there unless `flush`.
   * @returns whether the monitor was still there.
   *
   * **Errors** `INTERLOCK_NOT_OWNER` when another process calls it.
   * @see erlang:demonitor/2
   */
  demonitor(options?: { readonly flush?: boolean }): boolean;
}

export interface MonitorOptions {
  /** Replaces `"DOWN"` as the `type` of the message. */
  readonly tag?: string;
  /** Makes an alias with the monitor, which ends as this says. */
  readonly alias?: AliasMode;
}

/** A monitor and the alias that was made with it. */
export interface AliasedMonitor<in M> extends Monitor {
  readonly alias: Alias<M>;
}

/** What a process tells of its end: a monitor of this node, or one of another. */
export interface Watcher {
  /** The process that watches. */
  readonly by: LocalPid;
  fire(pid: LocalPid, reason: ExitReason): void;
}

export class LocalMonitor extends Reference implements Monitor, Selection, Watcher {
  readonly watcher: Process;
  readonly tag: string;
  readonly name: string | undefined;
  /** What is watched: a process of this node or one of another. Undefined once the monitor has fired or was ended. */
  target: Process | Away | undefined;

  constructor(watcher: Process, target: Process | Away | undefined, name: string | undefined, tag: string) {
    super();
    this.watcher = watcher;
    this.target = target;
    this.name = name;
    this.tag = tag;
  }

  get ref(): Ref {
    return this;
  }

  get by(): LocalPid {
    return this.watcher.pid;
  }

  /** The pid of what is watched, if it is known. */
  get watched(): LocalPid | undefined {
    if (this.target === undefined || this.target instanceof Process) return this.target?.pid;
    return this.target.to instanceof LocalPid ? this.target.to : undefined;
  }

  get down(): Matcher<Down> {
    return this;
  }

  // As a selection: DOWN messages are indexed by their reference, which is this.
  get keys(): readonly unknown[] {
    return [this];
  }
  get user(): boolean {
    return false;
  }
  get signals(): boolean {
    return true;
  }
  get exact(): boolean {
    return true;
  }
  matches(message: unknown): boolean {
    return (message as { ref?: unknown } | undefined)?.ref === this;
  }

  fire(pid: LocalPid, reason: ExitReason): void {
    this.target = undefined;
    this.watcher.watching = remove(this.watcher.watching, this);
    const down = { type: this.tag as "DOWN", ref: this, pid: pid as Pid, name: this.name, reason } satisfies Down;
    this.watcher.deliver(new Envelope(SIGNAL, down, undefined));
  }

  /** The watcher has ended. */
  forget(): void {
    const target = this.target;
    this.target = undefined;
    if (target instanceof Process) target.watchers = remove(target.watchers, this);
    else target?.route.demonitor(this);
  }

  demonitor(options?: { readonly flush?: boolean }): boolean {
    const caller = currentProcess();
    if (caller !== undefined && caller !== this.watcher) throw notOwner(this, caller);
    const active = this.end();
    if (options?.flush === true) this.watcher.body.flush(this.watcher, this);
    return active;
  }

  /** @returns whether it was still there. */
  end(): boolean {
    if (this.target === undefined) return false;
    this.forget();
    this.watcher.watching = remove(this.watcher.watching, this);
    return true;
  }
}

isSelection(LocalMonitor);

class LocalAliasedMonitor<M> extends LocalMonitor implements AliasedMonitor<M> {
  readonly alias: LocalAlias<M>;
  readonly #explicit: boolean;

  constructor(
    watcher: Process,
    target: Process | Away | undefined,
    name: string | undefined,
    tag: string,
    mode: AliasMode,
  ) {
    super(watcher, target, name, tag);
    this.#explicit = mode === "explicit_unalias";
    this.alias = new LocalAlias(watcher, mode === "reply_demonitor", () => this.end());
  }

  override fire(pid: LocalPid, reason: ExitReason): void {
    if (!this.#explicit) this.alias.unalias();
    super.fire(pid, reason);
  }

  override end(): boolean {
    if (!this.#explicit) this.alias.unalias();
    return super.end();
  }
}

function notOwner(monitor: LocalMonitor, caller: Process): InterlockError<"INTERLOCK_NOT_OWNER"> {
  const owner = monitor.watcher.pid.toString();
  return new InterlockError(
    "INTERLOCK_NOT_OWNER",
    `${caller.pid} cannot end monitor ${monitor}: it belongs to ${owner}`,
    {
      what: `monitor ${monitor}`,
      owner,
      caller: caller.pid.toString(),
    },
  );
}

const aliasModes: ReadonlySet<unknown> = new Set<AliasMode>(["explicit_unalias", "demonitor", "reply_demonitor"]);

/** Starts to watch. A target that is gone already gives DOWN with `noproc` at once. */
export function startMonitor(
  watcher: Process,
  target: Process | Away | undefined,
  pid: LocalPid,
  name: string | undefined,
  options: MonitorOptions | undefined,
): LocalMonitor {
  const tag = options?.tag ?? "DOWN";
  if (typeof tag !== "string") throw badArgument("tag", tag, "a string");
  const mode = options?.alias;
  if (mode !== undefined && !aliasModes.has(mode)) throw badArgument("alias", mode, [...aliasModes].join(", "));
  const monitor =
    mode === undefined
      ? new LocalMonitor(watcher, target, name, tag)
      : new LocalAliasedMonitor(watcher, target, name, tag, mode);
  if (target instanceof Process && target.alive) {
    watcher.watching = add(watcher.watching, monitor);
    target.watchers = add(target.watchers, monitor);
  } else if (target === undefined || target instanceof Process) {
    monitor.target = undefined;
    monitor.fire(pid, "noproc");
  } else {
    watcher.watching = add(watcher.watching, monitor);
    target.route.monitor(monitor, target.to);
  }
  return monitor;
}
