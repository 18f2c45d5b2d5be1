/**
 * What a registry knows: who is registered under which key, and who must be told. Everything happens at once, on the
 * caller's stack, as Elixir's registry writes to ETS from the caller; the registry's process only owns the table.
 *
 * Invariants: a registrant is linked to the registry's process while it has a key; its entries are gone before its
 * links and monitors hear of its end. Hot file: `bench` row ex_registry_lookup_unique (`lookup`: no allocation).
 */
import { InterlockError } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import { atExit } from "../process/exit.ts";
import { deepFreeze } from "../process/freeze.ts";
import { join, unlink } from "../process/link.ts";
import { add, each, type OneOrMany, remove } from "../process/one-or-many.ts";
import type { LocalPid, Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { deliverMessage } from "../process/send.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { type Name, nameBase } from "./name.ts";

/** One registration under a key. */
export interface RegistryEntry<out Value> {
  readonly pid: Pid;
  /** Undefined when it was registered without one. */
  readonly value: Value | undefined;
}

/** One registration, with its key. */
export interface KeyedRegistryEntry<out Key, out Value> extends RegistryEntry<Value> {
  readonly key: Key;
}

/** What a registry's listeners are sent. */
export type RegistryEvent<Key, Value = undefined> =
  | {
      readonly type: "register";
      readonly registry: string;
      readonly key: Key;
      readonly pid: Pid;
      readonly value: Value | undefined;
    }
  | { readonly type: "unregister"; readonly registry: string; readonly key: Key; readonly pid: Pid };

export interface RegistrySettings {
  readonly name: string;
  readonly unique: boolean;
  readonly partitions: number;
  readonly listeners: readonly Name[];
}

type Entry = RegistryEntry<unknown> & { readonly pid: LocalPid };

/** The entries of one key, and the array of them that `lookup` gives until the next change. */
class Bucket {
  entries: OneOrMany<Entry> = undefined;
  list: readonly Entry[] | undefined = undefined;
}

/** What one process has registered. */
interface Registrant {
  readonly byKey: Map<unknown, OneOrMany<Entry>>;
  readonly ended: () => void;
}

const NONE: readonly Entry[] = Object.freeze([]);

export class RegistryTable {
  readonly locks: KeyedLock = new KeyedLock();
  readonly #process: Process;
  readonly #settings: RegistrySettings;
  readonly #buckets = new Map<unknown, Bucket>();
  readonly #registrants = new Map<LocalPid, Registrant>();
  #count = 0;

  /** The table of `process`, which is the registry. */
  constructor(process: Process, settings: RegistrySettings) {
    this.#process = process;
    this.#settings = settings;
    atExit(process, () => this.#close());
  }

  get count(): number {
    return this.#count;
  }

  lookup(key: unknown): readonly Entry[] {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return NONE;
    bucket.list ??= this.#frozen([...each(bucket.entries)]);
    return bucket.list;
  }

  register(process: Process, key: unknown, value: unknown): void {
    const bucket = this.#bucketFor(process, key);
    let registrant = this.#registrants.get(process.pid);
    if (registrant === undefined) {
      registrant = { byKey: new Map(), ended: () => this.#forget(process) };
      this.#registrants.set(process.pid, registrant);
      atExit(process, registrant.ended);
      join(this.#process, process);
    }
    const entry: Entry = this.#entry(process.pid, value);
    bucket.entries = add(bucket.entries, entry);
    bucket.list = undefined;
    registrant.byKey.set(key, add(registrant.byKey.get(key), entry));
    this.#count++;
    this.#tell({ type: "register", registry: this.#settings.name, key, pid: process.pid, value });
  }

  /** Where an entry under `key` goes. @throws INTERLOCK_NAME_TAKEN */
  #bucketFor(process: Process, key: unknown): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket !== undefined && this.#settings.unique) {
      const holder = (bucket.entries as Entry).pid;
      if (holder.process !== undefined) throw taken(this.#settings.name, key, process.pid, holder);
      // It has ended, but its turn in a wave of deaths has not come: its name is free already.
      this.#dropAll(holder);
      bucket = undefined;
    }
    if (bucket === undefined) {
      bucket = new Bucket();
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  /** Drops the entries of `process` under `key`, or those whose value `matches`. */
  unregister(process: Process, key: unknown, matches: (value: unknown) => boolean = () => true): void {
    const { pid } = process;
    const registrant = this.#registrants.get(pid);
    if (registrant === undefined) return;
    for (const entry of [...each(registrant.byKey.get(key))]) {
      if (!matches(entry.value)) continue;
      const left = remove(registrant.byKey.get(key), entry);
      if (left === undefined) registrant.byKey.delete(key);
      else registrant.byKey.set(key, left);
      this.#drop(key, entry);
    }
    if (registrant.byKey.size > 0) return;
    this.#registrants.delete(pid);
    process.extras?.atExit?.delete(registrant.ended);
    unlink(this.#process, pid);
  }

  /** Gives the entry of `process` under a unique `key` a new value. Undefined when that has none. */
  updateValue(
    process: Process,
    key: unknown,
    update: (value: unknown) => unknown,
  ): { value: unknown; old: unknown } | undefined {
    const held = this.#registrants.get(process.pid)?.byKey;
    const before = held?.get(key) as Entry | undefined;
    const bucket = this.#buckets.get(key);
    if (held === undefined || before === undefined || bucket === undefined) return undefined;
    const value = update(before.value);
    // A new entry: the arrays that lookup has given keep what they showed.
    const after = this.#entry(process.pid, value);
    bucket.entries = after;
    bucket.list = undefined;
    held.set(key, after);
    return { value, old: before.value };
  }

  /** The entries of `key`, those of each partition together. */
  partitionsOf(key: unknown): readonly (readonly Entry[])[] {
    const entries = this.lookup(key);
    if (entries.length === 0) return [];
    const { partitions } = this.#settings;
    if (partitions === 1) return [entries];
    const groups = new Map<number, Entry[]>();
    for (const entry of entries) {
      const partition = entry.pid.id % partitions;
      const group = groups.get(partition);
      if (group === undefined) groups.set(partition, [entry]);
      else group.push(entry);
    }
    return [...groups.values()];
  }

  /** A key for each entry of `pid`. */
  keys(pid: LocalPid): unknown[] {
    const keys: unknown[] = [];
    for (const [key, entries] of this.#registrants.get(pid)?.byKey ?? [])
      for (const _entry of each(entries)) keys.push(key);
    return keys;
  }

  values(key: unknown, pid: LocalPid): unknown[] {
    return [...each(this.#registrants.get(pid)?.byKey.get(key))].map((entry) => entry.value);
  }

  *all(): Iterable<KeyedRegistryEntry<unknown, unknown>> {
    for (const [key, bucket] of this.#buckets)
      for (const { pid, value } of each(bucket.entries)) yield { key, pid, value };
  }

  /** For reports and `sys`. */
  summary(): { readonly keys: number; readonly entries: number; readonly registrants: number } {
    return { keys: this.#buckets.size, entries: this.#count, registrants: this.#registrants.size };
  }

  #entry(pid: LocalPid, value: unknown): Entry {
    if (!this.#process.node.freeze) return { pid, value };
    deepFreeze(value);
    return Object.freeze({ pid, value });
  }

  #frozen(list: readonly Entry[]): readonly Entry[] {
    return this.#process.node.freeze ? Object.freeze(list) : list;
  }

  #drop(key: unknown, entry: Entry): void {
    const bucket = this.#buckets.get(key) as Bucket;
    bucket.entries = remove(bucket.entries, entry);
    bucket.list = undefined;
    if (bucket.entries === undefined) this.#buckets.delete(key);
    this.#count--;
    this.#tell({ type: "unregister", registry: this.#settings.name, key, pid: entry.pid });
  }

  #forget(process: Process): void {
    this.#dropAll(process.pid);
    // Without the link this registry is not sent an EXIT for each registrant that ends.
    unlink(process, this.#process.pid);
  }

  #dropAll(pid: LocalPid): void {
    const registrant = this.#registrants.get(pid);
    if (registrant === undefined) return;
    this.#registrants.delete(pid);
    for (const [key, entries] of registrant.byKey) for (const entry of [...each(entries)]) this.#drop(key, entry);
  }

  /** The registry has ended. A registrant that survives that by trapping exits must not keep the table. */
  #close(): void {
    for (const [pid, { ended }] of this.#registrants) pid.process?.extras?.atExit?.delete(ended);
    this.#registrants.clear();
    this.#buckets.clear();
    this.#count = 0;
    this.locks.close(notRunning(this.#settings.name));
  }

  #tell(event: RegistryEvent<unknown, unknown>): void {
    for (const listener of this.#settings.listeners) {
      const process = nameBase(listener).whereis(this.#process.node)?.process;
      if (process !== undefined) deliverMessage(process, event);
    }
  }
}

function taken(
  registry: string,
  key: unknown,
  pid: LocalPid,
  holder: LocalPid,
): InterlockError<"INTERLOCK_NAME_TAKEN"> {
  const name = `${registry}.via(${showKey(key)})`;
  return new InterlockError("INTERLOCK_NAME_TAKEN", `Cannot register ${name} for ${pid}: ${holder} has it`, {
    name,
    pid: holder,
  });
}

function notRunning(registry: string): InterlockError<"INTERLOCK_NOPROC"> {
  return new InterlockError(
    "INTERLOCK_NOPROC",
    `The registry ${registry} does not run: start it under a supervisor, before its users`,
    {
      target: registry,
    },
  );
}

export function showKey(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}

/** The table of the registry that runs as `name` on `node`. @throws INTERLOCK_NOPROC */
export function tableAt(node: LocalNode, name: string): RegistryTable {
  const table = node.names.get(name)?.state;
  if (table instanceof RegistryTable) return table;
  throw notRunning(name);
}
