/**
 * Tables: mutable state that many processes may see, owned by one. As ETS, without its copies: rows are immutable, and
 * in development frozen when they are inserted.
 * @see ets(3)
 */
import { builtin } from "../builtin.ts";
import { badArgument, InterlockError, show } from "../errors.ts";
import { currentNode } from "../naming/name.ts";
import type { LocalNode } from "../node.ts";
import { currentProcess } from "../process/context.ts";
import { atExit } from "../process/exit.ts";
import { deepFreeze } from "../process/freeze.ts";
import { LocalPid, type Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { deliverMessage, fence } from "../process/send.ts";
import { HashedKeys, OrderedKeys, type Slot, type TableKeys } from "./table-keys.ts";
import { compareTerms } from "./term-order.ts";

/** `set`: one row a key. `ordered_set`: the same, in the order of the keys. `bag`: several different rows a key. */
export type TableKind = "set" | "ordered_set" | "bag";

/** Who may do what: `public` everyone everything; `protected` everyone read, the owner write; `private` the owner alone. */
export type TableProtection = "public" | "protected" | "private";

/** Who gets the table when its owner ends. */
export interface Heir {
  readonly pid: Pid;
  readonly data?: unknown;
}

interface CommonOptions<Key> {
  /** Makes it known to `whereisTable`. */
  readonly name?: string;
  /** Default `"protected"`. */
  readonly protection?: TableProtection;
  readonly heir?: Heir;
  /**
   * The order of an `ordered_set`. Default: numbers, then booleans and null, references, pids, arrays element by element,
   * strings; numbers by value, so that 1 and 1n are one key.
   */
  readonly compare?: (left: Key, right: Key) => number;
}

/** A row that is an array has its key at 0, as ETS has it at 1; any other row needs `keyOf`. */
type KeyOption<Key, Row> = Row extends readonly [Key, ...unknown[]]
  ? { readonly keyOf?: (row: Row) => Key }
  : { readonly keyOf: (row: Row) => Key };

export type TableOptions<Key, Row> = CommonOptions<Key> & KeyOption<Key, Row> & { readonly kind?: TableKind };

/** Where numbers stand in a row: an index of an array, a field of an object. */
export type CounterPosition<Row> = Row extends readonly unknown[]
  ? number
  : { readonly [Field in keyof Row]: Row[Field] extends number ? Field : never }[keyof Row];

/** Adds `increment` at `position`; a result beyond `threshold` becomes `setValue`. @see ets:update_counter/3 */
export interface CounterUpdate<Row> {
  readonly position: CounterPosition<Row>;
  readonly increment: number;
  readonly threshold?: number;
  readonly setValue?: number;
}

/** Of an array a bare number counts what stands after the key. */
type Increment<Row> = Row extends readonly [unknown, number, ...unknown[]]
  ? number | CounterUpdate<Row>
  : CounterUpdate<Row>;

/** What a process that is given a table is sent. */
export interface TableTransfer<Key = unknown, Row = unknown, Data = unknown> {
  readonly type: "ETS-TRANSFER";
  readonly table: Table<Key, Row>;
  readonly from: Pid;
  readonly data: Data;
}

/**
 * A table. `Found` is what stands under a key: a row or undefined, or the rows of a bag.
 *
 * **Errors** every operation: `INTERLOCK_TABLE` once the table is gone, `INTERLOCK_NOT_OWNER` against its protection.
 */
export interface Table<Key, Row, Found = Row | undefined> extends Iterable<Row> {
  readonly name: string | undefined;
  readonly kind: TableKind;
  readonly protection: TableProtection;
  /** How many rows it has. */
  readonly size: number;
  /** Undefined for a table made outside any process, which lasts until `deleteTable`. */
  readonly owner: Pid | undefined;
  /** Puts rows in, all at once; in a `set` in the place of those with the same keys. */
  insert(...rows: readonly Row[]): void;
  /** Puts all rows in, or none when one's key is there already. @returns whether it did. */
  insertNew(...rows: readonly Row[]): boolean;
  lookup(key: Key): Found;
  member(key: Key): boolean;
  /** Looks up and deletes in one. */
  take(key: Key): Found;
  delete(key: Key): void;
  /** Of a bag: deletes one row and leaves the others of its key. */
  deleteObject(row: Row): void;
  deleteAll(): void;
  /** The rows that pass; those of an `ordered_set` in order. */
  match(matches: (row: Row) => boolean): readonly Row[];
  /** Deletes the rows that pass. @returns how many. */
  matchDelete(matches: (row: Row) => boolean): number;
  /** Puts what `replace` gives in the place of each row; undefined leaves it. Keys stay. @returns how many were replaced. */
  selectReplace(replace: (row: Row) => Row | undefined): number;
  /**
   * Stepping from key to key is safe while rows are deleted: the key that a process was given last keeps its place. Those
   * of an `ordered_set` come in order, others by age. For a whole walk iterate over the table.
   *
   * **Errors** `INTERLOCK_TABLE` when a `set` has no such key and it is not the one given last.
   */
  first(): Key | undefined;
  last(): Key | undefined;
  next(key: Key): Key | undefined;
  prev(key: Key): Key | undefined;
  /**
   * Counts in a row, at once. Without a row under `key` it begins with `initial`, which must have that key.
   * @returns the new number, or numbers.
   *
   * **Errors** `INTERLOCK_TABLE` when there is no row, or no number at that position.
   *
   * @example
   * const hits = table<string, readonly [path: string, count: number]>({ name: "hits", protection: "public" });
   * hits.updateCounter("/news", 1, ["/news", 0]);
   * console.log(hits.updateCounter("/news", 1, ["/news", 0])); // 2
   */
  updateCounter(key: Key, update: Increment<Row>, initial?: Row): number;
  updateCounter(key: Key, updates: readonly CounterUpdate<Row>[], initial?: Row): readonly number[];
  /** Only by the owner. The new one is sent a `TableTransfer`. **Errors** `INTERLOCK_NOPROC` */
  giveAway(pid: Pid, data?: unknown): void;
  /** Only by the owner. */
  setHeir(heir: Heir | undefined): void;
  /** Ends the table itself. Only by the owner. */
  deleteTable(): void;
}

type Rows = unknown[];

const NONE: readonly unknown[] = Object.freeze([]);
/** Who steps when no process does. */
const outsider = {};
const namedTables = new WeakMap<LocalNode, Map<string, LocalTable>>();
let tables = 0;

class LocalTable implements Table<unknown, unknown, unknown> {
  readonly name: string | undefined;
  readonly kind: TableKind;
  readonly protection: TableProtection;
  readonly #id: string;
  readonly #node: LocalNode;
  readonly #keyOf: (row: unknown) => unknown;
  readonly #keys: TableKeys<unknown, unknown>;
  #rows = 0;
  #owner: Process | undefined;
  #heir: Heir | undefined;
  #gone: string | undefined = undefined;

  constructor(options: CommonOptions<unknown> & { keyOf?: (row: unknown) => unknown; kind?: TableKind }) {
    const { compare = compareTerms, heir, keyOf = firstOf, kind = "set", name, protection = "protected" } = options;
    if (kind !== "set" && kind !== "ordered_set" && kind !== "bag")
      throw badArgument("kind", kind, '"set", "ordered_set" or "bag"');
    if (protection !== "public" && protection !== "protected" && protection !== "private")
      throw badArgument("protection", protection, '"public", "protected" or "private"');
    this.#id = name === undefined ? `table ${++tables}` : `table ${name}`;
    this.name = name;
    this.kind = kind;
    this.protection = protection;
    this.#heir = checkedHeir(heir);
    this.#keyOf = keyOf;
    this.#keys = kind === "ordered_set" ? new OrderedKeys(compare) : new HashedKeys();
    this.#owner = fence();
    this.#node = currentNode();
    if (name !== undefined) this.#claimName(name);
    if (this.#owner !== undefined) atExit(this.#owner, this.#ownerEnded);
  }

  get size(): number {
    this.#mayRead("size");
    return this.#rows;
  }

  get owner(): Pid | undefined {
    this.#mustExist("owner");
    return this.#owner?.pid;
  }

  insert(...rows: readonly unknown[]): void {
    this.#mayWrite("insert");
    if (rows.length === 1) this.#put(this.#checkedKey(rows[0]), this.#frozen(rows[0]));
    else for (const [key, row] of this.#keyed(rows)) this.#put(key, row);
  }

  insertNew(...rows: readonly unknown[]): boolean {
    this.#mayWrite("insertNew");
    const keyed = this.#keyed(rows);
    if (keyed.some(([key]) => this.#keys.get(key) !== undefined)) return false;
    for (const [key, row] of keyed) this.#put(key, row);
    return true;
  }

  lookup(key: unknown): unknown {
    this.#mayRead("lookup");
    return this.#found(this.#keys.get(key));
  }

  member(key: unknown): boolean {
    this.#mayRead("member");
    return this.#keys.get(key) !== undefined;
  }

  take(key: unknown): unknown {
    this.#mayWrite("take");
    return this.#found(this.#drop(key));
  }

  delete(key: unknown): void {
    this.#mayWrite("delete");
    this.#drop(key);
  }

  deleteObject(row: unknown): void {
    this.#mayWrite("deleteObject");
    this.#dropRow(this.#keyOf(row), row);
  }

  deleteAll(): void {
    this.#mayWrite("deleteAll");
    this.#keys.clear();
    this.#rows = 0;
  }

  match(matches: (row: unknown) => boolean): readonly unknown[] {
    this.#mayRead("match");
    const found: unknown[] = [];
    for (const slot of this.#keys.slots()) for (const row of this.#rowsOf(slot)) if (matches(row)) found.push(row);
    return found;
  }

  matchDelete(matches: (row: unknown) => boolean): number {
    this.#mayWrite("matchDelete");
    const found = this.match(matches);
    for (const row of found) this.#dropRow(this.#keyOf(row), row);
    return found.length;
  }

  selectReplace(replace: (row: unknown) => unknown): number {
    this.#mayWrite("selectReplace");
    if (this.kind === "bag") throw this.#problem("selectReplace", "a bag has no one row in a key's place");
    const replaced: Slot<unknown, unknown>[] = [];
    for (const { content, key } of this.#keys.slots()) {
      const row = replace(content);
      if (row === undefined) continue;
      this.#mustKeepKey("selectReplace", key, row);
      replaced.push({ key, content: row });
    }
    for (const { content, key } of replaced) this.#put(key, this.#frozen(content));
    return replaced.length;
  }

  first(): unknown {
    this.#mayRead("first");
    return this.#keys.first(currentProcess() ?? outsider)?.key;
  }

  last(): unknown {
    this.#mayRead("last");
    return this.#keys.last(currentProcess() ?? outsider)?.key;
  }

  next(key: unknown): unknown {
    this.#mayRead("next");
    return this.#stepped("next", key, this.#keys.next(key, currentProcess() ?? outsider));
  }

  prev(key: unknown): unknown {
    this.#mayRead("prev");
    return this.#stepped("prev", key, this.#keys.previous(key, currentProcess() ?? outsider));
  }

  *[Symbol.iterator](): Generator<unknown, void> {
    this.#mayRead("iteration");
    for (const slot of this.#keys.slots()) for (const row of this.#rowsOf(slot)) yield row;
  }

  updateCounter(key: unknown, update: never, initial?: unknown): never {
    this.#mayWrite("updateCounter");
    const given = update as number | CounterUpdate<unknown> | readonly CounterUpdate<unknown>[];
    const updates = Array.isArray(given)
      ? (given as CounterUpdate<unknown>[])
      : [given as number | CounterUpdate<unknown>];
    if (this.kind === "bag") throw this.#problem("updateCounter", "a bag has no one row to count in");
    const row = this.#keys.get(key)?.content ?? initial;
    if (row === undefined)
      throw this.#problem("updateCounter", `there is no row with the key ${show(key)}, and no initial one was given`);
    // One copy for all updates: that they happen at once is what they are for.
    const next = (Array.isArray(row) ? [...row] : { ...row }) as Record<string | number, unknown>;
    const values = updates.map((one) =>
      this.#count(key, next, typeof one === "number" ? { position: 1, increment: one } : one),
    );
    this.#mustKeepKey("updateCounter", key, next);
    this.#put(key, this.#frozen(next));
    return (Array.isArray(given) ? values : values[0]) as never;
  }

  #count(
    key: unknown,
    row: Record<string | number, unknown>,
    update: { readonly [K in keyof CounterUpdate<unknown>]: unknown },
  ): number {
    const { increment, position, setValue, threshold } = update as {
      readonly position: string | number;
      readonly increment: number;
      readonly threshold?: number;
      readonly setValue?: number;
    };
    const before = row[position];
    if (typeof before !== "number" || typeof increment !== "number")
      throw this.#problem(
        "updateCounter",
        `the row of ${show(key)} has ${show(before)} at ${show(position)}: that cannot be counted`,
      );
    let after = before + increment;
    if (threshold !== undefined && (increment >= 0 ? after > threshold : after < threshold))
      after = setValue ?? threshold;
    row[position] = after;
    return after;
  }

  giveAway(pid: Pid, data?: unknown): void {
    const from = this.#mustOwn("giveAway");
    if (!(pid instanceof LocalPid)) throw badArgument("pid", pid, "a pid");
    const to = pid.process;
    if (to === undefined)
      throw new InterlockError("INTERLOCK_NOPROC", `Cannot give ${this.#id} to ${pid}: it has ended`, {
        target: pid.toString(),
      });
    if (to === from) throw badArgument("pid", pid, "another process than the owner");
    this.#pass(from, to, data);
  }

  setHeir(heir: Heir | undefined): void {
    this.#mustOwn("setHeir");
    this.#heir = checkedHeir(heir);
  }

  deleteTable(): void {
    this.#mustOwn("deleteTable");
    this.#end("it was deleted");
  }

  toString(): string {
    return this.#id;
  }

  #put(key: unknown, row: unknown): void {
    const slot = this.#keys.get(key);
    if (slot === undefined) this.#keys.set(key, this.kind === "bag" ? [row] : row);
    else if (this.kind !== "bag") {
      // Not into the slot: an ordered_set takes the new row's own key, as 1n in the place of 1.
      this.#keys.set(key, row);
      return;
    } else {
      const rows = slot.content as Rows;
      if (rows.some((other) => builtin("node:util").isDeepStrictEqual(other, row))) return;
      // A new array: lookup has given the old one away.
      slot.content = [...rows, row];
    }
    this.#rows++;
  }

  #drop(key: unknown): Slot<unknown, unknown> | undefined {
    const slot = this.#keys.delete(key);
    if (slot !== undefined) this.#rows -= this.#rowsOf(slot).length;
    return slot;
  }

  #dropRow(key: unknown, row: unknown): void {
    const slot = this.#keys.get(key);
    if (slot === undefined) return;
    const left = this.#rowsOf(slot).filter((other) => !builtin("node:util").isDeepStrictEqual(other, row));
    if (left.length === 0) this.#drop(key);
    else if (this.kind === "bag") {
      this.#rows -= (slot.content as Rows).length - left.length;
      slot.content = left;
    }
  }

  #rowsOf(slot: Slot<unknown, unknown>): readonly unknown[] {
    return this.kind === "bag" ? (slot.content as Rows) : [slot.content];
  }

  #found(slot: Slot<unknown, unknown> | undefined): unknown {
    return slot === undefined && this.kind === "bag" ? NONE : slot?.content;
  }

  /** Reads all keys before anything is put in: a row without one must not leave half of the others behind. */
  #keyed(rows: readonly unknown[]): readonly (readonly [key: unknown, row: unknown])[] {
    return rows.map((row) => [this.#checkedKey(row), this.#frozen(row)] as const);
  }

  #checkedKey(row: unknown): unknown {
    const key = this.#keyOf(row);
    // A key without a place in the order is refused here.
    this.#keys.sameKey(key, key);
    return key;
  }

  #frozen<T>(row: T): T {
    if (this.#node.freeze) deepFreeze(row);
    return row;
  }

  #mustKeepKey(operation: string, key: unknown, row: unknown): void {
    const own = this.#keyOf(row);
    if (!this.#keys.sameKey(own, key))
      throw this.#problem(operation, `it would turn the key ${show(key)} into ${show(own)}`);
  }

  #stepped(operation: string, key: unknown, slot: Slot<unknown, unknown> | undefined | "lost"): unknown {
    if (slot !== "lost") return slot?.key;
    throw this.#problem(operation, `it has no key ${show(key)}, nor is that the one given last`);
  }

  readonly #ownerEnded = (): void => {
    const owner = this.#owner as Process;
    const heir = (this.#heir?.pid as LocalPid | undefined)?.process;
    if (heir === undefined) this.#end(`its owner ${owner.pid} has ended`);
    else this.#pass(owner, heir, this.#heir?.data);
  };

  #pass(from: Process | undefined, to: Process, data: unknown): void {
    from?.extras?.atExit?.delete(this.#ownerEnded);
    this.#owner = to;
    atExit(to, this.#ownerEnded);
    const transfer: TableTransfer = {
      type: "ETS-TRANSFER",
      table: this as never,
      from: from?.pid ?? this.#node.nobody,
      data,
    };
    deliverMessage(to, transfer);
  }

  #end(why: string): void {
    this.#owner?.extras?.atExit?.delete(this.#ownerEnded);
    this.#gone = why;
    this.#keys.clear();
    this.#rows = 0;
    if (this.name !== undefined) namedTables.get(this.#node)?.delete(this.name);
  }

  #claimName(name: string): void {
    if (typeof name !== "string" || name === "") throw badArgument("name", name, "a non-empty string");
    let known = namedTables.get(this.#node);
    if (known === undefined) {
      known = new Map();
      namedTables.set(this.#node, known);
    }
    if (known.has(name)) throw this.#problem("table", "there is one of that name");
    known.set(name, this);
  }

  #mustExist(operation: string): void {
    if (this.#gone !== undefined) throw this.#problem(operation, `the table is gone: ${this.#gone}`);
  }

  #mayRead(operation: string): void {
    this.#mustExist(operation);
    if (this.protection === "private") this.#mustBeOwner(operation, currentProcess());
  }

  #mayWrite(operation: string): void {
    const caller = fence();
    this.#mustExist(operation);
    if (this.protection !== "public") this.#mustBeOwner(operation, caller);
  }

  #mustOwn(operation: string): Process | undefined {
    const caller = fence();
    this.#mustExist(operation);
    this.#mustBeOwner(operation, caller);
    return caller;
  }

  #mustBeOwner(operation: string, caller: Process | undefined): void {
    if (caller === this.#owner) return;
    const owner = this.#owner?.pid.toString() ?? "nobody";
    const by = caller?.pid.toString() ?? "code outside any process";
    throw new InterlockError(
      "INTERLOCK_NOT_OWNER",
      `Cannot use ${operation} of ${this.#id} (${this.protection}) of ${owner} from ${by}`,
      {
        what: this.#id,
        owner,
        caller: by,
      },
    );
  }

  #problem(operation: string, problem: string): InterlockError<"INTERLOCK_TABLE"> {
    return new InterlockError("INTERLOCK_TABLE", `${operation} of ${this.#id} failed: ${problem}`, {
      table: this.#id,
      problem,
    });
  }
}

