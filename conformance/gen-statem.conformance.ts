import {
  defaultNode,
  exit,
  type From,
  genStatem,
  isAlive,
  local,
  monitor,
  processInfo,
  remote,
  type Self,
  type StatemContext,
  send,
  spawn,
  sys,
  whereis,
} from "@interlock/core";
import { expect, test } from "vitest";

import { entering, type Lab, lab, type Moved } from "../packages/core/src/behaviour/lab.fixture.ts";
import { crashesOf, end, inProcess, type Message, reports } from "./in-process.ts";
import { VirtualTime } from "./virtual-time.ts";

/** The steps of a process on a node whose clock is moved by hand. */
async function withTime(steps: (time: VirtualTime, self: Self<Message>) => unknown): Promise<void> {
  const time = new VirtualTime();
  await inProcess((self) => steps(time, self), time.node);
}

/** What `run` rejects with. */
async function failureOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

type Context = StatemContext<Lab>;

test("gen_statem:start1: starts without a name, with one, linked and monitored; a name is given once", () =>
  inProcess(async (self) => {
    const { machine } = lab();
    const anonymous = await machine.start();
    expect(processInfo(anonymous.pid)?.links).toEqual([]);
    await anonymous.stop();

    const linked = await machine.startLink();
    expect(processInfo(self.pid)?.links).toContain(linked.pid);
    await linked.stop();

    const { monitor: watch, ref } = await machine.startMonitor();
    await ref.stop();
    expect(await self.receive(watch.down)).toMatchObject({ pid: ref.pid, reason: "normal" });

    const named = await machine.named(local("statem_start5")).start();
    expect(whereis(local("statem_start5"))).toBe(named.pid);
    for (const again of ["start", "startLink"] as const)
      expect(await failureOf(machine.named(local("statem_start5"))[again]())).toMatchObject({
        code: "INTERLOCK_ALREADY_STARTED",
        details: { pid: named.pid },
      });
    await named.stop();
    expect(whereis(local("statem_start5"))).toBeUndefined();
  }));

test("gen_statem:stop5: a machine is stopped by its name at its node, and a second time it is not there", async () => {
  const { machine } = lab();
  const { pid } = await machine.named(local("statem_stop5")).start();
  const there = machine.at(remote("statem_stop5", defaultNode().name));
  await there.stop();
  expect(isAlive(pid)).toBe(false);
  expect(await failureOf(there.stop())).toMatchObject({ code: "INTERLOCK_NOPROC" });
});

/** Answers when it has been told to. */
function slowAnswers(): { readonly ask: (ctx: Context) => Moved; readonly kept: From<unknown>[] } {
  const kept: From<unknown>[] = [];
  return {
    kept,
    ask: (ctx) => {
      kept.push(ctx.from());
      return ctx.keep();
    },
  };
}

test("gen_statem:abnormal1: a call that gets no answer in time fails, one that does succeeds", () =>
  withTime(async (time) => {
    const { machine } = lab();
    const { ask, kept } = slowAnswers();
    const ref = await machine.start();
    const inTime = ref.with({ timeoutMs: 2_000 }).call.ask("in time", ask);
    const late = failureOf(ref.with({ timeoutMs: 100 }).call.ask("late", ask));
    await time.advance(100);
    expect(await late).toMatchObject({ code: "INTERLOCK_CALL_TIMEOUT", details: { timeoutMs: 100 } });
    ref.cast.tell("answer", (ctx) => ctx.keep(0, { replies: kept.map((from) => [from, "delayed"] as const) }));
    expect(await inTime).toBe("delayed");
    await ref.stop();
  }));

test.each(["abnormal1clean", "abnormal1dirty"])(
  "gen_statem:%s: a late reply never becomes a message of the caller",
  () =>
    withTime(async (time, self) => {
      const { machine } = lab();
      const { ask, kept } = slowAnswers();
      const ref = await machine.start();
      const late = failureOf(ref.with({ timeoutMs: 10 }).call.ask("late", ask));
      await time.advance(10);
      expect(await late).toMatchObject({ code: "INTERLOCK_CALL_TIMEOUT" });
      ref.cast.tell("answer", (ctx) => ctx.keep(0, { replies: kept.map((from) => [from, "delayed"] as const) }));
      await ref.stop();
      expect(processInfo(self.pid)?.messages).toEqual([]);
    }),
);

