import {
  self as ambientSelf,
  type ExitReason,
  exit,
  type From,
  formatReport,
  genServer,
  ignore,
  isAlive,
  later,
  local,
  type Name,
  noreply,
  processInfo,
  ready,
  registered,
  registry,
  remote,
  reply,
  type SystemMessage,
  send,
  spawn,
  stop,
  sys,
  whereis,
} from "@interlock/core";
import { beforeEach, expect, test } from "vitest";

import { answerOf, crashesOf, inProcess, type Message, ponger, reports, whatever } from "./in-process.ts";

const failing = (code: string, details?: object) =>
  expect.objectContaining({ code: `INTERLOCK_${code}`, ...(details && { details: expect.objectContaining(details) }) });

/** A promise that the test resolves when it likes. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

interface Log {
  readonly log: readonly unknown[];
}

/** What terminate of `Server` was given, in this test. */
const ended: ExitReason[] = [];
beforeEach(() => void ended.splice(0));

const Server = genServer({
  name: "server",
  init: (...log: readonly unknown[]): Log => ({ log }),
  calls: {
    log: ({ state }) => reply(state.log),
    echo: (_ctx, value: unknown) => reply(value),
    replyBeforeReturn(ctx, value: string) {
      const from = ctx.from<string>();
      ctx.reply(from, value);
      return later(from, { log: [...ctx.state.log, "after the reply"] });
    },
    keepWaiting(ctx) {
      const from = ctx.from<string>();
      return later(from, { log: [...ctx.state.log, from] });
    },
    stopWith: (_ctx, reason: ExitReason, value: string) => stop(reason, { value }),
    stopWithout: (_ctx, reason: ExitReason) => stop(reason),
    fail: (_ctx, error: Error) => {
      throw error;
    },
    async wait(_ctx, until: Promise<void>) {
      await until;
      return reply("waited");
    },
    pass: async (_ctx, on: () => Promise<unknown>) => reply(await on()),
  },
  casts: {
    add: ({ state }, item: unknown) => noreply({ log: [...state.log, item] }),
    answer(ctx, value: string) {
      ctx.reply(ctx.state.log.at(-1) as From<string>, value);
      return noreply({ log: ctx.state.log.slice(0, -1) });
    },
    stop: (_ctx, reason: ExitReason) => stop(reason),
    fail: (_ctx, error: Error) => {
      throw error;
    },
  },
  info: ({ state }, message: unknown) => noreply({ log: [...state.log, message] }),
  terminate(_ctx, reason) {
    ended.push(reason);
  },
});

test("gen_server:start: every form of name, taken names, ignore, stop and errors of init", () =>
  inProcess(async (self) => {
    const anonymous = await Server.start();
    expect(processInfo(anonymous.pid)?.name).toBeUndefined();
    expect(processInfo(anonymous.pid)?.links).toEqual([]);
    const linked = await Server.startLink();
    expect(processInfo(linked.pid)?.links).toEqual([self.pid]);

    const Keys = registry<string>({ name: "gen_server_start_keys", keys: "unique" });
    await Keys.start();
    const names: readonly Name[] = [
      local("gen_server_start"),
      remote("gen_server_start_far", self.pid.node),
      Keys.via("key"),
    ];
    for (const name of names) {
      const named = await Server.named(name).startLink("first");
      expect(whereis(name)).toBe(named.pid);
      for (const again of [Server.named(name).start("second"), Server.named(name).startLink("second")])
        await expect(again).rejects.toThrow(failing("ALREADY_STARTED", { pid: named.pid }));
      expect(await Server.at(name).call.log()).toEqual(["first"]);
      await named.stop();
      expect(whereis(name)).toBeUndefined();
    }

    const Difficult = genServer({
      name: "difficult",
      async init(how: "ignore" | "stop" | "throw", late: boolean) {
        if (late) await Promise.resolve();
        if (how === "ignore") return ignore();
        if (how === "stop") return stop("not_today");
        throw new Error("no");
      },
    });
    for (const late of [false, true]) {
      await expect(Difficult.start("ignore", late)).rejects.toThrow(failing("START_IGNORED", { label: "difficult" }));
      await expect(Difficult.start("stop", late)).rejects.toThrow(failing("START_FAILED", { reason: "not_today" }));
      await expect(Difficult.start("throw", late)).rejects.toThrow(
        failing("START_FAILED", { reason: { error: new Error("no") } }),
      );
    }
    await anonymous.stop();
    await linked.stop();
  }));

