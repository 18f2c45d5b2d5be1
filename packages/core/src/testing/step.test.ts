import { describe, expect, test } from "vitest";
import {
  type From,
  genServer,
  isError,
  later,
  noreply,
  type Pid,
  type Ref,
  reply,
  self,
  send,
  spawn,
  step,
  stop,
} from "../index.ts";

interface Account {
  readonly balance: number;
  readonly waiting?: From<number>;
}

const Bank = genServer({
  name: "bank",
  init: (balance: number): Account => ({ balance }),
  calls: {
    deposit: ({ state }, amount: number) => {
      const balance = state.balance + amount;
      return reply(balance, { ...state, balance }, { timeoutMs: 10 });
    },
    balance: ({ state }) => reply(state.balance),
    fetch: async ({ state }, amount: number) => {
      await Promise.resolve();
      return reply("fetched", { ...state, balance: amount });
    },
    wait: (ctx) => {
      const from = ctx.from<number>();
      return later(from, { ...ctx.state, waiting: from });
    },
    hold: () => noreply(),
    close: ({ state }) => stop("normal", { value: state.balance }),
    abandon: () => stop({ shutdown: "abandoned" }),
    broken: () => ({ ok: true }) as never,
    throws: () => {
      throw new Error("no money");
    },
    ambient: () => reply(self().pid.toString()),
    linked: ({ self: me }) => {
      void me.receive();
      return reply(1);
    },
  },
  casts: {
    reset: () => noreply<Account>({ balance: 0 }),
    resetLater: ({ self: me }, delayMs: number) => {
      const timer = me.sendAfter(delayMs, "reset");
      timer.cancel();
      return noreply();
    },
    answer: (ctx, amount: number) => {
      if (ctx.state.waiting !== undefined) ctx.reply(ctx.state.waiting, amount);
      return noreply<Account>({ balance: ctx.state.balance });
    },
    watch: ({ self: me }, pid: Pid) => {
      me.trapExit();
      me.link(pid);
      me.monitor(pid);
      me.unlink(pid);
      me.setLabel("watcher");
      me.own({ close: () => undefined });
      return noreply();
    },
    leave: ({ self: me }) => me.exit("enough"),
    wrong: () => reply(1) as never,
  },
  continues: { warmUp: ({ state }, by: number) => noreply<Account>({ ...state, balance: state.balance + by }) },
  info: ({ state }, message) => {
    if (typeof message === "object" && message.type === "DOWN") return stop("partner_gone");
    return noreply<Account>({ ...state, balance: -1 });
  },
});

const empty: Account = { balance: 0 };

