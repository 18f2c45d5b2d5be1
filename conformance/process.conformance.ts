import {
  type Alias,
  defaultNode,
  exit,
  isAlive,
  local,
  monitor,
  type Pid,
  ProcessExit,
  processInfo,
  register,
  type Self,
  send,
  spawn,
  spawnLink,
  spawnMonitor,
  trySend,
  unregister,
} from "@interlock/core";
import { expect, test } from "vitest";

import { answerOf, end, idle, inProcess, type Message, ponger, reports, whatever } from "./in-process.ts";
import { VirtualTime } from "./virtual-time.ts";

test("process:t_exit_1: exit(Reason) ends the caller and a linked trapping process gets that reason", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const reason = { badly: ["configured", 42] };
    const child = spawnLink((one) => one.exit(reason));
    const message = await self.receive(exits);
    expect(message.type).toBe("EXIT");
    expect(message.from).toBe(child);
    expect(message.reason).toBe(reason);
    expect(isAlive(child)).toBe(false);
  }));

test("process:t_exit_2_other: exit(Pid, Reason) from elsewhere ends a process that does not trap with that reason", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const reason = { sent: "by another" };
    expect(await end(self, child, () => exit(child, reason))).toBe(reason);
  }));

test("process:t_exit_2_other_normal: exit(Other, normal) does nothing to a process that does not trap", () =>
  inProcess(async (self) => {
    const child = spawn(ponger);
    exit(child, "normal");
    expect((await answerOf(self, child)).type).toBe("pong");
    expect(isAlive(child)).toBe(true);
  }));

test("process:self_exit: exit(self(), Reason) of a trapping process is a message to itself", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    for (const reason of ["normal", "abnormal", "shutdown"]) {
      exit(self.pid, reason);
      const message = await self.receive(exits, { timeoutMs: 0 });
      expect(message?.from).toBe(self.pid);
      expect(message?.reason).toBe(reason);
    }
  }));

test("process:normal_suicide_exit: exit(self(), normal) does end the caller", () =>
  inProcess(async (self) => {
    let wentOn = false;
    const { monitor: watch } = spawnMonitor<Message>(async (one) => {
      exit(one.pid, "normal");
      await one.receive();
      wentOn = true;
    });
    expect((await self.receive(watch.down)).reason).toBe("normal");
    expect(wentOn).toBe(false);
  }));

test("process:abnormal_suicide_exit: exit(self(), Abnormal) ends the caller with that reason", () =>
  inProcess(async (self) => {
    const { monitor: watch } = spawnMonitor<Message>(async (one) => {
      exit(one.pid, "abnormal");
      await one.receive();
    });
    expect((await self.receive(watch.down)).reason).toBe("abnormal");
  }));

test("process:t_exit_2_catch: exit(self(), R) is a signal: try around it does not stop it", () =>
  inProcess(async (self) => {
    const caught: unknown[] = [];
    const { monitor: watch } = spawnMonitor<Message>(async (one) => {
      try {
        exit(one.pid, "signalled");
        await one.receive();
      } catch (error) {
        caught.push(error);
      }
      // Caught, and yet this is code of the dead: it reaches nobody.
      try {
        send(self.pid, { type: "done" });
      } catch (error) {
        caught.push(error);
      }
    });
    expect((await self.receive(watch.down)).reason).toBe("signalled");
    await answerOf(self, spawn(ponger));
    expect(await self.receive({ type: "done" }, { timeoutMs: 0 })).toBeUndefined();
    expect(caught.map((error) => error instanceof ProcessExit && error.reason)).toEqual(["signalled", "signalled"]);
  }));

test("process:exit_and_timeout: an exit signal during a receive with a timeout ends the process and no timeout branch runs", async () => {
  const time = new VirtualTime();
  const timedOut: string[] = [];
  let reason: unknown;
  await inProcess(async (self) => {
    const { pid: child, monitor: watch } = spawnMonitor<Message>(async (one) => {
      const message = await one.receive({ type: "go" }, { timeoutMs: 100 });
      if (message === undefined) timedOut.push("the child");
    });
    await time.advance(99);
    exit(child, "stopped");
    await time.advance(10);
    reason = (await self.receive(watch.down)).reason;
  }, time.node);
  expect(reason).toBe("stopped");
  expect(timedOut).toEqual([]);
  expect(time.node.scheduler.timers.size).toBe(0);
});

