/**
 * The locks that this node has granted. A lock has one requester, in whose name several processes may hold it: the lockers
 * of two nodes that connect hold the same one. It ends with the last of its holders.
 */
import type { LocalPid } from "@interlock/core/distribution";
import type { GroupName as Term } from "../../groups/group-name.ts";

export interface LockId {
  readonly resource: Term;
  readonly requester: Term;
}

interface Lock {
  readonly id: LockId;
  readonly holders: Set<LocalPid>;
}

export class LockTable {
  /** By the key of what is locked. */
  readonly #locks = new Map<string, Lock>();

  of(resource: Term): { readonly id: LockId; readonly holders: ReadonlySet<LocalPid> } | undefined {
    return this.#locks.get(resource.key);
  }

  get all(): Iterable<{ readonly id: LockId; readonly holders: ReadonlySet<LocalPid> }> {
    return this.#locks.values();
  }

  /** Whether nobody has it in another name. */
  isFree({ resource, requester }: LockId): boolean {
    const lock = this.#locks.get(resource.key);
    return lock === undefined || lock.id.requester.key === requester.key;
  }

  /** @returns whether `holder` has it now, and whether it had not before. */
  set(id: LockId, holder: LocalPid): { readonly granted: boolean; readonly fresh: boolean } {
    if (!this.isFree(id)) return { granted: false, fresh: false };
    const { key } = id.resource;
    const lock = this.#locks.get(key) ?? { id, holders: new Set() };
    this.#locks.set(key, lock);
    const fresh = !lock.holders.has(holder);
    lock.holders.add(holder);
    return { granted: true, fresh };
  }

  /** @returns whether `holder` had it, and whether nobody has it any more. */
  delete(id: LockId, holder: LocalPid): { readonly held: boolean; readonly freed: boolean } {
    const lock = this.#locks.get(id.resource.key);
    if (lock?.id.requester.key !== id.requester.key || !lock.holders.delete(holder))
      return { held: false, freed: false };
    const freed = lock.holders.size === 0;
    if (freed) this.#locks.delete(id.resource.key);
    return { held: true, freed };
  }

  heldBy(holder: LocalPid): readonly LockId[] {
    return [...this.#locks.values()].flatMap(({ id, holders }) => (holders.has(holder) ? [id] : []));
  }
}