describe("step", () => {
  test("runs a call: reply, next state, what comes after; the given state is left alone", () => {
    const before: Account = Object.freeze({ balance: 100 });
    expect(step(Bank, before).call.deposit(5)).toEqual({
      kind: "reply",
      reply: 105,
      state: { balance: 105 },
      after: { timeoutMs: 10 },
      effects: [],
    });
    expect(step(Bank, before).call.balance()).toMatchObject({ reply: 100, state: before });
    expect(before).toEqual({ balance: 100 });
  });

  test("gives a promise when the handler is async, and only then", async () => {
    const fetched = step(Bank, empty).call.fetch(7);
    expect(fetched).toBeInstanceOf(Promise);
    expect(await fetched).toMatchObject({ kind: "reply", reply: "fetched", state: { balance: 7 } });
  });

  test("runs casts, messages and continuations", () => {
    expect(step(Bank, { balance: 3 }).cast.reset()).toMatchObject({ kind: "noreply", state: { balance: 0 } });
    expect(step(Bank, empty).info("hello" as never)).toMatchObject({ state: { balance: -1 } });
    expect(step(Bank, { balance: 3 }).continue("warmUp", 4)).toMatchObject({ kind: "noreply", state: { balance: 7 } });
  });

  test("a stop has its reason, and the reply if there was one", () => {
    expect(step(Bank, { balance: 3 }).call.close()).toMatchObject({
      kind: "stop",
      reason: "normal",
      reply: 3,
      state: { balance: 3 },
    });
    expect(step(Bank, empty).call.abandon()).toMatchObject({
      kind: "stop",
      reason: { shutdown: "abandoned" },
      reply: undefined,
    });
    const down = { type: "DOWN", ref: {} as Ref, pid: {} as Pid, reason: "normal" } as const;
    expect(step(Bank, empty).info(down)).toMatchObject({ kind: "stop", reason: "partner_gone" });
  });

  test("a reply that comes later is an effect of the step that gives it", () => {
    const asked = step(Bank, empty).call.wait();
    expect(asked.kind).toBe("later");
    expect(asked.from).toBeDefined();
    expect(asked.state.waiting).toBe(asked.from);
    const answered = step(Bank, asked.state).cast.answer(9);
    expect(answered).toMatchObject({ state: { balance: 0 }, effects: [{ type: "reply", to: asked.from, value: 9 }] });
    expect(step(Bank, empty).call.hold()).toMatchObject({ kind: "noreply" });
  });

  test("lists what the handler did through its self", () => {
    const pid = {} as Pid;
    const { effects } = step(Bank, empty).cast.watch(pid);
    expect(effects.map(({ type }) => type)).toEqual(["trapExit", "link", "monitor", "unlink", "setLabel", "own"]);
    expect(effects[2]).toMatchObject({ target: pid });
    const timed = step(Bank, empty).cast.resetLater(50).effects;
    expect(timed).toMatchObject([{ type: "sendAfter", delayMs: 50, message: "reset" }, { type: "cancelTimer" }]);
  });

  test("throws what the handler throws, and what the process would end with", () => {
    expect(() => step(Bank, empty).call.throws()).toThrow("no money");
    expect(() => step(Bank, empty).cast.leave()).toThrow("enough");
    for (const [run, code] of [
      [() => step(Bank, empty).call.broken(), "INTERLOCK_BAD_RETURN"],
      [() => step(Bank, empty).cast.wrong(), "INTERLOCK_BAD_RETURN"],
      [() => step(Bank, empty).continue("coolDown"), "INTERLOCK_UNDEFINED_CALLBACK"],
      [() => step(Bank, empty).continue("toString"), "INTERLOCK_UNDEFINED_CALLBACK"],
      [
        () => step(genServer({ name: "deaf", init: () => 0 }), 0).info({ type: "timeout" }),
        "INTERLOCK_UNDEFINED_CALLBACK",
      ],
      [() => step(Bank, empty).call.linked(), "INTERLOCK_BAD_ARGUMENT"],
      [() => step(Bank, empty).call.ambient(), "INTERLOCK_BAD_ARGUMENT"],
    ] as const) {
      let error: unknown;
      try {
        void run();
      } catch (thrown) {
        error = thrown;
      }
      expect(isError(error, code)).toBe(true);
    }
  });

  test("rejects for an async handler that fails", async () => {
    const Slow = genServer({
      name: "slow",
      init: () => 0,
      calls: {
        go: async () => {
          await Promise.resolve();
          throw new Error("too late");
        },
      },
    });
    await expect(step(Slow, 0).call.go() as Promise<unknown>).rejects.toThrow("too late");
  });

  test("what a handler sends on its own goes where it is sent", async () => {
    const got = Promise.withResolvers<number>();
    const pid = spawn<{ type: "n"; n: number }>(async (me) => got.resolve((await me.receive()).n));
    const Sender = genServer({
      name: "sender",
      init: () => 0,
      casts: {
        tell: (_ctx, n: number) => {
          send(pid, { type: "n", n });
          return noreply();
        },
      },
    });
    step(Sender, 0).cast.tell(4);
    expect(await got.promise).toBe(4);
  });
});
