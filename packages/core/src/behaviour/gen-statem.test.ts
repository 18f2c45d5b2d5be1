import { expect, test } from "vitest";
import { isError } from "../errors.ts";
import { local } from "../naming/name.ts";
import { onReport } from "../node.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import { exit, isAlive, monitor, processInfo } from "../process/info.ts";
import type { Pid } from "../process/pid.ts";
import { send } from "../process/send.ts";
import { spawn } from "../process/spawn.ts";
import type { Report } from "../report/report.ts";
import { genServer } from "./gen-server.ts";
import { genStatem, type StatemRef, type StatemTypes } from "./gen-statem.ts";
import type { StatemContext } from "./gen-statem-transition.ts";
import { entering, type Lab, lab, type Moved } from "./lab.fixture.ts";
import { type From, ignore, noreply, reply, stop } from "./reply.ts";
import { sys } from "./sys.ts";

const reports: Report[] = [];
onReport((report) => void reports.push(report));

interface Door extends StatemTypes {
  state: "locked" | "open";
  data: { readonly code: string; readonly tries: number };
  calls: { unlock(code: string): boolean; tries(): number };
  casts: { slam(): void };
}

const door = genStatem<Door>()({
  name: "door",
  init: (code: string) => ({ state: "locked", data: { code, tries: 0 } }),
  states: {
    locked: {
      calls: {
        unlock: (ctx, code) =>
          code === ctx.data.code
            ? ctx.next("open", { ...ctx.data, tries: 0 }, { reply: true, stateTimeoutMs: 60_000 })
            : ctx.keep({ ...ctx.data, tries: ctx.data.tries + 1 }, { reply: false }),
        tries: (ctx) => ctx.keep(ctx.data, { reply: ctx.data.tries }),
      },
    },
    open: {
      stateTimeout: (ctx) => ctx.next("locked"),
      casts: { slam: (ctx) => ctx.next("locked") },
    },
  },
});

/** Resolves when everything sent before has been handled. */
async function flushed({ pid }: { readonly pid: Pid }): Promise<void> {
  await sys.getState(pid);
}

/** The reason of its end. */
async function endOf({ pid }: { readonly pid: Pid }): Promise<ExitReason> {
  return (await monitor(pid)).reason;
}

/** What `run` rejects with. */
async function failureOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function codeOf(reason: ExitReason): unknown {
  return (reason as { error?: { code?: unknown } }).error?.code;
}

const to =
  (state: Lab["state"]) =>
  (ctx: StatemContext<Lab>): Moved =>
    ctx.next(state);
const postponed = (ctx: StatemContext<Lab>): Moved => ctx.postpone();

test("a machine answers by the state it is in", async () => {
  await using ref = await door.start("1234");
  expect(await ref.call.unlock("0000")).toBe(false);
  expect(await ref.call.tries()).toBe(1);
  expect(await ref.call.unlock("1234")).toBe(true);
  expect(await sys.getState(ref)).toEqual(["open", { code: "1234", tries: 0 }]);
  ref.cast.slam();
  expect(await sys.getState(ref)).toEqual(["locked", { code: "1234", tries: 0 }]);
});

test("a machine is started with a name, found by it, and disposed of", async () => {
  const ref = await door.named(local("front")).start("1");
  expect(door.at(local("front")).pid).toBe(ref.pid);
  expect(await door.at(local("front")).with({ timeoutMs: 1_000 }).call.unlock("1")).toBe(true);
  await expect(door.named(local("front")).start("2")).rejects.toMatchObject({ code: "INTERLOCK_ALREADY_STARTED" });
  await ref[Symbol.asyncDispose]();
  expect(isAlive(ref.pid)).toBe(false);
  expect(() => door.at(local("front")).pid).toThrow(expect.objectContaining({ code: "INTERLOCK_NOPROC" }));
});