test("gen_statem:abnormal2: a return that means nothing ends the machine, its caller and its links with that reason", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const { machine } = lab();
    const ref = await machine.startLink();
    const failure = await failureOf(ref.call.ask("bad", () => "badreturn" as never));
    const { from, reason } = await self.receive(exits);
    expect(from).toBe(ref.pid);
    expect((reason as { error: unknown }).error).toMatchObject({ code: "INTERLOCK_BAD_RETURN" });
    expect(failure).toMatchObject({ code: "INTERLOCK_CALLEE_EXIT", details: { reason } });
    expect(crashesOf(ref.pid)).toMatchObject([{ reason, state: { state: "a", data: 0 } }]);
  }));

test("gen_statem:shutdown: when the parent shuts down a machine that traps exits runs terminate, without a crash report", () =>
  inProcess(async (self) => {
    const terminated: unknown[] = [];
    const { machine } = lab({
      init: () => ({ state: "b", data: 7, options: { nextEvents: [{ internal: ["own", "trap", trap] }] } }),
      terminate: (ctx, reason) => void terminated.push([reason, ctx.state, ctx.data]),
    });
    const trap = (ctx: Context): Moved => {
      ctx.self.trapExit();
      return ctx.keep();
    };
    const { machine: deaf } = lab({ terminate: () => void terminated.push("deaf") });
    const started = Promise.withResolvers<readonly { readonly pid: Parameters<typeof isAlive>[0] }[]>();
    const parent = spawn(async () => {
      started.resolve([await machine.startLink(), await deaf.startLink()]);
      await new Promise(() => undefined);
    });
    const children = await started.promise;
    const ends = children.map(({ pid }) => monitor(pid));
    await end(self, parent, () => exit(parent, "shutdown"));
    expect((await Promise.all(ends)).map(({ reason }) => reason)).toEqual(["shutdown", "shutdown"]);
    expect(terminated).toEqual([["shutdown", "b", 7]]);
    expect(children.flatMap(({ pid }) => crashesOf(pid))).toEqual([]);
  }));

test("gen_statem:stop_and_reply: all replies are sent before the machine ends", () =>
  inProcess(async (self) => {
    const order: unknown[] = [];
    const { machine } = lab({ terminate: () => void order.push("terminate") });
    const { ask, kept } = slowAnswers();
    const ref = await machine.start();
    const watch = self.monitor(ref.pid);
    const first = ref.call.ask("1", ask);
    const second = ref.call.ask("2", ask);
    const last = ref.call.ask("3", (ctx) =>
      ctx.stop("shutdown", { reply: "last", replies: kept.map((from, at) => [from, `reply ${at + 1}`] as const) }),
    );
    expect(await Promise.all([first, second, last])).toEqual(["reply 1", "reply 2", "last"]);
    expect((await self.receive(watch.down)).reason).toBe("shutdown");
    expect(order).toEqual(["terminate"]);
  }));

test("gen_statem:state_enter: enter runs at the start, on every change of state and when the state is repeated; there nothing is postponed, inserted or left", async () => {
  const { machine, log } = lab({
    states: {
      a: {},
      b: {},
      c: {
        // As OTP's suite: the enter call asks for itself once more.
        enter: (ctx, from) => {
          log.push(`enter c from ${from}`);
          return ctx.data < 2 ? ctx.repeat(ctx.data + 1) : ctx.keep();
        },
      },
    },
    enter: entering(() => log),
  });
  const ref = await machine.start();
  ref.cast.tell("same", (ctx) => ctx.next("a", 1));
  ref.cast.tell("other", (ctx) => ctx.next("b"));
  ref.cast.tell("repeat", (ctx) => ctx.repeat());
  ref.cast.tell("third", (ctx) => ctx.next("c"));
  expect(await sys.getState(ref)).toEqual(["c", 2]);
  await ref.stop();
  expect(log).toEqual([
    "enter a from nowhere",
    "tell same in a",
    "tell other in a",
    "enter b from a",
    "tell repeat in b",
    "enter b from b",
    "tell third in b",
    "enter c from b",
    "enter c from c",
  ]);
  const wrong: readonly ((ctx: Context) => Moved)[] = [
    (ctx) => ctx.next("c"),
    (ctx) => ctx.postpone(),
    (ctx) => ctx.keep(0, { nextEvents: [{ cast: ["tell", "x"] }] }),
  ];
  for (const enter of wrong) {
    const { machine: other } = lab({ states: { a: {}, b: { enter }, c: {} } });
    const { pid, cast } = await other.start();
    const down = monitor(pid);
    cast.tell("go", (ctx) => ctx.next("b"));
    expect((await down).reason).toMatchObject({ error: { code: "INTERLOCK_BAD_RETURN" } });
  }
});

