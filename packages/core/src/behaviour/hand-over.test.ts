import { describe, expect, test } from "vitest";
import { exit, monitor, processInfo } from "../process/info.ts";
import { localPid, type Pid } from "../process/pid.ts";
import { type Process, SUSPENDED } from "../process/process.ts";
import { self } from "../process/self.ts";
import { send } from "../process/send.ts";
import type { SystemMessage } from "../process/signal.ts";
import { spawn } from "../process/spawn.ts";
import { genServer } from "./gen-server.ts";
import {
  becomeForwarder,
  packProcess,
  type Remainder,
  takeDeferred,
  takeRemainder,
  unpackProcess,
} from "./hand-over.ts";
import { type From, later, noreply, reply } from "./reply.ts";
import { sys } from "./sys.ts";

interface Notes {
  readonly notes: readonly string[];
  readonly waiting: readonly From<string>[];
}

const gates = new Map<string, () => void>();
const closed: string[] = [];

const Book = genServer({
  name: "book",
  init: (): Notes => ({ notes: [], waiting: [] }),
  calls: {
    notes: ({ state }) => reply(state.notes),
    add({ state }, note: string) {
      const notes = [...state.notes, note];
      return reply(notes.length, { ...state, notes });
    },
    wait(ctx) {
      const from = ctx.from<string>();
      return later(from, { ...ctx.state, waiting: [...ctx.state.waiting, from] });
    },
    async slow({ state }, gate: string) {
      await new Promise<void>((resolve) => gates.set(gate, resolve));
      return reply("slow", { ...state, notes: [...state.notes, gate] }, { continueWith: ["more", `after ${gate}`] });
    },
    tie(ctx) {
      ctx.self.sendAfter(10, "tick");
      ctx.self.own({ close: () => closed.push("closed") });
      ctx.self.link(spawn(async (other) => void (await other.receive())));
      ctx.self.monitor(spawn(async (other) => void (await other.receive())));
      return reply(ctx.signal);
    },
  },
  casts: { put: ({ state }, note: string) => noreply({ ...state, notes: [...state.notes, note] }) },
  continues: { more: ({ state }, note: string) => noreply({ ...state, notes: [...state.notes, note] }) },
  info: ({ state }, message: SystemMessage | string) =>
    typeof message === "string" ? noreply({ ...state, notes: [...state.notes, message] }) : noreply(),
});

function processOf(pid: Pid): Process {
  return localPid(pid).process as Process;
}

/** What goes to the old process goes on to `next`. */
function onto(next: Process): (one: Remainder) => void {
  const ref = Book.at(next.pid as unknown as Pid<string>);
  return (one) => {
    if (one.type === "message") send(next.pid as unknown as Pid<unknown>, one.message);
    else if (one.type === "cast") ref.cast.put(...(one.args as [string]));
    else void ref.call[one.operation as "add"](...(one.args as [string])).then((value) => one.call.reply(value));
  };
}

describe("a process that is packed", () => {
  test("stops in front of its mailbox, after the handler that runs and its continuation", async () => {
    const book = await Book.start();
    const process = processOf(book.pid);
    const slow = book.call.slow("gate");
    const behind = book.call.add("behind");
    book.cast.put("further behind");
    const packed = packProcess(process, (state) => (state as Notes).notes);
    gates.get("gate")?.();
    expect(await slow).toBe("slow");
    expect(await packed).toEqual(["gate", "after gate"]);
    expect(processInfo(book.pid)?.messages).toEqual([
      ["add", "behind"],
      ["put", "further behind"],
    ]);
    unpackProcess(process);
    expect(await behind).toBe(3);
    expect(await book.call.notes()).toEqual(["gate", "after gate", "behind", "further behind"]);
  });

  test("packs in its own context; what that throws is the asker's, and the process can go on", async () => {
    const book = await Book.start();
    const process = processOf(book.pid);
    expect(await packProcess(process, () => self().pid)).toBe(book.pid);
    await expect(packProcess(process, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(process.flags & SUSPENDED).toBe(SUSPENDED);
    unpackProcess(process);
    expect(await book.call.add("one")).toBe(1);
  });

  test("that ends before is an error of the one who asked", async () => {
    const book = await Book.start();
    const packed = packProcess(processOf(book.pid), () => new Promise(() => undefined));
    exit(book.pid, "kill");
    await expect(packed).rejects.toMatchObject({ code: "INTERLOCK_CALLEE_EXIT" });
  });
});

describe("a process that has become a forwarder", () => {
  test("gives on, in order, what waited and what comes; calls are answered by whoever they end up with", async () => {
    const [book, next] = [await Book.start(), await Book.start()];
    const process = processOf(book.pid);
    await packProcess(process, () => undefined);
    const first = book.call.add("first");
    book.cast.put("second");
    send(book.pid as Pid<string>, "third");
    becomeForwarder(process, onto(processOf(next.pid)));
    expect(await first).toBe(1);
    book.cast.put("fourth");
    expect(await book.call.add("fifth")).toBe(5);
    expect(await next.call.notes()).toEqual(["first", "second", "third", "fourth", "fifth"]);
  });

  test("has let go of all that it had: timers, monitors, links, what it owned, its signal, its state", async () => {
    const book = await Book.start();
    const process = processOf(book.pid);
    const signal = await book.call.tie();
    closed.length = 0;
    await packProcess(process, () => undefined);
    const forwarded: Remainder[] = [];
    becomeForwarder(process, (one) => forwarded.push(one));
    expect(closed).toEqual(["closed"]);
    expect(signal.aborted).toBe(true);
    expect(processInfo(book.pid)).toMatchObject({ links: [], monitors: [], mailboxLength: 0 });
    expect(process.extras?.timers?.size).toBe(0);
    expect(process.state).toBeUndefined();
    expect(forwarded).toEqual([]);
  });

  test("tells those who wait for a put-off answer nothing when it ends, once that is another's to give", async () => {
    const book = await Book.start();
    const process = processOf(book.pid);
    const answer = book.call.wait();
    await book.call.notes();
    const [from] = (await packProcess(process, (state) => (state as Notes).waiting)) as [From<string>];
    expect(takeDeferred(process)).toEqual([from]);
    becomeForwarder(process, () => undefined);
    const down = monitor(book.pid);
    await book.stop();
    expect((await down).reason).toBe("normal");
    (from as unknown as { reply(value: string): void }).reply("later");
    expect(await answer).toBe("later");
  });

  test("serves system requests itself", async () => {
    const book = await Book.start();
    const process = processOf(book.pid);
    await packProcess(process, () => undefined);
    const waiting = sys.getState(book);
    expect(takeRemainder(process)).toEqual([]);
    expect(await waiting).toEqual({ notes: [], waiting: [] });
    becomeForwarder(process, () => undefined);
    expect(await sys.getState(book)).toBeUndefined();
  });
});