test("init may refuse, may take its time, and must name a state", async () => {
  const starting = (init: () => never): Promise<unknown> =>
    failureOf(genStatem<Door>()({ name: "odd", init, states: { locked: {}, open: {} } }).start());
  expect(await starting(() => ignore() as never)).toMatchObject({ code: "INTERLOCK_START_IGNORED" });
  expect(await starting(() => stop("no") as never)).toMatchObject({
    code: "INTERLOCK_START_FAILED",
    details: { reason: "no" },
  });
  for (const wrong of [undefined, "locked", { state: "ajar" }, { state: "toString" }, reply(1)]) {
    const failure = (await starting(() => wrong as never)) as { details: { reason: ExitReason } };
    expect(codeOf(failure.details.reason)).toBe("INTERLOCK_BAD_RETURN");
  }
  const slow = genStatem<Door>()({
    name: "slow",
    init: async () => ({ state: "open", data: { code: "", tries: 3 } }),
    states: { locked: {}, open: { calls: { tries: (ctx) => ctx.keep(undefined, { reply: ctx.data.tries }) } } },
  });
  await using ref = await slow.start();
  expect(await ref.call.tries()).toBe(3);
});

test("what init asks for comes in the order of any transition, after the first enter", async () => {
  const { machine, log } = lab({ enter: entering(() => log) });
  await using ref = await machine.start({
    nextEvents: [{ internal: ["own", "1"] }, { cast: ["tell", "2"] }],
    timeouts: { one: { ms: 0, content: "3" } },
  });
  await flushed(ref);
  expect(log).toEqual(["enter a from nowhere", "own 1 in a", "tell 2 in a", "one 3 in a"]);
});

test("enter runs on each change of state and on repeat, not when the state stays", async () => {
  const { machine, log } = lab({ enter: entering(() => log) });
  await using ref = await machine.start();
  ref.cast.tell("stay", to("a"));
  ref.cast.tell("keep", (ctx) => ctx.keep(1));
  ref.cast.tell("go", to("b"));
  ref.cast.tell("again", (ctx) => ctx.repeat(2));
  expect(await sys.getState(ref)).toEqual(["b", 2]);
  expect(log).toEqual([
    "enter a from nowhere",
    "tell stay in a",
    "tell keep in a",
    "tell go in a",
    "enter b from a",
    "tell again in b",
    "enter b from b",
  ]);
});

test("an enter that takes its time holds up events, its caller has the reply already", async () => {
  const gate = Promise.withResolvers<void>();
  const { machine, log } = lab({
    states: {
      a: {},
      b: {
        enter: async (ctx) => {
          await gate.promise;
          log.push("entered");
          return ctx.keep(ctx.data + 1);
        },
      },
      c: {},
    },
  });
  await using ref = await machine.start();
  expect(await ref.call.ask("go", (ctx) => ctx.next("b", 10, { reply: "gone" }))).toBe("gone");
  ref.cast.tell("later");
  expect(processInfo(ref.pid)).toMatchObject({ status: "busy", currentHandler: "enter", mailboxLength: 1 });
  gate.resolve();
  expect(await sys.getState(ref)).toEqual(["b", 11]);
  expect(log).toEqual(["ask go in a", "entered", "tell later in b"]);
});

test("a machine that dies in an async enter owes its answered caller nothing more", async () => {
  const { machine } = lab({ states: { a: {}, b: { enter: () => new Promise(() => undefined) }, c: {} } });
  const ref = await machine.start();
  expect(await ref.call.ask("go", (ctx) => ctx.next("b", 0, { reply: 1 }))).toBe(1);
  exit(ref.pid, "kill");
  expect(isAlive(ref.pid)).toBe(false);
});

test.each([
  ["goes to another state", (ctx: StatemContext<Lab>) => ctx.next("c")],
  ["postpones", (ctx: StatemContext<Lab>) => ctx.postpone()],
  ["inserts events", (ctx: StatemContext<Lab>) => ctx.keep(0, { nextEvents: [{ internal: ["own", "x"] }] })],
  ["replies to the event", (ctx: StatemContext<Lab>) => ctx.keep(0, { reply: 1 as never })],
  ["returns nothing", () => undefined as never],
])("an enter that %s crashes the machine", async (_what, enter) => {
  const { machine } = lab({ states: { a: {}, b: { enter }, c: {} } });
  const ref = await machine.start();
  const end = endOf(ref);
  ref.cast.tell("go", to("b"));
  expect(codeOf(await end)).toBe("INTERLOCK_BAD_RETURN");
});