test("gen_server:stop1: stop runs terminate and ends the server with normal, and nothing reaches the stopper", () =>
  inProcess(async (self) => {
    self.trapExit();
    const server = await Server.start();
    server.cast.add("before the stop");
    const log = server.call.log();
    await server.stop();
    expect(await log).toEqual(["before the stop"]);
    expect(ended.splice(0)).toEqual(["normal"]);
    expect(isAlive(server.pid)).toBe(false);
    await expect(server.stop()).rejects.toThrow(failing("NOPROC"));
    const other = await Server.start();
    await other.stop("shutdown");
    expect(ended.splice(0)).toEqual(["shutdown"]);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    expect(crashesOf(server.pid)).toEqual([]);
  }));

test("gen_server:stop4: a stop that takes longer than its timeout fails, and the server lives", () =>
  inProcess(async () => {
    const { opened, open } = gate();
    const server = await Server.start();
    const waiting = server.call.wait(opened);
    await expect(server.stop("normal", 1)).rejects.toThrow(failing("TIMEOUT", { timeoutMs: 1 }));
    expect(isAlive(server.pid)).toBe(true);
    open();
    expect(await waiting).toBe("waited");
  }));

test("gen_server:crash: a failure or a stop in a callback runs terminate with the reason, and links get it", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const error = new RangeError("out of range");
    type Running = Awaited<ReturnType<typeof Server.start>>;
    const ends: readonly (readonly [(server: Running) => unknown, unknown])[] = [
      [(server) => server.call.fail(error).catch(() => undefined), { error }],
      [(server) => server.cast.fail(error), { error }],
      [(server) => server.call.stopWith("wanted", "bye"), "wanted"],
      [(server) => server.cast.stop({ shutdown: "idle" }), { shutdown: "idle" }],
    ];
    for (const [endIt, reason] of ends) {
      const server = await Server.startLink();
      endIt(server);
      const message = await self.receive(exits);
      expect(message.from).toBe(server.pid);
      expect(message.reason).toEqual(reason);
      expect(ended.splice(0)).toEqual([reason]);
    }
    expect(error.stack).toContain("gen-server.conformance.ts");
  }));

test("gen_server:loop_start_fail: a name is free again before the failed start has returned", () =>
  inProcess(async () => {
    const Failing = genServer({
      name: "failing",
      init(late: boolean, how: "throw" | "stop" | "ignore"): never {
        const decide = (): unknown => {
          if (how === "throw") throw new Error("no");
          return how === "stop" ? stop("no") : ignore();
        };
        return (late ? Promise.resolve().then(decide) : decide()) as never;
      },
    });
    for (let round = 0; round < 50; round++)
      for (const late of [false, true])
        for (const how of ["throw", "stop", "ignore"] as const) {
          const code = how === "ignore" ? "START_IGNORED" : "START_FAILED";
          await expect(Failing.named(local("loop_start_fail")).startLink(late, how)).rejects.toThrow(failing(code));
          expect(registered()).not.toContain("loop_start_fail");
        }
  }));

test("gen_server:call: a reply, one before the return, one after it, and one with the stop", () =>
  inProcess(async () => {
    const server = await Server.start("started");
    expect(await server.call.echo(1)).toBe(1);
    expect(await server.call.replyBeforeReturn("early")).toBe("early");
    expect(await server.call.log()).toEqual(["started", "after the reply"]);

    const kept = server.call.keepWaiting();
    expect(await server.call.echo("meanwhile")).toBe("meanwhile");
    server.cast.answer("late");
    expect(await kept).toBe("late");
    expect(await server.call.log()).toEqual(["started", "after the reply"]);

    expect(await server.call.stopWith("normal", "the last word")).toBe("the last word");
    expect(isAlive(server.pid)).toBe(false);
  }));

