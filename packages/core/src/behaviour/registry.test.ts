import { expect, test } from "vitest";
import { isError } from "../errors.ts";
import { onReport } from "../node.ts";
import { exit, isAlive, whereis } from "../process/info.ts";
import { localPid, type Pid } from "../process/pid.ts";
import { bind, self } from "../process/self.ts";
import { genServer } from "./gen-server.ts";
import { registry } from "./registry.ts";
import { startRunner } from "./runner.fixture.ts";
import { sys } from "./sys.ts";

let names = 0;
// Some tests end processes by failures on purpose.
onReport(() => undefined);

async function startRegistry(keys: "unique" | "duplicate" = "unique") {
  const name = `registry_${++names}`;
  const table = registry<string, number>({ name, keys: keys as "unique" });
  const owner = await table.start();
  return { name, owner, table };
}

test("a value need not be given where the type has none, and is undefined", async () => {
  const table = registry<string>({ name: `registry_${++names}`, keys: "unique" });
  await table.start();
  const one = await startRunner();
  await one.run(() => table.register("a"));
  expect(table.lookup("a")).toEqual([{ pid: one.pid, value: undefined }]);
});

test("lookup gives the same array until something changes, and never changes one that it gave", async () => {
  const { table } = await startRegistry("duplicate");
  const one = await startRunner();
  await one.run(() => table.register("a", 1));
  const before = table.lookup("a");
  expect(table.lookup("a")).toBe(before);
  await one.run(() => table.register("a", 2));
  expect(before).toEqual([{ pid: one.pid, value: 1 }]);
  expect(table.lookup("a")).toHaveLength(2);
});

test("wrong options and uses outside a process are refused", async () => {
  expect(() => registry({ name: "", keys: "unique" })).toThrow(/name/);
  expect(() => registry({ name: "r", keys: "both" as "unique" })).toThrow(/"unique" or "duplicate"/);
  expect(() => registry({ name: "r", keys: "unique", partitions: 0 })).toThrow(/partitions/);
  const { table } = await startRegistry();
  expect(() => table.register("a", 1)).toThrow(/outside any process/);
  expect(() => table.keys("no pid" as never)).toThrow(/a pid/);
  const duplicate = (await startRegistry("duplicate")).table;
  expect(() => duplicate.updateValue("a", () => 1)).toThrow(/unique/);
});

test("a second registry of the same name is refused", async () => {
  const { table } = await startRegistry();
  await expect(table.start()).rejects.toMatchObject({ code: "INTERLOCK_ALREADY_STARTED" });
});

test("the key of a process that dies in the same wave is free before that wave has come to it", async () => {
  const { table } = await startRegistry();
  const [first, second, heir] = [await startRunner(), await startRunner(), await startRunner()] as const;
  await second.run(() => table.register("a", 1));
  await first.run(() => self().link(second.pid));
  // The first one's signal is aborted when its links have been told and before those are buried.
  const take = await heir.run(() => ({ now: bind(() => table.register("a", 2)) }));
  await first.run(() => self().signal.addEventListener("abort", take.now));
  exit(first.pid, "kill");
  expect(table.lookup("a")).toEqual([{ pid: heir.pid, value: 2 }]);
  expect(table.count()).toBe(1);
  expect(isAlive(second.pid)).toBe(false);
});

test("such a key may be given up again in that wave", async () => {
  const { table } = await startRegistry();
  const [first, second, heir] = [await startRunner(), await startRunner(), await startRunner()] as const;
  await second.run(() => table.register("a", 1));
  await first.run(() => self().link(second.pid));
  const passing = await heir.run(() => ({
    by: bind(() => {
      table.register("a", 2);
      table.unregister("a");
    }),
  }));
  await first.run(() => self().signal.addEventListener("abort", passing.by));
  exit(first.pid, "kill");
  expect(table.select()).toEqual([]);
  expect(table.count()).toBe(0);
});