test("a machine whose first enter fails has been started and then crashes", async () => {
  const { machine } = lab({
    enter: () => {
      throw new Error("no way in");
    },
  });
  const ref = await machine.start();
  expect(isAlive(ref.pid)).toBe(false);
  expect(reports.at(-1)).toMatchObject({ type: "crash", pid: ref.pid, reason: { error: { message: "no way in" } } });
});

test("the crash report of a machine that a cast stopped holds that cast", async () => {
  const { machine } = lab({ states: { a: {}, b: {}, c: {} } });
  const ref = await machine.start();
  const end = endOf(ref);
  ref.cast.tell("go", (ctx) => ctx.stop("out of order"));
  expect(await end).toBe("out of order");
  expect(reports.at(-1)).toMatchObject({ type: "crash", pid: ref.pid, message: ["tell", "go", expect.anything()] });
});

test("enter may repeat itself, stop the machine and answer those who wait", async () => {
  let rounds = 0;
  const { machine, log } = lab({
    states: {
      a: {},
      b: {
        enter: (ctx, from) => {
          log.push(`enter from ${from}`);
          return ++rounds < 3
            ? ctx.repeat(rounds)
            : ctx.stop("shutdown", { replies: [[waiting as From<string>, "bye"]] });
        },
      },
      c: {},
    },
  });
  let waiting: From<string> | undefined;
  const ref = await machine.start();
  const end = endOf(ref);
  const answer = ref.call.ask("wait", (ctx) => {
    waiting = ctx.from<string>();
    return ctx.keep();
  });
  ref.cast.tell("go", to("b"));
  expect(await answer).toBe("bye");
  expect(await end).toBe("shutdown");
  expect(log).toEqual(["ask wait in a", "tell go in a", "enter from a", "enter from b", "enter from b"]);
});

test("postponed events come back in order after a change of state, before newer ones", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  const answers = ["1", "2"].map((name) =>
    ref.call.ask(name, (ctx) =>
      ctx.state === "a" ? ctx.postpone() : ctx.keep(undefined, { reply: `${name} in ${ctx.state}` }),
    ),
  );
  ref.cast.tell("3", (ctx) => (ctx.state === "a" ? ctx.postpone() : ctx.keep()));
  ref.cast.tell("stay", (ctx) => ctx.repeat());
  ref.cast.tell("go", to("b"));
  ref.cast.tell("newer");
  expect(await Promise.all(answers)).toEqual(["1 in b", "2 in b"]);
  await flushed(ref);
  expect(log).toEqual([
    "ask 1 in a",
    "ask 2 in a",
    "tell 3 in a",
    "tell stay in a",
    "tell go in a",
    "ask 1 in b",
    "ask 2 in b",
    "tell 3 in b",
    "tell newer in b",
  ]);
});

test("an event may be postponed by the very transition that changes the state", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  expect(
    await ref.call.ask("connect", (ctx) =>
      ctx.state === "a" ? ctx.next("b", 1, { postpone: true }) : ctx.keep(undefined, { reply: ctx.data }),
    ),
  ).toBe(1);
  expect(log).toEqual(["ask connect in a", "ask connect in b"]);
});

test("callers of postponed and of deferred calls hear of the machine's end", async () => {
  const { machine } = lab();
  const ref = await machine.start();
  const failures = [
    failureOf(ref.call.ask("inline", postponed)),
    failureOf(ref.call.ask("queued", postponed)),
    failureOf(ref.call.ask("later")),
  ];
  ref.cast.tell("end", (ctx) => ctx.stop("shutdown"));
  for (const failure of await Promise.all(failures))
    expect(failure).toMatchObject({ code: "INTERLOCK_CALLEE_EXIT", details: { reason: "shutdown" } });
});