test("gen_server:send_request: a call is a request that can be awaited later, with the errors of its own", () =>
  inProcess(async (self) => {
    const server = await Server.start();
    const { opened, open } = gate();
    const request = server.call.wait(opened);
    const state = { answered: false };
    void request.then(() => {
      state.answered = true;
    });
    await answerOf(self, spawn(ponger));
    expect(state.answered).toBe(false);
    open();
    expect(await request).toBe("waited");
    // An answer may be looked at again and again.
    expect(await request).toBe("waited");

    const stopped = server.call.stopWithout("enough");
    await expect(stopped).rejects.toThrow(failing("CALLEE_EXIT", { reason: "enough", request: "stopWithout" }));
    await expect(server.call.echo(1)).rejects.toThrow(failing("NOPROC"));
    await expect(Server.at(local("nobody_here")).call.echo(1)).rejects.toThrow(failing("NOPROC"));
  }));

test("gen_server:send_request_receive_reqid_collection: of several requests each gets its own answer, in any order", () =>
  inProcess(async () => {
    const gates = Array.from({ length: 5 }, gate);
    const servers = await Promise.all(gates.map(() => Server.start()));
    const requests = new Map(gates.map(({ opened }, label) => [label, servers[label]?.call.wait(opened)]));
    const next = (): Promise<number> =>
      Promise.race([...requests].map(([label, request]) => Promise.resolve(request).then(() => label)));
    for (const label of [3, 0, 4, 1]) {
      const first = next();
      gates[label]?.open();
      expect(await first).toBe(label);
      expect(await requests.get(label)).toBe("waited");
      requests.delete(label);
    }
    const slow = servers[2];
    await expect(slow?.with({ timeoutMs: 1 }).call.echo("too late")).rejects.toThrow(failing("CALL_TIMEOUT"));
    gates[2]?.open();
    expect(await requests.get(2)).toBe("waited");
  }));

test("gen_server:cast: a cast to a server that has ended, or to a name that nobody has, is ok", () =>
  inProcess(async () => {
    const server = await Server.start();
    server.cast.add(1);
    server.cast.add(2);
    expect(await server.call.log()).toEqual([1, 2]);
    await server.stop();
    expect(server.cast.add(3)).toBeUndefined();
    expect(Server.at(local("nobody_here")).cast.add(4)).toBeUndefined();
    expect(Server.at(remote("nobody_here", "nowhere@nohost.invalid")).cast.add(4)).toBeUndefined();
  }));

