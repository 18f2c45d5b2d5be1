import { afterEach, expect, test } from "vitest";
import { local } from "../naming/name.ts";
import { onReport } from "../node.ts";
import { exit, isAlive, processInfo } from "../process/info.ts";
import type { Pid } from "../process/pid.ts";
import { self } from "../process/self.ts";
import { send } from "../process/send.ts";
import { spawn } from "../process/spawn.ts";
import type { Report } from "../report/report.ts";
import { supervisor } from "../supervision/supervisor.ts";
import {
  type EventManager,
  eventHandler,
  type GenEventExit,
  genEvent,
  type HandlerEnd,
  removeHandler,
} from "./gen-event.ts";
import { noreply, reply } from "./reply.ts";
import { startRunner } from "./runner.fixture.ts";
import { sys } from "./sys.ts";

interface Said {
  readonly type: "said";
  readonly text: string;
}
const said = (text: string): Said => ({ type: "said", text });

const reports: Report[] = [];
onReport((report) => void reports.push(report));
afterEach(() => void reports.splice(0));

const Chat = genEvent<Said>({ name: "chat" });

const ends: HandlerEnd[] = [];
const listener = eventHandler({
  name: "listener",
  init: (first: string): { readonly texts: readonly string[] } => {
    if (first === "broken") throw new Error("no listener");
    return { texts: [first] };
  },
  event: ({ state }, { text }: Said) => {
    if (text === "break") throw new Error("broken");
    if (text === "leave") return removeHandler();
    if (text === "nonsense") return { texts: [] } as never;
    return noreply({ texts: [...state.texts, text] });
  },
  call: ({ state }, request: "texts" | "leave" | "break") => {
    if (request === "break") throw new Error("broken");
    return request === "leave" ? removeHandler({ value: state.texts }) : reply(state.texts);
  },
  info: ({ state }, message) => noreply({ texts: [...state.texts, String((message as { type: unknown }).type)] }),
  terminate: ({ state }, end) => {
    ends.push(end);
    if (end.type === "delete_handler" && end.argument === "break") throw new Error("broken end");
    return state.texts;
  },
});

/** A process that owns what it starts, and tells what it is sent. */
async function startOwner() {
  const first = Promise.withResolvers<GenEventExit>();
  const ready = Promise.withResolvers<{ readonly pid: Pid; own(manager: EventManager<Said>): Promise<void> }>();
  spawn<GenEventExit | { readonly type: "run"; readonly job: () => Promise<void> }>(async (me) => {
    const jobs: (() => Promise<void>)[] = [];
    const { resolve, promise } = Promise.withResolvers<void>();
    ready.resolve({
      pid: me.pid,
      own: async (manager) => {
        const done = Promise.withResolvers<void>();
        jobs.push(async () => {
          await manager.addSupHandler(listener, "first").then(done.resolve, done.reject);
        });
        resolve();
        await done.promise;
      },
    });
    await promise;
    for (const job of jobs) await job();
    first.resolve(await me.receive({ type: "gen_event_EXIT" }));
    await me.receive();
  });
  return { ...(await ready.promise), told: first.promise };
}

test("events reach all handlers in the order in which they were added and sent", async () => {
  const chat = await Chat.start();
  await chat.addHandler(listener, "one");
  await chat.addHandler(listener.as("b"), "two");
  chat.notify(said("hi"));
  await chat.syncNotify(said("there"));
  expect(await chat.call(listener, "texts")).toEqual(["one", "hi", "there"]);
  expect(await chat.call(listener.as("b"), "texts")).toEqual(["two", "hi", "there"]);
  expect(await chat.whichHandlers()).toEqual(["listener", "listener/b"]);
  expect(await sys.getStatus(chat.pid)).toMatchObject({
    state: [{ handler: "listener", state: { texts: ["one", "hi", "there"] } }, { handler: "listener/b" }],
  });
  await chat.stop();
});

test("a handler that is installed cannot be added again, and one whose init fails is not installed", async () => {
  const chat = await Chat.start();
  await chat.addHandler(listener, "one");
  await expect(chat.addHandler(listener, "again")).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
  await expect(chat.addHandler(listener.as("x"), "broken")).rejects.toMatchObject({
    code: "INTERLOCK_START_FAILED",
    cause: { message: "no listener" },
  });
  await expect(chat.addHandler({} as never)).rejects.toThrow(/eventHandler/);
  expect(await chat.whichHandlers()).toEqual(["listener"]);
});

