import { describe, expect, test } from "vitest";

import { defaultNode } from "../node.ts";
import { send } from "../process/send.ts";
import { spawn } from "../process/spawn.ts";
import { type Context, genServer } from "./gen-server.ts";
import { type From, later, noreply, reply } from "./reply.ts";
import { sys } from "./sys.ts";

defaultNode().onReport = () => undefined;

const failing = (code: string) => expect.objectContaining({ code: `INTERLOCK_${code}` });

type Ask = () => Promise<unknown>;

/** A server whose handlers call whatever they are given. */
const Node = genServer({
  name: "node",
  init: (): readonly Promise<unknown>[] => [],
  calls: {
    ping: () => reply("pong"),
    /** Awaits the call in the handler. */
    ask: async (_ctx, ask: Ask) => reply(await ask()),
    /** Starts the call after something else was awaited. */
    async askLate(_ctx, ask: Ask) {
      await Promise.resolve();
      return reply(await ask());
    },
    askAll: async (_ctx, asks: readonly Ask[]) => reply(await Promise.all(asks.map((ask) => ask()))),
    /** Starts the call and does not await it. */
    start: ({ state }, ask: Ask) => reply("started", [...state, ask()]),
    /** Has a task answer: the handler does not wait. */
    delegate(ctx, ask: Ask) {
      const from = ctx.from<unknown>();
      void ctx.self.task(async () => ctx.reply(from, await ask()));
      return later<unknown>();
    },
    /** Calls in the handler, and answers later. */
    delegateInHandler(ctx, ask: Ask) {
      const from = ctx.from<unknown>();
      void ask().then((value) => ctx.reply(from, value));
      return later<unknown>();
    },
    hold: holdCall,
  },
  casts: { ask: async (_ctx, ask: Ask) => noreply([ask()]) },
});

const held: From<string>[] = [];
function holdCall(ctx: Context<readonly Promise<unknown>[]>) {
  held.push(ctx.from<string>());
  return later<string>();
}

const three = async () => [await Node.start(), await Node.start(), await Node.start()] as const;

/** The error of the call that closed the cycle, through those that it took along. */
async function cycleIn(call: Promise<unknown>): Promise<readonly string[] | undefined> {
  let error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  while (error instanceof Error) {
    const { code, details } = error as {
      readonly code?: string;
      readonly details?: { readonly cycle?: readonly string[] };
    };
    if (code === "INTERLOCK_CALL_CYCLE") return details?.cycle;
    error = error.cause;
  }
  return undefined;
}

describe("a call that would close a cycle fails at once and names it", () => {
  test("of two, and of three", async () => {
    const [a, b] = await three();
    expect(await cycleIn(a.call.ask(() => b.call.ask(() => a.call.ping())))).toEqual([
      `node ${b.pid}`,
      `node ${a.pid}`,
      `node ${b.pid}`,
    ]);
    const [d, e, f] = await three();
    expect(await cycleIn(d.call.ask(() => e.call.ask(() => f.call.ask(() => d.call.ping()))))).toHaveLength(4);
  });

  test("when the calls come after an await", async () => {
    const [a, b] = await three();
    expect(await cycleIn(a.call.askLate(() => b.call.askLate(() => a.call.ping())))).toHaveLength(3);
  });

  test("when it is one of several that Promise.all awaits", async () => {
    const [a, b, c] = await three();
    const call = a.call.askAll([() => c.call.ping(), () => b.call.askAll([() => c.call.ping(), () => a.call.ping()])]);
    expect(await cycleIn(call)).toHaveLength(3);
  });
});

