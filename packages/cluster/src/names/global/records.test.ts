import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import { GroupName as Term } from "../../groups/group-name.ts";
import { ConnectionLosses } from "./connection-losses.ts";
import { GLOBAL, GlobalRecords } from "./records.ts";

let ids = 0;
function pid(): LocalPid {
  return new RemotePid({ name: "b@h", index: 1, route: undefined }, ++ids, 0);
}

function records(): { readonly records: GlobalRecords; readonly changes: string[] } {
  const changes: string[] = [];
  return { records: new GlobalRecords((change, one) => changes.push(`${change} ${one}`)), changes };
}

const named = (one: LocalPid) => ({ name: new Term("x"), pid: one, method: atom("m"), via: undefined });
const lockOf = (one: LocalPid) => ({ resource: GLOBAL, requester: new Term(one) });

describe("a name", () => {
  test("is taken from who holds the lock, and from nobody once another one does", () => {
    const { records: known } = records();
    const [holder, other] = [pid(), pid()];
    known.lock(lockOf(holder), holder);
    known.register(named(pid()), other);
    expect([...known.names.all]).toEqual([]);
    known.register(named(pid()), holder);
    expect([...known.names.all]).toHaveLength(1);
  });

  test("is not taken when the lock's holder has ended meanwhile, and is when it was given back", () => {
    const { records: known } = records();
    const holder = pid();
    known.lock(lockOf(holder), holder);
    known.ended(holder);
    known.register(named(pid()), holder);
    expect([...known.names.all], "its node may have gone and come back").toEqual([]);
    known.lock(lockOf(holder), holder);
    known.unlock(lockOf(holder), holder);
    known.register(named(pid()), holder);
    expect([...known.names.all]).toHaveLength(1);
  });

  test("that another one had is that one's no more, even if it is refused", () => {
    const { records: known } = records();
    const [first, second] = [pid(), pid()];
    known.register(named(first), undefined);
    known.register(named(second), undefined);
    known.ended(first);
    expect(known.names.get(new Term("x"))?.pid).toBe(second);
    known.lock(lockOf(pid()), pid());
    known.register(named(first), first);
    expect([...known.names.all]).toEqual([]);
  });
});

describe("a process", () => {
  test("is watched as long as it holds anything, once", () => {
    const { changes, records: known } = records();
    const one = pid();
    const other = { resource: new Term("r"), requester: new Term("q") };
    known.lock(other, one);
    known.lock(other, one);
    known.adopt(named(one));
    known.unlock(other, one);
    known.unlock(other, one);
    expect(changes).toEqual([`watch ${one}`]);
    known.remove(new Term("x"));
    expect(changes).toEqual([`watch ${one}`, `unwatch ${one}`]);
  });

  test("that ends leaves locks to the others in whose name it held them", () => {
    const { records: known } = records();
    const [one, other] = [pid(), pid()];
    const shared = { resource: GLOBAL, requester: new Term([one, other]) };
    expect([known.lock(shared, one), known.lock(shared, other), known.lock(lockOf(one), one)]).toEqual([
      true,
      true,
      false,
    ]);
    known.ended(one);
    expect(known.lock(lockOf(one), one)).toBe(false);
    known.ended(other);
    expect(known.lock(lockOf(one), one)).toBe(true);
  });

  test("of a node that is dropped is as one that has ended", () => {
    const { changes, records: known } = records();
    const one = pid();
    known.adopt(named(one));
    known.lock(lockOf(one), one);
    known.dropNode("a@h");
    expect(changes).toEqual([`watch ${one}`]);
    known.dropNode("b@h");
    expect([changes.at(-1), [...known.names.all], [...known.locks.all]]).toEqual([`unwatch ${one}`, [], []]);
  });
});

test("a lost connection is news once, again with a higher number or in another life, and anew after an hour", () => {
  const losses = new ConnectionLosses();
  const heard = (creation: number, number: number, nowMs = 0): boolean =>
    losses.heard("a@h", "b@h", creation, number, nowMs);
  expect([heard(1, 5), heard(1, 5), heard(1, 4), heard(1, 6), heard(2, 1)]).toEqual([true, false, false, true, true]);
  expect(losses.heard("b@h", "a@h", 2, 1, 0)).toBe(true);
  expect(heard(2, 1, 3_599_999)).toBe(false);
  expect(heard(2, 1, 3_600_000)).toBe(true);
});