function firstOf(row: unknown): unknown {
  if (!Array.isArray(row) || row.length === 0)
    throw badArgument("a row", row, "an array that begins with its key, or give the table keyOf");
  return row[0];
}

function checkedHeir(heir: Heir | undefined): Heir | undefined {
  if (heir !== undefined && !(heir.pid instanceof LocalPid)) throw badArgument("heir.pid", heir.pid, "a pid");
  return heir;
}

/**
 * Makes a table that belongs to the calling process and ends with it, unless it is given away or has an heir.
 *
 * Keys of a `set` and a `bag` are compared as by `Map`: arrays and objects only by identity. An `ordered_set` compares
 * arrays element by element.
 *
 * @example
 * const hits = table<string, readonly [path: string, count: number]>({ name: "hits", protection: "public" });
 * hits.insert(["/news", 3], ["/sport", 1]);
 * hits.updateCounter("/news", 1);
 * console.log(hits.lookup("/news")); // [ '/news', 4 ]
 * console.log(hits.match(([, count]) => count < 2)); // [ [ '/sport', 1 ] ]
 */
export function table<Key, Row>(
  options: TableOptions<Key, Row> & { readonly kind: "bag" },
): Table<Key, Row, readonly Row[]>;
export function table<Key, Row>(
  options: TableOptions<Key, Row> & { readonly kind?: "set" | "ordered_set" },
): Table<Key, Row>;
export function table(options: object): unknown {
  return new LocalTable(options);
}

/** The table of that name on this node. */
export function whereisTable<Key = unknown, Row = unknown, Found = Row | undefined>(
  name: string,
): Table<Key, Row, Found> | undefined {
  return namedTables.get(currentNode())?.get(name) as Table<Key, Row, Found> | undefined;
}