test("a call is answered from a later state, by ctx.reply or by replies", async () => {
  const { machine } = lab();
  await using ref = await machine.start();
  const kept: From<number>[] = [];
  const wait = (ctx: StatemContext<Lab>): Moved => {
    kept.push(ctx.from<number>());
    return ctx.keep();
  };
  const answers = [ref.call.ask("1", wait), ref.call.ask("2", wait), ref.call.ask("3", wait)];
  await flushed(ref);
  ref.cast.tell("answer", (ctx) => {
    ctx.reply(kept[0] as From<number>, 1);
    return ctx.next("b", 0, { replies: kept.slice(1).map((from, at) => [from, at + 2] as const) });
  });
  expect(await Promise.all(answers)).toEqual([1, 2, 3]);
});

test("inserted events of each kind come next, in their order, before postponed ones", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  ref.cast.tell("old", (ctx) => (ctx.state === "a" ? ctx.postpone() : ctx.keep()));
  const answer = ref.call.ask("1", (ctx) => {
    const from = ctx.from<unknown>();
    return ctx.next("b", 0, {
      nextEvents: [
        { internal: ["own", "2", (own) => own.keep(7)] },
        { cast: ["tell", "3"] },
        { info: { type: "note", name: "4" } },
        { call: ["ask", "5", (own) => own.keep(undefined, { reply: own.data })], from },
      ],
    });
  });
  ref.cast.tell("newer");
  expect(await answer).toBe(7);
  await flushed(ref);
  expect(log).toEqual([
    "tell old in a",
    "ask 1 in a",
    "own 2 in b",
    "tell 3 in b",
    "info 4 in b",
    "ask 5 in b",
    "tell old in b",
    "tell newer in b",
  ]);
});

test("an inserted call can be put off, postponed and dropped like the one it was made of", async () => {
  const { machine } = lab({ unhandled: "drop", states: { a: {}, b: {}, c: {} } });
  await using ref = await machine.start();
  const again = (then: Parameters<StatemRef<Lab>["call"]["ask"]>[1]) => (ctx: StatemContext<Lab>) =>
    ctx.keep(0, { nextEvents: [{ call: ["ask", "again", then], from: ctx.from<unknown>() }] });
  const late: From<unknown>[] = [];
  const put = ref.call.ask(
    "off",
    again((ctx) => {
      late.push(ctx.from());
      return ctx.keep();
    }),
  );
  const waiting = ref.call.ask(
    "postponed",
    again((ctx) => (ctx.state === "a" ? ctx.postpone() : ctx.keep(undefined, { reply: "in b" }))),
  );
  const dropped = failureOf(
    ref.call.ask("dropped", (ctx) =>
      ctx.keep(0, { nextEvents: [{ call: ["nothing" as "ask", ""], from: ctx.from<unknown>() }] }),
    ),
  );
  expect(await dropped).toMatchObject({ code: "INTERLOCK_UNDEFINED_CALLBACK" });
  ref.cast.tell("go", (ctx) => ctx.next("b", 0, { replies: late.map((from) => [from, "late"] as const) }));
  expect(await Promise.all([put, waiting])).toEqual(["late", "in b"]);
});

test("timeouts of 0 come after inserted and postponed events, before what waits in the mailbox", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  ref.cast.tell("old", (ctx) => (ctx.state === "a" ? ctx.postpone() : ctx.keep()));
  ref.cast.tell("go", (ctx) =>
    ctx.next("b", 0, {
      stateTimeoutMs: 0,
      timeouts: { one: { ms: 0, content: "1" }, two: { ms: 0, content: "2" } },
      nextEvents: [{ internal: ["own", "new"] }],
    }),
  );
  ref.cast.tell("newer");
  await flushed(ref);
  expect(log).toEqual([
    "tell old in a",
    "tell go in a",
    "own new in b",
    "tell old in b",
    "stateTimeout in b",
    "one 1 in b",
    "two 2 in b",
    "tell newer in b",
  ]);
});

test("what an enter sets counts after what the event set, and its update reaches the timeout just set", async () => {
  const { machine, log } = lab({
    states: {
      a: {},
      b: { enter: (ctx) => ctx.keep(1, { timeouts: { one: { ms: 0, content: "enter" } }, updates: { two: "new" } }) },
      c: {},
    },
  });
  await using ref = await machine.start();
  ref.cast.tell("go", (ctx) =>
    ctx.next("b", 0, { timeouts: { one: { ms: 0, content: "event" }, two: { ms: 0, content: "old" } } }),
  );
  await flushed(ref);
  expect(log).toEqual(["tell go in a", "two new in b", "one enter in b"]);
});