test("process:exit_twice: a second exit signal to a dying process changes nothing", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const child = spawnLink<Message>(async (one) => {
      one.signal.addEventListener("abort", () => exit(one.pid, "third"));
      await idle(one);
    });
    await Promise.resolve();
    const watch = self.monitor(child);
    exit(child, "first");
    exit(child, "second");
    exit(child, "kill");
    expect((await self.receive(watch.down)).reason).toBe("first");
    expect((await self.receive(exits)).reason).toBe("first");
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("process:trap_exit_badarg: a bad argument to trapExit is refused and leaves the flag as it was", () =>
  inProcess((self) => {
    for (const on of [false, true]) {
      self.trapExit(on);
      expect(() => self.trapExit("true" as never)).toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
      expect(processInfo(self.pid)?.trapExit).toBe(on);
    }
  }));

test("process:spawn_request_monitor_demonitor: what a monitoring spawn gives can be demonitored", () =>
  inProcess(async (self) => {
    const { pid, monitor: watch } = spawnMonitor(idle);
    expect(watch.demonitor()).toBe(true);
    await end(self, pid, () => exit(pid, "gone"));
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("process:spawn_request_monitor_child_exit: the pid is known before the DOWN, even of a child that ends at once", () =>
  inProcess(async (self) => {
    const { pid, monitor: watch } = spawnMonitor(() => undefined);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    const down = await self.receive(watch.down);
    expect(down.pid).toBe(pid);
    expect(down.reason).toBe("normal");
  }));

test("process:spawn_request_link_child_exit: the pid is known before the EXIT of a linked child that ends at once", () =>
  inProcess(async (self) => {
    const exits = self.trapExit();
    const child = spawnLink(() => undefined);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    const message = await self.receive(exits);
    expect(message.from).toBe(child);
    expect(message.reason).toBe("normal");
  }));

/** A parent that ends in the same step in which it made a linked child, which has not run yet. */
async function reasonOfOrphan(reason: string | { readonly [key: string]: unknown }): Promise<unknown> {
  let ran = false;
  let ended: Promise<unknown> = Promise.resolve();
  await inProcess(async (self) => {
    const { monitor: watch } = spawnMonitor((parent) => {
      const child = spawnLink(() => {
        ran = true;
      });
      ended = monitor(child).then((down) => down.reason);
      parent.exit(reason);
    });
    await self.receive(watch.down);
  });
  expect(ran).toBe(false);
  return ended;
}

test("process:spawn_request_link_parent_exit: a parent that ends before its linked child has begun takes it along", async () => {
  expect(await reasonOfOrphan("parent_gone")).toBe("parent_gone");
});

test("process:spawn_request_link_parent_exit_compound_reason: the same with a compound reason", async () => {
  const reason = { because: ["of", { many: "things" }] };
  expect(await reasonOfOrphan(reason)).toBe(reason);
});

test("process:monitor_tag: a monitor with a tag has it in place of DOWN", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const watch = self.monitor(child, { tag: "LOST" });
    const plain = self.monitor(child);
    exit(child, "gone");
    expect(await self.receive(watch.down)).toMatchObject({ type: "LOST", ref: watch.ref, reason: "gone" });
    expect((await self.receive(plain.down)).type).toBe("DOWN");
  }));

test("process:alias_bif: an alias takes messages until unalias, or one with reply; then they are dropped silently", () =>
  inProcess(async (self) => {
    const alias = self.alias();
    send(alias, { type: "a", n: 1 });
    send(alias, { type: "a", n: 2 });
    expect(alias.unalias()).toBe(true);
    expect(alias.unalias()).toBe(false);
    send(alias, { type: "a", n: 3 });
    expect(trySend(alias, { type: "a", n: 4 })).toBe(false);

    const once = self.alias({ reply: true });
    send(once, { type: "a", n: 5 });
    send(once, { type: "a", n: 6 });
    expect(once.unalias()).toBe(false);
    expect(processInfo(self.pid)?.messages.map((message) => (message as Message).n)).toEqual([1, 2, 5]);
  }));

/** Whether a message through `alias` still arrives. */
async function takes(self: Self<Message>, alias: Alias<Message>): Promise<boolean> {
  send(alias, { type: "a" });
  return (await self.receive({ type: "a" }, { timeoutMs: 0 })) !== undefined;
}

test("process:monitor_alias: an alias made with a monitor ends by unalias only, with the monitor, or with the first message", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const explicit = self.monitor(child, { alias: "explicit_unalias" });
    expect(await takes(self, explicit.alias)).toBe(true);
    expect(explicit.demonitor()).toBe(true);
    expect(await takes(self, explicit.alias)).toBe(true);
    expect(explicit.alias.unalias()).toBe(true);
    expect(await takes(self, explicit.alias)).toBe(false);

    const demonitored = self.monitor(child, { alias: "demonitor" });
    expect(await takes(self, demonitored.alias)).toBe(true);
    expect(await takes(self, demonitored.alias)).toBe(true);
    expect(demonitored.demonitor()).toBe(true);
    expect(await takes(self, demonitored.alias)).toBe(false);

    const replied = self.monitor(child, { alias: "reply_demonitor" });
    expect(processInfo(self.pid)?.monitors).toEqual([child]);
    expect(await takes(self, replied.alias)).toBe(true);
    expect(processInfo(self.pid)?.monitors).toEqual([]);
    expect(await takes(self, replied.alias)).toBe(false);
    expect(replied.demonitor()).toBe(false);

    expect(() => self.monitor(child, { alias: "reply" as never })).toThrow(
      expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
    );
  }));

