/** The global names as this node knows them. */
import type { NodeName } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import type { GroupName as Term } from "../../groups/group-name.ts";

export interface GlobalEntry {
  readonly name: Term;
  readonly pid: LocalPid;
  /** The fun that settles a conflict, as a term; its owner's node can run it. */
  readonly method: unknown;
  /** Of a process that runs no Erlang: the node that registered it. */
  readonly via: NodeName | undefined;
}

export class NameTable {
  readonly #entries = new Map<string, GlobalEntry>();
  readonly #byPid = new Map<LocalPid, Map<string, GlobalEntry>>();

  get(name: Term): GlobalEntry | undefined {
    return this.#entries.get(name.key);
  }

  get all(): Iterable<GlobalEntry> {
    return this.#entries.values();
  }

  of(pid: LocalPid): readonly GlobalEntry[] {
    return [...(this.#byPid.get(pid)?.values() ?? [])];
  }

  /** The name must be nobody's. */
  add(entry: GlobalEntry): void {
    const { key } = entry.name;
    this.#entries.set(key, entry);
    const names = this.#byPid.get(entry.pid) ?? new Map<string, GlobalEntry>();
    this.#byPid.set(entry.pid, names);
    names.set(key, entry);
  }

  remove({ name, pid }: GlobalEntry): void {
    this.#entries.delete(name.key);
    const names = this.#byPid.get(pid);
    names?.delete(name.key);
    if (names?.size === 0) this.#byPid.delete(pid);
  }
}