test("gen_statem:event_order: postponed events replay in order after a state change, inserted ones go before them, timeouts of 0 after them", async () => {
  const { machine, log } = lab();
  const ref = await machine.start();
  const later = (ctx: Context): Moved => (ctx.state === "a" ? ctx.postpone() : ctx.keep());
  ref.cast.tell("1", later);
  ref.cast.tell("2", later);
  const answer = ref.call.ask("3", (ctx) => (ctx.state === "a" ? ctx.postpone() : ctx.keep(0, { reply: log.length })));
  ref.cast.tell("stay", (ctx) =>
    ctx.keep(0, { nextEvents: [{ internal: ["own", "i1"] }, { internal: ["own", "i2"] }] }),
  );
  ref.cast.tell("go", (ctx) =>
    ctx.next("b", 0, { stateTimeoutMs: 0, nextEvents: [{ cast: ["tell", "i3"] }, { internal: ["own", "i4"] }] }),
  );
  ref.cast.tell("4");
  expect(await answer).toBe(12);
  await ref.stop();
  expect(log).toEqual([
    "tell 1 in a",
    "tell 2 in a",
    "ask 3 in a",
    "tell stay in a",
    "own i1 in a",
    "own i2 in a",
    "tell go in a",
    "tell i3 in b",
    "own i4 in b",
    "tell 1 in b",
    "tell 2 in b",
    "ask 3 in b",
    "stateTimeout in b",
    "tell 4 in b",
  ]);
});

test("gen_statem:state_timeout: it is cancelled by a state change and only by that; of 0 ms it comes after what is queued and before what is received", () =>
  withTime(async (time) => {
    const { machine, log } = lab();
    const ref = await machine.start();
    ref.cast.tell("1", (ctx) => ctx.next("b", 0, { stateTimeoutMs: 100 }));
    await time.advance(60);
    ref.cast.tell("2", (ctx) => ctx.repeat());
    await time.advance(39);
    expect(log).toEqual(["tell 1 in a", "tell 2 in b"]);
    await time.advance(1);
    expect(log.splice(0)).toEqual(["tell 1 in a", "tell 2 in b", "stateTimeout in b"]);

    ref.cast.tell("3", (ctx) => ctx.keep(0, { stateTimeoutMs: 100 }));
    await time.advance(99);
    ref.cast.tell("4", (ctx) => ctx.next("c"));
    await time.advance(1_000);
    expect(log.splice(0)).toEqual(["tell 3 in b", "tell 4 in b"]);

    // Fired while the machine was busy: the state change finds it in the mailbox, where it counts no more.
    const gate = Promise.withResolvers<void>();
    ref.cast.tell("5", (ctx) => ctx.keep(0, { stateTimeoutMs: 10 }));
    ref.cast.tell("6", async (ctx) => {
      await gate.promise;
      return ctx.next("a", 0, { stateTimeoutMs: 0, nextEvents: [{ internal: ["own", "7"] }] });
    });
    await time.advance(10);
    ref.cast.tell("8");
    gate.resolve();
    await time.advance(0);
    expect(log.splice(0)).toEqual(["tell 5 in c", "tell 6 in c", "own 7 in a", "stateTimeout in a", "tell 8 in a"]);

    // Restarted it runs its full time anew; cancelled it never comes.
    ref.cast.tell("9", (ctx) => ctx.keep(0, { stateTimeoutMs: 10 }));
    await time.advance(9);
    ref.cast.tell("10", (ctx) => ctx.keep(0, { stateTimeoutMs: 10 }));
    await time.advance(9);
    expect(log.splice(0)).toEqual(["tell 9 in a", "tell 10 in a"]);
    await time.advance(1);
    expect(log.splice(0)).toEqual(["stateTimeout in a"]);
    for (const never of ["cancel", Number.POSITIVE_INFINITY] as const) {
      ref.cast.tell("set", (ctx) => ctx.keep(0, { stateTimeoutMs: 10 }));
      ref.cast.tell("end", (ctx) => ctx.keep(0, { stateTimeoutMs: never }));
    }
    await time.advance(1_000);
    expect(log.splice(0)).toEqual(["tell set in a", "tell end in a", "tell set in a", "tell end in a"]);
    await ref.stop();
  }));

