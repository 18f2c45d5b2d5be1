import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  defaultNode,
  exit,
  genServer,
  isError,
  later,
  monitor,
  noreply,
  onReport,
  type Pid,
  type Report,
  ready,
  reply,
  self,
  send,
  sendAfter,
  spawn,
  stop,
  supervisor,
  sys,
  task,
} from "../index.ts";

const before = defaultNode().onReport;
let reports: Report[] = [];
beforeEach(() => {
  reports = [];
  onReport((report) => void reports.push(report));
});
afterEach(() => onReport(before));

const never = new Promise<never>(() => undefined);

const Hostile = genServer({
  name: "hostile",
  init: (): { readonly n: number } => ({ n: 0 }),
  calls: {
    ok: ({ state }) => reply(state.n),
    hang: async () => reply(await never),
    keep: (ctx) => later(ctx.from<number>()),
    deposit: ({ state }) => reply(state.n + 1, { n: state.n + 1 }),
    end: () => stop("normal"),
    stopSelf: async (ctx) => {
      await Hostile.at(ctx.self.pid as Pid).stop();
      return reply("never");
    },
  },
  casts: {
    unreadableThen: () =>
      ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        get then() {
          throw new Error("no then");
        },
      }) as never,
    throwingThen: () =>
      ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        then() {
          throw new Error("then");
        },
      }) as never,
    twice: ({ state }) =>
      ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        then(give: (result: unknown) => void) {
          give(noreply({ n: state.n + 1 }));
          give(noreply({ n: state.n + 10 }));
        },
      }) as never,
    revoked: () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy as never;
    },
    unprintable: () => {
      class Unprintable extends Error {
        override get message(): string {
          throw new Error("unprintable");
        }
      }
      throw new Unprintable();
    },
    noNumber: ({ state }) => noreply(state, { timeoutMs: Number.NaN }),
  },
});

/** A message that a timer of this node brings: proof that its timers and its scheduler still work. */
async function nodeWorks(): Promise<void> {
  await new Promise<void>((resolve) => {
    const pid = spawn<"tick">(async (me) => {
      await me.receive();
      resolve();
    });
    sendAfter(1, pid, "tick");
  });
}

for (const cast of ["unreadableThen", "throwingThen", "revoked", "unprintable", "noNumber"] as const)
  test(`a handler whose result or error is hostile (${cast}) ends its process and wedges nothing`, async () => {
    const server = await Hostile.start();
    const ended = monitor(server.pid);
    server.cast[cast]();
    expect((await ended).reason).not.toBe("normal");
    const bystander = await Hostile.start();
    expect(await bystander.call.ok()).toBe(0);
    await nodeWorks();
    const next = monitor(bystander.pid);
    exit(bystander.pid, "kill");
    expect((await next).reason).toBe("killed");
  });

test("callers of a process that ends with an error nobody can print hear of it", async () => {
  const server = await Hostile.start();
  const kept = server.call.keep().catch((error: unknown) => error);
  server.cast.unprintable();
  expect(isError(await kept, "INTERLOCK_CALLEE_EXIT")).toBe(true);
});

test("a thenable that answers twice counts once", async () => {
  const server = await Hostile.start();
  server.cast.twice();
  expect(await server.call.ok()).toBe(1);
});

test("a process that dies in the first part of an async init fails its start", async () => {
  const Dying = genServer({
    name: "dying",
    init: async () => {
      exit(self().pid, "kill");
      await Promise.resolve();
      return 0;
    },
  });
  const failure = await Dying.start().catch((error: unknown) => error);
  expect(isError(failure, "INTERLOCK_START_FAILED") && failure.details.reason).toBe("killed");
});

test("init may not ask for a timeout that is no number", async () => {
  const NoNumber = genServer({ name: "no_number", init: () => ready(0, { timeoutMs: Number.NaN }) });
  expect(isError(await NoNumber.start().catch((error: unknown) => error), "INTERLOCK_START_FAILED")).toBe(true);
  await nodeWorks();
});

test("a permanent child with a start of its own that has ended before its promise resolves is restarted", async () => {
  let starts = 0;
  const { promise: again, resolve } = Promise.withResolvers<void>();
  const sup = await supervisor({
    name: "late_sup",
    strategy: "one_for_one",
    intensity: 3,
    children: () => [
      {
        id: "late",
        start: async () => {
          const server = await Hostile.startLink();
          if (++starts === 1) {
            const ended = monitor(server.pid);
            exit(server.pid, "kill");
            await ended;
          } else resolve();
          return server;
        },
      },
    ],
  }).start();
  await again;
  expect((await sup.whichChildren())[0]?.status).toBe("running");
  await sup.stop();
});