test("process:spawn_monitor_alias: a monitoring spawn gives a working alias", () =>
  inProcess(async (self) => {
    const { pid, monitor: watch } = spawnMonitor<Message, Message>(
      async (one) => {
        send((await one.receive({ type: "go" })).value as Alias<Message>, { type: "done" });
        one.exit("after the answer");
      },
      { monitor: { alias: "demonitor", tag: "ENDED" } },
    );
    send(pid, { type: "go", value: watch.alias });
    expect((await self.receive({ type: "done" })).type).toBe("done");
    expect(await self.receive(watch.down)).toMatchObject({ type: "ENDED", reason: "after the answer" });
    expect(await takes(self, watch.alias)).toBe(false);
  }));

test("process:demonitor_aliasmonitor: demonitor ends an alias of that mode, with messages that came before it kept", () =>
  inProcess(async (self) => {
    const watch = self.monitor(spawn(idle), { alias: "demonitor" });
    send(watch.alias, { type: "a", n: 1 });
    watch.demonitor();
    send(watch.alias, { type: "a", n: 2 });
    expect(watch.alias.unalias()).toBe(false);
    expect((await self.receive()).n).toBe(1);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));

test("process:down_aliasmonitor: DOWN ends the alias in the modes demonitor and reply_demonitor", () =>
  inProcess(async (self) => {
    const child = spawn(idle);
    const watches = (["explicit_unalias", "demonitor", "reply_demonitor"] as const).map((alias) =>
      self.monitor(child, { alias }),
    );
    exit(child, "gone");
    for (const watch of watches) expect((await self.receive(watch.down)).reason).toBe("gone");
    const working: boolean[] = [];
    for (const watch of watches) working.push(await takes(self, watch.alias));
    expect(working).toEqual([true, false, false]);
  }));

test("process:process_info_parent: processInfo names the spawner", () =>
  inProcess(async (self) => {
    let grandchild: Pid<Message> | undefined;
    const child = spawn<Message>(async (one) => {
      grandchild = spawn(idle);
      await ponger(one);
    });
    await answerOf(self, child);
    expect(processInfo(child)?.parent).toBe(self.pid);
    expect(grandchild && processInfo(grandchild)?.parent).toBe(child);
    await end(self, child, () => exit(child, "kill"));
    expect(grandchild && processInfo(grandchild)?.parent).toBe(child);
  }));

test("process:process_info_label: a label that a process gave itself is readable from outside", () =>
  inProcess(async (self) => {
    const child = spawn<Message>(async (one) => {
      one.setLabel("invoice 42");
      await ponger(one);
    });
    expect(processInfo(child)?.label).not.toBe("invoice 42");
    await answerOf(self, child);
    expect(processInfo(child)?.label).toBe("invoice 42");
  }));

test("process:process_info_messages: processInfo shows the queue in order without consuming it", () =>
  inProcess(async (self) => {
    const taken: unknown[] = [];
    const child = spawn<Message>(async (one) => {
      await one.receive({ type: "go" });
      for (let count = 0; count < 3; count++) taken.push(await one.receive());
    });
    // The receive passes over the first before the others come: the queue is then in two places.
    const sent: Message[] = [{ type: "a" }, { type: "b", n: 1 }, { type: "a", value: "last" }];
    for (const message of sent) {
      send(child, message);
      await answerOf(self, spawn(ponger));
    }
    expect(processInfo(child)?.messages).toEqual(sent);
    expect(processInfo(child)?.messages).toEqual(sent);
    expect(await end(self, child, () => send(child, { type: "go" }))).toBe("normal");
    expect(taken).toEqual(sent);
  }));

test("process:process_info_other_message_queue_len_signal_race: the queue length of another process counts what was sent before", () =>
  inProcess((self) => {
    const child = spawn(idle);
    for (let count = 1; count <= 100; count++) {
      send(child, { type: "item", n: count });
      expect(processInfo(child)?.mailboxLength).toBe(count);
    }
    expect(processInfo(self.pid)?.mailboxLength).toBe(0);
  }));

test("process:no_pid_wrap: pids are not reused, and a stale one never reaches a new process", () =>
  inProcess(async (self) => {
    const received: unknown[] = [];
    const seen = new Set<string>();
    const stale: Pid<Message>[] = [];
    for (let round = 0; round < 1_000; round++) {
      const child = spawn<Message>(async (one) => {
        received.push(await one.receive());
      });
      expect(seen.has(child.toString())).toBe(false);
      seen.add(child.toString());
      for (const old of stale.slice(-3)) send(old, { type: "item" });
      exit(child, "kill");
      stale.push(child);
    }
    await answerOf(self, spawn(ponger));
    expect(received).toEqual([]);
  }));

test("process:bad_register: undefined, what is no name, dead pids, taken names and named processes are refused", () =>
  inProcess(async (self) => {
    const code = (problem: string) => expect.objectContaining({ code: `INTERLOCK_${problem}` });
    const child = spawn(idle);
    for (const name of ["undefined", "", undefined, 7, { name: "object" }, Symbol("symbol")])
      expect(() => register(name as string, child)).toThrow(code("BAD_ARGUMENT"));
    for (const pid of ["<0.1.0>", undefined, {}])
      expect(() => register("name", pid as never)).toThrow(code("BAD_ARGUMENT"));

    const dead = spawn(idle);
    await end(self, dead, () => exit(dead, "kill"));
    expect(() => register("of_the_dead", dead)).toThrow(code("NOPROC"));

    register("taken", child);
    expect(() => register("taken", self.pid)).toThrow(code("NAME_TAKEN"));
    expect(() => register("taken", child)).toThrow(code("NAME_TAKEN"));
    expect(() => register("second_name", child)).toThrow(code("ALREADY_NAMED"));
    expect([...defaultNode().names.keys()]).toEqual(["taken"]);
    send(local("taken"), { type: "item" });
    expect(processInfo(child)?.mailboxLength).toBe(1);
    unregister("taken");
  }));

test("exit_SUITE-like process:abnormal_suicide_exit: an uncaught error is the exit reason, an uncaught throw of anything else one that says so", () =>
  inProcess(async (self) => {
    const thrown = new TypeError("not a number");
    const { pid, monitor: failing } = spawnMonitor(() => {
      throw thrown;
    });
    expect((await self.receive(failing.down)).reason).toEqual({ error: thrown });
    expect(thrown.stack).toContain("process.conformance.ts");
    expect(reports).toContainEqual(expect.objectContaining({ type: "crash", pid, reason: { error: thrown } }));

    const { monitor: throwing } = spawnMonitor(async () => {
      await Promise.resolve();
      throw { not: "an error" };
    });
    const { reason } = await self.receive(throwing.down);
    const { error } = reason as { readonly error: Error };
    expect(error.message).toContain("uncaught throw");
    expect(error.cause).toEqual({ not: "an error" });
  }));

test("process:exit(pid, :normal) does not cause exit: not by another process, and a message to one that traps", () =>
  inProcess(async (self) => {
    const received: unknown[] = [];
    const trapping = spawn<Message>(async (one) => {
      const exits = one.trapExit();
      send(self.pid, { type: "go" });
      received.push((await one.receive(exits)).reason);
      await ponger(one);
    });
    await self.receive({ type: "go" });
    exit(trapping, "normal");
    await answerOf(self, trapping);
    expect(received).toEqual(["normal"]);
    const plain = spawn(ponger);
    exit(plain, "normal");
    await answerOf(self, plain);
  }));

test("process:simple alias + unalias flow: a server answers through an alias as long as it is wanted", () =>
  inProcess(async (self) => {
    type Asked = { readonly type: "ping"; readonly to: Alias<Message> };
    const server = spawn<Asked>(async (one) => {
      for (;;) send((await one.receive()).to, { type: "pong" });
    });
    const alias = self.alias();
    send(server, { type: "ping", to: alias });
    expect((await self.receive({ type: "pong" })).type).toBe("pong");
    send(server, { type: "ping", to: alias });
    alias.unalias();
    await answerOf(self, spawn(ponger));
    expect(processInfo(server)?.mailboxLength).toBe(0);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  }));