test("gen_statem:state_timeout: a machine that ends takes its timeouts with it, and an enter that comes too late sets none", () =>
  withTime(async (time) => {
    const gate = Promise.withResolvers<void>();
    const { machine } = lab({
      states: {
        a: {},
        b: {
          enter: async (ctx) => {
            await gate.promise;
            return ctx.keep(0, { stateTimeoutMs: 100 });
          },
        },
        c: {},
      },
    });
    const before = time.node.scheduler.timers.size;
    const set = await machine.start({ timeouts: { one: { ms: 100, content: "" } }, stateTimeoutMs: 100 });
    expect(time.node.scheduler.timers.size).toBe(before + 2);
    exit(set.pid, "kill");
    expect(time.node.scheduler.timers.size).toBe(before);

    const late = await machine.start();
    late.cast.tell("go", (ctx) => ctx.next("b"));
    await time.advance(0);
    expect(processInfo(late.pid)?.currentHandler).toBe("enter");
    exit(late.pid, "kill");
    gate.resolve();
    await time.advance(0);
    expect(time.node.scheduler.timers.size).toBe(before);
  }));

test("gen_statem:state_timeout: of 0 ms, a change of state on the way cancels it before it is delivered", async () => {
  const { machine, log } = lab();
  const ref = await machine.start();
  ref.cast.tell("go", (ctx) =>
    ctx.next("b", 0, { stateTimeoutMs: 0, nextEvents: [{ internal: ["own", "on", (own) => own.next("c")] }] }),
  );
  expect(await sys.getState(ref)).toEqual(["c", 0]);
  await ref.stop();
  expect(log).toEqual(["tell go in a", "own on in b"]);
});

test("gen_statem:timeout_cancel_and_update: a running timeout is cancelled, or gets a new content at its old time; one that does not run is delivered at once", () =>
  withTime(async (time) => {
    const { machine, log } = lab();
    const ref = await machine.start();
    ref.cast.tell("set", (ctx) =>
      ctx.keep(0, { timeouts: { one: { ms: 100, content: "old" }, two: { ms: 100, content: "old" } } }),
    );
    await time.advance(60);
    ref.cast.tell("change", (ctx) => ctx.keep(0, { timeouts: { one: "cancel" }, updates: { two: "new" } }));
    await time.advance(39);
    expect(log.splice(0)).toEqual(["tell set in a", "tell change in a"]);
    await time.advance(1);
    expect(log.splice(0)).toEqual(["two new in a"]);
    ref.cast.tell("update", (ctx) =>
      ctx.keep(0, { updates: { one: "surprise" }, nextEvents: [{ internal: ["own", "first"] }] }),
    );
    ref.cast.tell("last");
    await time.advance(0);
    expect(log).toEqual(["tell update in a", "own first in a", "one surprise in a", "tell last in a"]);
    await ref.stop();
  }));

test("gen_statem:event_types: calls, casts, messages, internal events and timeouts each reach their own handler", () =>
  withTime(async (time) => {
    const { machine, log } = lab();
    const ref = await machine.start();
    const answer = ref.call.ask("call", (ctx) => ctx.keep(0, { reply: "reply" }));
    ref.cast.tell("cast", (ctx) => ctx.keep(0, { nextEvents: [{ internal: ["own", "internal"] }] }));
    send(ref.pid, { type: "note", name: "message" });
    expect(await answer).toBe("reply");
    ref.cast.tell("timeouts", (ctx) =>
      ctx.keep(0, { stateTimeoutMs: 1, timeouts: { one: { ms: 2, content: "named" } }, eventTimeoutMs: 3 }),
    );
    await time.advance(2);
    expect(log.splice(0)).toEqual([
      "ask call in a",
      "tell cast in a",
      "own internal in a",
      "info message in a",
      "tell timeouts in a",
      "stateTimeout in a",
      "one named in a",
    ]);
    // The event timeout was cancelled by the others: it comes when no event is there.
    ref.cast.tell("quiet", (ctx) => ctx.keep(0, { eventTimeoutMs: 3 }));
    await time.advance(3);
    expect(log.splice(0)).toEqual(["tell quiet in a", "eventTimeout in a"]);
    ref.cast.tell("0", (ctx) => ctx.keep(0, { eventTimeoutMs: 0 }));
    ref.cast.tell("0 and an event", (ctx) =>
      ctx.keep(0, { eventTimeoutMs: 0, nextEvents: [{ internal: ["own", "sooner"] }] }),
    );
    await time.advance(10);
    expect(log).toEqual(["tell 0 in a", "eventTimeout in a", "tell 0 and an event in a", "own sooner in a"]);
    await ref.stop();
  }));

