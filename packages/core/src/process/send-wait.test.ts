import { expect, test } from "vitest";
import { exit, isError, monitor, type Pid, sendWait, spawn } from "../index.ts";

type Row = { readonly type: "row"; readonly n: number };

/** Takes rows once `open` is resolved. */
function consumer(seen: number[], open: Promise<void>): Pid<Row> {
  return spawn<Row>(
    async (self) => {
      await open;
      for (;;) {
        const { n } = await self.receive({ type: "row" });
        seen.push(n);
        if (n === 9) return;
      }
    },
    { mailbox: { capacity: 3, overflow: "reject" } },
  );
}

test("sendWait holds senders back while the mailbox is full, and loses and reorders nothing", async () => {
  const seen: number[] = [];
  const { promise, resolve: open } = Promise.withResolvers<void>();
  const pid = consumer(seen, promise);
  const ended = monitor(pid);
  const sending = Promise.all(Array.from({ length: 10 }, (_none, n) => sendWait(pid, { type: "row", n })));
  open();
  await sending;
  expect((await ended).reason).toBe("normal");
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("sendWait rejects when the receiver ends before it has room", async () => {
  const pid = consumer([], new Promise(() => undefined));
  for (let n = 0; n < 3; n++) await sendWait(pid, { type: "row", n });
  const waiting = sendWait(pid, { type: "row", n: 3 }).catch((error: unknown) => error);
  exit(pid, "kill");
  expect(isError(await waiting, "INTERLOCK_NOPROC")).toBe(true);
});

test("sendWait gives up after its time", async () => {
  const pid = consumer([], new Promise(() => undefined));
  for (let n = 0; n < 3; n++) await sendWait(pid, { type: "row", n });
  const given = await sendWait(pid, { type: "row", n: 3 }, { timeoutMs: 5 }).catch((error: unknown) => error);
  expect(isError(given, "INTERLOCK_MAILBOX_FULL")).toBe(true);
  exit(pid, "kill");
});
