import {
  self as ambientSelf,
  exit,
  genServer,
  isAlive,
  local,
  type Pid,
  processInfo,
  ready,
  registered,
  reply,
  send,
  spawn,
  spawnLink,
  spawnMonitor,
  stop,
  sys,
  whereis,
} from "@interlock/core";
import { expect, test } from "vitest";

import { startGen } from "../packages/core/src/behaviour/gen.ts";
import { ServerBody } from "../packages/core/src/behaviour/gen-server.ts";
import { answerOf, crashesOf, idle, inProcess, ponger, whatever } from "./in-process.ts";

const failing = (code: string, details?: object) =>
  expect.objectContaining({ code: `INTERLOCK_${code}`, ...(details && { details: expect.objectContaining(details) }) });

/** A server whose init waits for what it is given. */
const Slow = genServer({
  name: "slow",
  async init(until: Promise<string>): Promise<{ readonly answer: string }> {
    starting.push(ambientSelf().pid);
    return { answer: await until };
  },
  calls: { answer: ({ state }) => reply(state.answer) },
});
/** Those whose init has begun, in order. */
const starting: Pid[] = [];

test("proc_lib:crash: a crash report for an abnormal end, none for normal, shutdown and { shutdown }", () =>
  inProcess(async (self) => {
    const Ending = genServer({
      name: "ending",
      init: (how: unknown): { readonly how: unknown } => ({ how }),
      casts: {
        end({ state }) {
          if (state.how instanceof Error) throw state.how;
          return stop(state.how as string);
        },
      },
    });
    const error = new Error("crashed");
    for (const [how, reports] of [
      ["normal", 0],
      ["shutdown", 0],
      [{ shutdown: "any" }, 0],
      ["abnormal", 1],
      [error, 1],
    ] as const) {
      const { ref, monitor: watch } = await Ending.startMonitor(how);
      const { pid } = ref;
      ref.cast.end();
      await self.receive(watch.down);
      expect(crashesOf(pid)).toHaveLength(reports);
      if (reports === 0) continue;
      expect(crashesOf(pid)).toMatchObject([
        {
          label: "ending",
          reason: how === error ? { error } : how,
          message: ["end"],
          state: { how },
          links: [],
          mailboxLength: 0,
        },
      ]);
    }
    // Ancestors, parent first, and the links at the end.
    const reported = async (): Promise<Pid> => {
      let grandchild: Pid | undefined;
      const child = spawn((one) => {
        grandchild = spawnLink(idle);
        one.exit("abnormal");
      });
      await self.receive(self.monitor(child).down);
      const [report] = crashesOf(child);
      expect(report).toMatchObject({ ancestors: [self.pid], links: [grandchild], registeredName: undefined });
      return child;
    };
    await reported();
    // A signal from elsewhere is no crash of its own.
    const killed = spawn(idle);
    exit(killed, "killed by another");
    expect(crashesOf(killed)).toEqual([]);
  }));

test("proc_lib:sync_start_nolink: start waits for init; an end before that is its error", () =>
  inProcess(async () => {
    let finish = (_answer: string): void => undefined;
    const start = Slow.named(local("sync_start_nolink")).start(new Promise((resolve) => (finish = resolve)));
    const state = { started: false };
    void start.then(() => {
      state.started = true;
    });
    const pid = whereis(local("sync_start_nolink")) as Pid;
    expect(processInfo(pid)?.status).toBe("busy");
    await answerOf(ambientSelf() as never, spawn(ponger));
    expect(state.started).toBe(false);
    finish("ready");
    expect(await (await start).call.answer()).toBe("ready");

    const dying = Slow.start(new Promise(() => undefined));
    exit(starting.at(-1) as Pid, "killed in init");
    await expect(dying).rejects.toThrow(failing("START_FAILED", { label: "slow", reason: "killed in init" }));
    exit(pid, "kill");
  }));

test("proc_lib:sync_start_link: a failing init is told by the result alone, whether the parent traps or not", () =>
  inProcess(async (self) => {
    for (const trap of [false, true]) {
      self.trapExit(trap);
      await expect(Slow.startLink(Promise.reject(new Error("no")))).rejects.toThrow(
        failing("START_FAILED", { reason: { error: new Error("no") } }),
      );
      const Refusing = genServer({ name: "refusing", init: () => stop("refused") });
      await expect(Refusing.startLink()).rejects.toThrow(failing("START_FAILED", { reason: "refused" }));
      await answerOf(self, spawn(ponger));
      expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
      expect(processInfo(self.pid)?.links).toEqual([]);
    }
  }));