test("deleteHandler gives the result of terminate, which gets the argument", async () => {
  const chat = await Chat.start();
  await chat.addHandler(listener, "one");
  ends.length = 0;
  expect(await chat.deleteHandler(listener, { why: "enough" })).toEqual(["one"]);
  expect(ends).toEqual([{ type: "delete_handler", argument: { why: "enough" } }]);
  await expect(chat.deleteHandler(listener)).rejects.toMatchObject({ code: "INTERLOCK_UNDEFINED_CALLBACK" });
  await chat.addHandler(listener, "two");
  await expect(chat.deleteHandler(listener, "break")).rejects.toMatchObject({ code: "INTERLOCK_CALLEE_EXIT" });
  expect(await chat.whichHandlers()).toEqual([]);
  expect(reports).toHaveLength(1);
});

test("a handler may remove itself, and still answers the call in which it does", async () => {
  const chat = await Chat.start();
  await chat.addHandler(listener, "one");
  ends.length = 0;
  await chat.syncNotify(said("leave"));
  expect(await chat.whichHandlers()).toEqual([]);
  await chat.addHandler(listener, "two");
  expect(await chat.call(listener, "leave")).toEqual(["two"]);
  expect(await chat.whichHandlers()).toEqual([]);
  expect(ends).toEqual([{ type: "remove_handler" }, { type: "remove_handler" }]);
  expect(reports).toEqual([]);
});

test.each(["break", "nonsense"])("a handler that fails is removed with a report: %s", async (text) => {
  const chat = await Chat.start();
  await chat.addHandler(listener, "one");
  ends.length = 0;
  await chat.syncNotify(said(text));
  expect(await chat.whichHandlers()).toEqual([]);
  expect(ends).toEqual([{ type: "error", reason: { error: expect.any(Error) } }]);
  expect(reports).toEqual([
    expect.objectContaining({
      type: "warning",
      label: "chat",
      text: expect.stringMatching(/^event handler listener failed and was removed/),
    }),
  ]);
});

test("a handler may wait, and the next event waits for it", async () => {
  const chat = await Chat.start();
  const gate = Promise.withResolvers<void>();
  const steps: string[] = [];
  const slow = eventHandler({
    name: "slow",
    init: async (): Promise<number> => 0,
    event: async ({ state, signal }, { text }: Said) => {
      expect(signal.aborted).toBe(false);
      steps.push(`${text} in`);
      await gate.promise;
      steps.push(`${text} out`);
      return noreply(state + 1);
    },
    call: async ({ state }, _request: "count") => reply(state),
    terminate: async ({ state }) => state,
  });
  await chat.addHandler(slow);
  await chat.addHandler(listener, "one");
  chat.notify(said("a"));
  const second = chat.syncNotify(said("b"));
  gate.resolve();
  await second;
  expect(steps).toEqual(["a in", "a out", "b in", "b out"]);
  expect(await chat.call(slow, "count")).toBe(2);
  expect(await chat.deleteHandler(slow)).toBe(2);
  expect(await chat.call(listener, "texts")).toEqual(["one", "a", "b"]);
});

test("plain messages go to all handlers' info", async () => {
  const chat = await Chat.start();
  await chat.addHandler(listener, "one");
  send(chat.pid, { type: "plain" });
  expect(await chat.call(listener, "texts")).toEqual(["one", "plain"]);
});

test("when the manager stops each handler terminates, and owners are told", async () => {
  const chat = await Chat.start();
  const owner = await startOwner();
  await owner.own(chat);
  ends.length = 0;
  const manager = chat.pid;
  await chat.stop();
  expect(ends).toEqual([{ type: "stop", reason: "shutdown" }]);
  expect(await owner.told).toEqual({ type: "gen_event_EXIT", manager, handler: "listener", reason: "shutdown" });
  expect(isAlive(owner.pid)).toBe(true);
  chat.notify(said("into the void"));
});