test("a start function that gives garbage fails the start with words", async () => {
  const failure = await supervisor({
    name: "garbage_sup",
    strategy: "one_for_one",
    children: () => [{ id: "garbage", start: async () => 5 as never }],
  })
    .start()
    .catch((error: unknown) => error);
  expect(isError(failure, "INTERLOCK_START_FAILED") && failure.message).toContain("garbage");
});

test("a killed supervisor starts no further children", async () => {
  const { promise: open, resolve } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<Pid>();
  let second = 0;
  const Slow = genServer({
    name: "slow",
    init: async () => {
      self().trapExit();
      begin(self().pid);
      await open;
      return 0;
    },
  });
  const Second = genServer({ name: "second", init: () => ++second });
  const starting = supervisor({
    name: "killed_sup",
    strategy: "one_for_one",
    children: () => [Slow.child([]), Second.child([])],
  })
    .start()
    .catch((error: unknown) => error);
  const slow = await begun;
  const { links } = (await import("../index.ts")).processInfo(slow) ?? { links: [] };
  const ended = monitor(slow);
  exit(links[0] as Pid, "kill");
  resolve();
  await ended;
  expect(isError(await starting, "INTERLOCK_START_FAILED")).toBe(true);
  expect(second).toBe(0);
});

test("what a replaceState function throws is the asker's, whatever it is", async () => {
  const server = await Hostile.start();
  const given = await sys
    .replaceState(server, () => {
      throw "no";
    })
    .catch((error: unknown) => error);
  expect(given).toBe("no");
  expect(await server.call.ok()).toBe(0);
});

test("a call with a signal that is aborted already is not made", async () => {
  const server = await Hostile.start();
  const given = await server
    .with({ signal: AbortSignal.abort() })
    .call.deposit()
    .catch((error: unknown) => error);
  expect(isError(given, "INTERLOCK_ABORTED")).toBe(true);
  expect(await server.call.ok()).toBe(0);
});

test("a server that stops itself from within a handler is told that it cannot wait for itself", async () => {
  const server = await Hostile.start();
  const given = await server.call.stopSelf().catch((error: unknown) => error);
  expect(isError(given, "INTERLOCK_CALLEE_EXIT") && String((given.cause as Error).message)).toContain("called itself");
});

test("a plain process is no server: calls, casts and stop to it are refused", async () => {
  const plain = spawn<never>(async (me) => void (await me.receive()));
  const wrong = Hostile.at(plain as Pid);
  expect(() => wrong.cast.twice()).toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
  for (const attempt of [async () => wrong.call.ok(), async () => wrong.stop()])
    expect(isError(await attempt().catch((error: unknown) => error), "INTERLOCK_BAD_ARGUMENT")).toBe(true);
  exit(plain, "kill");
});

test("an await of a task that gives up leaves the others waiting for their result", async () => {
  const { promise: gate, resolve } = Promise.withResolvers<number>();
  const one = task(() => gate);
  const patient = one.await({ timeoutMs: 60_000 });
  expect(isError(await one.await({ timeoutMs: 1 }).catch((error: unknown) => error), "INTERLOCK_TIMEOUT")).toBe(true);
  resolve(7);
  expect(await patient).toBe(7);
});

test("a loop of calls to nobody lets timers run", async () => {
  const nobody = spawn(async () => undefined);
  await monitor(nobody);
  let ticked = false;
  sendAfter(
    1,
    spawn<"tick">(async (me) => {
      await me.receive();
      ticked = true;
    }),
    "tick",
  );
  const absent = Hostile.at(nobody as Pid);
  while (!ticked) await absent.call.ok().catch(() => undefined);
  expect(ticked).toBe(true);
});

test("own lets go of what has closed, and owns one thing once", async () => {
  class Socket extends EventEmitter {
    closed = 0;
    close(): void {
      this.closed++;
      this.emit("close");
    }
  }
  const [first, second] = [new Socket(), new Socket()];
  const pid = spawn<"go">(async (me) => {
    me.own(first);
    me.own(first);
    me.own(second);
    first.close();
    await me.receive();
  });
  const ended = monitor(pid);
  send(pid, "go");
  await ended;
  expect([first.closed, second.closed]).toEqual([1, 1]);
  expect(first.listenerCount("error")).toBe(1);
});