test("gen_server:info: plain messages reach info", () =>
  inProcess(async (self) => {
    const server = await Server.start();
    send(server.pid as never, { type: "hello" });
    send(server.pid as never, "just a string");
    server.cast.add("a cast");
    expect(await server.call.log()).toEqual([{ type: "hello" }, "just a string", "a cast"]);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("gen_server:continue: a continuation of init, a call, a cast or an info runs before any message", () =>
  inProcess(async () => {
    const Continuing = genServer({
      name: "continuing",
      init() {
        // Waits in the mailbox before init has returned.
        send(ambientSelf().pid as never, { type: "a" });
        const state: Log = { log: ["init"] };
        return ready(state, { continueWith: ["step", "init", 2] });
      },
      calls: {
        log: ({ state }) => reply(state.log),
        go: ({ state }, times: number) =>
          reply("went", { log: [...state.log, "call"] }, { continueWith: ["step", "call", times] }),
      },
      casts: {
        go: ({ state }) => noreply({ log: [...state.log, "cast"] }, { continueWith: ["step", "cast", 1] }),
      },
      continues: {
        step({ state }, from: string, times: number) {
          const next = { log: [...state.log, `${from} ${times}`] };
          return times > 1 ? noreply(next, { continueWith: ["step", from, times - 1] }) : noreply(next);
        },
      },
      info: ({ state }, message: SystemMessage | Message) =>
        noreply({ log: [...state.log, message.type] }, { continueWith: ["step", message.type, 1] }),
    });
    const server = await Continuing.start();
    expect(await server.call.log()).toEqual(["init", "init 2", "init 1", "a", "a 1"]);
    send(server.pid, { type: "b" });
    server.cast.go();
    const went = server.call.go(2);
    const log = server.call.log();
    expect(await went).toBe("went");
    expect((await log).slice(5)).toEqual(["b", "b 1", "cast", "cast 1", "call", "call 2", "call 1"]);
  }));

test("gen_server:calling_self: a call to oneself fails at once instead of waiting for ever", () =>
  inProcess(async () => {
    const server = await Server.start();
    await expect(server.call.pass(() => server.call.log())).rejects.toThrow(failing("CALLEE_EXIT"));
    expect(ended.splice(0)).toEqual([{ error: failing("CALLING_SELF", { request: "log" }) }]);
  }));

test("gen_server:hibernate: a server that hibernates keeps its state and wakes for whatever comes", () =>
  inProcess(async () => {
    const Sleepy = genServer({
      name: "sleepy",
      init: () => ready<Log>({ log: ["init"] }, { hibernate: true }),
      calls: {
        log: ({ state }) => reply(state.log),
        sleep: ({ state }) => reply("good night", { log: [...state.log, "call"] }, { hibernate: true }),
      },
      casts: { sleep: ({ state }) => noreply({ log: [...state.log, "cast"] }, { hibernate: true }) },
      info: ({ state }, _message: SystemMessage | Message) =>
        noreply({ log: [...state.log, "info"] }, { hibernate: true }),
    });
    const server = await Sleepy.start();
    const status = () => processInfo(server.pid)?.status;
    expect(status()).toBe("hibernating");
    expect(await server.call.log()).toEqual(["init"]);
    expect(status()).toBe("waiting");
    expect(await server.call.sleep()).toBe("good night");
    expect(status()).toBe("hibernating");
    server.cast.sleep();
    send(server.pid, { type: "a" });
    expect(await sys.getState(server)).toEqual({ log: ["init", "call", "cast", "info"] });
    expect(await server.call.log()).toEqual(["init", "call", "cast", "info"]);
    expect(status()).toBe("waiting");
  }));

test("gen_server:otp_7669: a start that fails leaves neither an EXIT nor a name", () =>
  inProcess(async (self) => {
    self.trapExit();
    const Failing = genServer({
      name: "failing",
      init(how: "exit" | "throw" | "later" | "stop"): never {
        if (how === "exit") ambientSelf().exit("exited");
        if (how === "later") return Promise.reject(new Error("later")) as never;
        if (how === "stop") return stop("stopped") as never;
        throw new Error("thrown");
      },
    });
    for (const how of ["exit", "throw", "later", "stop"] as const) {
      await expect(Failing.startLink(how)).rejects.toThrow(failing("START_FAILED"));
      await expect(Failing.named(local("otp_7669")).startLink(how)).rejects.toThrow(failing("START_FAILED"));
      expect(whereis(local("otp_7669"))).toBeUndefined();
    }
    await answerOf(self, spawn(ponger));
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    expect(processInfo(self.pid)?.links).toEqual([]);
  }));

const Secretive = genServer({
  name: "secretive",
  init: (password: string): { readonly password: string } => ({ password }),
  casts: {
    fail: () => {
      throw new Error("failed with a secret");
    },
  },
  calls: { ping: () => reply("pong") },
  formatStatus: ({ password }) => {
    if (password === "crash") throw new Error("crashed in formatStatus");
    return { password: `${password.length} letters` };
  },
});

test("gen_server:call_format_status: sys.getStatus shows what formatStatus makes of the state", () =>
  inProcess(async () => {
    const server = await Secretive.start("swordfish");
    const status = await sys.getStatus(server);
    expect(status.state).toEqual({ password: "9 letters" });
    expect(JSON.stringify(status)).not.toContain("swordfish");
    expect(await sys.getState(server)).toEqual({ password: "swordfish" });
  }));

test("gen_server:error_format_status: and so does the crash report", () =>
  inProcess(async (self) => {
    const { ref, monitor: watch } = await Secretive.startMonitor("swordfish");
    const { pid } = ref;
    ref.cast.fail();
    await self.receive(watch.down);
    const [report] = crashesOf(pid);
    expect(report).toMatchObject({ state: { password: "9 letters" }, message: ["fail"] });
    expect(report && formatReport(report)).not.toContain("swordfish");
  }));

test("gen_server:crash_in_format_status: a failure of formatStatus is survived, and hides no crash", () =>
  inProcess(async (self) => {
    const { ref, monitor: watch } = await Secretive.startMonitor("crash");
    const { pid } = ref;
    expect((await sys.getStatus(ref)).state).toContain("crashed in formatStatus");
    expect(await ref.call.ping()).toBe("pong");
    ref.cast.fail();
    expect((await self.receive(watch.down)).reason).toEqual({ error: new Error("failed with a secret") });
    expect(crashesOf(pid)).toMatchObject([{ state: expect.stringContaining("crashed in formatStatus") }]);
  }));

test("gen_server:get_state: sys.getState gives the state as it is between two messages", () =>
  inProcess(async () => {
    const server = await Server.named(local("get_state")).start("a");
    server.cast.add("b");
    for (const target of [server, server.pid, local("get_state")])
      expect(await sys.getState(target)).toEqual({ log: ["a", "b"] });
    await server.stop();
    await expect(sys.getState(server.pid)).rejects.toThrow();
  }));

test("gen_server:replace_state: sys.replaceState gives the new state; a function that fails leaves the old one", () =>
  inProcess(async () => {
    const server = await Server.start("a");
    expect(await sys.replaceState(server, ({ log }: Log): Log => ({ log: [...log, "b"] }))).toEqual({
      log: ["a", "b"],
    });
    expect(await server.call.log()).toEqual(["a", "b"]);
    const fault = new Error("bad replacement");
    await expect(
      sys.replaceState(server, () => {
        throw fault;
      }),
    ).rejects.toBe(fault);
    expect(await server.call.log()).toEqual(["a", "b"]);
  }));

test("gen_server:call_with_huge_message_queue: a call looks at nothing of what waits for its caller", () =>
  inProcess(async () => {
    let looks = 0;
    class Counted {
      get type(): string {
        looks++;
        return "counted";
      }
    }
    const echo = await Server.start();
    const Caller = genServer({
      name: "caller",
      init: (): { readonly casts: number } => ({ casts: 0 }),
      calls: {
        async askTwice({ self }) {
          for (let n = 0; n < 10_000; n++) caller.cast.count(new Counted());
          const values = [await echo.call.echo(1), await echo.call.echo(2)];
          return reply([...values, looks, processInfo(self.pid)?.mailboxLength]);
        },
        casts: ({ state }) => reply(state.casts),
      },
      casts: { count: ({ state }, _counted: Counted) => noreply({ casts: state.casts + 1 }) },
    });
    const caller = await Caller.start();
    expect(await caller.call.askTwice()).toEqual([1, 2, 0, 10_000]);
    expect(await caller.call.casts()).toBe(10_000);
  }));

/** A protocol that `Server` does not answer. */
const Nonsense = genServer({
  name: "nonsense",
  init: () => null,
  calls: { nonsense: () => reply(0) },
  casts: { nonsense: () => noreply() },
});

test("gen_server:undef_handle_call: a call or a cast without a handler ends the server with a reason that says so", () =>
  inProcess(async (self) => {
    const reason = { error: failing("UNDEFINED_CALLBACK", { label: "server", callback: "nonsense" }) };
    for (const how of ["call", "cast"] as const) {
      const { ref, monitor: watch } = await Server.startMonitor();
      const unknown = Nonsense.at(ref.pid as never);
      if (how === "cast") unknown.cast.nonsense();
      else await expect(unknown.call.nonsense()).rejects.toThrow(failing("CALLEE_EXIT", { reason }));
      expect((await self.receive(watch.down)).reason).toEqual(reason);
      expect(ended.splice(0)).toEqual([reason]);
    }
  }));

test("gen_server:undef_handle_info: a message to a server without info is reported, and it goes on", () =>
  inProcess(async () => {
    const Deaf = genServer({ name: "deaf", init: () => 0, calls: { ping: () => reply("pong") } });
    const server = await Deaf.start();
    send(server.pid as never, { type: "anybody there?" });
    expect(await server.call.ping()).toBe("pong");
    expect(reports.filter((report) => report.type === "warning" && report.pid === server.pid)).toMatchObject([
      { label: "deaf", details: { type: "anybody there?" } },
    ]);
  }));

test("gen_server:undef_init: a module without init does not start", () =>
  inProcess(async () => {
    const Empty = genServer({ name: "empty" } as never as { readonly name: string; readonly init: () => number });
    await expect(Empty.start()).rejects.toThrow(
      failing("START_FAILED", {
        reason: { error: failing("UNDEFINED_CALLBACK", { label: "empty", callback: "init" }) },
      }),
    );
  }));

test("gen_server:undef_in_terminate: a failure in terminate replaces the reason", () =>
  inProcess(async (self) => {
    const lastError = new Error("failed in terminate");
    const Untidy = genServer({
      name: "untidy",
      init: (late: boolean): boolean => late,
      casts: { stop: () => stop("normal") },
      terminate({ state: late }) {
        if (late) return Promise.reject(lastError);
        throw lastError;
      },
    });
    for (const late of [false, true]) {
      const { ref, monitor: watch } = await Untidy.startMonitor(late);
      const { pid } = ref;
      ref.cast.stop();
      expect((await self.receive(watch.down)).reason).toEqual({ error: lastError });
      expect(crashesOf(pid)).toHaveLength(1);
    }
  }));

test("gen_server:reply_by_alias_with_payload: a reply that comes too late reaches nobody", () =>
  inProcess(async (self) => {
    const server = await Server.start();
    const call = server.with({ timeoutMs: 1 }).call.keepWaiting();
    await expect(call).rejects.toThrow(failing("CALL_TIMEOUT", { timeoutMs: 1, request: "keepWaiting" }));
    server.cast.answer("too late");
    expect(await server.call.log()).toEqual([]);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    // The answers of later calls are their own.
    const kept = server.call.keepWaiting();
    server.cast.answer("in time");
    expect(await kept).toBe("in time");
  }));

test("gen_server:call/3 exit messages: an error of a call says whom, what, and why", () =>
  inProcess(async () => {
    const server = await Server.start();
    const target = `${server.pid} (server)`;
    const { opened, open } = gate();
    const slow = server.call.wait(opened);
    await expect(server.with({ timeoutMs: 1 }).call.log()).rejects.toThrow(
      failing("CALL_TIMEOUT", { target, request: "log", timeoutMs: 1 }),
    );
    open();
    await slow;
    for (const reason of ["normal", "shutdown", { shutdown: "idle" }, { any: "term" }] as const) {
      const one = await Server.start();
      await expect(one.call.stopWithout(reason)).rejects.toThrow(
        failing("CALLEE_EXIT", { reason, request: "stopWithout" }),
      );
    }
    const error = new Error("the cause");
    const failed = await server.call.fail(error).catch((thrown: unknown) => thrown);
    expect(failed).toEqual(failing("CALLEE_EXIT", { target, request: "fail", reason: { error } }));
    expect((failed as Error).cause).toBe(error);
    expect((failed as Error).message).toContain("the cause");

    const killed = await Server.start();
    const never = killed.call.keepWaiting();
    exit(killed.pid, "kill");
    await expect(never).rejects.toThrow(failing("CALLEE_EXIT", { reason: "killed" }));
    await expect(killed.call.log()).rejects.toThrow(failing("NOPROC", { target: killed.pid.toString() }));
    await expect(Server.at(local("nobody")).call.log()).rejects.toThrow(
      failing("NOPROC", { target: local("nobody").toString() }),
    );
  }));

test("gen_server:whereis/1: every form of name leads to the pid, and to nothing when nobody has it", () =>
  inProcess(async (self) => {
    const Keys = registry<string>({ name: "gen_server_whereis_keys", keys: "unique" });
    await Keys.start();
    const forms: readonly Name[] = [local("whereis"), remote("whereis_far", self.pid.node), Keys.via("whereis")];
    for (const name of forms) {
      expect(whereis(name)).toBeUndefined();
      const server = await Server.named(name).start();
      expect(whereis(name)).toBe(server.pid);
      expect(Server.at(name).pid).toBe(server.pid);
      await server.stop();
      expect(whereis(name)).toBeUndefined();
      expect(() => Server.at(name).pid).toThrow(failing("NOPROC"));
    }
    expect(whereis(remote("whereis", "nowhere@nohost.invalid"))).toBeUndefined();
  }));

test("gen_server:nil name: what is no name is refused, and starts nothing", () =>
  inProcess(async () => {
    const before = processInfo(ambientSelf().pid)?.links;
    for (const name of [undefined, null, "server", {}, 7] as never[]) {
      expect(() => Server.named(name)).toThrow(failing("BAD_ARGUMENT"));
      expect(() => Server.at(name)).toThrow(failing("BAD_ARGUMENT"));
    }
    for (const name of ["", "undefined", undefined, null] as string[])
      await expect(Server.named(local(name)).startLink()).rejects.toThrow(failing("BAD_ARGUMENT"));
    expect(processInfo(ambientSelf().pid)?.links).toEqual(before);
  }));