test.each([
  [{ stateTimeoutMs: -1 }],
  [{ eventTimeoutMs: Number.NaN }],
  [{ timeouts: { one: { ms: "soon" } } }],
  [{ nextEvents: [{ call: ["ask"], from: 1 }] }],
  [{ nextEvents: [{}] }],
  [{ replies: [["nobody", 1]] }],
])("a transition with %j crashes the machine", async (options) => {
  const { machine } = lab();
  const ref = await machine.start();
  const end = endOf(ref);
  ref.cast.tell("go", (ctx) => ctx.keep(0, options as never));
  expect(codeOf(await end)).toMatch(/INTERLOCK_BAD_(ARGUMENT|RETURN)/);
});

test.each([
  ["nothing", () => undefined as never],
  ["a result of gen_server", () => noreply() as never],
  ["an unknown state", (ctx: StatemContext<Lab>) => ctx.next("ajar" as "a")],
  ["a reply from a cast", (ctx: StatemContext<Lab>) => ctx.keep(0, { reply: 1 as never })],
])("a handler that returns %s crashes the machine", async (_what, then) => {
  const { machine } = lab();
  const ref = await machine.start();
  const end = endOf(ref);
  ref.cast.tell("go", then);
  expect(codeOf(await end)).toBe("INTERLOCK_BAD_RETURN");
});

test("a call cannot be answered and postponed at once", async () => {
  const { machine } = lab();
  const ref = await machine.start();
  const failure = await failureOf(ref.call.ask("go", (ctx) => ctx.keep(0, { reply: 1, postpone: true })));
  expect(failure).toMatchObject({ code: "INTERLOCK_CALLEE_EXIT" });
});

test("an enter is no call: it has no from()", async () => {
  const { machine } = lab({
    states: {
      a: {},
      b: {
        enter: (ctx) => {
          ctx.from();
          return ctx.keep();
        },
      },
      c: {},
    },
  });
  const ref = await machine.start();
  const end = endOf(ref);
  expect(await ref.call.ask("go", (ctx) => ctx.next("b", 0, { reply: 1 }))).toBe(1);
  expect(codeOf(await end)).toBe("INTERLOCK_BAD_ARGUMENT");
});

const bare = { calls: {}, casts: {}, info: undefined, states: { a: {}, b: {}, c: {} } } as object;

test("an event without a handler crashes the machine; a plain message is reported and dropped", async () => {
  const { machine } = lab({
    ...bare,
    calls: {},
    states: { a: { casts: {} }, b: { casts: { tell: (ctx) => ctx.keep() } }, c: {} },
  });
  const ref = await machine.start();
  send(ref.pid, { type: "note", name: "odd" });
  expect(await sys.getState(ref)).toEqual(["a", 0]);
  expect(reports.at(-1)).toMatchObject({ type: "warning", pid: ref.pid, details: { type: "note", name: "odd" } });
  const end = endOf(ref);
  ref.cast.tell("x");
  const reason = await end;
  expect(codeOf(reason)).toBe("INTERLOCK_UNDEFINED_CALLBACK");
  expect((reason as { error: Error }).error.message).toContain("a.casts.tell");
});

test("unhandled: crash is for plain messages as well", async () => {
  const { machine } = lab({ ...bare, unhandled: "crash" });
  const ref = await machine.start();
  const end = endOf(ref);
  send(ref.pid, { type: "note", name: "odd" });
  expect(codeOf(await end)).toBe("INTERLOCK_UNDEFINED_CALLBACK");
});

test("unhandled: drop forgets events, and tells the caller of a call", async () => {
  const { machine } = lab({
    ...bare,
    unhandled: "drop",
    states: {
      a: {},
      b: { casts: { tell: (ctx) => ctx.keep() }, calls: { ask: (ctx) => ctx.keep(0, { reply: 1 }) } },
      c: {},
    },
  });
  await using ref = await machine.start();
  const before = reports.length;
  send(ref.pid, { type: "note", name: "odd" });
  ref.cast.tell("x");
  expect(await failureOf(ref.call.ask("queued"))).toMatchObject({ code: "INTERLOCK_UNDEFINED_CALLBACK" });
  expect(await failureOf(ref.call.ask("inline"))).toMatchObject({ code: "INTERLOCK_UNDEFINED_CALLBACK" });
  expect(reports.length).toBe(before);
});

