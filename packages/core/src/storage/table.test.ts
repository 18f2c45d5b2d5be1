import { expect, test } from "vitest";
import { type Runner, startRunner } from "../behaviour/runner.fixture.ts";
import { isError } from "../errors.ts";
import { exit, isAlive } from "../process/info.ts";
import { makeRef, type Pid } from "../process/pid.ts";
import { spawn } from "../process/spawn.ts";
import { type Table, type TableTransfer, table, whereisTable } from "./table.ts";

type Count = readonly [key: string, n: number];

let names = 0;
const freshName = (): string => `table_${++names}`;

function codeOf(operation: () => unknown): unknown {
  try {
    operation();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** A process that tells what tables it is given. */
function receiver(): { readonly pid: Pid; readonly transfer: Promise<TableTransfer> } {
  const { promise, resolve } = Promise.withResolvers<TableTransfer>();
  const pid = spawn<TableTransfer>(async (self) => {
    resolve(await self.receive({ type: "ETS-TRANSFER" }));
    await self.receive();
  });
  return { pid, transfer: promise };
}

async function ownedBy(owner: Runner, options: object = {}): Promise<Table<string, Count>> {
  const made = await owner.run(() => ({ table: table<string, Count>({ ...options }) }));
  return made.table;
}

test("a table ends with its owner, and then refuses everything", async () => {
  const owner = await startRunner();
  const name = freshName();
  const counts = await ownedBy(owner, { name, protection: "public" });
  counts.insert(["a", 1]);
  expect(counts.owner).toBe(owner.pid);
  expect(whereisTable(name)).toBe(counts);
  exit(owner.pid, "kill");
  expect(whereisTable(name)).toBeUndefined();
  for (const operation of [
    () => counts.lookup("a"),
    () => counts.insert(["a", 1]),
    () => counts.size,
    () => counts.owner,
    () => counts.first(),
    () => [...counts],
    () => counts.deleteTable(),
  ])
    expect(codeOf(operation)).toBe("INTERLOCK_TABLE");
});

test("a table made outside any process lasts until it is deleted, and its name is free then", () => {
  const name = freshName();
  const counts = table<string, Count>({ name });
  expect(counts.owner).toBeUndefined();
  expect(codeOf(() => table<string, Count>({ name }))).toBe("INTERLOCK_TABLE");
  counts.deleteTable();
  expect(whereisTable(name)).toBeUndefined();
  table<string, Count>({ name }).deleteTable();
});

test("protection: protected is read by all and written by its owner, private is the owner's alone", async () => {
  const [owner, other] = [await startRunner(), await startRunner()];
  const guarded = await ownedBy(owner);
  await owner.run(() => guarded.insert(["a", 1]));
  expect(await other.run(() => guarded.lookup("a"))).toEqual(["a", 1]);
  expect(await other.run(() => codeOf(() => guarded.insert(["a", 2])))).toBe("INTERLOCK_NOT_OWNER");
  expect(codeOf(() => guarded.delete("a"))).toBe("INTERLOCK_NOT_OWNER");
  const secret = await ownedBy(owner, { protection: "private" });
  expect(await other.run(() => codeOf(() => secret.lookup("a")))).toBe("INTERLOCK_NOT_OWNER");
  expect(await owner.run(() => secret.lookup("a"))).toBeUndefined();
  const open = await ownedBy(owner, { protection: "public" });
  open.insert(["a", 1]);
  expect(await other.run(() => codeOf(() => open.deleteTable()))).toBe("INTERLOCK_NOT_OWNER");
});

test("code of a dead process writes nothing", async () => {
  const counts = table<string, Count>({ protection: "public" });
  const refused = Promise.withResolvers<unknown>();
  const started = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const pid = spawn(async () => {
    started.resolve();
    await go.promise;
    refused.resolve(codeOf(() => counts.insert(["a", 1])));
  });
  await started.promise;
  exit(pid, "kill");
  go.resolve();
  expect(await refused.promise).toBe("INTERLOCK_PROCESS_EXIT");
  expect(counts.size).toBe(0);
});

test("an heir that has ended, or that is the owner, gets nothing", async () => {
  const [owner, heir] = [await startRunner(), receiver()];
  const counts = await ownedBy(owner, { heir: { pid: heir.pid } });
  exit(heir.pid, "kill");
  exit(owner.pid, "kill");
  expect(codeOf(() => counts.size)).toBe("INTERLOCK_TABLE");
  const second = await startRunner();
  const own = await ownedBy(second, { heir: { pid: second.pid } });
  exit(second.pid, "kill");
  expect(codeOf(() => own.size)).toBe("INTERLOCK_TABLE");
});

test("an heir can be set and taken back by the owner alone", async () => {
  const [owner, heir] = [await startRunner(), receiver()];
  const counts = await ownedBy(owner);
  expect(codeOf(() => counts.setHeir({ pid: heir.pid }))).toBe("INTERLOCK_NOT_OWNER");
  await owner.run(() => counts.setHeir({ pid: heir.pid, data: "late" }));
  exit(owner.pid, "kill");
  expect(await heir.transfer).toEqual({ type: "ETS-TRANSFER", table: counts, from: owner.pid, data: "late" });
  expect(counts.owner).toBe(heir.pid);
});

test("a table that was given away outlives its first owner, and not its second", async () => {
  const [owner, next] = [await startRunner(), receiver()];
  const counts = await ownedBy(owner);
  await owner.run(() => counts.giveAway(next.pid, 7));
  expect((await next.transfer).data).toBe(7);
  exit(owner.pid, "kill");
  expect(counts.owner).toBe(next.pid);
  exit(next.pid, "kill");
  expect(codeOf(() => counts.size)).toBe("INTERLOCK_TABLE");
});

test("a table is not given to the dead, to its owner, or by another", async () => {
  const [owner, next] = [await startRunner(), receiver()];
  const counts = await ownedBy(owner);
  expect(codeOf(() => counts.giveAway(next.pid))).toBe("INTERLOCK_NOT_OWNER");
  exit(next.pid, "kill");
  expect(await owner.run(() => codeOf(() => counts.giveAway(next.pid)))).toBe("INTERLOCK_NOPROC");
  expect(await owner.run(() => codeOf(() => counts.giveAway(owner.pid)))).toBe("INTERLOCK_BAD_ARGUMENT");
  expect(isAlive(owner.pid)).toBe(true);
});

test("rows may be anything that keyOf finds a key in", () => {
  interface Room {
    readonly id: number;
    readonly topic: string;
    readonly visits: number;
  }
  const rooms = table<number, Room>({ keyOf: (room) => room.id });
  rooms.insert({ id: 1, topic: "news", visits: 0 }, { id: 2, topic: "sport", visits: 5 });
  expect(rooms.updateCounter(1, { position: "visits", increment: 2 })).toBe(2);
  expect(rooms.lookup(1)).toEqual({ id: 1, topic: "news", visits: 2 });
  expect(
    rooms.updateCounter(2, [
      { position: "visits", increment: 1 },
      { position: "visits", increment: -10, threshold: 0, setValue: 100 },
    ]),
  ).toEqual([6, 100]);
  expect(codeOf(() => rooms.updateCounter(1, { position: "topic" as "visits", increment: 1 }))).toBe("INTERLOCK_TABLE");
  expect(codeOf(() => rooms.updateCounter(1, { position: "id" as "visits", increment: 1 }))).toBe("INTERLOCK_TABLE");
  expect(rooms.lookup(1)).toEqual({ id: 1, topic: "news", visits: 2 });
});

test("an ordered_set follows Erlang's order of terms, and refuses what has no place in it", () => {
  const [ref, late] = [makeRef(), makeRef()];
  const [pid, young] = [spawn(() => undefined), spawn(() => undefined)];
  const keys: unknown[] = ["b", [1, "b"], young, 3, null, [1], "a", late, true, 2n, pid, ref, [1, "a"], -1.5, false];
  const rows = table<unknown, { readonly key: unknown }>({ kind: "ordered_set", keyOf: (row) => row.key });
  for (const key of keys) rows.insert({ key });
  expect([...rows].map((row) => row.key)).toEqual([
    -1.5,
    2n,
    3,
    false,
    null,
    true,
    ref,
    late,
    pid,
    young,
    [1],
    [1, "a"],
    [1, "b"],
    "a",
    "b",
  ]);
  expect(rows.lookup([1, "b"])).toEqual({ key: [1, "b"] });
  rows.insert({ key: 2 });
  expect(rows.size).toBe(15);
  expect(rows.first()).toBe(-1.5);
  expect(rows.next(-1.5)).toBe(2);
  expect(rows.next(2.5)).toBe(3);
  for (const key of [Number.NaN, {}, () => 1])
    expect(codeOf(() => rows.insert({ key: "new" }, { key }))).toBe("INTERLOCK_BAD_ARGUMENT");
  expect(rows.member("new")).toBe(false);
});

test("an ordered_set may have an order of its own", () => {
  const rows = table<string, Count>({ kind: "ordered_set", compare: (left, right) => right.localeCompare(left) });
  rows.insert(["a", 1], ["c", 3], ["b", 2]);
  expect([...rows]).toEqual([
    ["c", 3],
    ["b", 2],
    ["a", 1],
  ]);
});

test("each process steps on from the key that it was given last", async () => {
  const rows = table<string, Count>({ protection: "public" });
  rows.insert(["a", 1], ["b", 2], ["c", 3], ["d", 4]);
  const [one, other] = [await startRunner(), await startRunner()];
  expect(await one.run(() => rows.first())).toBe("a");
  expect(await other.run(() => rows.next("a"))).toBe("b");
  rows.delete("a");
  rows.delete("b");
  expect(await one.run(() => rows.next("a"))).toBe("c");
  expect(await other.run(() => rows.next("b"))).toBe("c");
  expect(await other.run(() => codeOf(() => rows.next("b")))).toBe("INTERLOCK_TABLE");
  rows.delete("c");
  expect(await one.run(() => rows.prev("c"))).toBeUndefined();
});

test("many rows in any order are quick enough for a test", () => {
  const rows = table<number, readonly [number]>({ kind: "ordered_set" });
  const many = 300_000;
  for (let n = 0; n < many; n++) rows.insert([(n * 7_919) % many]);
  expect(rows.size).toBe(many);
  expect(rows.first()).toBe(0);
  expect(rows.last()).toBe(many - 1);
});

test("what lookup of a bag has given does not change", () => {
  const rows = table<string, Count>({ kind: "bag" });
  rows.insert(["a", 1], ["a", 2], ["a", 1]);
  const before = rows.lookup("a");
  rows.insert(["a", 3]);
  rows.deleteObject(["a", 1]);
  expect(before).toEqual([
    ["a", 1],
    ["a", 2],
  ]);
  expect(rows.lookup("a")).toEqual([
    ["a", 2],
    ["a", 3],
  ]);
  expect(rows.size).toBe(2);
  expect(codeOf(() => rows.updateCounter("a", 1))).toBe("INTERLOCK_TABLE");
  expect(codeOf(() => rows.selectReplace((row) => row))).toBe("INTERLOCK_TABLE");
});

test("rows are frozen in development, so that nobody changes a table from outside", () => {
  const rows = table<string, [string, number]>({});
  rows.insert(["a", 1]);
  expect(() => {
    const row = rows.lookup("a");
    if (row !== undefined) row[1] = 2;
  }).toThrow(TypeError);
});

test("wrong options are refused", () => {
  expect(() => table<string, Count>({ kind: "list" as "set" })).toThrow(/kind/);
  expect(() => table<string, Count>({ protection: "open" as "public" })).toThrow(/protection/);
  expect(() => table<string, Count>({ heir: { pid: 1 as never } })).toThrow(/heir/);
  expect(() => table<string, Count>({ name: "" })).toThrow(/name/);
  expect(() => table<string, never>({} as never).insert(1 as never)).toThrow(/keyOf/);
  expect(isError(new Error("plain"), "INTERLOCK_TABLE")).toBe(false);
});