test("an owner is told why its handler is gone, and is unlinked then", async () => {
  const chat = await Chat.start();
  const [deleted, swapped, failed] = [await startOwner(), await startOwner(), await startOwner()];
  await deleted.own(chat);
  expect(processInfo(chat.pid)?.links).toEqual([deleted.pid]);
  await chat.deleteHandler(listener);
  expect(await deleted.told).toMatchObject({ handler: "listener", reason: "normal" });
  await swapped.own(chat);
  await chat.swapHandler(listener, undefined, listener.as("b"), (texts) => [texts?.[0] ?? "none"]);
  expect(await swapped.told).toMatchObject({ reason: { swapped: "listener/b" } });
  await failed.own(chat);
  chat.notify(said("break"));
  expect(await failed.told).toMatchObject({ reason: { error: { message: "broken" } } });
  expect(processInfo(chat.pid)?.links).toEqual([]);
});

test("an owner with two handlers stays linked until both are gone", async () => {
  const chat = await Chat.start();
  const owner = await startRunner();
  await owner.run(async () => {
    await chat.addSupHandler(listener, "one");
    await chat.addSupHandler(listener.as("b"), "two");
  });
  await chat.deleteHandler(listener);
  expect(processInfo(chat.pid)?.links).toEqual([owner.pid]);
  exit(owner.pid, "boom");
  expect(await chat.whichHandlers()).toEqual([]);
});

test("the parent stays linked whatever becomes of its handlers", async () => {
  const parent = await startRunner();
  const chat = await parent.run(async () => {
    const manager = await Chat.startLink();
    await manager.addSupHandler(listener, "one");
    return { manager };
  });
  await chat.manager.deleteHandler(listener);
  expect(processInfo(chat.manager.pid)?.links).toEqual([parent.pid]);
});

test("a handler is supervised by a process only", async () => {
  const chat = await Chat.start();
  await expect(chat.addSupHandler(listener, "one")).rejects.toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
});

test("swapHandler begins the new handler even when there was no old one, and fails with its init", async () => {
  const chat = await Chat.start();
  await chat.swapHandler(listener, undefined, listener, (texts) => [texts === undefined ? "nothing" : "something"]);
  expect(await chat.call(listener, "texts")).toEqual(["nothing"]);
  await expect(chat.swapHandler(listener, undefined, listener, () => ["broken"])).rejects.toMatchObject({
    code: "INTERLOCK_START_FAILED",
  });
  await expect(
    chat.swapHandler(listener, undefined, listener, () => {
      throw new Error("no arguments");
    }),
  ).rejects.toMatchObject({ code: "INTERLOCK_START_FAILED" });
  expect(await chat.whichHandlers()).toEqual([]);
});

test("a manager is named and supervised as other behaviours are", async () => {
  const top = supervisor({
    name: "top",
    strategy: "one_for_one",
    children: () => [Chat.child([], { name: local("chat_manager") })],
  });
  const sup = await top.start();
  const chat = Chat.at(local("chat_manager"));
  await chat.addHandler(listener, "one");
  const { pid } = chat;
  exit(pid, "kill");
  await sup.whichChildren();
  expect(chat.pid).not.toBe(pid);
  expect(await chat.whichHandlers()).toEqual([]);
  await expect(Chat.named(local("chat_manager")).start()).rejects.toMatchObject({ code: "INTERLOCK_ALREADY_STARTED" });
  await sup.stop();
});

test("startMonitor and await using work as with servers", async () => {
  const runner = await startRunner();
  const ended = await runner.run(async () => {
    const { monitor, ref } = await Chat.startMonitor();
    exit(ref.pid, "kill");
    return { matches: typeof monitor.down.matches, label: self().pid === runner.pid };
  });
  expect(ended).toEqual({ matches: "function", label: true });
  let pid: Pid;
  {
    await using chat = await Chat.start();
    pid = chat.pid;
  }
  expect(isAlive(pid)).toBe(false);
});

test("a module without what a handler needs is refused", () => {
  expect(() => eventHandler({ name: "", init: () => 0, event: () => noreply() })).toThrow(/name/);
  expect(() => eventHandler({ name: "x", init: () => 0 } as never)).toThrow(/event of x/);
});