test("unhandled: postpone keeps events for the state that handles them", async () => {
  const seen: string[] = [];
  const note = (what: string) => (ctx: StatemContext<Lab>) => {
    seen.push(what);
    return ctx.keep();
  };
  const { machine } = lab({
    ...bare,
    unhandled: "postpone",
    states: {
      a: { timeouts: { one: to("b") } },
      b: { casts: { tell: note("tell") }, info: note("info"), calls: { ask: (ctx) => ctx.keep(0, { reply: "b" }) } },
      c: {},
    },
  });
  await using ref = await machine.start();
  ref.cast.tell("x");
  send(ref.pid, { type: "note", name: "odd" });
  const answer = ref.call.ask("y");
  await flushed(ref);
  const [state] = (await sys.replaceState(ref, ([, data]: [string, number]) => ["a", data])) as [string];
  expect(state).toBe("a");
  await ref.stop().then(
    () => undefined,
    () => undefined,
  );
  expect(await failureOf(answer)).toMatchObject({ code: "INTERLOCK_CALLEE_EXIT" });
  expect(seen).toEqual([]);

  await using other = await machine.start({ timeouts: { one: { ms: 1, content: "" } } });
  other.cast.tell("x");
  send(other.pid, { type: "note", name: "odd" });
  expect(await other.call.ask("y")).toBe("b");
  expect(seen).toEqual(["tell", "info"]);
});

test("a state's own handler goes before the module's", async () => {
  const { machine, log } = lab({
    states: {
      a: { casts: { tell: (ctx) => ctx.next("b", ctx.data + 1) }, info: (ctx) => ctx.keep(ctx.data + 1) },
      b: {},
      c: {},
    },
  });
  await using ref = await machine.start();
  send(ref.pid, { type: "note", name: "1" });
  ref.cast.tell("2");
  ref.cast.tell("3");
  send(ref.pid, { type: "note", name: "4" });
  expect(await sys.getState(ref)).toEqual(["b", 2]);
  expect(log).toEqual(["tell 3 in b", "info 4 in b"]);
});

test("handlers may be async: events wait, and the machine says what it does", async () => {
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { machine, log } = lab();
  const ref = await machine.start();
  const answer = ref.call.ask("slow", async (ctx) => {
    entered.resolve();
    await gate.promise;
    return ctx.next("b", 1, { reply: "done" });
  });
  await entered.promise;
  ref.cast.tell("next");
  expect(processInfo(ref.pid)).toMatchObject({ status: "busy", currentHandler: "ask", mailboxLength: 1 });
  gate.resolve();
  expect(await answer).toBe("done");
  await flushed(ref);
  expect(log).toEqual(["ask slow in a", "tell next in b"]);
});

test("a call back into a machine that awaits the caller is a cycle, also when the machine has postponed it", async () => {
  const { machine } = lab();
  await using ref = await machine.start();
  const peer = genServer({
    name: "peer",
    init: () => 0,
    calls: {
      into: async () =>
        reply(
          await failureOf(
            ref.call.ask("postponed", (ctx) => (ctx.state === "a" ? ctx.postpone() : ctx.keep(0, { reply: "in b" }))),
          ),
        ),
      ping: () => reply("pong"),
    },
  });
  await using other = await peer.start();
  const direct = (await ref.call.ask("out", async (ctx) =>
    ctx.keep(0, {
      reply: await failureOf(
        peer
          .at(other.pid)
          .call.into()
          .then((failure: unknown) => {
            throw failure;
          }),
      ),
    }),
  )) as Error;
  expect(isError(direct, "INTERLOCK_CALL_CYCLE")).toBe(true);

  const waits = other.call.into();
  await flushed(ref);
  const cycle = await ref.call.ask("back", async (ctx) =>
    ctx.next("b", 0, { reply: await failureOf(other.call.ping()) }),
  );
  expect(isError(cycle, "INTERLOCK_CALL_CYCLE")).toBe(true);
  expect(await waits).toBeUndefined();
});