test("proc_lib:sync_start_monitor: a monitoring start watches from the beginning, and one that fails leaves no monitor", () =>
  inProcess(async (self) => {
    const Brief = genServer({
      name: "brief",
      init: (): ReturnType<typeof ready<null, readonly ["end"]>> => ready(null, { continueWith: ["end"] }),
      continues: { end: () => stop("after init") },
    });
    const { ref, monitor: watch } = await Brief.startMonitor();
    const down = await self.receive(watch.down);
    expect(down.pid).toBe(ref.pid);
    expect(down.reason).toBe("after init");

    await expect(Slow.startMonitor(Promise.reject(new Error("no")))).rejects.toThrow(failing("START_FAILED"));
    expect(processInfo(self.pid)?.monitors).toEqual([]);
    await answerOf(self, spawn(ponger));
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    // A plain process has no init to wait for: its monitor tells of whatever happens to it.
    const failed = spawnMonitor((one) => one.exit("at once"));
    expect((await self.receive(failed.monitor.down)).reason).toBe("at once");
  }));

test("proc_lib:sync_start_timeout: an init that takes too long is killed", () =>
  inProcess(async (self) => {
    self.trapExit();
    const body = new ServerBody(Slow.module as ConstructorParameters<typeof ServerBody>[0]);
    const start = startGen(body, [new Promise(() => undefined)], {
      linked: true,
      parent: undefined,
      name: local("sync_start_timeout"),
      timeoutMs: 1,
    });
    const pid = starting.at(-1) as Pid;
    expect(isAlive(pid)).toBe(true);
    await expect(start).rejects.toThrow(failing("START_FAILED", { label: "slow", reason: "timeout" }));
    expect(isAlive(pid)).toBe(false);
    expect(registered()).not.toContain("sync_start_timeout");
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("proc_lib:init_dont_hang: an init that ends when its parent has gone does not hang", () =>
  inProcess(async (self) => {
    let finish = (_answer: string): void => undefined;
    const until = new Promise<string>((resolve) => (finish = resolve));
    const parent = spawn(async () => {
      await Slow.named(local("orphan")).start(until);
    });
    const watch = self.monitor(parent);
    await answerOf(self, spawn(ponger));
    exit(parent, "kill");
    expect((await self.receive(watch.down)).reason).toBe("killed");
    const orphan = Slow.at(local("orphan"));
    const answer = orphan.call.answer();
    finish("still here");
    expect(await answer).toBe("still here");
    await orphan.stop();

    // Linked to its parent it goes with it.
    const linking = spawn(async () => {
      await Slow.startLink(new Promise(() => undefined));
    });
    await answerOf(self, spawn(ponger));
    const child = starting.at(-1) as Pid;
    const watchChild = self.monitor(child);
    exit(linking, "parent_gone");
    expect((await self.receive(watchChild.down)).reason).toBe("parent_gone");
  }));

test("proc_lib:stop: the reason asked for is the reason of the end; no process, another end and no time are errors", () =>
  inProcess(async (self) => {
    const Stopping = genServer({
      name: "stopping",
      init: (terminating?: () => unknown): { readonly terminating: (() => unknown) | undefined } => ({ terminating }),
      terminate: async ({ state }) => void (await state.terminating?.()),
    });
    for (const reason of ["normal", "shutdown", { shutdown: 1 }, "abnormal"] as const) {
      const { ref, monitor: watch } = await Stopping.startMonitor();
      await ref.stop(reason);
      expect((await self.receive(watch.down)).reason).toBe(reason);
      await expect(ref.stop(reason)).rejects.toThrow(failing("NOPROC"));
    }
    await expect(Stopping.at(local("nobody")).stop()).rejects.toThrow(failing("NOPROC"));

    const otherwise = await Stopping.start(() => {
      throw new Error("in terminate");
    });
    await expect(otherwise.stop()).rejects.toThrow(
      failing("CALLEE_EXIT", { request: "stop", reason: { error: new Error("in terminate") } }),
    );

    const hanging = await Stopping.start(() => new Promise(() => undefined));
    await expect(hanging.stop("normal", 1)).rejects.toThrow(failing("TIMEOUT", { timeoutMs: 1 }));
    expect(isAlive(hanging.pid)).toBe(true);
    exit(hanging.pid, "kill");

    // A suspended one can be stopped as well: it serves system requests.
    const suspended = await Stopping.start();
    await sys.suspend(suspended);
    await suspended.stop();
    expect(isAlive(suspended.pid)).toBe(false);
    send(self.pid, { type: "done" });
    expect(await self.receive(whatever)).toEqual({ type: "done" });
  }));
