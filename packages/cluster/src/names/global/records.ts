/**
 * The names and locks that a node keeps, and which processes are to be watched for them. A name is taken only under the lock
 * by which it was given, so that what a node said before it went and came back counts no more.
 */
import type { NodeName } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import { GroupName as Term } from "../../groups/group-name.ts";
import { type LockId, LockTable } from "./locks.ts";
import type { ExternalName, NameOperation } from "./messages.ts";
import { type GlobalEntry, NameTable } from "./name-table.ts";

/** What is locked while names change. */
export const GLOBAL: Term = new Term(atom("global"));

export class GlobalRecords {
  readonly names: NameTable = new NameTable();
  readonly locks: LockTable = new LockTable();
  /** How often each process is recorded. */
  readonly #watched = new Map<LocalPid, number>();
  readonly #changed: (change: "watch" | "unwatch", pid: LocalPid) => void;
  /** Whether the lock was last given up by the end of its holder. */
  #isLockLost = false;

  constructor(changed: (change: "watch" | "unwatch", pid: LocalPid) => void) {
    this.#changed = changed;
  }

  // Locks

  /** @returns whether `holder` has it now. */
  lock(id: LockId, holder: LocalPid): boolean {
    const { fresh, granted } = this.locks.set(id, holder);
    if (fresh) this.#watch(holder);
    return granted;
  }

  unlock(id: LockId, holder: LocalPid): void {
    const { freed, held } = this.locks.delete(id, holder);
    if (held) this.#unwatch(holder);
    if (freed && id.resource.key === GLOBAL.key) this.#isLockLost = false;
  }

  #isStillLocked(under: LocalPid | LockId | undefined): boolean {
    const lock = this.locks.of(GLOBAL);
    if (lock === undefined) return !this.#isLockLost;
    if (under === undefined) return false;
    return "requester" in under ? lock.id.requester.key === under.requester.key : lock.holders.has(under);
  }

  // Names

  get external(): readonly ExternalName[] {
    return [...this.names.all].flatMap(({ name, pid, via }) => (via === undefined ? [] : [{ name, pid, via }]));
  }

  /** `under`: who holds the lock by which the name was given, or that lock. */
  register(entry: GlobalEntry, under: LocalPid | LockId | undefined): void {
    this.remove(entry.name);
    if (this.#isStillLocked(under)) this.adopt(entry);
  }

  /** While nobody else is there to have a say. */
  adopt(entry: GlobalEntry): void {
    this.names.add(entry);
    this.#watch(entry.pid);
  }

  remove(name: Term): void {
    const entry = this.names.get(name);
    if (entry === undefined) return;
    this.names.remove(entry);
    this.#unwatch(entry.pid);
  }

  apply(operations: readonly NameOperation[], lock: LockId | undefined): void {
    for (const one of operations) if (one.type === "insert") this.register(one.entry, lock);
    for (const one of operations) if (one.type === "delete") this.remove(one.name);
  }

  // Processes that end

  #watch(pid: LocalPid): void {
    const times = this.#watched.get(pid) ?? 0;
    this.#watched.set(pid, times + 1);
    if (times === 0) this.#changed("watch", pid);
  }

  #unwatch(pid: LocalPid): void {
    const times = (this.#watched.get(pid) ?? 0) - 1;
    if (times > 0) this.#watched.set(pid, times);
    else if (this.#watched.delete(pid)) this.#changed("unwatch", pid);
  }

  ended(pid: LocalPid): void {
    if (this.#watched.delete(pid)) this.#forget(pid);
  }

  /** As if all processes of that node had ended. */
  dropNode(node: NodeName): void {
    for (const pid of [...this.#watched.keys()]) {
      if (pid.node !== node) continue;
      this.#watched.delete(pid);
      this.#changed("unwatch", pid);
      this.#forget(pid);
    }
  }

  #forget(pid: LocalPid): void {
    for (const lock of this.locks.heldBy(pid)) {
      const { freed } = this.locks.delete(lock, pid);
      if (freed && lock.resource.key === GLOBAL.key) this.#isLockLost = true;
    }
    for (const entry of this.names.of(pid)) this.names.remove(entry);
  }
}
