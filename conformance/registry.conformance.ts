/** Elixir's registry cases (lib/elixir/test/elixir/registry), written anew; each with one partition and with eight. */
import {
  type DuplicateRegistry,
  exit,
  genServer,
  isAlive,
  isError,
  local,
  type Pid,
  type Registry,
  type RegistryEvent,
  register,
  registry,
  reply,
  type Self,
  self,
  send,
  spawn,
  unowned,
  whereis,
} from "@interlock/core";
import { describe, expect, test } from "vitest";

import { type Runner, startRunner } from "../packages/core/src/behaviour/runner.fixture.ts";
import { end, inProcess, type Message } from "./in-process.ts";

interface Value {
  readonly n: number;
}
type Key = string | number | bigint;

let names = 0;
const freshName = (): string => `registry_${++names}`;

const Echo = genServer({
  name: "echo",
  init: (word: string) => ({ word }),
  calls: { word: ({ state }) => reply(state.word) },
});

/** The code of what `operation` throws, and the pid in its details. */
function refusal(operation: () => unknown): { readonly code: unknown; readonly pid: unknown } | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    const { code, details } = error as { code?: unknown; details?: { pid?: unknown } };
    return { code, pid: details?.pid };
  }
}

describe.each([1, 8])("with partitions: %i,", (partitions) => {
  type Unique = Registry<Key, Value>;
  type Duplicate = DuplicateRegistry<Key, Value>;

  /** Runs `steps` beside a running registry and two processes that may register. */
  async function withUnique(
    steps: (table: Unique, one: Runner, other: Runner) => Promise<void>,
    listeners: readonly string[] = [],
  ): Promise<void> {
    const table = registry<Key, Value>({
      name: freshName(),
      keys: "unique",
      partitions,
      listeners: listeners.map(local),
    });
    const owner = await table.start();
    await steps(table, await startRunner(), await startRunner());
    if (isAlive(owner.pid)) await owner.stop();
  }

  async function withDuplicate(steps: (table: Duplicate, one: Runner, other: Runner) => Promise<void>): Promise<void> {
    const table = registry<Key, Value>({ name: freshName(), keys: "duplicate", partitions });
    const owner = await table.start();
    await steps(table, await startRunner(), await startRunner());
    await owner.stop();
  }

  test("registry/unique:has unique registrations: a second one is refused with the holder's pid", () =>
    withUnique(async (table, one) => {
      await one.run(() => table.register("hello", { n: 1 }));
      expect(table.lookup("hello")).toEqual([{ pid: one.pid, value: { n: 1 } }]);
      expect(table.keys(one.pid)).toEqual(["hello"]);
      const refused = await one.run(() => refusal(() => table.register("hello", { n: 2 })));
      expect(refused).toEqual({ code: "INTERLOCK_NAME_TAKEN", pid: one.pid });
      expect(table.lookup("hello")).toEqual([{ pid: one.pid, value: { n: 1 } }]);
      await one.run(() => table.register("world", { n: 3 }));
      expect(new Set(table.keys(one.pid))).toEqual(new Set(["hello", "world"]));
    }));

  test("registry/unique:has unique registrations across processes: another process is refused, and gets it when it is free", () =>
    withUnique(async (table, one, other) => {
      await one.run(() => table.register("hello", { n: 1 }));
      const refused = await other.run(() => refusal(() => table.register("hello", { n: 2 })));
      expect(refused).toEqual({ code: "INTERLOCK_NAME_TAKEN", pid: one.pid });
      expect(table.keys(other.pid)).toEqual([]);
      await one.stop();
      await other.run(() => table.register("hello", { n: 2 }));
      expect(table.lookup("hello")).toEqual([{ pid: other.pid, value: { n: 2 } }]);
    }));

  test("registry/unique:unregisters process by key: only its own keys", () =>
    withUnique(async (table, one, other) => {
      await one.run(() => table.register("hello", { n: 1 }));
      await one.run(() => table.register("world", { n: 2 }));
      await other.run(() => table.unregister("hello"));
      expect(table.lookup("hello")).toHaveLength(1);
      await one.run(() => table.unregister("hello"));
      await one.run(() => table.unregister("hello"));
      expect(table.lookup("hello")).toEqual([]);
      expect(table.keys(one.pid)).toEqual(["world"]);
    }));

  test("registry/unique:supports guard conditions: match by a predicate of the value", () =>
    withUnique(async (table, one) => {
      await one.run(() => table.register("hello", { n: 5 }));
      expect(table.match("hello", (value) => (value?.n ?? 0) > 4)).toEqual([{ pid: one.pid, value: { n: 5 } }]);
      expect(table.match("hello", (value) => (value?.n ?? 0) > 5)).toEqual([]);
      expect(table.countMatch("hello", (_value, pid) => pid === one.pid)).toBe(1);
      expect(table.countSelect(({ key, value }) => key === "hello" && value?.n === 5)).toBe(1);
    }));

  test("registry/unique:updates current process value: only by its owner", () =>
    withUnique(async (table, one, other) => {
      const bump = (): unknown => table.updateValue("hello", (value) => ({ n: (value?.n ?? 0) + 1 }));
      expect(await one.run(() => refusal(bump)?.code)).toBe("INTERLOCK_NOT_OWNER");
      await one.run(() => table.register("hello", { n: 1 }));
      const before = table.lookup("hello");
      expect(await one.run(bump)).toEqual({ value: { n: 2 }, old: { n: 1 } });
      expect(table.lookup("hello")).toEqual([{ pid: one.pid, value: { n: 2 } }]);
      expect(before).toEqual([{ pid: one.pid, value: { n: 1 } }]);
      expect(await other.run(() => refusal(bump)?.code)).toBe("INTERLOCK_NOT_OWNER");
      expect(table.lookup("hello")).toEqual([{ pid: one.pid, value: { n: 2 } }]);
    }));

  test("registry/unique:links and unlinks on register/unregister: the registry's death takes its registrants", () =>
    withUnique(async (table, one, other) => {
      await one.run(() => table.register("hello", { n: 1 }));
      await one.run(() => table.register("world", { n: 1 }));
      await other.run(() => table.register("here", { n: 1 }));
      await other.run(() => table.unregister("here"));
      const registryPid = whereis(local(`registry_${names}`)) as Pid;
      await inProcess(async (watcher) => {
        expect(await end(watcher, one.pid, () => exit(registryPid, "kill"))).toBe("killed");
      });
      expect(isAlive(other.pid)).toBe(true);
    }));

  test("registry/unique:via callbacks: start, find, send and stop by a via name", () =>
    withUnique(async (table) => {
      const name = table.via("echo", { n: 7 });
      const started = await Echo.named(name).start("hi");
      expect(table.lookup("echo")).toEqual([{ pid: started.pid, value: { n: 7 } }]);
      expect(whereis(name)).toBe(started.pid);
      expect(await Echo.at(name).call.word()).toBe("hi");
      await expect(Echo.named(name).start("again")).rejects.toMatchObject({
        code: "INTERLOCK_ALREADY_STARTED",
        details: { pid: started.pid },
      });
      await Echo.at(name).stop();
      expect(whereis(name)).toBeUndefined();
      await expect(Echo.at(name).call.word()).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
      await inProcess(async (one) => {
        table.register("me", { n: 0 });
        send<Message>(table.via("me"), { type: "ping", n: 3 });
        expect((await one.receive({ type: "ping" })).n).toBe(3);
      });
    }));

  test('registry/unique:compares using ===: 1, 1n and "1" are three keys', () =>
    withUnique(async (table, one) => {
      await one.run(() => table.register(1, { n: 1 }));
      await one.run(() => table.register("1", { n: 2 }));
      await one.run(() => table.register(1n, { n: 3 }));
      expect(table.lookup(1)).toEqual([{ pid: one.pid, value: { n: 1 } }]);
      expect(table.lookup("1")).toEqual([{ pid: one.pid, value: { n: 2 } }]);
      expect(table.lookup(1n)).toEqual([{ pid: one.pid, value: { n: 3 } }]);
      await one.run(() => table.unregister("1"));
      expect(new Set(table.keys(one.pid))).toEqual(new Set([1, 1n]));
    }));

  test("registry/unique:allows listeners: told of each registration and its end", () => {
    const listener = `listener_${freshName()}`;
    return withUnique(
      async (table, one, other) => {
        const { promise, resolve } = Promise.withResolvers<RegistryEvent<Key, Value>[]>();
        const pid = spawn<RegistryEvent<Key, Value>>(async (me) => {
          const events: RegistryEvent<Key, Value>[] = [];
          while (events.length < 4) events.push(await me.receive());
          resolve(events);
        });
        register(listener, pid);
        await one.run(() => table.register("hello", { n: 1 }));
        await one.run(() => table.unregister("hello"));
        await other.run(() => table.register("world", { n: 2 }));
        exit(other.pid, "kill");
        const name = `registry_${names}`;
        expect(await promise).toEqual([
          { type: "register", registry: name, key: "hello", pid: one.pid, value: { n: 1 } },
          { type: "unregister", registry: name, key: "hello", pid: one.pid },
          { type: "register", registry: name, key: "world", pid: other.pid, value: { n: 2 } },
          { type: "unregister", registry: name, key: "world", pid: other.pid },
        ]);
      },
      [listener],
    );
  });

  test("registry/unique:doesn't grow ets on already_registered: a refused registration leaves nothing behind", () =>
    withUnique(async (table, one, other) => {
      await one.run(() => table.register("hello", { n: 1 }));
      for (let attempt = 0; attempt < 3; attempt++)
        await other.run(() => refusal(() => table.register("hello", { n: 2 })));
      expect(table.count()).toBe(1);
      expect(table.select()).toEqual([{ key: "hello", pid: one.pid, value: { n: 1 } }]);
      expect(table.keys(other.pid)).toEqual([]);
    }));

  test("registry/duplicate:has duplicate registrations: several entries a key, several of one process", () =>
    withDuplicate(async (table, one, other) => {
      await one.run(() => table.register("hello", { n: 1 }));
      await one.run(() => table.register("hello", { n: 2 }));
      await other.run(() => table.register("hello", { n: 3 }));
      expect(table.lookup("hello")).toEqual([
        { pid: one.pid, value: { n: 1 } },
        { pid: one.pid, value: { n: 2 } },
        { pid: other.pid, value: { n: 3 } },
      ]);
      expect(table.keys(one.pid)).toEqual(["hello", "hello"]);
      expect(table.values("hello", one.pid)).toEqual([{ n: 1 }, { n: 2 }]);
      await one.run(() => table.unregister("hello"));
      expect(table.lookup("hello")).toEqual([{ pid: other.pid, value: { n: 3 } }]);
      expect(table.count()).toBe(1);
    }));

  test("registry/duplicate:dispatches to multiple keys in parallel: once for each partition, in tasks of their own", () =>
    withDuplicate(async (table, one, other) => {
      const third = await startRunner();
      for (const [n, who] of [one, other, third].entries()) await who.run(() => table.register("hello", { n }));
      const partitionsUsed = new Set(
        [one, other, third].map(({ pid }) => Number(/\.(\d+)\./.exec(pid.toString())?.[1]) % partitions),
      ).size;
      const seen: number[] = [];
      let calls = 0;
      table.dispatch("hello", (entries) => {
        calls++;
        for (const { value } of entries) seen.push(value?.n ?? -1);
      });
      expect(new Set(seen)).toEqual(new Set([0, 1, 2]));
      expect(calls).toBe(partitionsUsed);
      table.dispatch("nobody", () => expect.unreachable());
      await inProcess(async (caller) => {
        const callers = new Set<Pid>();
        await table.dispatch("hello", async () => void callers.add(self().pid), { parallel: true });
        expect(callers.size).toBe(partitionsUsed);
        expect(callers.has(caller.pid)).toBe(false);
      });
    }));

  test("registry/duplicate:raises if attempt to be used on via: refused by type and when called", () =>
    withDuplicate(async (table) => {
      // @ts-expect-error a key of a duplicate registry is no name
      expect(refusal(() => table.via("hello"))?.code).toBe("INTERLOCK_BAD_ARGUMENT");
    }));

  test("registry/duplicate:unregister_match supports guards: only the entries whose value matches", () =>
    withDuplicate(async (table, one, other) => {
      for (const n of [1, 2, 3]) await one.run(() => table.register("hello", { n }));
      await other.run(() => table.register("hello", { n: 3 }));
      await one.run(() => table.unregisterMatch("hello", (value) => (value?.n ?? 0) > 1));
      expect(table.lookup("hello")).toEqual([
        { pid: one.pid, value: { n: 1 } },
        { pid: other.pid, value: { n: 3 } },
      ]);
    }));

  test("registry:clean up registry on process crash: the entries are gone when the death is known", () =>
    withUnique(async (table, one, other) => {
      await one.run(() => table.register("one", { n: 1 }));
      await other.run(() => table.register("two", { n: 2 }));
      await inProcess(async (watcher: Self<Message>) => {
        const watch = watcher.monitor(one.pid);
        exit(one.pid, "kill");
        expect(table.lookup("one")).toEqual([]);
        await watcher.receive(watch.down);
      });
      expect(table.keys(one.pid)).toEqual([]);
      expect(table.count()).toBe(1);
      await expect(other.stop({ badly: "ended" })).resolves.toBeUndefined();
      expect(table.count()).toBe(0);
    }));

  test("registry:locks when using the same key: one after the other, and other keys at once", () =>
    withUnique(async (table, one, other) => {
      const steps: string[] = [];
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      const { promise: held, resolve: hold } = Promise.withResolvers<void>();
      const job = (name: string, key: string, wait?: Promise<void>) => () =>
        table.lock(key, async () => {
          steps.push(`${name} in`);
          hold();
          await wait;
          steps.push(`${name} out`);
          return name;
        });
      const first = one.run(job("first", "a", gate));
      await held;
      const second = other.run(job("second", "a"));
      expect(await unowned(job("aside", "b"))).toBe("aside");
      expect(steps).toEqual(["first in", "aside in", "aside out"]);
      open();
      expect(await Promise.all([first, second])).toEqual(["first", "second"]);
      expect(steps.slice(3)).toEqual(["first out", "second in", "second out"]);
    }));
});

test("operations on a registry that does not run are refused", () => {
  const table = registry<string>({ name: freshName(), keys: "unique" });
  for (const operation of [() => table.lookup("a"), () => table.count(), () => whereis(table.via("a"))]) {
    let refused: unknown;
    try {
      operation();
    } catch (error) {
      refused = error;
    }
    expect(isError(refused, "INTERLOCK_NOPROC")).toBe(true);
  }
});