test("gen_statem:generic_timers: timeouts with names run beside each other, survive state changes and are replaced by their own kind only", () =>
  withTime(async (time) => {
    const { machine, log } = lab();
    const ref = await machine.start();
    ref.cast.tell("set", (ctx) =>
      ctx.next("b", 0, { timeouts: { one: { ms: 100, content: "first" }, two: { ms: 150, content: "second" } } }),
    );
    await time.advance(50);
    ref.cast.tell("replace", (ctx) => ctx.next("c", 0, { timeouts: { one: { ms: 150, content: "anew" } } }));
    await time.advance(99);
    expect(log.splice(0)).toEqual(["tell set in a", "tell replace in b"]);
    await time.advance(1);
    expect(log.splice(0)).toEqual(["two second in c"]);
    await time.advance(50);
    expect(log.splice(0)).toEqual(["one anew in c"]);
    await ref.stop();
  }));

test("gen_statem:next_events: inserted events come before queued ones, in their order, and what they insert before the rest", async () => {
  const { machine, log } = lab();
  const ref = await machine.start({ nextEvents: [{ internal: ["own", "from init"] }] });
  ref.cast.tell("1", (ctx) =>
    ctx.keep(0, {
      nextEvents: [
        {
          internal: [
            "own",
            "2",
            (own) => own.keep(0, { nextEvents: [{ internal: ["own", "3"] }, { cast: ["tell", "4"] }] }),
          ],
        },
        { info: { type: "note", name: "5" } },
        { cast: ["tell", "6"] },
      ],
    }),
  );
  ref.cast.tell("7");
  await sys.getState(ref);
  await ref.stop();
  expect(log).toEqual([
    "own from init in a",
    "tell 1 in a",
    "own 2 in a",
    "own 3 in a",
    "tell 4 in a",
    "info 5 in a",
    "tell 6 in a",
    "tell 7 in a",
  ]);
});

test("gen_statem:code_change: a suspended machine goes on with another module, its state renamed: nothing is entered or taken back", async () => {
  const { machine, log } = lab({ enter: entering(() => log) });
  const { machine: next, log: nextLog } = lab({
    version: "2",
    enter: entering(() => nextLog),
    codeChange: (oldVersion, oldState, oldData) => {
      if (oldVersion !== "1") throw new Error("only from 1");
      return { state: oldState === "a" ? "c" : "b", data: (oldData as number) + 1 };
    },
  });
  const ref = await machine.start();
  ref.cast.tell("postponed", (ctx) => ctx.postpone());
  await sys.suspend(ref);
  expect(await failureOf(sys.changeCode(ref, "0", next))).toMatchObject({ message: "only from 1" });
  expect(await sys.getState(ref)).toEqual(["a", 0]);
  await sys.changeCode(ref, "1", next);
  await sys.resume(ref);
  ref.cast.tell("after", (ctx) => ctx.next("b"));
  expect(await sys.getState(ref)).toEqual(["b", 1]);
  await ref.stop();
  expect(log).toEqual(["enter a from nowhere", "tell postponed in a"]);
  expect(nextLog).toEqual(["tell after in c", "enter b from c", "tell postponed in b"]);
});

test("gen_statem:code_change: a state that the new module does not have is refused, and the machine stays as it is", async () => {
  const { machine } = lab();
  const ref = await machine.start();
  const other = genStatem<{
    state: "x";
    data: number;
    calls: object & Record<never, never>;
    casts: object & Record<never, never>;
  }>()({
    name: "other",
    init: () => ({ state: "x", data: 0 }),
    states: { x: {} },
  });
  await sys.suspend(ref);
  expect(await failureOf(sys.changeCode(ref, "1", other))).toMatchObject({ code: "INTERLOCK_BAD_RETURN" });
  await sys.resume(ref);
  expect(await ref.call.ask("still", (ctx) => ctx.keep(0, { reply: "here" }))).toBe("here");
  await ref.stop();
});

