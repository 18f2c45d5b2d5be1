/** OTP's cases of ets (ets_SUITE), written anew for tables of rows with predicate functions instead of match specs. */
import { exit, isAlive, type Pid, spawn, type Table, type TableTransfer, table, whereisTable } from "@interlock/core";
import { expect, test } from "vitest";

import { startRunner } from "../packages/core/src/behaviour/runner.fixture.ts";

type Row = readonly [key: number, value: string];
type Count = readonly [key: string, a: number, b: number];

function heir(): { readonly pid: Pid<TableTransfer>; readonly transfer: Promise<TableTransfer> } {
  const { promise, resolve } = Promise.withResolvers<TableTransfer>();
  const pid = spawn<TableTransfer>(async (self) => {
    resolve(await self.receive({ type: "ETS-TRANSFER" }));
    await self.receive();
  });
  return { pid, transfer: promise };
}

test("ets:t_insert_new: of a list all rows are put into any kind of table, or none when one's key is there", () => {
  for (const kind of ["set", "ordered_set", "bag"] as const) {
    const rows = table<number, Row>({ kind: kind as "set" });
    expect(rows.insertNew([1, "a"], [2, "b"])).toBe(true);
    expect(rows.insertNew([3, "c"], [2, "B"], [4, "d"])).toBe(false);
    expect([...rows]).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
    expect(rows.insertNew([3, "c"])).toBe(true);
    expect(rows.insertNew([3, "C"])).toBe(false);
    expect(rows.size).toBe(3);
  }
});

test("ets:heir: handed with its rows and name to the heir when its owner dies", async () => {
  const owner = await startRunner();
  const { pid, transfer } = heir();
  const made = await owner.run(() => {
    const rows: Table<number, Row> = table<number, Row>({ name: "foo", heir: { pid, data: "heir data" } });
    rows.insert([1, "a"]);
    return { rows };
  });
  exit(owner.pid, "kill");
  expect(await transfer).toEqual({ type: "ETS-TRANSFER", table: made.rows, from: owner.pid, data: "heir data" });
  expect(made.rows.owner).toBe(pid);
  expect(whereisTable<number, Row>("foo")?.lookup(1)).toEqual([1, "a"]);
  exit(pid, "kill");
  expect(whereisTable("foo")).toBeUndefined();
});

test("ets:give_away: the new owner is told and may write, the old one may not any more", async () => {
  const [one, other] = [await startRunner(), await startRunner()];
  const { rows } = await one.run(() => ({ rows: table<number, Row>({}) }));
  await one.run(() => rows.giveAway(other.pid, { data: 1 }));
  expect(rows.owner).toBe(other.pid);
  await other.run(() => rows.insert([1, "a"]));
  const refused = await one.run(() => {
    try {
      rows.insert([2, "b"]);
      return "written";
    } catch (error) {
      return (error as { code: unknown }).code;
    }
  });
  expect(refused).toBe("INTERLOCK_NOT_OWNER");
  await one.stop();
  expect(rows.lookup(1)).toEqual([1, "a"]);
  expect(isAlive(other.pid)).toBe(true);
  const { pid, transfer } = heir();
  await other.run(() => rows.giveAway(pid, "again"));
  expect(await transfer).toEqual({ type: "ETS-TRANSFER", table: rows, from: other.pid, data: "again" });
});

test("ets:update_counter_with_default: a missing row begins with the default", () => {
  for (const kind of ["set", "ordered_set"] as const) {
    const counts = table<string, Count>({ kind });
    expect(() => counts.updateCounter("k", 1)).toThrow(/no row/);
    expect(counts.updateCounter("k", 1, ["k", 5, 0])).toBe(6);
    expect(counts.updateCounter("k", 1, ["k", 5, 0])).toBe(7);
    expect(counts.updateCounter("k", { position: 2, increment: 3 })).toBe(3);
    expect(
      counts.updateCounter(
        "l",
        [
          { position: 1, increment: 10 },
          { position: 1, increment: 5, threshold: 12, setValue: 0 },
          { position: 2, increment: -1, threshold: 0, setValue: 9 },
        ],
        ["l", 0, 0],
      ),
    ).toEqual([10, 0, 9]);
    expect([...counts]).toEqual([
      ["k", 7, 3],
      ["l", 0, 9],
    ]);
    expect(() => counts.updateCounter("m", 1, ["other", 0, 0])).toThrow(/key/);
    expect(counts.size).toBe(2);
  }
});

test("rows are replaced by a function and keep their keys: in the place of t_select_replace", () => {
  for (const kind of ["set", "ordered_set"] as const) {
    const rows = table<number, Row>({ kind });
    rows.insert([1, "a"], [2, "b"], [3, "c"]);
    expect(rows.selectReplace(([key, value]) => (key > 1 ? [key, value.toUpperCase()] : undefined))).toBe(2);
    expect([...rows]).toEqual([
      [1, "a"],
      [2, "B"],
      [3, "C"],
    ]);
    expect(() => rows.selectReplace(([key, value]) => [key + 1, value])).toThrow(/key/);
    expect(rows.lookup(1)).toEqual([1, "a"]);
  }
});

test("ets:fixtable_next: a walk over a table goes on when rows are deleted under it", () => {
  for (const kind of ["set", "ordered_set", "bag"] as const) {
    const rows = table<number, Row>({ kind: kind as "set" });
    for (let key = 1; key <= 100; key++) rows.insert([key, "x"]);
    const met: number[] = [];
    for (let key = rows.first(); key !== undefined; key = rows.next(key)) {
      met.push(key);
      // The one it stands on, and now and then the next one too.
      rows.delete(key);
      if (key % 10 === 0) rows.delete(key + 1);
    }
    expect(met).toEqual(
      Array.from({ length: 100 }, (_none, at) => at + 1).filter((key) => key % 10 !== 1 || key === 1),
    );
    expect(rows.size).toBe(0);
    for (let key = 1; key <= 5; key++) rows.insert([key, "x"]);
    const all: number[] = [];
    for (const [key] of rows) {
      all.push(key);
      rows.delete(key);
    }
    expect(all).toEqual([1, 2, 3, 4, 5]);
  }
});