test("a registrant that survives its registry by trapping exits can register with the next one", async () => {
  const { owner, table } = await startRegistry();
  const one = await startRunner();
  await one.run(() => void self().trapExit());
  await one.run(() => table.register("a", 1));
  exit(owner.pid, "kill");
  expect(() => table.lookup("a")).toThrow(/does not run/);
  expect(localPid(one.pid).process?.extras?.atExit?.size).toBe(0);
  await table.start();
  expect(table.lookup("a")).toEqual([]);
  await one.run(() => table.register("a", 2));
  exit(one.pid, "kill");
  expect(table.lookup("a")).toEqual([]);
});

test("the death of a registrant is no message to the registry", async () => {
  const { owner, table } = await startRegistry();
  await sys.statistics(owner, true);
  const one = await startRunner();
  await one.run(() => table.register("a", 1));
  exit(one.pid, "boom");
  expect(await sys.statistics(owner, "get")).toMatchObject({ messagesIn: 0 });
  expect(isAlive(owner.pid)).toBe(true);
});

test("a restarted server is registered under its via name again", async () => {
  const { table } = await startRegistry();
  const Server = genServer({ name: "server", init: () => 0 });
  const started = await Server.named(table.via("a", 5)).start();
  exit(started.pid, "kill");
  const next = await Server.named(table.via("a", 6)).start();
  expect(table.lookup("a")).toEqual([{ pid: next.pid, value: 6 }]);
  expect(whereis(table.via("a"))).toBe(next.pid);
  expect(table.via("a").toString()).toMatch(/^registry_\d+\.via\("a"\)$/);
});

test("a failed start leaves no registration", async () => {
  const { table } = await startRegistry();
  const Broken = genServer({
    name: "broken",
    init: (): number => {
      throw new Error("no luck");
    },
  });
  await expect(Broken.named(table.via("a")).start()).rejects.toMatchObject({ code: "INTERLOCK_START_FAILED" });
  expect(table.lookup("a")).toEqual([]);
});

test("a lock ends with its holder, and one that dies waiting is passed over", async () => {
  const { table } = await startRegistry();
  const [holder, waiter, last] = [await startRunner(), await startRunner(), await startRunner()] as const;
  const held = Promise.withResolvers<void>();
  const dropped = holder
    .run(() =>
      table.lock("a", () => {
        held.resolve();
        return new Promise<never>(() => undefined);
      }),
    )
    .catch((error: unknown) => isError(error, "INTERLOCK_CALLEE_EXIT"));
  await held.promise;
  const reached: string[] = [];
  const passed = waiter.run(() => table.lock("a", () => void reached.push("waiter"))).catch(() => "ended");
  const got = last.run(() => table.lock("a", () => "mine"));
  exit(waiter.pid, "kill");
  exit(holder.pid, "kill");
  expect(await got).toBe("mine");
  expect(await dropped).toBe(true);
  expect(await passed).toBe("ended");
  expect(reached).toEqual([]);
});

test("a lock is released by what throws in it, and refused once the registry ends", async () => {
  const { owner, table } = await startRegistry();
  await expect(table.lock("a", () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
  const holding = table.lock("a", () => new Promise<never>(() => undefined));
  const waiting = table.lock("a", () => undefined);
  void holding.catch(() => undefined);
  await owner.stop();
  await expect(waiting).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
  await expect(table.lock("a", () => undefined)).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
});

test("an entry with an updated value ends as any other", async () => {
  const { table } = await startRegistry();
  const one = await startRunner();
  await one.run(() => table.register("a", 1));
  await one.run(() => table.updateValue("a", (value) => (value ?? 0) + 1));
  expect(table.values("a", one.pid)).toEqual([2]);
  await one.run(() => table.unregister("a"));
  expect(table.lookup("a")).toEqual([]);
});

test("select walks everything, with a guard or without", async () => {
  const { table } = await startRegistry("duplicate");
  const one = await startRunner();
  for (const [key, value] of [
    ["a", 1],
    ["a", 2],
    ["b", 3],
  ] as const)
    await one.run(() => table.register(key, value));
  const pid: Pid = one.pid;
  expect(table.select(({ value }) => value !== 2)).toEqual([
    { key: "a", pid, value: 1 },
    { key: "b", pid, value: 3 },
  ]);
  expect(table.select()).toHaveLength(3);
});