test("gen_statem:hibernate: a hibernating machine keeps what runs, and any event wakes it", () =>
  withTime(async (time) => {
    const { machine, log } = lab();
    const ref = await machine.start({ hibernate: true });
    expect(processInfo(ref.pid)?.status).toBe("hibernating");
    ref.cast.tell("wake", (ctx) => ctx.keep(0, { stateTimeoutMs: 10, hibernate: true }));
    await time.advance(0);
    expect(processInfo(ref.pid)?.status).toBe("hibernating");
    expect(await sys.getState(ref)).toEqual(["a", 0]);
    await time.advance(10);
    expect(log).toEqual(["tell wake in a", "stateTimeout in a"]);
    expect(processInfo(ref.pid)?.status).toBe("waiting");
    // With an event at hand it does not sleep.
    ref.cast.tell("busy", (ctx) => ctx.keep(0, { hibernate: true, nextEvents: [{ internal: ["own", "next"] }] }));
    await time.advance(0);
    expect(processInfo(ref.pid)?.status).toBe("waiting");
    await ref.stop();
  }));

test("gen_statem:format_all_status: formatStatus sees state, data, queue, postponed events and timeouts, and its word goes into status and crash reports", async () => {
  const { machine } = lab({
    formatStatus: ({ state, data, queue, postponed, timeouts }) => ({
      place: state,
      secret: data === 42 ? "hidden" : data,
      queue: queue.length,
      postponed: postponed.map((event) => (event as readonly unknown[]).slice(0, 2)),
      timeouts,
    }),
  });
  const ref = await machine.start();
  ref.cast.tell("waits", (ctx) => ctx.postpone());
  ref.cast.tell("set", (ctx) =>
    ctx.keep(42, { stateTimeoutMs: 60_000, timeouts: { one: { ms: 60_000, content: "later" } } }),
  );
  const shown = {
    place: "a",
    secret: "hidden",
    queue: 0,
    postponed: [["tell", "waits"]],
    timeouts: [
      { name: "stateTimeout", content: undefined },
      { name: "one", content: "later" },
    ],
  };
  expect((await sys.getStatus(ref)).state).toEqual(shown);
  const down = monitor(ref.pid);
  ref.cast.tell("crash", (ctx) =>
    ctx.keep(42, {
      nextEvents: [
        { internal: ["own", "crash", () => Promise.reject(new Error("crash"))] },
        { cast: ["tell", "never"] },
      ],
    }),
  );
  await down;
  expect(crashesOf(ref.pid)).toMatchObject([
    { state: { ...shown, queue: 1 }, message: ["own", "crash", expect.any(Function)] },
  ]);
});

test("gen_statem:format_all_status: a formatStatus that fails is survived", async () => {
  const { machine } = lab({
    formatStatus: () => {
      throw new Error("not to be shown");
    },
  });
  const ref = await machine.start();
  expect((await sys.getStatus(ref)).state).toContain("formatStatus failed");
  await ref.stop();
});

test("gen_statem:undef_terminate1: terminate is optional", async () => {
  const { machine } = lab();
  const ref = await machine.start();
  const before = reports.length;
  await ref.stop();
  expect(isAlive(ref.pid)).toBe(false);
  expect(reports.length).toBe(before);
});

test("gen_statem:reply_by_alias_with_payload: a reply reaches the call it answers, and after that nobody", () =>
  withTime(async (time, self) => {
    const { machine } = lab();
    const { ask, kept } = slowAnswers();
    const ref = await machine.start();
    const late = failureOf(ref.with({ timeoutMs: 1 }).call.ask("late", ask));
    await time.advance(1);
    expect(await late).toMatchObject({ code: "INTERLOCK_CALL_TIMEOUT" });
    const answer = ref.call.ask("now", (ctx) => {
      for (const from of kept) ctx.reply(from, "too late");
      const from = ctx.from<string>();
      ctx.reply(from, "first");
      ctx.reply(from, "second");
      return ctx.keep();
    });
    expect(await answer).toBe("first");
    await ref.stop();
    expect(processInfo(self.pid)?.messages).toEqual([]);
  }));