describe("no cycle is seen where nobody waits", () => {
  test("after a call that the handler did not await", async () => {
    const [a, b] = await three();
    expect(
      await new Promise((resolve) => void a.call.start(() => b.call.ask(async () => resolve(await a.call.ping())))),
    ).toBe("pong");
  });

  test("after a call that an async handler did not await", async () => {
    const [a, b] = await three();
    const cycle = new Promise((resolve) => {
      a.cast.ask(() => b.call.ask(async () => resolve(await cycleIn(a.call.ping()))));
    });
    expect(await cycle).toBeUndefined();
  });

  test("through a callee that answers later, by a task of its own or from its handler", async () => {
    const [a, b] = await three();
    expect(await a.call.ask(() => b.call.delegate(async () => "from the task"))).toBe("from the task");
    expect(await a.call.ask(() => b.call.delegateInHandler(async () => "from the handler"))).toBe("from the handler");
    // a waits for b, whose handler has returned: b calls a for somebody else, and a will answer when it is free.
    const forAnother = new Promise((resolve) => {
      b.cast.ask(async () => {
        await sys.getState(a);
        resolve(await a.call.ping());
      });
    });
    expect(await a.call.ask(() => b.call.delegate(async () => "later"))).toBe("later");
    expect(await forAnother).toBe("pong");
  });

  test("of plain processes, which may have other things to do while they wait", async () => {
    const [a] = await three();
    const answered = new Promise<unknown>((resolve) => {
      const pid = spawn<{ readonly type: "go" }>(async (self) => {
        const asking = a.call.ask(async () => {
          send(pid, { type: "go" });
          return "done";
        });
        await self.receive({ type: "go" });
        resolve(await asking);
      });
    });
    expect(await answered).toBe("done");
  });

  test("when an idle callee answers on the stack of its caller", async () => {
    const [a, b] = await three();
    const values: unknown[] = [];
    await new Promise<void>((resolve) => {
      spawn(async () => {
        // Each of these finds its callee idle; none of them leaves a trace that the next could stumble over.
        for (let round = 0; round < 10; round++) {
          values.push(await a.call.ask(() => b.call.ping()));
          values.push(await b.call.ask(() => a.call.ping()));
        }
        resolve();
      });
    });
    expect(values).toEqual(new Array(20).fill("pong"));
  });

  test("between calls of one handler, one after the other", async () => {
    const [a, b, c] = await three();
    expect(
      await a.call.ask(async () => [await b.call.ask(() => c.call.ping()), await c.call.ask(() => b.call.ping())]),
    ).toEqual(["pong", "pong"]);
  });
});

describe("with({ signal })", () => {
  test("ends the wait and not the work", async () => {
    const [a] = await three();
    const controller = new AbortController();
    held.splice(0);
    const call = a.with({ signal: controller.signal }).call.hold();
    expect(await a.call.ping()).toBe("pong");
    const reason = new Error("the user went away");
    controller.abort(reason);
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toEqual(failing("ABORTED"));
    expect((error as Error).cause).toBe(reason);
    // The server still has the call, and its answer reaches nobody.
    expect(held).toHaveLength(1);
    await sys.getState(a);
    expect(await a.call.ping()).toBe("pong");
  });

  test("of a signal that is aborted already fails at once", async () => {
    const [a] = await three();
    held.splice(0);
    await expect(a.with({ signal: AbortSignal.abort() }).call.hold()).rejects.toThrow(failing("ABORTED"));
    expect(await a.call.ping()).toBe("pong");
  });

  test("leaves no listener behind, however the call ends", async () => {
    const [a] = await three();
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof add>) => {
        listening++;
        add(...args);
      },
      removeEventListener: (...args: Parameters<typeof remove>) => {
        listening--;
        remove(...args);
      },
    });
    const client = a.with({ signal });
    expect(await client.call.ping()).toBe("pong");
    await expect(client.with({ timeoutMs: 1 }).call.hold()).rejects.toThrow(failing("CALL_TIMEOUT"));
    expect(listening).toBe(0);
  });

  test("and with({ timeoutMs }) add up, and a bad timeout is refused", async () => {
    const [a] = await three();
    const both = a.with({ timeoutMs: 1 }).with({ signal: new AbortController().signal });
    await expect(both.call.hold()).rejects.toThrow(failing("CALL_TIMEOUT"));
    for (const timeoutMs of [-1, Number.NaN]) expect(() => a.with({ timeoutMs })).toThrow(failing("BAD_ARGUMENT"));
  });
});
