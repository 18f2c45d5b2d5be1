/**
 * Registries: processes found by key, on one node. A registry is a supervised process; reading and writing do not pass
 * through its mailbox.
 * @see https://hexdocs.pm/elixir/Registry.html
 */
import { badArgument, InterlockError } from "../errors.ts";
import { currentNode, local, type Name, NameBase } from "../naming/name.ts";
import {
  type KeyedRegistryEntry,
  type RegistryEntry,
  RegistryTable,
  showKey,
  tableAt,
} from "../naming/registry-table.ts";
import type { LocalNode } from "../node.ts";
import { currentProcess } from "../process/context.ts";
import { LocalPid, type Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { fence } from "../process/send.ts";
import { startTask } from "../process/task.ts";
import type { ChildOptions, ChildSpec } from "./child-spec.ts";
import type { ServerRef } from "./client.ts";
import { genServer, type None } from "./gen-server.ts";
import { noreply } from "./reply.ts";
import type { Start } from "./start.ts";

export interface RegistryOptions {
  /** The name of its process on this node, and what listeners and errors call it. */
  readonly name: string;
  /** `unique`: one process a key. `duplicate`: any number, and one may register the same key several times. */
  readonly keys: "unique" | "duplicate";
  /**
   * Into how many groups `dispatch` divides the entries of a key of a duplicate registry, by pid. Default 1. One thread
   * has no contention, so that is all they do.
   */
  readonly partitions?: number;
  /** Processes that get a `RegistryEvent` for each registration and its end. */
  readonly listeners?: readonly Name[];
}

/** No value need be given where the type has none. */
type ValueArgument<Value> = undefined extends Value ? readonly [value?: Value] : readonly [value: Value];

/** What registries with unique and with duplicate keys share. Keys are compared as by `Map`: 1 and "1" differ. */
export interface RegistryBase<Key, Value> extends Start<readonly [], ServerRef<None, None, never>> {
  /**
   * Registers the calling process, and links it with the registry: it ends when the registry does.
   *
   * **Errors** `INTERLOCK_NAME_TAKEN` (with the holder's pid) for a unique key; `INTERLOCK_NOPROC` when the registry does
   * not run; `INTERLOCK_BAD_ARGUMENT` outside any process.
   */
  register(key: Key, ...value: ValueArgument<Value>): void;
  /** Drops the calling process' entries under `key`; those of others stay. */
  unregister(key: Key): void;
  /** Drops those of the calling process' entries under `key` whose value `matches`. */
  unregisterMatch(key: Key, matches: (value: Value | undefined) => boolean): void;
  /** Who is registered under `key`. The array does not change later. **Errors** `INTERLOCK_NOPROC` */
  lookup(key: Key): readonly RegistryEntry<Value>[];
  /** The entries of `key` that pass `guard`. */
  match(key: Key, guard: (value: Value | undefined, pid: Pid) => boolean): readonly RegistryEntry<Value>[];
  countMatch(key: Key, guard: (value: Value | undefined, pid: Pid) => boolean): number;
  /** The keys of `pid`, in no order; one that it registered twice is there twice. */
  keys(pid: Pid): readonly Key[];
  /** The values of `pid` under `key`. */
  values(key: Key, pid: Pid): readonly (Value | undefined)[];
  /** All entries, or those that pass `guard`: walks the whole registry. */
  select(guard?: (entry: KeyedRegistryEntry<Key, Value>) => boolean): readonly KeyedRegistryEntry<Key, Value>[];
  countSelect(guard: (entry: KeyedRegistryEntry<Key, Value>) => boolean): number;
  /** How many entries there are. */
  count(): number;
  /**
   * Calls `each` with the entries of `key`, once for each partition that has some; with `parallel` each partition in a
   * task of its own, and the promise resolves when all are done.
   *
   * @example
   * const Subscribers = registry<string>({ name: "subscribers", keys: "duplicate" });
   * await Subscribers.startLink();
   * const listening = Promise.withResolvers<void>();
   * spawn<string>(async (self) => {
   *   Subscribers.register("news");
   *   listening.resolve();
   *   console.log(await self.receive()); // the presses roll
   * });
   * await listening.promise;
   * Subscribers.dispatch("news", (entries) => {
   *   for (const { pid } of entries) send(pid as Pid<string>, "the presses roll");
   * });
   */
  dispatch(key: Key, each: (entries: readonly RegistryEntry<Value>[]) => void): void;
  dispatch(
    key: Key,
    each: (entries: readonly RegistryEntry<Value>[]) => void | Promise<void>,
    options: { readonly parallel: true },
  ): Promise<void>;
  /**
   * Runs `run` while nobody else has this key's lock; whoever asked first goes first. The lock ends with `run` or with the
   * process that called. A `run` that locks the same key again waits for itself.
   */
  lock<T>(key: unknown, run: () => T | Promise<T>): Promise<T>;
  child(options?: ChildOptions): ChildSpec;
}

/** A registry in which a key is one process' name. */
export interface Registry<Key, Value> extends RegistryBase<Key, Value> {
  /** `key` as a name: for `named`, `at`, `send`, `whereis`. Who starts under it is registered with `value`. */
  via(key: Key, value?: Value): Name;
  /**
   * Gives the calling process' entry a new value.
   *
   * **Errors** `INTERLOCK_NOT_OWNER` when the key is somebody else's or nobody's.
   */
  updateValue(
    key: Key,
    update: (value: Value | undefined) => Value,
  ): { readonly value: Value; readonly old: Value | undefined };
}

/** A registry in which many processes share a key, which so is no name. */
export interface DuplicateRegistry<Key, Value> extends RegistryBase<Key, Value> {}

class ViaName extends NameBase {
  readonly #registry: string;
  readonly #key: unknown;
  readonly #value: unknown;

  constructor(registryName: string, key: unknown, value: unknown) {
    super();
    this.#registry = registryName;
    this.#key = key;
    this.#value = value;
  }

  whereis(node: LocalNode): LocalPid | undefined {
    const pid = tableAt(node, this.#registry).lookup(this.#key)[0]?.pid;
    return pid?.process === undefined ? undefined : pid;
  }

  register(process: Process): void {
    tableAt(process.node, this.#registry).register(process, this.#key, this.#value);
  }

  unregister(process: Process): void {
    tableAt(process.node, this.#registry).unregister(process, this.#key);
  }

  toString(): string {
    return `${this.#registry}.via(${showKey(this.#key)})`;
  }
}

type Guard = (value: unknown, pid: Pid) => boolean;

class LocalRegistry implements Registry<unknown, unknown> {
  readonly start: Registry<unknown, unknown>["start"];
  readonly startLink: Registry<unknown, unknown>["startLink"];
  readonly startMonitor: Registry<unknown, unknown>["startMonitor"];
  readonly child: Registry<unknown, unknown>["child"];
  readonly #name: string;
  readonly #unique: boolean;

  constructor({ keys, listeners = [], name, partitions = 1 }: RegistryOptions) {
    if (typeof name !== "string" || name === "") throw badArgument("name", name, "a non-empty string");
    if (keys !== "unique" && keys !== "duplicate") throw badArgument("keys", keys, '"unique" or "duplicate"');
    if (!Number.isInteger(partitions) || partitions < 1)
      throw badArgument("partitions", partitions, "a whole number, 1 or more");
    this.#name = name;
    this.#unique = keys === "unique";
    const settings = { name, unique: this.#unique, partitions, listeners };
    const server = genServer({
      name,
      init: (): RegistryTable => new RegistryTable(currentProcess() as Process, settings),
      info: () => noreply(),
      formatStatus: (table) => table.summary(),
    });
    const registered = local(name);
    const starts = server.named(registered);
    this.start = () => starts.start();
    this.startLink = () => starts.startLink();
    this.startMonitor = () => starts.startMonitor();
    this.child = (options) => server.child([], { ...options, name: registered });
  }

  get #table(): RegistryTable {
    return tableAt(currentNode(), this.#name);
  }

  via(key: unknown, value?: unknown): Name {
    this.#mustBeUnique("via");
    return new ViaName(this.#name, key, value);
  }

  register(key: unknown, value?: unknown): void {
    this.#table.register(this.#caller("register"), key, value);
  }

  unregister(key: unknown): void {
    this.#table.unregister(this.#caller("unregister"), key);
  }

  unregisterMatch(key: unknown, matches: (value: unknown) => boolean): void {
    this.#table.unregister(this.#caller("unregisterMatch"), key, matches);
  }

  lookup(key: unknown): readonly RegistryEntry<unknown>[] {
    return tableAt(currentNode(), this.#name).lookup(key);
  }

  match(key: unknown, guard: Guard): readonly RegistryEntry<unknown>[] {
    return this.#table.lookup(key).filter(({ pid, value }) => guard(value, pid));
  }

  countMatch(key: unknown, guard: Guard): number {
    return this.match(key, guard).length;
  }

  keys(pid: Pid): readonly unknown[] {
    return this.#table.keys(checked(pid));
  }

  values(key: unknown, pid: Pid): readonly unknown[] {
    return this.#table.values(key, checked(pid));
  }

  select(
    guard: (entry: KeyedRegistryEntry<unknown, unknown>) => boolean = () => true,
  ): readonly KeyedRegistryEntry<unknown, unknown>[] {
    return [...this.#table.all()].filter(guard);
  }

  countSelect(guard: (entry: KeyedRegistryEntry<unknown, unknown>) => boolean): number {
    return this.select(guard).length;
  }

  count(): number {
    return this.#table.count;
  }

  updateValue(key: unknown, update: (value: unknown) => unknown): { readonly value: unknown; readonly old: unknown } {
    this.#mustBeUnique("updateValue");
    const process = this.#caller("updateValue");
    const table = this.#table;
    const updated = table.updateValue(process, key, update);
    if (updated !== undefined) return updated;
    const what = `${this.#name}.via(${showKey(key)})`;
    const owner = table.lookup(key)[0]?.pid.toString() ?? "nobody";
    throw new InterlockError(
      "INTERLOCK_NOT_OWNER",
      `Cannot update ${what}: it belongs to ${owner}, not to ${process.pid}`,
      {
        what,
        owner,
        caller: process.pid.toString(),
      },
    );
  }

  dispatch(key: unknown, each: (entries: readonly RegistryEntry<unknown>[]) => void): void;
  dispatch(
    key: unknown,
    each: (entries: readonly RegistryEntry<unknown>[]) => void | Promise<void>,
    options: { readonly parallel: true },
  ): Promise<void>;
  dispatch(
    key: unknown,
    each: (entries: readonly RegistryEntry<unknown>[]) => void | Promise<void>,
    options?: { readonly parallel: boolean },
  ): void | Promise<void> {
    const owner = fence();
    const groups = this.#table.partitionsOf(key);
    if (options?.parallel !== true) {
      for (const entries of groups) void each(entries);
      return undefined;
    }
    const tasks = groups.map((entries) => startTask(owner, () => each(entries), true));
    return Promise.all(tasks.map((task) => task.await({ timeoutMs: Number.POSITIVE_INFINITY }))).then(() => undefined);
  }

  async lock<T>(key: unknown, run: () => T | Promise<T>): Promise<T> {
    return this.#table.locks.run(key, fence(), run);
  }

  #caller(operation: string): Process {
    const process = fence();
    if (process === undefined)
      throw badArgument(
        `${this.#name}.${operation}()`,
        "a call outside any process",
        "called by the process that is registered",
      );
    return process;
  }

  #mustBeUnique(operation: string): void {
    if (!this.#unique)
      throw badArgument(
        `${this.#name}.${operation}()`,
        "a registry with duplicate keys",
        "used with unique keys: only those name one process",
      );
  }
}

function checked(pid: Pid): LocalPid {
  if (!(pid instanceof LocalPid)) throw badArgument("pid", pid, "a pid");
  return pid;
}

/**
 * A registry of processes by key. It belongs under a supervisor, before its users.
 *
 * @example
 * const Room = genServer({
 *   name: "room",
 *   init: (topic: string): { readonly topic: string } => ({ topic }),
 *   calls: { topic: ({ state }) => reply(state.topic) },
 * });
 * const Rooms = registry<`room:${number}`>({ name: "rooms", keys: "unique" });
 * await Rooms.startLink();
 * await Room.named(Rooms.via("room:42")).startLink("news");
 * console.log(await Room.at(Rooms.via("room:42")).call.topic()); // news
 */
export function registry<Key, Value = undefined>(
  options: RegistryOptions & { readonly keys: "unique" },
): Registry<Key, Value>;
export function registry<Key, Value = undefined>(
  options: RegistryOptions & { readonly keys: "duplicate" },
): DuplicateRegistry<Key, Value>;
export function registry(options: RegistryOptions): Registry<unknown, unknown> {
  return new LocalRegistry(options);
}
