import { describe, expect, test } from "vitest";
import { World } from "../../../../conformance/support/world.ts";
import { self as ambientSelf, exit, genServer, spawn } from "../index.ts";
import { currentProcess } from "../process/context.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import { localPid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { isOddShutdown, type ShutdownMs, shutDown, WaitingExits } from "./shutdown.ts";

describe("odd ends under shutdown", () => {
  const odd = (reason: ExitReason): string =>
    ([5_000, "infinity", "brutal_kill"] as readonly ShutdownMs[])
      .flatMap((shutdownMs) =>
        [true, false].map((permanent) => (isOddShutdown(reason, shutdownMs, permanent) ? "x" : "-")),
      )
      .join("");

  // Each pair: of a permanent child, of another. OTP's supervisor: shutdown/1.
  const table: readonly (readonly [ExitReason, string])[] = [
    ["shutdown", "----x-"],
    [{ shutdown: "why" }, "x-x-x-"],
    ["normal", "x-x-x-"],
    ["killed", "xxxx--"],
    ["noproc", "xxxxxx"],
    [{ error: new Error("boom") }, "xxxxxx"],
    ["other", "xxxxxx"],
  ];
  test.each(table)("%o", (reason, expected) => {
    expect(odd(reason)).toBe(expected);
  });
});

const Child = genServer({
  name: "child",
  init: (trap: boolean, end?: () => Promise<void>) => {
    if (trap) ambientSelf().trapExit();
    return end;
  },
  terminate: ({ state }) => state?.(),
});

describe("shutDown", () => {
  const inSupervisor = (run: (supervisor: Process, world: World) => Promise<void>) => async () => {
    const world = new World();
    await world.run((self) => {
      self.trapExit();
      return run(currentProcess() as Process, world);
    });
  };

  test(
    "is synchronous for a child that does not trap exits, and leaves no EXIT",
    inSupervisor(async (supervisor) => {
      const { pid } = await Child.startLink(false);
      expect(shutDown(supervisor, localPid(pid), 5_000)).toBe("shutdown");
      const other = await Child.startLink(false);
      expect(shutDown(supervisor, localPid(other.pid), "brutal_kill")).toBe("killed");
      expect(supervisor.mailboxLength).toBe(0);
      expect(supervisor.links).toBeUndefined();
    }),
  );

  test(
    "waits for one that does, and leaves no timer behind",
    inSupervisor(async (supervisor, world) => {
      const { pid } = await Child.startLink(true, () => world.sleep(10));
      let ended: unknown;
      void Promise.resolve(shutDown(supervisor, localPid(pid), 5_000)).then((reason) => {
        ended = reason;
      });
      await world.advance(9);
      expect(ended).toBeUndefined();
      await world.advance(1);
      expect(ended).toBe("shutdown");
      expect(supervisor.node.scheduler.timers.size).toBe(0);
      expect(supervisor.mailboxLength).toBe(0);
    }),
  );

  test(
    "kills it when its time is over",
    inSupervisor(async (supervisor, world) => {
      const { pid } = await Child.startLink(true, () => world.sleep(5_001));
      const ended = shutDown(supervisor, localPid(pid), 5_000);
      await world.advance(5_000);
      expect(await ended).toBe("killed");
    }),
  );

  test(
    "a child that was dead already has the reason that waits in the mailbox, or noproc",
    inSupervisor(async (supervisor) => {
      const crashed = await Child.startLink(false);
      const killed = await Child.startLink(false);
      exit(crashed.pid, "boom");
      exit(killed.pid, "kill");
      expect(shutDown(supervisor, localPid(crashed.pid), 5_000)).toBe("boom");
      expect(shutDown(supervisor, localPid(killed.pid), "brutal_kill")).toBe("killed");
      const stranger = spawn(() => undefined);
      exit(stranger, "kill");
      expect(shutDown(supervisor, localPid(stranger), 5_000)).toBe("noproc");
    }),
  );

  test(
    "one reading of the mailbox serves all that were dead, later ends are found by another",
    inSupervisor(async (supervisor) => {
      const first = await Child.startLink(false);
      const second = await Child.startLink(false);
      const late = await Child.startLink(false);
      exit(first.pid, "one");
      exit(second.pid, "two");
      const waiting = new WaitingExits(supervisor);
      expect(waiting.reasonOf(localPid(first.pid))).toBe("one");
      expect(waiting.reasonOf(localPid(second.pid))).toBe("two");
      exit(late.pid, undefined);
      expect(waiting.reasonOf(localPid(late.pid))).toBeUndefined();
    }),
  );
});
