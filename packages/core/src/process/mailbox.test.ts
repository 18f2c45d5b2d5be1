import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, test } from "vitest";

import { genServer } from "../behaviour/gen-server.ts";
import { noreply, reply } from "../behaviour/reply.ts";
import { sys } from "../behaviour/sys.ts";
import { local } from "../naming/name.ts";
import { defaultNode } from "../node.ts";
import { exit, isAlive, monitor, processInfo } from "./info.ts";
import { LONG_MAILBOX, type MailboxOptions } from "./mailbox.ts";
import type { Pid } from "./pid.ts";
import type { Self } from "./self.ts";
import { send, trySend } from "./send.ts";
import { spawn } from "./spawn.ts";

defaultNode().onReport = () => undefined;

type Item = { readonly type: "item"; readonly n?: number } | { readonly type: "go" };

const full = (capacity: number) =>
  expect.objectContaining({ code: "INTERLOCK_MAILBOX_FULL", details: expect.objectContaining({ capacity }) });

/** A process that takes nothing until it is told to go, and then gives all that had come. */
function collector(mailbox: MailboxOptions): {
  readonly pid: Pid<Item>;
  readonly collected: Promise<readonly (number | undefined)[]>;
} {
  let pid: Pid<Item> | undefined;
  const collected = new Promise<readonly (number | undefined)[]>((resolve) => {
    pid = spawn<Item>(
      async (self) => {
        const exits = self.trapExit();
        await self.receive(exits);
        const all: (number | undefined)[] = [];
        for (;;) {
          const message = await self.receive({ type: "item" }, { timeoutMs: 0 });
          if (message === undefined) break;
          all.push(message.n);
        }
        resolve(all);
      },
      { mailbox },
    );
  });
  return { pid: pid as unknown as Pid<Item>, collected };
}

async function started(pid: Pid): Promise<void> {
  while (processInfo(pid)?.currentHandler !== "receive")
    await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** The calls and casts of a server that is suspended wait in its mailbox. */
const Server = genServer({
  name: "server",
  init: (): readonly number[] => [],
  calls: {
    add: ({ state }, n: number) => reply(n, [...state, n]),
    all: ({ state }) => reply(state),
  },
  casts: { add: ({ state }, n: number) => noreply([...state, n]) },
});

async function suspended(mailbox: MailboxOptions): ReturnType<typeof Server.start> {
  const server = await Server.named(local(`suspended ${mailbox.overflow}`), { mailbox }).start();
  await sys.suspend(server);
  return server;
}

describe("reject", () => {
  test("refuses what comes after the mailbox is full, counts it, and takes more when there is room", async () => {
    const { collected, pid } = collector({ capacity: 3, overflow: "reject" });
    await started(pid);
    expect([1, 2, 3, 4, 5].map((n) => trySend(pid, { type: "item", n }))).toEqual([true, true, true, false, false]);
    expect(() => send(pid, { type: "item", n: 6 })).not.toThrow();
    expect(processInfo(pid)).toMatchObject({ mailboxLength: 3, dropped: 3 });
    exit(pid, "go");
    expect(await collected).toEqual([1, 2, 3]);
  });

  test("tells a caller, and leaves a caster alone", async () => {
    const server = await suspended({ capacity: 2, overflow: "reject" });
    server.cast.add(1);
    const call = server.call.add(2);
    await expect(server.call.add(3)).rejects.toThrow(full(2));
    expect(server.cast.add(4)).toBeUndefined();
    await sys.resume(server);
    expect(await call).toBe(2);
    expect(await server.call.all()).toEqual([1, 2]);
    expect(processInfo(server.pid)?.dropped).toBe(2);
    await server.stop();
  });

  test("has room again for each message that is taken, also for one that a receive had passed over", async () => {
    const seen: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      spawn<Item>(
        async (self) => {
          const fill = (): boolean[] => [1, 2, 3].map((n) => trySend(self.pid, { type: "item", n }));
          seen.push(fill());
          expect(await self.receive({ type: "go" }, { timeoutMs: 0 })).toBeUndefined();
          await self.receive({ type: "item" });
          seen.push(fill());
          resolve();
        },
        { mailbox: { capacity: 2, overflow: "reject" } },
      );
    });
    await done;
    expect(seen).toEqual([
      [true, true, false],
      [true, false, false],
    ]);
  });
});

describe("drop_oldest", () => {
  test("throws away the oldest, whether a receive has passed over it or not", async () => {
    const { collected, pid } = collector({ capacity: 3, overflow: "drop_oldest" });
    await started(pid);
    // The waiting receive wants an EXIT: these are passed over when it looks, the later ones are not.
    for (const n of [1, 2, 3, 4]) expect(trySend(pid, { type: "item", n })).toBe(true);
    expect(processInfo(pid)).toMatchObject({ mailboxLength: 3, dropped: 1 });
    exit(pid, "go");
    for (const n of [5, 6]) send(pid, { type: "item", n });
    expect(await collected).toEqual([4, 5, 6]);
  });

  test("tells the caller whose call was thrown away", async () => {
    const server = await suspended({ capacity: 2, overflow: "drop_oldest" });
    const first = server.call.add(1);
    const second = server.call.add(2);
    server.cast.add(3);
    await expect(first).rejects.toThrow(full(2));
    await sys.resume(server);
    expect(await second).toBe(2);
    expect(await server.call.all()).toEqual([2, 3]);
    await server.stop();
  });
});