test("a machine that stops answers first, and terminate sees the last data", async () => {
  const seen: unknown[] = [];
  const { machine } = lab({
    terminate: (ctx, reason) => {
      seen.push([ctx.state, ctx.data, reason]);
    },
  });
  const ref = await machine.start();
  const end = endOf(ref);
  expect(await ref.call.ask("bye", (ctx) => ctx.stop("shutdown", { reply: "bye", data: 9 }))).toBe("bye");
  expect(await end).toBe("shutdown");
  expect(seen).toEqual([["a", 9, "shutdown"]]);
});

test("the last code of a terminated machine finds a context that no longer fails", async () => {
  let kept: StatemContext<Lab> | undefined;
  const { machine } = lab();
  const ref = await machine.start();
  await ref.call.ask("keep", (ctx) => {
    kept = ctx;
    return ctx.keep(0, { reply: ctx.signal.aborted });
  });
  await ref.stop();
  expect([kept?.state, kept?.data, kept?.signal.aborted, kept?.self.pid]).toEqual([
    undefined,
    undefined,
    true,
    ref.pid,
  ]);
});

test("sys sees state and data, replaces both, and refuses a state that there is not", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  expect(await sys.replaceState(ref, ([, data]: [string, number]) => ["c", data + 1])).toEqual(["c", 1]);
  ref.cast.tell("x");
  expect(await sys.getState(ref)).toEqual(["c", 1]);
  for (const wrong of [["ajar", 1], "c", ["c"]])
    expect(await failureOf(sys.replaceState(ref, () => wrong))).toMatchObject({ code: "INTERLOCK_BAD_ARGUMENT" });
  expect(await sys.getState(ref)).toEqual(["c", 1]);
  expect(log).toEqual(["tell x in c"]);
});

test("a suspended machine keeps queued events and timeouts until it resumes", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  await sys.suspend(ref);
  const answer = ref.call.ask("go", (ctx) =>
    ctx.next("b", 0, {
      reply: 1,
      nextEvents: [{ internal: ["own", "next"] }],
      timeouts: { one: { ms: 0, content: "" } },
    }),
  );
  expect(await sys.getState(ref)).toEqual(["a", 0]);
  expect(log).toEqual([]);
  await sys.resume(ref);
  expect(await answer).toBe(1);
  await flushed(ref);
  expect(log).toEqual(["ask go in a", "own next in b", "one  in b"]);
});

test("tracing shows events, replies and states", async () => {
  const { machine } = lab();
  await using ref = await machine.start();
  await sys.log(ref, 10);
  await ref.call.ask("go", (ctx) => ctx.next("b", 1, { reply: "r" }));
  expect(await sys.getLog(ref)).toEqual([
    { type: "in", message: ["ask", "go", expect.any(Function)] },
    { type: "out", value: "r" },
    { type: "state", state: ["b", 1] },
  ]);
});

test("a process that is waited for by its monitor tells the machine by info", async () => {
  const { machine, log } = lab();
  await using ref = await machine.start();
  const child = spawn(async (self) => void (await self.receive()));
  await ref.call.ask("watch", (ctx) => {
    ctx.self.monitor(child);
    return ctx.keep(0, { reply: 1 });
  });
  send(child as never, { type: "go" } as never);
  await monitor(child);
  await flushed(ref);
  expect(log).toEqual(["ask watch in a", "info DOWN in a"]);
});

test("an idle machine is one small object beside its process: no queue, no timer, no extras", async () => {
  const { machine } = lab({ enter: entering(() => []) });
  await using ref = await machine.start({ timeouts: { one: { ms: 0, content: "" } } });
  await ref.call.ask("x", (ctx) => ctx.keep(0, { reply: 1, hibernate: true }));
  const { process } = ref.pid as never as { process: { state: { events: unknown }; extras: unknown } };
  expect(process.state.events).toBeUndefined();
  expect(process.extras).toBeUndefined();
});