describe("exit", () => {
  test("ends the process with mailbox_full, and tells whoever was waiting", async () => {
    const server = await suspended({ capacity: 2, overflow: "exit" });
    const down = monitor(server.pid);
    const waiting = server.call.add(1);
    server.cast.add(2);
    const refused = server.call.add(3);
    expect(isAlive(server.pid)).toBe(false);
    expect((await down).reason).toBe("mailbox_full");
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code: "INTERLOCK_CALLEE_EXIT" }));
    await expect(refused).rejects.toThrow(full(2));
  });
});

test("signals and system requests are never refused, and take no room", async () => {
  const watched = Array.from({ length: 50 }, () => spawn<Item>(async (self) => void (await self.receive())));
  let self: Self<Item> | undefined;
  const pid = spawn<Item>(
    async (one) => {
      self = one;
      one.trapExit();
      for (const other of watched) {
        one.link(other);
        one.monitor(other);
      }
      await one.receive({ type: "go" });
    },
    { mailbox: { capacity: 1, overflow: "reject" } },
  );
  await started(pid);
  for (const other of watched) exit(other, "gone");
  expect(trySend(pid, { type: "item", n: 1 })).toBe(true);
  expect(trySend(pid, { type: "item", n: 2 })).toBe(false);
  for (const other of watched) self?.monitor(other);
  expect(processInfo(pid)).toMatchObject({ mailboxLength: 151, dropped: 1 });
  expect((await sys.getStatus(pid)).status).toBe("running");
  expect(
    processInfo(pid)?.messages.filter((message) => (message as { reason?: string }).reason === "noproc"),
  ).toHaveLength(50);
  exit(pid, "kill");
});

test("a bad bound is refused, and nothing starts", () => {
  const before = defaultNode().processCount;
  for (const mailbox of [
    { capacity: 0, overflow: "reject" },
    { capacity: 1.5, overflow: "reject" },
    { capacity: 1, overflow: "forget" },
  ])
    expect(() => spawn(() => undefined, { mailbox: mailbox as MailboxOptions })).toThrow(
      expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
    );
  expect(defaultNode().processCount).toBe(before);
});

test("a long mailbox raises mailbox.long once per episode: again only after it was below half", async () => {
  const raised: unknown[] = [];
  const listener = (event: unknown): void => void raised.push(event);
  subscribe("interlock:mailbox.long", listener);
  const asked: { take: number; done: () => void }[] = [];
  const pid = spawn<Item>(async function hoarder(self) {
    const exits = self.trapExit();
    for (;;) {
      await self.receive(exits);
      const job = asked.shift();
      for (let taken = 0; taken < (job?.take ?? 0); taken++) await self.receive({ type: "item" });
      job?.done();
    }
  });
  await started(pid);
  const put = (count: number): void => {
    for (let n = 0; n < count; n++) send(pid, { type: "item" });
  };
  const take = (count: number): Promise<void> =>
    new Promise((done) => {
      asked.push({ take: count, done });
      exit(pid, "take some");
    });
  put(LONG_MAILBOX - 1);
  expect(raised).toEqual([]);
  put(1);
  expect(raised).toEqual([{ pid, label: "hoarder", length: LONG_MAILBOX }]);
  put(10);
  await take(LONG_MAILBOX / 2);
  put(LONG_MAILBOX / 2);
  expect(raised).toHaveLength(1);
  await take(LONG_MAILBOX / 2 + 11);
  expect(processInfo(pid)?.mailboxLength).toBe(LONG_MAILBOX / 2 - 1);
  put(LONG_MAILBOX);
  expect(raised).toHaveLength(2);
  unsubscribe("interlock:mailbox.long", listener);
  exit(pid, "kill");
});

test("each message that a bound refuses is told on the channel mailbox.dropped", async () => {
  const dropped: unknown[] = [];
  const listener = (event: unknown): void => void dropped.push(event);
  subscribe("interlock:mailbox.dropped", listener);
  const { pid } = collector({ capacity: 1, overflow: "drop_oldest" });
  await started(pid);
  for (let n = 0; n < 3; n++) send(pid, { type: "item", n });
  unsubscribe("interlock:mailbox.dropped", listener);
  const event = { pid, label: expect.any(String), capacity: 1, overflow: "drop_oldest" };
  expect(dropped).toEqual([event, event]);
  exit(pid, "kill");
});
